"""A training from its configuration to an engine that answers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from apothecary.engines.pocket import open_pocket  # noqa: E402
from apothecary.errors import FormatError, ModelMissing, UsageError  # noqa: E402
from apothecary.messages import LabelPair, LabelProbabilities, Reply, Request, TaggedSpans, TagSpans  # noqa: E402
from apothecary.training.distil import settings_from_runs  # noqa: E402
from apothecary.training.pocket import train  # noqa: E402
from apothecary.training.run import train_pocket, use_threads  # noqa: E402
from apothecary.training.scoring import build  # noqa: E402
from apothecary.training.settings import HeadSettings, PocketSettings, Source  # noqa: E402
from tests.tiny_encoder import tiny_encoder  # noqa: E402
from tests.training.abstracts import write_abstracts  # noqa: E402

pytestmark = pytest.mark.slow


def settings(epochs: int) -> PocketSettings:
    parts = (Source("train.pubtator"),), (Source("dev.pubtator"),)
    tags = HeadSettings("tags", "spans", ("Chemical", "Disease"), *parts, ("mentions.tag",))
    cid = HeadSettings("cid", "pairs", ("CID",), *parts, ("relations.pairs",), (("Chemical", "Disease"),))
    return PocketSettings(
        "tiny", (tags, cid), epochs=epochs, window=62, overlap=10, batch_tokens=256, learning_rate=5e-3,
        average=0.5, patience=99,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pocket")
    use_threads(1)
    write_abstracts(made / "train.pubtator", 100, 40)
    write_abstracts(made / "dev.pubtator", 1000, 20)
    tiny_encoder(made / "encoder")
    return made


def test_a_trained_model_answers_as_an_engine(folder: Path) -> None:
    out = folder / "model"
    trained = train_pocket(settings(6), folder, folder / "encoder", out, lambda line: None)
    assert trained.before["tags"]["f1"] > 0.9
    assert trained.after["tags"]["f1"] > 0.9
    assert json.loads((out / "training.json").read_text())["training"]["held_out_dropped"] == 0
    engine = open_pocket(out, threads=1)
    text = "aspirin induced asthma."
    spans, pair = engine.answer(
        [
            Request((), "mentions.tag", TagSpans(text, ("Chemical", "Disease"))),
            Request((), "relations.pairs", LabelPair(text, ((0, 7),), ((16, 22),), ("CID", "none"))),
        ]
    )
    assert isinstance(spans, Reply)
    assert isinstance(pair, Reply)
    assert isinstance(spans.value, TaggedSpans)
    assert [(span.start, span.end, span.label) for span in spans.value.spans] == [
        (0, 7, "Chemical"),
        (16, 22, "Disease"),
    ]
    assert isinstance(pair.value, LabelProbabilities)


def test_a_resumed_training_ends_as_an_uninterrupted_one(folder: Path, tmp_path: Path) -> None:
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    for out in (stopped, whole):
        out.mkdir()
    said: list[str] = []

    def stop_after_the_first(line: str) -> None:
        said.append(line)
        if line.startswith("epoch 2:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings(3), folder, folder / "encoder", stopped, stop_after_the_first)
    one, _ = train(settings(3), folder, folder / "encoder", stopped, said.append, resume=True)
    other, _ = train(settings(3), folder, folder / "encoder", whole, said.append)
    assert sum(line.startswith("epoch 1:") for line in said) == 2
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_going_on_with_other_settings_is_refused(folder: Path, tmp_path: Path) -> None:
    train(settings(1), folder, folder / "encoder", tmp_path, lambda line: None)
    with pytest.raises(UsageError, match="other settings"):
        changed = replace(settings(1), seed=14)
        train(changed, folder, folder / "encoder", tmp_path, lambda line: None, resume=True)


def test_a_training_goes_on_from_another_with_encoder_and_heads(folder: Path, tmp_path: Path) -> None:
    for name in ("work", "second", "third"):
        (tmp_path / name).mkdir()
    train(settings(3), folder, folder / "encoder", tmp_path / "work", lambda line: None)
    begun = replace(settings(1), start=str(tmp_path), frozen=True)
    _, report = train(begun, folder, folder / "encoder", tmp_path / "second", lambda line: None)
    _, anew = train(settings(1), folder, folder / "encoder", tmp_path / "third", lambda line: None)
    assert report.epochs[0].loss < anew.epochs[0].loss / 2


def test_a_start_from_another_encoder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    torch.save({"encoder.shapes.weight": torch.zeros(1, 5)}, tmp_path / "work" / "best.pt")
    with pytest.raises(ModelMissing, match="another encoder"):
        build(replace(settings(1), start=str(tmp_path)), folder / "encoder")


def test_a_run_folder_becomes_training_data(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "predictions.jsonl").write_text(teacher_rows(40))
    found = settings_from_runs([tmp_path])
    assert [(head.kind, head.labels) for head in found.head] == [
        ("spans", ("Chemical", "Disease")),
        ("pairs", ("CID",)),
        ("names", ("=",)),
    ]
    small = replace(found, epochs=1, window=62, overlap=10)
    out = tmp_path / "model"
    trained = train_pocket(small, tmp_path, folder / "encoder", out, lambda line: None)
    assert trained.training.train_examples + trained.training.dev_examples == 3 * 40
    assert open_pocket(out, threads=1).info.steps == (
        "mentions.tag",
        "relations.mentions",
        "relations.names",
        "relations.pairs",
    )


def teacher_rows(count: int) -> str:
    rows = []
    for number in range(count):
        mentions = [
            {"start": 0, "end": 7, "type": "Chemical", "text": "aspirin"},
            {"start": 16, "end": 22, "type": "Disease", "text": "asthma"},
        ]
        concepts = [
            {"id": "c1", "type": "Chemical", "mentions": [0], "names": ["aspirin"]},
            {"id": "c2", "type": "Disease", "mentions": [1], "names": ["asthma"]},
        ]
        relation = {
            "id": "r1",
            "type": "CID",
            "arguments": [{"role": "head", "concept": "c1"}, {"role": "tail", "concept": "c2"}],
        }
        text = f"aspirin induced asthma in {number} patients."
        rows.append(
            {
                "id": str(number),
                "text": text,
                "mentions": mentions,
                "concepts": concepts,
                "relations": [relation],
            }
        )
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("content", [None, "", '{"id": "1", "text": "a"}\n'])
def test_a_run_with_too_little_to_learn_from_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "predictions.jsonl").write_text(content)
    with pytest.raises((UsageError, FormatError)):
        settings_from_runs([tmp_path])
