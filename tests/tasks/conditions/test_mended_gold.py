"""Gold that lost an item is not silently gold: who scores with it is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from apothecary import api
from apothecary.errors import DataError, UsageError

TEXT = {
    "title": "Losartan.",
    "abstract": "Ten men and six children.",
    "drug": "losartan",
    "disease": "asthma",
}


def written(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def said(path: Path, *conditions: tuple[str, str]) -> Path:
    spans = [{"span": span, "type": kind} for span, kind in conditions]
    return written(path, {"id": "1", "conditions": spans})


@pytest.mark.parametrize(
    ("target", "mended"),
    [("['children', 'Span: Ten men | Label: Gender']", 1), ("['Span: Ten men | Label: Gender']", 0)],
)
def test_a_score_tells_of_gold_that_had_to_be_mended(tmp_path: Path, target: str, mended: int) -> None:
    gold = written(tmp_path / "gold.jsonl", {"id": "1", **TEXT, "target": target})
    score: Any = api.score("conditions", gold, said(tmp_path / "said.jsonl", ("Ten men", "Gender")))
    assert score.get("mended", 0) == mended
    assert score["strict"]["soft_pair"] == 100


@pytest.mark.parametrize(
    "gold",
    [
        {"conditions": [{"span": " Ten men ", "type": "Body-Type"}]},
        {"target": "['Span: Ten men | Label: BodyType']"},
        {"target": "['Span:Ten men | Label: Gender']"},
    ],
)
def test_what_says_the_same_as_gold_is_right_by_every_score(tmp_path: Path, gold: dict[str, object]) -> None:
    """The released score knows no other spelling of a type; a prediction in that of gold is right."""
    written(tmp_path / "gold.jsonl", {"id": "1", **TEXT, **gold})
    said_too = {"raw": gold["target"]} if "target" in gold else gold
    written(tmp_path / "said.jsonl", {"id": "1", **said_too})
    score: Any = api.score("conditions", tmp_path / "gold.jsonl", tmp_path / "said.jsonl")
    assert score["strict"]["hard_pair"] == score["reference"]["hard_pair"] == score["callback"]["f1"] == 100


def test_abstracts_and_not_ids_are_drawn(tmp_path: Path) -> None:
    row: dict[str, object] = {**TEXT, "conditions": []}
    gold = written(tmp_path / "gold.jsonl", {"id": "1", **row}, {"id": "2", "pmid": "7", **row})
    assert api.score("conditions", gold, gold)["documents"] == 1


def test_gold_that_nobody_annotated_is_named_by_comparisons_too(tmp_path: Path) -> None:
    gold, none = written(tmp_path / "gold.jsonl", {"id": "1", **TEXT}), said(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="no gold document is an annotated instance"):
        api.compare("conditions", gold, none, none)


def test_runs_of_several_seeds_are_compared_by_their_average(tmp_path: Path) -> None:
    conditions = [{"span": "Ten men", "type": "Gender"}]
    gold = written(tmp_path / "gold.jsonl", {"id": "1", **TEXT, "conditions": conditions})
    right, wrong = said(tmp_path / "a.jsonl", ("Ten men", "Gender")), said(tmp_path / "b.jsonl")
    found: Any = api.compare("conditions", gold, [right, wrong], [wrong, wrong])
    assert found["soft_pair"]["f1"]["value"] == 0.5
    assert found["soft_pair"]["a"]["runs"] == [1.0, 0.0]
    assert found["soft_pair"]["b"]["sd"] == 0.0


def test_runs_of_other_tasks_are_compared_one_with_one(tmp_path: Path) -> None:
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    with pytest.raises(UsageError, match="several runs of relations cannot be compared"):
        api.compare("relations", tmp_path / "gold", files, files)
