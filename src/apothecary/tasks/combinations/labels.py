"""The closed sets of types that a combination can have, one for each corpus, with their spellings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apothecary.errors import UsageError

__all__ = ["DDI", "DRUGCOMB", "LabelSet", "label_set"]


@dataclass(frozen=True)
class LabelSet:
    """The types of one corpus: canonical spelling -> definition of one line.

    `none` says that there is no combination; it is no type. `aliases` are other spellings in lower case.
    """

    name: str
    types: Mapping[str, str]
    none: str = "NO_COMB"
    aliases: Mapping[str, str] = field(default_factory=dict)

    def canonical(self, type_: str) -> str | None:
        """The canonical spelling, whatever the case and the blanks around; None when it is unknown."""
        folded = type_.strip().casefold()
        folded = self.aliases.get(folded, folded).casefold()
        return next((each for each in (*self.types, self.none) if each.casefold() == folded), None)


DRUGCOMB = LabelSet(
    "drugcomb",
    {
        "POS": "given together, the drugs work better: synergy, more benefit, or less toxicity",
        "NEG": "given together, the drugs work worse: antagonism, less benefit, or more harm",
        "COMB": "the drugs are given together, and the text does not say whether that helps or harms",
    },
)
"""The types of the DrugComb corpus (Tiktinsky et al. 2022)."""

DDI = LabelSet(
    "ddi",
    {
        "effect": "taken together, the two drugs change an effect, a symptom or a toxicity",
        "mechanism": "one drug changes the level, the uptake, the breakdown or the clearance of the other",
        "advise": "the text recommends or warns about taking the two drugs together",
        "int": "the text says that the two drugs interact and no more",
    },
    aliases={"advice": "advise"},
)
"""The types of the DDI corpus of 2013. Its papers write both "advice" and "advise", its data "advise"."""


def label_set(name: str) -> LabelSet:
    """The types of the corpus of that name. Raises UsageError with the names there are."""
    for labels in (DRUGCOMB, DDI):
        if labels.name == name:
            return labels
    raise UsageError(
        f"there are no combination types named '{name}'", hint=f"use {DRUGCOMB.name} or {DDI.name}"
    )
