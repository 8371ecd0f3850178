"""Documents and what is found in them: one data model for every format, corpus and task.

Offsets are code points, end-exclusive, into `Document.text`, which is the text as it was given.
Everything is frozen; a changed document is a new one (``dataclasses.replace``). A `Document`
checks on creation that nothing points outside it, so whoever holds one need not check again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from apothecary import markup
from apothecary.errors import OffsetError

__all__ = [
    "Alignment",
    "Argument",
    "Concept",
    "Condition",
    "Document",
    "Evidence",
    "Mention",
    "Origin",
    "Passage",
    "Polarity",
    "Relation",
    "Setting",
    "Span",
    "Status",
    "Unlocated",
]

Alignment = Literal["exact", "normalised", "fuzzy", "mismatch"]
"""How a span was found: the text itself; equal after folding case, blanks and hyphens; similar within a
bound; or given by a file whose text column differs from the slice (kept and counted)."""

Polarity = Literal["asserted", "negated", "speculative", "unknown"]
Setting = Literal["human", "animal", "in_vitro", "unknown"]


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of text: code points, end-exclusive, never empty."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise OffsetError(f"span {self.start}-{self.end} is empty or negative")


@dataclass(frozen=True)
class Passage:
    """A part of a document. `start` to `end` may be empty (a record without an abstract)."""

    section: str
    start: int
    end: int


@dataclass(frozen=True)
class Mention:
    """A name in the text. More than one span means a discontinuous mention; they need not be in order.

    `text` is what the source calls it; it equals the slice unless `alignment` says otherwise.
    `ids` are vocabulary ids (several for a composite mention such as "hepatic and renal failure"),
    `individual_names` the names of its parts where a corpus gives them.
    """

    spans: tuple[Span, ...]
    text: str
    type: str
    ids: tuple[str, ...] = ()
    individual_names: tuple[str, ...] = ()
    alignment: Alignment = "exact"
    confidence: float | None = None

    @property
    def start(self) -> int:
        """First code point."""
        return min(span.start for span in self.spans)

    @property
    def end(self) -> int:
        """One past the last code point."""
        return max(span.end for span in self.spans)


@dataclass(frozen=True)
class Concept:
    """A cluster of mentions that name the same thing.

    `mentions` are positions in `Document.mentions`; `names` are its distinct surface strings;
    `ids` its vocabulary ids (empty: not linked); `broader_than` the concepts of the same document
    that it subsumes (nephropathy is broader than lupus nephritis).
    """

    id: str
    type: str
    mentions: tuple[int, ...]
    names: tuple[str, ...]
    ids: tuple[str, ...] = ()
    broader_than: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """A quoted stretch of the document that supports a relation."""

    span: Span
    quote: str


@dataclass(frozen=True)
class Status:
    """Is it asserted, and in whom was it observed? Unknown is a legal answer to both."""

    polarity: Polarity = "unknown"
    setting: Setting = "unknown"


@dataclass(frozen=True)
class Origin:
    """How a prediction came about.

    `engine` and `step` that answered, `scenarios` of the prompt that fit the answer code, the raw
    `answer`, and `log_odds`: natural log of the odds of the positive codes against the negative ones.
    """

    engine: str
    step: str
    answer: str
    scenarios: tuple[str, ...] = ()
    log_odds: float | None = None


@dataclass(frozen=True)
class Argument:
    """One participant of a relation: the concept that fills a role. Roles may repeat."""

    role: str
    concept: str


@dataclass(frozen=True)
class Relation:
    """An n-ary relation between concepts of one document.

    `confidence` is a probability or None; `attributes` hold what a corpus says beside it (novelty).
    """

    id: str
    type: str
    arguments: tuple[Argument, ...]
    evidence: tuple[Evidence, ...] = ()
    status: Status = Status()
    confidence: float | None = None
    origin: Origin | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def argument(self, role: str) -> str:
        """The id of the concept that fills `role`. Raises KeyError when nothing or more than one does."""
        found = [argument.concept for argument in self.arguments if argument.role == role]
        if len(found) != 1:
            raise KeyError(role)
        return found[0]

    def _repr_html_(self) -> str:
        return markup.fragment(markup.table(_RELATION, [_row(self, {})]))

    def _repr_pretty_(self, printer: markup.Printer, cycle: bool) -> None:
        printer.text(_told(self, {}))


@dataclass(frozen=True)
class Condition:
    """A stretch of text that limits when a relation holds: its type, and the relation it limits."""

    type: str
    span: Span
    text: str
    relation: str
    alignment: Alignment = "exact"
    status: Status = Status()
    confidence: float | None = None
    origin: Origin | None = None


@dataclass(frozen=True)
class Unlocated:
    """A name that a model gave and that is not in the text: kept and counted, never a mention."""

    text: str
    type: str
    reason: str


@dataclass(frozen=True)
class Document:
    """A text with what is known of it. Raises OffsetError when anything points outside it."""

    id: str
    text: str
    passages: tuple[Passage, ...] = ()
    mentions: tuple[Mention, ...] = ()
    concepts: tuple[Concept, ...] = ()
    relations: tuple[Relation, ...] = ()
    conditions: tuple[Condition, ...] = ()
    unlocated: tuple[Unlocated, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_offsets()
        self._check_references()

    def concept(self, concept_id: str) -> Concept:
        """The concept of that id. Raises KeyError."""
        for concept in self.concepts:
            if concept.id == concept_id:
                return concept
        raise KeyError(concept_id)

    def passage_text(self, passage: Passage) -> str:
        """The slice of a passage."""
        return self.text[passage.start : passage.end]

    def _repr_html_(self) -> str:
        names = {each.id: _with_ids(each) for each in self.concepts}
        title = self.passages[0] if self.passages and self.passages[0].start == 0 else None
        return markup.fragment(
            markup.line(f"Document {self.id}: {self._counted()}"),
            markup.marked_text(
                self.text, self._marks(), heading=title.end if title and title.section == "title" else 0
            ),
            markup.table(_RELATION, [_row(each, names) for each in self.relations], title="Relations"),
            markup.table(_CONDITION, [_limits(each) for each in self.conditions], title="Conditions"),
            markup.table(
                _UNLOCATED, [(u.text, u.type, u.reason) for u in self.unlocated], title="Not in the text"
            ),
        )

    def _repr_pretty_(self, printer: markup.Printer, cycle: bool) -> None:
        names = {each.id: _name(each) for each in self.concepts}
        lines = [f"Document {self.id}: {self._counted()}"]
        lines += [_told(each, names) for each in self.relations[:_LINES]]
        lines += [f"({left} more)"] if (left := len(self.relations) - _LINES) > 0 else []
        printer.text("\n".join(lines))

    def _counted(self) -> str:
        kinds = {
            "mentions": self.mentions,
            "concepts": self.concepts,
            "relations": self.relations,
            "conditions": self.conditions,
        }
        return ", ".join(
            f"{len(found)} {kind if len(found) != 1 else kind[:-1]}" for kind, found in kinds.items()
        )

    def _marks(self) -> Iterator[markup.Mark]:
        """Mentions, those of arguments strongly, and conditions."""
        argued = {argument.concept for relation in self.relations for argument in relation.arguments}
        strong = {index for each in self.concepts if each.id in argued for index in each.mentions}
        for index, mention in enumerate(self.mentions):
            note = " ".join((mention.type, *mention.ids, _share(mention.confidence)))
            spans = tuple((span.start, span.end) for span in mention.spans)
            yield markup.Mark(spans, mention.type, note, index in strong)
        for condition in self.conditions:
            yield markup.Mark(((condition.span.start, condition.span.end),), condition.type)

    def _check_offsets(self) -> None:
        end = len(self.text)
        for passage in self.passages:
            if not 0 <= passage.start <= passage.end <= end:
                raise OffsetError(
                    f"passage {passage.start}-{passage.end} lies outside the text of {end} characters",
                    where=f"document {self.id}",
                )
        for kind, span in self._spans():
            if span.end > end:
                raise OffsetError(
                    f"{kind} {span.start}-{span.end} lies outside the text of {end} characters",
                    where=f"document {self.id}",
                )

    def _spans(self) -> Iterator[tuple[str, Span]]:
        for mention in self.mentions:
            if not mention.spans:
                raise OffsetError("mention without a span", where=f"document {self.id}")
            yield from (("mention", span) for span in mention.spans)
        for relation in self.relations:
            yield from (("evidence", evidence.span) for evidence in relation.evidence)
        yield from (("condition", condition.span) for condition in self.conditions)

    def _check_references(self) -> None:
        known = {concept.id for concept in self.concepts}
        if len(known) != len(self.concepts):
            raise OffsetError("two concepts share an id", where=f"document {self.id}")
        for concept in self.concepts:
            if any(not 0 <= index < len(self.mentions) for index in concept.mentions):
                raise OffsetError(
                    f"concept {concept.id} names a mention that is not there", where=f"document {self.id}"
                )
            if not known.issuperset(concept.broader_than):
                raise OffsetError(
                    f"concept {concept.id} is broader than an unknown one", where=f"document {self.id}"
                )
        for relation in self.relations:
            for argument in relation.arguments:
                if argument.concept not in known:
                    raise OffsetError(
                        f"relation {relation.id} names the unknown concept {argument.concept}",
                        where=f"document {self.id}",
                    )
        relations = {relation.id for relation in self.relations}
        for condition in self.conditions:
            if condition.relation and condition.relation not in relations:
                raise OffsetError(
                    f"a condition names the unknown relation {condition.relation}",
                    where=f"document {self.id}",
                )


_LINES = 10
"""Relations that the plain form of a document tells."""
_RELATION = ("id", "type", "arguments", "confidence", "status", "evidence")
_CONDITION = ("type", "text", "relation", "confidence", "status")
_UNLOCATED = ("text", "type", "reason")


def _row(relation: Relation, names: Mapping[str, str]) -> tuple[str, ...]:
    quotes = "\n".join(evidence.quote for evidence in relation.evidence)
    judged = _share(relation.confidence), _known(relation.status)
    return (relation.id, relation.type, "\n".join(_filled(relation, names)), *judged, quotes)


def _told(relation: Relation, names: Mapping[str, str]) -> str:
    return f"{relation.type}: {', '.join(_filled(relation, names))}"


def _limits(condition: Condition) -> tuple[str, ...]:
    judged = _share(condition.confidence), _known(condition.status)
    return (condition.type, condition.text, condition.relation, *judged)


def _filled(relation: Relation, names: Mapping[str, str]) -> list[str]:
    """Each role with what fills it; a concept whose name is not given goes by its id."""
    return [f"{each.role} {names.get(each.concept, each.concept)}" for each in relation.arguments]


def _name(concept: Concept) -> str:
    return next(iter(concept.names), concept.id)


def _with_ids(concept: Concept) -> str:
    return f"{_name(concept)} ({', '.join(concept.ids)})" if concept.ids else _name(concept)


def _share(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"


def _known(status: Status) -> str:
    return ", ".join(each for each in (status.polarity, status.setting) if each != "unknown")
