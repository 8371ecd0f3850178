"""Predictions are paired with the gold by id, and nothing is dropped silently."""

from pathlib import Path

import pytest

from apothecary.documents import Document
from apothecary.errors import FormatError
from apothecary.formats.predictions import Prediction, pair_up, read_predictions

GOLD = [Document("1", "One."), Document("2", "Two.")]


def predictions(tmp_path: Path, text: str) -> dict[str, Prediction]:
    path = tmp_path / "p.jsonl"
    path.write_text(text)
    return read_predictions(path)


def test_a_gold_document_without_a_prediction_has_none(tmp_path: Path) -> None:
    found = predictions(tmp_path, '{"id": 2, "mentions": []}\n')
    assert list(pair_up(GOLD, found, path="p")) == [(GOLD[0], None), (GOLD[1], {"id": 2, "mentions": []})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"id": "1"}\n{"id": "1"}\n', "p.jsonl:2: id 1 was already predicted at line 1"),
        ('{"id": "1"}\n{"id": 1}\n', "p.jsonl:2: id 1 was already"),
        ('{"id": "1"}\n{"mentions": []}\n', "p.jsonl:2: field id is missing"),
        ('{"id": "1"}\nnonsense\n', "p.jsonl:2: not JSON"),
    ],
)
def test_a_bad_record_is_an_error_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        predictions(tmp_path, text)
    assert said in str(caught.value)


def test_an_id_unknown_to_the_gold_is_an_error_after_the_last_document(tmp_path: Path) -> None:
    pairs = pair_up(GOLD, predictions(tmp_path, '{"id": "1"}\n{"id": "9"}\n'), path="p.jsonl")
    assert [next(pairs)[0].id, next(pairs)[0].id] == ["1", "2"]
    with pytest.raises(FormatError, match=r"p\.jsonl:2: id 9 is not in the gold"):
        next(pairs)
