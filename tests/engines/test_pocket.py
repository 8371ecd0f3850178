"""The pocket engine with the models that ship."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings

from apothecary.engines.pocket import Pocket, open_pocket, shipped_models
from apothecary.errors import ModelMissing, WeightsError
from apothecary.messages import (
    Failure,
    Input,
    LabelPair,
    LabelProbabilities,
    LabelSet,
    Reply,
    Request,
    SetProbabilities,
    TaggedSpan,
    TaggedSpans,
    TagSpans,
    Value,
)
from tests.strategies import texts

TEXT = "Lithium-induced tremor: tremor occurred in 3 of 20 patients who took lithium carbonate for mania."
LABELS = ("Chemical", "Disease")

pytestmark = pytest.mark.skipif(
    not any(shipped_models().glob("*/model.json")), reason="no pocket model ships with this version yet"
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Pocket]:
    opened = open_pocket(threads=1)
    yield opened
    opened.close()


def value(engine: Pocket, step: str, *inputs: Input) -> list[Value | None]:
    outcomes = engine.answer([Request((), step, each) for each in inputs])
    return [outcome.value if isinstance(outcome, Reply) else None for outcome in outcomes]


def spans(engine: Pocket, text: str, labels: Sequence[str] = LABELS) -> tuple[TaggedSpan, ...]:
    (found,) = value(engine, "mentions.tag", TagSpans(text, tuple(labels)))
    assert isinstance(found, TaggedSpans)
    return found.spans


def pair(text: str, head: str, tail: str) -> LabelPair:
    places = [((text.index(name), text.index(name) + len(name)),) for name in (head, tail)]
    return LabelPair(text, places[0], places[1], ("CID", "none"))


def test_mentions_are_found_at_their_offsets(engine: Pocket) -> None:
    found = {(TEXT[span.start : span.end].lower(), span.label) for span in spans(engine, TEXT)}
    assert {("lithium", "Chemical"), ("tremor", "Disease"), ("mania", "Disease")} <= found


@settings(deadline=None, max_examples=25)
@given(text=texts)
def test_any_text_gives_spans_within_it_and_probabilities(engine: Pocket, text: str) -> None:
    for span in spans(engine, text):
        assert 0 <= span.start < span.end <= len(text)
        assert 0.0 <= span.probability <= 1.0


@pytest.mark.parametrize("text", ["", " \n", "😀" * 40, "患者服用阿司匹林后出现哮喘。", "\x00\u200b"])
def test_texts_without_english_words_are_answered(engine: Pocket, text: str) -> None:
    assert all(0 <= span.start < span.end <= len(text) for span in spans(engine, text))


def test_a_long_text_is_read_to_its_end(engine: Pocket) -> None:
    filler = "The study was continued as planned in all centres that took part in it. " * 60
    found = spans(engine, filler + TEXT)
    assert any(filler.__len__() < span.start and span.label == "Disease" for span in found)


def test_an_answer_does_not_depend_on_what_else_is_asked(engine: Pocket) -> None:
    asked = [pair(TEXT, "Lithium", "tremor"), pair(TEXT, "lithium carbonate", "mania")]
    together = value(engine, "relations.pairs", *asked)
    alone = [value(engine, "relations.pairs", each)[0] for each in asked]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, LabelProbabilities)
        assert isinstance(other, LabelProbabilities)
        assert one.probabilities == pytest.approx(other.probabilities, abs=0.02)


def test_what_a_drug_induced_is_likelier_than_what_it_was_given_for(engine: Pocket) -> None:
    induced, treated = value(
        engine, "relations.pairs", pair(TEXT, "Lithium", "tremor"), pair(TEXT, "lithium carbonate", "mania")
    )
    assert isinstance(induced, LabelProbabilities)
    assert isinstance(treated, LabelProbabilities)
    assert induced.probabilities["CID"] > treated.probabilities["CID"]
    assert induced.probabilities["none"] == pytest.approx(1 - induced.probabilities["CID"])


def test_sets_of_drugs_get_one_distribution_each(engine: Pocket) -> None:
    text = "Cisplatin plus gemcitabine was compared with placebo."
    given_spans = ((0, 9), (15, 26), (45, 52))
    asked = LabelSet(text, given_spans, ((0, 1), (0, 1, 2)), ("NO_COMB", "POS", "NEG", "COMB"))
    (found,) = value(engine, "combinations.sets", asked)
    assert isinstance(found, SetProbabilities)
    assert [sum(each.probabilities.values()) for each in found.sets] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    ("step", "given"),
    [
        ("other.step", TagSpans("a", LABELS)),
        ("mentions.tag", TagSpans("a", ("Planet",))),
        ("mentions.tag", None),
        ("relations.pairs", LabelPair("a b", ((0, 1),), ((2, 3),), ("orbits", "none"))),
    ],
)
def test_what_no_model_knows_is_a_failure_not_an_answer(
    engine: Pocket, step: str, given: Input | None
) -> None:
    (outcome,) = engine.answer([Request((), step, given)])
    assert isinstance(outcome, Failure)
    assert outcome.kind == "StepNotServed"


def test_a_pair_in_a_text_without_words_is_a_failure(engine: Pocket) -> None:
    (outcome,) = engine.answer(
        [Request((), "relations.pairs", LabelPair(" ", ((0, 1),), ((0, 1),), ("CID", "none")))]
    )
    assert isinstance(outcome, Failure)


def test_a_changed_file_is_refused_by_its_digest(tmp_path: Path) -> None:
    source = sorted(shipped_models().glob("*/model.json"))[0].parent
    copy = tmp_path / "model"
    shutil.copytree(source, copy)
    (copy / "encoder.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"encoder.onnx.*not the file that model.json describes"):
        open_pocket(copy)


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "x"}'])
def test_a_description_that_is_none_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(WeightsError, match="no description"):
        open_pocket(tmp_path)


def test_a_description_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    source = sorted(shipped_models().glob("*/model.json"))[0]
    described = json.loads(source.read_text())
    (tmp_path / "model.json").write_text(json.dumps({**described, "encoder": "../encoder.onnx"}))
    with pytest.raises(WeightsError, match=r"\.\./encoder.onnx without a digest"):
        open_pocket(tmp_path)


def test_a_folder_without_models_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="holds no pocket model"):
        open_pocket(tmp_path)


def test_the_shipped_models_stay_within_sixty_megabytes() -> None:
    assert sum(path.stat().st_size for path in shipped_models().rglob("*") if path.is_file()) <= 60_000_000
