"""Invented visits whose drugs follow from their codes, and a policy trained on them."""

from __future__ import annotations

import json
import random
from pathlib import Path

from apothecary.training.recommender import train_recommender

__all__ = ["INTERACTIONS", "trained", "write_visits"]

INTERACTIONS = (
    "drug_a,drug_b,severity,source\n"
    "aspirin,warfarin,major,one\nwarfarin,aspirin,severe,two\nheparin,warfarin,minor,one\nnobody,aspirin,,\n"
)
_TREATED = {
    "4019": ("lisinopril", "aspirin"),
    "4280": ("furosemide", "warfarin"),
    "25000": ("insulin", "heparin"),
}


def write_visits(path: Path, count: int = 40, *, seed: int = 0, **more: object) -> Path:
    """Visits of half as many patients; `more` are fields of all."""
    draw = random.Random(seed)  # noqa: S311 - invented data
    rows = []
    for number in range(count):
        codes = [code for code in _TREATED if draw.random() < 0.5] or ["4019"]
        gold = [drug for code in codes for drug in _TREATED[code] if draw.random() < 0.9]
        rows.append(
            {
                "visit_id": f"v{number}",
                "patient_id": f"p{number // 2}",
                "order": number,
                "age": 40 + number % 50,
                "sex": draw.choice(["female", "male"]),
                "diagnoses": [
                    {"system": "icd9", "code": code, "title": f"title of {code}"} for code in codes
                ],
                "gold": gold or ["aspirin"],
                **more,
            }
        )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def trained(folder: Path, kind: str = "knn") -> Path:
    """The folder of a policy; ``visits.jsonl`` and ``ddi.csv`` are written beside it."""
    write_visits(folder / "visits.jsonl")
    (folder / "ddi.csv").write_text(INTERACTIONS)
    (folder / "config.toml").write_text(f'visits = "visits.jsonl"\nkind = "{kind}"\n')
    return train_recommender(folder / "config.toml", out=folder / "policy").folder
