"""An example: one sentence, its paragraph, its drugs and the combinations that hold in it.

Training, traces and prompts see examples, never documents: what a corpus spells by mentions and concepts
is here names and sets. An example is made of a document that stands for one row of a corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apothecary.documents import Document, Relation
from apothecary.errors import DataError
from apothecary.tasks.combinations.answers import Combination, normal_name

__all__ = ["Example", "combinations_of", "example_of", "example_record", "read_example"]


@dataclass(frozen=True)
class Example:
    """One question of the task with its answer.

    `paragraph` is empty where the corpus gives none; `drugs` are distinct, in order of appearance, and
    empty when they are not given; `gold` is empty when no drugs are combined. `corpus` names the set of
    labels: ``drugcomb`` or ``ddi``.
    """

    id: str
    sentence: str
    paragraph: str
    drugs: tuple[str, ...]
    gold: tuple[Combination, ...]
    corpus: str


def example_of(document: Document) -> Example:
    """The example that a row of a corpus stands for.

    A combination is told by the distinct names of its drugs: mentions of one name count once, a
    combination that is left with fewer than two names and one that repeats another are left out.
    Raises DataError for a document without a passage "sentence".
    """
    places = [passage for passage in document.passages if passage.section == "sentence"]
    if len(places) != 1:
        raise DataError(
            "is no row of a combination corpus: it has no passage 'sentence'",
            where=f"document {document.id}",
            hint="give DrugComb or DDI rows as JSONL",
        )
    sentence = document.passage_text(places[0])
    context = [passage for passage in document.passages if passage.section == "paragraph"]
    paragraph = document.passage_text(context[0]) if context else document.text
    ordered = sorted(document.mentions, key=lambda mention: mention.start)
    return Example(
        id=document.id,
        sentence=sentence,
        paragraph="" if paragraph == sentence else paragraph,
        drugs=_distinct([mention.text for mention in ordered]),
        gold=combinations_of(document),
        corpus=document.attributes.get("corpus", "drugcomb"),
    )


def combinations_of(document: Document) -> tuple[Combination, ...]:
    """The relations of a document as combinations of distinct names, each once."""
    found: dict[tuple[str, frozenset[str]], Combination] = {}
    for relation in document.relations:
        drugs = _distinct(_members(document, relation))
        if len(drugs) >= 2:
            key = (relation.type, frozenset(map(normal_name, drugs)))
            found.setdefault(key, Combination(relation.type, drugs))
    return tuple(found.values())


def example_record(example: Example) -> dict[str, object]:
    """An example as a JSON object; `read_example` is its inverse."""
    return {
        "id": example.id,
        "sentence": example.sentence,
        "paragraph": example.paragraph,
        "drugs": list(example.drugs),
        "gold": [{"type": each.type, "drugs": list(each.drugs)} for each in example.gold],
        "corpus": example.corpus,
    }


def read_example(record: Mapping[str, object]) -> Example:
    """An example from its JSON object. Raises DataError for a record that is none."""
    where = f"example {record.get('id')}"
    texts = [record.get(key) for key in ("id", "sentence", "paragraph", "corpus")]
    gold = record.get("gold")
    if not isinstance(gold, list) or not all(isinstance(text, str) for text in texts):
        raise DataError("is no example: id, sentence, paragraph, corpus and gold are needed", where=where)
    identity, sentence, paragraph, corpus = map(str, texts)
    return Example(
        id=identity,
        sentence=sentence,
        paragraph=paragraph,
        drugs=_names(record.get("drugs", []), where),
        gold=tuple(_combination(item, where) for item in gold),
        corpus=corpus,
    )


def _members(document: Document, relation: Relation) -> list[str]:
    return [document.concept(argument.concept).names[0] for argument in relation.arguments]


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once, as it is first spelled."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(normal_name(name), name)
    return tuple(first.values())


def _combination(item: object, where: str) -> Combination:
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise DataError("holds a combination without a type", where=where)
    return Combination(item["type"], _names(item.get("drugs"), where))


def _names(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise DataError("names its drugs by something that is no list of strings", where=where)
    return tuple(value)
