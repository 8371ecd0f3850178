"""Examples as lines of JSON: nothing is lost, a bad line costs itself only."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Mention, Relation, Span
from apothecary.errors import DataError
from apothecary.examples import (
    LANGUAGES,
    Annotated,
    Causal,
    Dialogue,
    Example,
    Labelled,
    Question,
    Reference,
    Rewriting,
    Sourced,
    TaskName,
    TextPair,
    Turn,
)
from apothecary.formats.example_rows import dumps, from_record, read, to_record, write
from tests.strategies import documents, names, texts

SAID = texts.filter(lambda text: text.strip() != "")
OPTIONS = st.lists(names, min_size=2, max_size=4, unique=True).map(tuple)


@st.composite
def _sourced(draw: st.DrawFn) -> Sourced:
    identity, options, text = draw(names), draw(OPTIONS), draw(SAID)
    turns = draw(st.lists(st.builds(Turn, SAID, SAID), min_size=1, max_size=3).map(tuple))
    chosen = draw(st.lists(st.sampled_from(options), unique=True).map(tuple))
    score = draw(st.none() | st.floats(-5, 5))
    cases: list[tuple[TaskName, Example]] = [
        ("classification", Labelled(identity, text, chosen, options)),
        ("choice", Question(identity, text, "choice", options, draw(texts), options[:1])),
        ("generation", Question(identity, text, "short", answers=(draw(SAID),))),
        ("dialogue", Dialogue(identity, turns, draw(texts))),
        ("text_pairs", TextPair(identity, text, text, "similarity", options[0], options, score)),
        ("generation", Rewriting(identity, text, (text,), "translation", "zh", "en")),
        ("generation", Rewriting(identity, text, (), "report", "zh", "zh", {"a": text})),
    ]
    task, example = draw(st.sampled_from(cases))
    return Sourced(draw(names), draw(names), draw(st.sampled_from(LANGUAGES)), task, example)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_sourced())
def test_writing_and_reading_are_inverses(sourced: Sourced) -> None:
    assert from_record(json.loads(dumps(sourced)), where="f:1") == sourced


@pytest.mark.slow
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(documents().filter(lambda document: document.text.strip() != ""))
def test_documents_come_back(document: Document) -> None:
    labels = tuple(dict.fromkeys(mention.type for mention in document.mentions)) or ("A",)
    sourced = Sourced("d", "train", "en", "mentions", Annotated(document), labels)
    again = from_record(json.loads(dumps(sourced)), where="f:1")
    assert to_record(again) == to_record(sourced)


def test_chains_and_causal_relations_come_back_and_must_resolve() -> None:
    document = documents_of_two()
    causal = (Causal("k", "leads to", Reference("relation", "r"), Reference("concept", "c2")),)
    sourced = Sourced(
        "d", "train", "en", "relations", Annotated(document, ((0, 1),), causal), ("with", "leads to")
    )
    record = json.loads(dumps(sourced))
    assert from_record(record, where="f:1") == sourced
    assert record["causal"][0]["cause"] == {"kind": "relation", "id": "r"}
    for key, wrong in (
        ("coreferences", [[0, 7]]),
        ("causal", [{**record["causal"][0], "effect": {"id": "x"}}]),
    ):
        with pytest.raises(DataError, match=r"f:1|d1"):
            from_record({**record, key: wrong}, where="f:1")


def documents_of_two() -> Document:
    text = "aspirin with it"
    mentions = (Mention((Span(0, 7),), "aspirin", "Drug"), Mention((Span(13, 15),), "it", "Drug"))
    concepts = tuple(Concept(f"c{n + 1}", "Drug", (n,), (each.text,)) for n, each in enumerate(mentions))
    sides = (Argument("head", "c1"), Argument("tail", "c2"))
    return Document(
        "d1", text, mentions=mentions, concepts=concepts, relations=(Relation("r", "with", sides),)
    )


GOOD = Sourced("d", "train", "zh", "classification", Labelled("1", "咳嗽", ("是",), ("是", "否")))


def test_bad_lines_come_as_errors_with_their_line(tmp_path: Path) -> None:
    stream = io.StringIO()
    write([GOOD, GOOD], stream)
    outside = to_record(GOOD) | {"id": "2", "labels": ["也许"]}
    lines = [stream.getvalue(), "{\n", json.dumps(outside) + "\n", '{"family": "poem"}\n', "[]\n"]
    (tmp_path / "e.jsonl").write_text("".join(lines), encoding="utf-8")
    first, *errors = read(tmp_path / "e.jsonl")
    assert first == GOOD
    assert [str(error).split("e.jsonl:")[1].split(":")[0] for error in errors] == ["2", "3", "4", "5", "6"]
    assert all(isinstance(error, DataError) for error in errors)


def test_the_same_id_may_stand_in_two_splits(tmp_path: Path) -> None:
    other = Sourced("d", "dev", "zh", GOOD.task, GOOD.example)
    with (tmp_path / "e.jsonl").open("w", encoding="utf-8") as stream:
        write([GOOD, other], stream)
    assert list(read(tmp_path / "e.jsonl")) == [GOOD, other]
