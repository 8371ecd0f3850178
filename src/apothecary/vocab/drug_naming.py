"""A row of a source (what it writes, its NDC, its own code) to names of drugs, or why there is none.

In this order: the code of the source as an alias of the vocabulary; the NDC, with a check against the name;
the name. An NDC that stands for several ingredients is left out, and so is a row whose NDC and name disagree:
neither is to be trusted (in one open data set a row of furosemide carries the NDC of another drug). They
disagree only where the name is known to the vocabulary; an unknown name does not speak against an NDC.

Without a vocabulary and without a map, names are what `drug_strings` leaves of the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apothecary.vocab.drug_names import DrugNames
from apothecary.vocab.drug_strings import ingredients
from apothecary.vocab.interactions import drug_key
from apothecary.vocab.ndc import NdcMap, ndc_digits

__all__ = ["REASONS", "DrugNaming", "Named", "Reason"]

Reason = Literal["", "no name", "ambiguous NDC", "NDC and name disagree", "excluded drug", "unknown drug"]

REASONS: tuple[Reason, ...] = (
    *("no name", "ambiguous NDC", "NDC and name disagree"),
    *("excluded drug", "unknown drug"),
)
"""Why a row has no name."""

_MOST = 1 << 17
_NOTHING = frozenset({"", "unk", "unknown", "nan", "none", "null", "n/a", "na", "0"})


@dataclass(frozen=True)
class Named:
    """The names of one row, sorted; none, and the reason. `by` is what gave them: code, ndc or name."""

    names: tuple[str, ...] = ()
    reason: Reason = ""
    by: Literal["", "code", "ndc", "name"] = ""


class DrugNaming:
    """How drugs get their names; answers are kept, since a source repeats itself.

    `names` closes the vocabulary: what it does not know is an unknown drug. With a map alone, its
    ingredients are the vocabulary.
    """

    def __init__(self, names: DrugNames | None = None, ndc: NdcMap | None = None) -> None:
        self.ndc = ndc
        self.names = names if names is not None or ndc is None else _names_of(ndc)
        self._known: dict[tuple[str, str, str], Named] = {}

    def name(self, text: str, *, ndc: str = "", code: str = "") -> Named:
        """The names of a row. The text may be empty."""
        key = (text, ndc, code)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            found = self._known[key] = self._named(text.strip(), ndc, code.strip())
        return found

    def _named(self, text: str, ndc: str, code: str) -> Named:
        if self.names is not None and code:
            if (known := self.names.canonical(code)) is not None:
                return Named((known,), by="code")
            if self.names.excludes(code):
                return Named(reason="excluded drug")
        values = self.ndc.of_code(ndc) if self.ndc is not None else frozenset()
        by_name = self._of_text(text)
        if not values:
            return by_name
        drugs = {self._canonical(value) for value in values}
        if len(drugs) > 1:
            return Named(reason="ambiguous NDC")
        (drug,) = drugs
        if drug is None:
            # The map leads out of the vocabulary; the name may lead back.
            return by_name
        if by_name.names and drug not in by_name.names:
            return Named(reason="NDC and name disagree")
        return Named((drug,), by="ndc")

    def _canonical(self, value: str) -> str | None:
        """A value of the map in the vocabulary; None for those that it lacks or excludes."""
        return value if self.names is None else self.names.canonical(value)

    def _of_text(self, text: str) -> Named:
        if text.casefold() in _NOTHING or ndc_digits(text):
            return Named(reason="no name")
        if self.names is None:
            found = ingredients(text)
            return Named(found, by="name") if found else Named(reason="no name")
        whole = self.names.canonical(text)
        parts = (text,) if whole is not None else ingredients(text)
        known = {name for part in parts if (name := self.names.canonical(part)) is not None}
        if len(known) < len(parts) or not parts:
            # One unknown ingredient makes the row unknown: half of a combination is another drug.
            out = any(self.names.excludes(part) for part in (text, *parts))
            return Named(reason="excluded drug" if out else "unknown drug")
        return Named(tuple(sorted(known)), by="name")


def _names_of(ndc: NdcMap) -> DrugNames:
    """The ingredients of a map as a vocabulary; of two that differ by case or hyphen the first counts."""
    keys: dict[str, str] = {}
    for value in ndc.names:
        keys.setdefault(drug_key(value), value)
    return DrugNames(tuple(keys.values()), keys)
