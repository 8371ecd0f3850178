"""The judge of completions: each of its settings changes what lines earn, worked out by hand."""

import json
from pathlib import Path

import pytest

from apothecary.tasks.medication.reward import line_judge

ROW = {"id": "v", "start": ["aspirin", "heparin"], "gold": ["aspirin", "iron"], "mode": "edit"}
"""With warfarin added three drugs are listed, one of them in gold: from 1/3 to 1/4."""


def earned(folder: Path, **settings: object) -> float:
    """Of the line ``add warfarin``, contraindicated beside one of the list, and minor beside the other."""
    (folder / "v.json").write_text(json.dumps(["aspirin", "heparin", "iron", "warfarin"]))
    rows = "aspirin,warfarin,contraindicated\nheparin,warfarin,minor\n"
    (folder / "i.csv").write_text(f"drug_a,drug_b,severity\n{rows}")
    judge = line_judge(str(folder / "v.json"), [str(folder / "i.csv")], **settings)  # type: ignore[arg-type]
    return judge("add warfarin", ROW).total


CLOSER = 1 / 4 - 1 / 3


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, CLOSER),
        ({"alpha": 0.3}, CLOSER - 0.3 * 2 / 3),
        ({"alpha": 0.3, "measure": "count"}, CLOSER - 0.3 * 2),
        ({"alpha": 0.3, "measure": "per_drug"}, CLOSER - 0.3 * 2 / 2),
        ({"alpha": 0.3, "target": 0.5}, CLOSER - 0.3 * (2 / 3 - 0.5)),
        ({"alpha": 0.3, "measure": "count", "severity": True}, CLOSER - 0.3 * (2.0 + 0.5)),
        ({"alpha": 0.3, "severity": True}, CLOSER - 0.3 * (2.0 + 0.5) / 3),
    ],
)
def test_every_setting_changes_what_a_line_earns(
    settings: dict[str, object], expected: float, tmp_path: Path
) -> None:
    assert earned(tmp_path, **settings) == pytest.approx(expected)


def test_severity_tells_a_worse_interaction_from_a_lesser_one(tmp_path: Path) -> None:
    row = ROW | {"start": ["iron"], "gold": ["aspirin", "heparin"]}
    (tmp_path / "v.json").write_text(json.dumps(["aspirin", "heparin", "iron"]))
    rows = "aspirin,iron,contraindicated\nheparin,iron,minor\n"
    (tmp_path / "i.csv").write_text(f"drug_a,drug_b,severity\n{rows}")
    for severity, expected in ((False, 0.0), (True, 2.0 - 0.5)):
        judge = line_judge(
            str(tmp_path / "v.json"), [str(tmp_path / "i.csv")], alpha=1.0, measure="count", severity=severity
        )
        worse, lesser = (judge(f"add {drug}", row).total for drug in ("aspirin", "heparin"))
        assert lesser - worse == pytest.approx(expected)
