# ruff: noqa: RUF001 (full-width characters are those of the answers)
"""Replies about relations as models write them."""

import pytest

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import AnswerError, DataError
from apothecary.examples import Annotated, Causal, Reference, Sourced
from apothecary.tasks.instruct_answers import Fact, Facts, Gold
from apothecary.tasks.instruct_records import gold_of, instructions
from apothecary.tasks.relations.instruct import parse

GOLD = Gold("relations", "relations", ("CID", "treats"), Facts(()))
TEXT = "Aspirin (ASA) and ibuprofen."
MENTIONS = tuple(Mention((Span(s, e),), TEXT[s:e], "Drug") for s, e in ((9, 12), (0, 7), (18, 27)))
CONCEPTS = (Concept("c1", "Drug", (0, 1), ("ASA", "Aspirin")), Concept("c2", "Drug", (2,), ("ibuprofen",)))


def pairs(reply: str) -> list[tuple[str, ...]]:
    answer = parse(reply, GOLD).value
    assert isinstance(answer, Facts)
    return [(fact.type, *fact.names) for fact in answer.facts]


@pytest.mark.parametrize(
    "reply",
    [
        "CID: [aspirin, rash]; [zinc, flu]",
        "The relations are:\n- **CID**: [aspirin，rash]；【zinc、flu】",
        "CID:\n1. [aspirin, rash]\n2. [zinc; flu]",
        "CID: (aspirin, rash), (zinc, flu)",
        "CID: [aspirin,rash], [zinc | flu]",
        '{"CID": [["aspirin", "rash"], ["zinc", "flu"]]}',
        '[{"relation": "cid", "head": "aspirin", "tail": "rash"}, '
        ' {"type": "CID", "arguments": ["zinc", "flu"]}]',
    ],
)
def test_ways_to_write_one_answer(reply: str) -> None:
    assert pairs(reply) == [("CID", "aspirin", "rash"), ("CID", "zinc", "flu")]


def test_a_cut_off_pair_and_one_that_is_none_are_dropped_and_counted() -> None:
    parsed = parse("CID: [aspirin, rash]; [zinc]\ntreats: [zinc, flu]; [zi", GOLD)
    assert isinstance(parsed.value, Facts)
    assert [fact.type for fact in parsed.value.facts] == ["CID", "treats"]
    assert len(parsed.repairs) == 2


def test_a_reply_without_its_types_is_no_answer() -> None:
    with pytest.raises(AnswerError):
        parse("aspirin may cause a rash", GOLD)
    assert pairs("none") == []


def example(causal: tuple[Causal, ...] = ()) -> Sourced:
    relation = Relation("r", "with", (Argument("drug", "c1"), Argument("drug", "c2")))
    document = Document("d", TEXT, mentions=MENTIONS, concepts=CONCEPTS, relations=(relation,))
    return Sourced("s", "dev", "en", "relations", Annotated(document, causal=causal), ("with", "causes"))


def test_gold_names_concepts_as_the_text_does_first_and_keeps_the_other_names() -> None:
    (instruction,) = instructions(example(), 0)
    gold = gold_of(instruction)
    assert gold.answer == Facts((Fact("with", (("", "Aspirin"), ("", "ibuprofen"))),))
    assert (gold.same, gold.symmetric) == ((("Aspirin", "ASA"),), ("with",))


def test_causal_relations_are_refused_in_so_many_words() -> None:
    causal = (Causal("k", "causes", Reference("relation", "r"), Reference("concept", "c1")),)
    with pytest.raises(DataError, match="causal relations have no form"):
        list(instructions(example(causal), 0))
