"""The vectors of the published rewards and metrics, where they are at hand."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apothecary.tasks.medication.reward_reference import Setting

__all__ = ["ABSENT", "CASES", "NAMES", "NEAR", "matrix", "setting"]

SHARED = Path(__file__).parents[4] / "shared"
FILE = Path(os.environ.get("APOTHECARY_DATA", SHARED / "data")).parent / "vectors" / "medication.json"
CASES: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
ABSENT = f"needs the published vectors, {FILE.name}"
NAMES: list[str] = CASES.get("drugs", [])
NEAR = 1e-6


def matrix() -> NDArray[np.float64]:
    """The interactions of the ten drugs."""
    found = np.zeros((len(NAMES), len(NAMES)))
    for one, other in CASES["ddi_pairs"]:
        found[one, other] = found[other, one] = 1.0
    return found


def setting(case: dict[str, Any]) -> Setting:
    """What the rewards of a case are computed against."""
    return Setting(NAMES, matrix(), case["alpha"], case["beta"])
