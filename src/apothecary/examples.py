"""Examples of tasks with their right answers: what a data set holds that is no plain document.

One type for each family of data sets. Everything is frozen and checked on creation: labels and answers are
among the options, references resolve, nothing that must be said is blank; what does not hold raises
DataError with the id. Lists of labels and answers are in the order of the source, each once. Options are
texts, never letters. `Sourced` says where an example comes from and for which task it is used.

Source: the unified forms of Taiyi (Luo et al. 2024, JAMIA 31(9)), of which these differ:

1. Information extraction is a `Document`: offsets are into its text as given and not into passages joined
   by one blank, several fragments are several spans, normalisation is the ids of concepts, and relations
   have roles and any number of arguments.
2. An event is a relation whose first argument is its trigger, in the role of the event's type; an argument
   that is no mention is a concept of a name without mentions.
3. An entailment and a similarity have one label, and a similarity may have a score.
4. Translations and summaries are one type, `Rewriting`, with the languages of both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from apothecary.documents import Document, Relation
from apothecary.errors import DataError

__all__ = [
    "FAMILIES",
    "LANGUAGES",
    "TASKS",
    "Annotated",
    "Causal",
    "Dialogue",
    "Example",
    "Labelled",
    "Language",
    "PairKind",
    "Question",
    "QuestionKind",
    "Reference",
    "Rewriting",
    "RewritingKind",
    "Sourced",
    "TaskName",
    "TextPair",
    "Turn",
]

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

TaskName = Literal[
    "mentions",
    "relations",
    "events",
    "classification",
    "choice",
    "text_pairs",
    "generation",
    "triples",
    "dialogue",
]

QuestionKind = Literal["yesno", "choice", "short", "context"]
"""short: from knowledge alone, in words; context: in words, from the text that is given."""

PairKind = Literal["similarity", "entailment"]
"""similarity: of two questions or of a question and what may answer it; entailment: of premise and claim."""

RewritingKind = Literal["summary", "title", "translation", "report", "tree"]


@dataclass(frozen=True)
class Labelled:
    """A text of which some of the options hold. No label is a legal answer: none of them does."""

    id: str
    text: str
    labels: tuple[str, ...]
    options: tuple[str, ...]

    def __post_init__(self) -> None:
        _said(self.id, id=self.id, text=self.text)
        _distinct(self.id, "options", self.options, least=1)
        _distinct(self.id, "labels", self.labels)
        _within(self.id, self.labels, self.options)


@dataclass(frozen=True)
class Question:
    """A question with its answers; of "yesno" and "choice" they are options, word for word.

    `long_answers` are explanations or whole passages. There is an answer of one kind or the other.
    """

    id: str
    question: str
    kind: QuestionKind
    options: tuple[str, ...] = ()
    context: str = ""
    answers: tuple[str, ...] = ()
    long_answers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _said(self.id, id=self.id, question=self.question)
        _distinct(self.id, "options", self.options)
        _distinct(self.id, "answers", self.answers)
        if self.kind in ("yesno", "choice"):
            if len(self.options) < 2:
                raise DataError("fewer than two options", where=self.id)
            if not self.answers:
                raise DataError("has no answer", where=self.id)
            _within(self.id, self.answers, self.options)
        elif self.options:
            raise DataError(f"a question of the kind {self.kind} has options", where=self.id)
        if self.kind == "context" and not self.context.strip():
            raise DataError("is to be answered from a text that is not there", where=self.id)
        if not any(answer.strip() for answer in (*self.answers, *self.long_answers)):
            raise DataError("has no answer", where=self.id)


@dataclass(frozen=True)
class Turn:
    """What one side asked and the other answered; only the first of a dialogue may lack its question."""

    asked: str
    answered: str


@dataclass(frozen=True)
class Dialogue:
    """A consultation in turns. `context` is what was known before it began (a record, a complaint)."""

    id: str
    turns: tuple[Turn, ...]
    context: str = ""

    def __post_init__(self) -> None:
        _said(self.id, id=self.id)
        if not self.turns:
            raise DataError("a dialogue without a turn", where=self.id)
        for place, turn in enumerate(self.turns):
            if not turn.answered.strip():
                raise DataError(f"turn {place + 1} has no answer", where=self.id)
            if not turn.asked.strip() and (place or not self.context.strip()):
                raise DataError(f"turn {place + 1} asks nothing", where=self.id)


@dataclass(frozen=True)
class TextPair:
    """Two texts and how they stand to each other; of an entailment the first is the premise.

    `label` is one of the options, or "" where there is only a score.
    """

    id: str
    first: str
    second: str
    kind: PairKind
    label: str
    options: tuple[str, ...]
    score: float | None = None

    def __post_init__(self) -> None:
        _said(self.id, id=self.id, first=self.first, second=self.second)
        _distinct(self.id, "options", self.options)
        if self.label or self.score is None:
            _within(self.id, (self.label,), self.options)


@dataclass(frozen=True)
class Rewriting:
    """A text that was made of another: its summary, its translation, a report of it.

    `outputs` are right answers, each a whole one. A structured one has `sections`, from headings to texts in
    their order, too; without outputs it is the answer.
    """

    id: str
    source: str
    outputs: tuple[str, ...]
    kind: RewritingKind
    from_language: Language
    to_language: Language
    sections: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _said(self.id, id=self.id, source=self.source)
        if not any(text.strip() for text in (*self.outputs, *self.sections.values())):
            raise DataError("has no output", where=self.id)
        if self.kind == "translation" and self.from_language == self.to_language:
            raise DataError("a translation into the language of its source", where=self.id)


@dataclass(frozen=True)
class Reference:
    """What a causal relation speaks of: a concept of the document, or one of its relations, by id."""

    kind: Literal["concept", "relation"]
    id: str


@dataclass(frozen=True)
class Causal:
    """A relation whose sides may be relations themselves (one follows from, or depends on, the other)."""

    id: str
    type: str
    cause: Reference
    effect: Reference


@dataclass(frozen=True)
class Annotated:
    """A document with what is to be extracted from it.

    `coreferences` are chains of mentions that mean the same, as places in `document.mentions`: those that
    the source tells as chains; concepts are what vocabulary ids or names join.
    """

    document: Document
    coreferences: tuple[tuple[int, ...], ...] = ()
    causal: tuple[Causal, ...] = ()

    def __post_init__(self) -> None:
        _said(self.document.id, id=self.document.id, text=self.document.text)
        last = len(self.document.mentions)
        for chain in self.coreferences:
            if len(set(chain)) < 2 or not all(0 <= place < last for place in chain):
                raise DataError("a chain of mentions that are not two or not there", where=self.id)
        known = {
            "concept": {concept.id for concept in self.document.concepts},
            "relation": {relation.id for relation in self.document.relations},
        }
        for each in self.causal:
            for side in (each.cause, each.effect):
                if side.id not in known[side.kind]:
                    raise DataError(
                        f"causal relation {each.id} names the unknown {side.kind} {side.id}", where=self.id
                    )

    @property
    def id(self) -> str:
        """That of the document."""
        return self.document.id

    @property
    def events(self) -> tuple[Relation, ...]:
        """Relations whose first argument is a trigger: its role is the type of the relation."""
        return tuple(relation for relation in self.document.relations if _is_event(relation))


Example = Labelled | Question | Dialogue | TextPair | Rewriting | Annotated

FAMILIES: Mapping[TaskName, tuple[type[Example], ...]] = {
    "mentions": (Annotated,),
    "relations": (Annotated,),
    "events": (Annotated,),
    "triples": (Annotated,),
    "classification": (Labelled,),
    "choice": (Question,),
    "text_pairs": (TextPair,),
    "generation": (Question, Rewriting),
    "dialogue": (Dialogue,),
}
"""What examples a task is asked on."""
TASKS: tuple[TaskName, ...] = tuple(FAMILIES)


@dataclass(frozen=True)
class Sourced:
    """An example of a data set, for one task.

    `labels` is the closed list of the data set for a task of extraction: types of mentions, of relations or
    of events, as the task asks. What the example holds of another type is an error, as is an example that
    the task cannot be asked on. For other tasks it is empty: their examples hold their options.
    """

    dataset: str
    split: str
    language: Language
    task: TaskName
    example: Example
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"{self.dataset} {self.example.id}"
        _said(where, dataset=self.dataset, split=self.split)
        if self.task not in FAMILIES or not isinstance(self.example, FAMILIES[self.task]):
            raise DataError(f"is no example of the task {self.task}", where=where)
        if self.task == "choice" and isinstance(self.example, Question) and not self.example.options:
            raise DataError("a choice without options", where=where)
        _distinct(where, "labels", self.labels, least=1 if isinstance(self.example, Annotated) else 0)
        if isinstance(self.example, Annotated):
            _within(where, _types(self.example, self.task), self.labels)


def _types(example: Annotated, task: TaskName) -> tuple[str, ...]:
    """The types that the task asks for, of what the example holds."""
    if task == "mentions":
        return tuple(mention.type for mention in example.document.mentions)
    if task == "events":
        return tuple(event.type for event in example.events)
    relations = [relation.type for relation in example.document.relations if not _is_event(relation)]
    return (*relations, *(each.type for each in example.causal))


def _is_event(relation: Relation) -> bool:
    return bool(relation.arguments) and relation.arguments[0].role == relation.type


def _said(where: str, **texts: str) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise DataError(f"{name} is empty", where=where)


def _distinct(where: str, name: str, values: Sequence[str], *, least: int = 0) -> None:
    if len(values) < least:
        raise DataError(f"no {name}", where=where)
    if any(not value.strip() for value in values):
        raise DataError(f"one of the {name} is empty", where=where)
    if len(set(values)) < len(values):
        raise DataError(f"two of the {name} are the same", where=where)


def _within(where: str, given: Sequence[str], options: Sequence[str]) -> None:
    known = set(options)
    for each in given:
        if each not in known:
            raise DataError(f"{each!r} is none of the options", where=where)
