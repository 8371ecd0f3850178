"""Gold that lost an item is not silently gold: who scores with it is told."""

import json
from pathlib import Path
from typing import Any

import pytest

from apothecary import api
from apothecary.errors import UsageError

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
