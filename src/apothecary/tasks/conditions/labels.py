"""The six types of applicability conditions, and the spellings in which they are read."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["TYPES", "canonical"]

TYPES: Mapping[str, str] = {
    "Dosage": "how much of the drug is given, how often or in what range, as effect or safety demand it",
    "Age": "how old the patients are, as a number, a range or a group such as infants or the elderly",
    "Gene": "a trait in the genes of the patients that changes how well or how safely the drug works",
    "Gender": "the sex or gender of the patients who were treated or studied",
    "Comorbidity": "a disease or risk factor that patients already have beside the disease that is treated",
    "Body Type": "a trait of the body such as pregnancy, obesity, low weight or height",
}
"""Canonical spelling -> definition of one line, in the order in which prompts name them.

Source: Luo et al. 2026 (Drug-ACE); the definitions are our own words."""

_JOINTS = re.compile(r"[\s\-\u2010\u2011_]+")


def _folded(label: str) -> str:
    return _JOINTS.sub("", label).casefold()


_SPELLINGS = {_folded(name): name for name in TYPES}


def canonical(label: str) -> str | None:
    """The canonical spelling, whatever the case, blanks and hyphens; None when the type is unknown.

    "BodyType", "body-type" and "Body Type" are one. Other words for a type ("sex") are not taken for it: a
    model that does not keep to the six names has not done what it was asked.
    """
    return _SPELLINGS.get(_folded(label))
