"""A classifier of condition spans: learning, folders, predictions."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from safetensors.torch import load_file, save_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from apothecary.documents import Document  # noqa: E402
from apothecary.errors import DataError, ModelMissing, UsageError, WeightsError  # noqa: E402
from apothecary.formats.condition_rows import ConditionRow, document_of  # noqa: E402
from apothecary.networks.encoding import TextEncoder  # noqa: E402
from apothecary.tasks.conditions.scored import read_prediction  # noqa: E402
from apothecary.training.marker_texts import places, read_text, told, with_types  # noqa: E402
from apothecary.training.markers import MarkerSettings, predict_markers, train_markers  # noqa: E402
from tests.tiny_encoder import tiny_encoder  # noqa: E402

WHO = ("men", "boys", "patients")
TYPES = {"men": ("Gender",), "boys": ("Age", "Gender"), "patients": ()}
LABELS = ("Age", "Dosage", "Gender")


def instance(number: int) -> Document:
    drug, disease = ("aspirin", "lithium")[number % 2], ("asthma", "tremor")[number % 2]
    who, dose = WHO[number % 3], f"{number % 7}{number % 5} mg"
    text = f"The drug {drug} {dose} for {disease} in {who}."
    conditions = ((dose, "Dosage"), *((who, type_) for type_ in TYPES[who]))
    return document_of(ConditionRow(f"d{number}", "", text, drug, disease, f"p{number}", conditions))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_encoder(tmp_path_factory.mktemp("encoder"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_special_tokens(["[MASK]"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def tiny(encoder: Path) -> MarkerSettings:
    return MarkerSettings(
        encoder=str(encoder), epochs=1, texts_a_step=2, learning_rate=5e-3, head_learning_rate=1e-2,
        longest=4, negatives=0.5, spans_a_pass=16, development=0.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tiny: MarkerSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("markers") / "toy"
    torch.set_num_threads(1)
    settings = replace(tiny, epochs=14, development=0.2)
    return train_markers([instance(number) for number in range(30)], settings, out)


def pairs(record: dict[str, object]) -> set[tuple[str, str]]:
    read = read_prediction(record, "here").output
    return {(each.span, each.type) for each in read.items}


@pytest.mark.slow
def test_a_small_encoder_learns_spans_and_their_types(folder: Path) -> None:
    unseen = [instance(number) for number in range(100, 112)]
    records = predict_markers(folder, unseen)
    assert [record["id"] for record in records] == [document.id for document in unseen]
    gold = [{(each.text, each.type) for each in document.conditions} for document in unseen]
    right = sum(len(pairs(record) & own) for record, own in zip(records, gold, strict=True))
    assert right / sum(map(len, gold)) > 0.8
    assert right / sum(len(pairs(record)) for record in records) > 0.8


def test_one_span_may_carry_two_types(folder: Path) -> None:
    (record,) = predict_markers(folder, [instance(1)])
    assert {("boys", "Age"), ("boys", "Gender")} <= pairs(record)


def test_what_is_told_stands_in_the_text(folder: Path) -> None:
    document = instance(101)
    (record,) = predict_markers(folder, [document])
    told_ = record["conditions"]
    assert isinstance(told_, list)
    assert told_
    assert all(document.text[each["start"] : each["end"]] == each["span"] for each in told_)
    assert json.loads(json.dumps(record)) == record


def test_gold_is_not_looked_at_in_predicting(folder: Path) -> None:
    bare = ConditionRow("d4", "", instance(4).text, "aspirin", "asthma")
    named, unnamed = predict_markers(folder, [instance(4), document_of(bare)])
    assert named == unnamed


def test_a_text_without_words_has_no_conditions(folder: Path) -> None:
    (record,) = predict_markers(folder, [document_of(ConditionRow("e", "", "\u200b", "x", "y"))])
    assert record == {"id": "e", "conditions": []}


def odds(folder: Path, **settings: object) -> list[float]:
    """The odds of all that is told of a text when nothing is left out and these settings are read."""
    path = folder / "markers.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"threshold": 1e-9, "settings": said["settings"] | settings}))
    (record,) = predict_markers(folder, [instance(101)])
    told_: Any = record["conditions"]
    return [each["probability"] / (1 - each["probability"]) for each in told_]


def test_what_was_drawn_for_one_in_so_many_is_as_much_less_probable(
    tiny: MarkerSettings, tmp_path: Path
) -> None:
    folder = train_markers([instance(number) for number in range(4)], tiny, tmp_path / "out")
    whole = odds(folder, negatives=1.0)
    assert len(whole) > 5
    assert odds(folder, negatives=0.25) == pytest.approx([each / 4 for each in whole], rel=0.02)


def test_the_folder_says_how_it_came_to_be(folder: Path) -> None:
    said = json.loads((folder / "markers.json").read_text())
    assert said["labels"] == list(LABELS)
    assert (said["instances"], said["gold"], said["lost"]) == (30, 60, 0)
    assert 0.5 < said["judged"] <= 1
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row.get("epoch") for row in rows] == [*range(1, 15), None]
    assert rows[13]["loss"] < rows[0]["loss"]


def test_gold_that_is_no_candidate_is_counted(tiny: MarkerSettings, tmp_path: Path) -> None:
    row = ConditionRow(
        "a", "", "aspirin in old men", "aspirin", "asthma", "", (("in old", "Age"), ("x", "Age"))
    )
    bare = document_of(ConditionRow("b", "", "of the", "aspirin", "asthma", conditions=()))
    train_markers([document_of(row), bare, instance(1)], replace(tiny, texts_a_step=1), tmp_path / "out")
    said = json.loads((tmp_path / "out" / "markers.json").read_text())
    assert (said["gold"], said["lost"], said["threshold"]) == (5, 2, tiny.threshold)


def test_equal_seeds_give_equal_weights_and_others_do_not(tiny: MarkerSettings, tmp_path: Path) -> None:
    documents = [instance(number) for number in range(4)]
    heads = [
        load_file(train_markers(documents, replace(tiny, seed=seed), tmp_path / name) / "head.safetensors")
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])
    assert not torch.equal(heads[0]["score.weight"], heads[2]["score.weight"])


def test_other_places_of_the_same_words_are_neither_learnt_nor_unlearnt(encoder: Path) -> None:
    row = ConditionRow("a", "", "Old men, young men.", "x", "y", "", (("men", "Gender"),))
    text = read_text(TextEncoder(encoder / "tokenizer.json"), document_of(row), 2, 64)
    text = with_types(text, LABELS)
    words = [text.document.text[start:end] for start, end in text.offsets()]
    assert words == ["Old", "Old men", "men", "young", "young men", "men"]
    assert text.types[:, 2].tolist() == [0, 0, 1, 0, 0, 0]
    assert text.learnt[:, 2].tolist() == [True, True, True, True, True, False]
    assert text.learnt[:, :2].all()


@pytest.mark.parametrize(
    ("gold", "word"),
    [("80", "80mg"), ("mg", "80mg"), ("women", "agedwomen"), ("0mg for asth", "80mg for asthma")],
)
def test_gold_that_cuts_a_word_takes_it_whole(encoder: Path, gold: str, word: str) -> None:
    row = ConditionRow("a", "", "Aspirin 80mg for asthma of agedwomen.", "x", "y", "", ((gold, "Age"),))
    text = read_text(TextEncoder(encoder / "tokenizer.json"), document_of(row), 3, 64)
    ((place, type_),) = places(text)
    start, end = text.offsets()[place]
    assert (text.document.text[start:end], type_) == (word, "Age")


def test_of_overlapping_spans_of_one_type_the_more_probable_is_told(encoder: Path) -> None:
    row = ConditionRow("a", "", "Old men, young men.", "x", "y")
    text = read_text(TextEncoder(encoder / "tokenizer.json"), document_of(row), 2, 64)
    probabilities = np.asarray(
        [[0.1, 0.9], [0.8, 0.2], [0.6, 0.9], [0.2, 0], [0.5, 0], [0.4, 0.95]], np.float32
    )
    found = [
        (each["span"], each["type"], each["start"]) for each in told(text, probabilities, ("A", "B"), 0.5)
    ]
    assert found == [("Old", "B", 0), ("Old men", "A", 0), ("young men", "A", 9), ("men", "B", 15)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"negatives": 0.0}, "negatives"),
        ({"epochs": 0}, "epochs"),
        ({"longest": 1000}, "longest"),
        ({"learning_rate": float("nan")}, "learning_rate"),
    ],
)
def test_settings_out_of_bounds_are_refused(
    tiny: MarkerSettings, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        train_markers([instance(0)], replace(tiny, **change), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_nobody_annotated_is_not_learnt(tiny: MarkerSettings, tmp_path: Path) -> None:
    bare = document_of(ConditionRow("a", "", "Old men", "x", "y"))
    unread = document_of(ConditionRow("b", "", "Old men", "x", "y", target="[]"))
    empty = document_of(ConditionRow("c", "", "Old men", "x", "y", conditions=()))
    for documents, message in (
        ([instance(0), bare], "document a: .*nobody said"),
        ([unread], "document b: .*not read"),
        ([Document("z", "text")], "document z: is no instance"),
    ):
        with pytest.raises(DataError, match=message):
            train_markers(documents, tiny, tmp_path / "out")
    for documents in ([], [empty]):
        with pytest.raises(UsageError, match="nothing to learn"):
            train_markers(documents, tiny, tmp_path / "out")


def test_half_a_character_is_one_clear_error(folder: Path) -> None:
    for text, drug in (("Old \ud800 men", "x"), ("Old men", "\udfff")):
        with pytest.raises(DataError, match="document a: .*surrogate"):
            predict_markers(folder, [document_of(ConditionRow("a", "", text, drug, "y"))])


def test_a_training_is_not_overwritten(folder: Path, tiny: MarkerSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds a training"):
        train_markers([instance(0)], tiny, folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        train_markers([instance(0)], tiny, tmp_path / "file" / "out")


def test_pickled_weights_are_not_read(encoder: Path, tiny: MarkerSettings, tmp_path: Path) -> None:
    for path in encoder.iterdir():
        name = path.name.replace("model.safetensors", "pytorch_model.bin")
        (tmp_path / name).write_bytes(path.read_bytes())
    with pytest.raises(WeightsError, match="safetensors"):
        train_markers([instance(0)], replace(tiny, encoder=str(tmp_path)), tmp_path / "out")


def copy_of(folder: Path, out: Path) -> Path:
    out.mkdir()
    for path in folder.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    return out


def test_a_damaged_folder_is_one_clear_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"markers\.json"):
        predict_markers(tmp_path, [])
    head = load_file(folder / "head.safetensors")
    spoilt = {name: value for name, value in head.items() if name != "markers"}
    for number, tensors in enumerate([spoilt, {**head, "markers": head["markers"][:1]}]):
        broken = copy_of(folder, tmp_path / f"head{number}")
        save_file(tensors, broken / "head.safetensors")
        with pytest.raises(WeightsError, match=r"head\.safetensors"):
            predict_markers(broken, [])
    broken = copy_of(folder, tmp_path / "numbers")
    save_file({**head, "score.bias": head["score.bias"] * float("nan")}, broken / "head.safetensors")
    with pytest.raises(WeightsError, match="no numbers"):
        predict_markers(broken, [instance(0)])
    (broken / "markers.json").write_text("[]")
    with pytest.raises(WeightsError, match="description"):
        predict_markers(broken, [])
