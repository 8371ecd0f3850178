"""The scores of lists of medication, as they are found by the name of this folder."""

from __future__ import annotations

from apothecary.tasks.medication.score import ScoreSettings, compare, score, table
from apothecary.tasks.rows import RowScore

__all__ = ["ROWS"]

ROWS = RowScore(name="medication", score=score, compare=compare, table=table, score_settings=ScoreSettings)
