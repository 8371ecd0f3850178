"""Finding mentions: windows cover the text, render and parse are inverses, places are honest."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Document, Span
from apothecary.errors import AnswerError
from apothecary.messages import JsonSchema, Reply
from apothecary.tasks.schema import Label
from apothecary.tasks.tagging import Tagged, Window, located, tagging_step, windows

LABELS = (Label("Chemical", "drugs"), Label("Disease", "diseases"), Label("Gene", "genes", decoy=True))
STEP = tagging_step("toy.mentions")
NAMES = st.text(min_size=1, max_size=20).filter(lambda name: name == name.strip() and name)
TAGGED = st.lists(
    st.builds(Tagged, NAMES, st.sampled_from([label.name for label in LABELS])),
    unique_by=lambda tagged: (tagged.label, tagged.name),
)


def window(text: str) -> Window:
    return Window(Document("d", text), Span(0, len(text)), LABELS)


@given(TAGGED)
def test_parse_gives_back_what_render_wrote(tagged: list[Tagged]) -> None:
    value = tuple(sorted(tagged, key=lambda item: [label.name for label in LABELS].index(item.label)))
    parsed = STEP.parse(Reply(STEP.render(value, window("x"))), window("x"))
    assert parsed.value == value
    assert parsed.repairs == ()


def test_what_render_writes_satisfies_the_schema_of_the_prompt() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    constraint = STEP.prompt(window("Aspirin.")).constraint
    assert isinstance(constraint, JsonSchema)
    jsonschema.validate(
        json.loads(STEP.render((Tagged("Aspirin", "Chemical"),), window("x"))), json.loads(constraint.schema)
    )


@given(st.text(alphabet="ab. \n", max_size=300), st.integers(5, 80))
def test_windows_cover_the_text_in_order_within_the_limit(text: str, limit: int) -> None:
    spans = [w.span for w in windows(Document("d", text), LABELS, limit)]
    assert all(a.end <= b.start for a, b in pairwise(spans))
    covered = {i for span in spans for i in range(span.start, span.end)}
    assert all(i in covered for i, char in enumerate(text) if not char.isspace())
    assert len(spans) == 1 or all(span.end - span.start <= limit for span in spans)


def test_a_short_text_is_one_window_blanks_included() -> None:
    (only,) = windows(Document("d", " One. Two. "), LABELS, 100)
    assert only.text == " One. Two. "


@pytest.mark.parametrize(
    ("text", "repairs"),
    [
        ('{"Chemical": ["a"], "Symptom": ["b"]}', ("unknown label ignored",)),
        ('{"Chemical": ["a"], "Disease": "b"}', ("label without a list ignored",)),
        ('{"Chemical": ["a", 3, ""]}', ("entry that is no name ignored",)),
        ('{"chemical": ["a", "a"]}', ()),
        ('{"Chemical": ["a"], "Disease": ["b', ("cut-off JSON closed",)),
    ],
)
def test_what_is_mended_is_named(text: str, repairs: tuple[str, ...]) -> None:
    parsed = STEP.parse(Reply(text), window("x"))
    assert parsed.value == (Tagged("a", "Chemical"),)
    assert parsed.repairs == repairs


@pytest.mark.parametrize("text", ["", "none", '["a"]', "{", "{}", '{"Symptom": ["a"]}'])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(AnswerError):
        STEP.parse(Reply(text), window("x"))


def test_the_first_label_wins_a_place() -> None:
    doc = Document("d", "lead poisoning")
    found = located(doc, [Tagged("lead", "Chemical"), Tagged("lead", "Disease")], LABELS)
    assert [(m.type, m.text) for m in found.mentions] == [("Chemical", "lead")]


def test_overlapping_names_are_both_kept() -> None:
    doc = Document("d", "metabolic acidosis")
    found = located(doc, [Tagged("metabolic acidosis", "Disease"), Tagged("acidosis", "Disease")], LABELS)
    assert [(m.start, m.end) for m in found.mentions] == [(0, 18), (10, 18)]


@given(TAGGED, st.text(max_size=60))
def test_every_mention_slices_to_its_text(tagged: list[Tagged], text: str) -> None:
    found = located(Document("d", text), tagged, LABELS)
    assert all(text[m.start : m.end] == m.text for m in found.mentions)
    assert all(m.type != "Gene" for m in found.mentions)
    wanted = {(t.label, t.name) for t in tagged if t.label != "Gene"}
    assert {(u.type, u.text) for u in found.unlocated} <= wanted
