"""Doses in what a text says of them: "25-50 mg/kg i.v. twice daily": 25 to 50 mg, per kg, intravenous, 2/day.

Nothing is guessed: an amount without a known unit is no dose, and what a text does not tell stays empty.
Units keep their scale (500 mg is not 0.5 g); their spellings become one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Dose", "parse_doses", "render_dose"]

_LONGEST = 2_000
_MOST = 50


@dataclass(frozen=True)
class Dose:
    """A dose: a range, or one value where `low` is `high`; "" is what the text does not tell.

    `unit` is mg, g, ug, ng, kg, mL, L, uL, mmol, umol, nmol, mol, mEq, IU, U, Gy, AUC, uM, nM, mM, %, tablet,
    capsule, puff or drop. `per` is what it is for each of, joined by "/": m2, kg, min, h, day, dose, mL.
    `frequency` is a number of times in a time (2/day), or a time between doses (every 21 day); also "once".
    """

    low: float
    high: float
    unit: str
    per: str = ""
    route: str = ""
    frequency: str = ""


_UNITS = {
    "mg": r"mgs?|milligram(?:me)?s?",
    "ug": r"[u\u00b5\u03bc]gs?|mcgs?|microgram(?:me)?s?",
    "ng": r"ngs?|nanogram(?:me)?s?",
    "kg": r"kgs?|kilograms?",
    "g": r"g|gm|gms|gram(?:me)?s?",
    "mL": r"ml|cc|millilit(?:er|re)s?",
    "uL": r"[u\u00b5\u03bc]l|microlit(?:er|re)s?",
    "L": r"l|lit(?:er|re)s?",
    "mmol": r"mmol(?:es?|s)?|millimoles?",
    "umol": r"[u\u00b5\u03bc]mol(?:es?|s)?|micromoles?",
    "nmol": r"nmol(?:es?|s)?",
    "mol": r"mol(?:es?|s)?",
    "mM": r"mM",
    "uM": r"[u\u00b5\u03bc]M",
    "nM": r"nM",
    "mEq": r"mEqs?|milliequivalents?",
    "IU": r"IUs?|I\.U\.|international units?",
    "U": r"U|units?",
    "Gy": r"Gy|grays?",
    "%": r"%|percent|per cent",
    "tablet": r"tablets?|tabs?",
    "capsule": r"capsules?|caps?",
    "puff": r"puffs?",
    "drop": r"drops?",
}
# Molar concentrations are told from metres and from moles by their case alone.
_CASED = frozenset({"mM", "uM", "nM"})
_TIMES = {
    "min": r"min(?:ute)?s?\.?",
    "h": r"h(?:ou)?rs?\.?|h",
    "day": r"days?|d|24[ -]?h(?:ours?)?",
    "week": r"w(?:ee)?ks?|w",
    "month": r"months?",
    "year": r"years?",
    "cycle": r"cycles?",
}
_PERS = _TIMES | {
    "m2": r"m\s?\(?2\)?|m\u00b2|sq(?:uare)?\.? ?m(?:et(?:er|re)s?)?|m\^2",
    "kg": r"kg(?:\s(?:of\s)?(?:body\s)?weight|\sbw|\sb\.w\.)?",
    "dose": r"doses?|injections?",
    "mL": r"ml",
    "L": r"l|lit(?:er|re)",
    "g": r"g",
    "eye": r"eyes?",
    "patient": r"patients?|person",
    "fraction": r"fractions?",
}
_ROUTES = {
    "oral": r"oral(?:ly)?|by mouth|p\.?o\.?|per os",
    "intravenous": r"intravenous(?:ly)?|i\.?v\.?",
    "subcutaneous": r"subcutaneous(?:ly)?|s\.?c\.?|sub-?q",
    "intramuscular": r"intramuscular(?:ly)?|i\.?m\.?",
    "intraperitoneal": r"intraperitoneal(?:ly)?|i\.?p\.?",
    "intrathecal": r"intrathecal(?:ly)?|i\.?t\.?",
    "inhaled": r"inhal(?:ed|ation)|by inhalation|nebuli[sz]ed",
    "topical": r"topical(?:ly)?",
    "transdermal": r"transdermal(?:ly)?",
    "rectal": r"rectal(?:ly)?|p\.?r\.?",
    "sublingual": r"sublingual(?:ly)?",
    "intranasal": r"intranasal(?:ly)?|nasal(?:ly)?",
    "vaginal": r"vaginal(?:ly)?",
    "intravitreal": r"intravitreal(?:ly)?",
    "epidural": r"epidural(?:ly)?",
}
_COUNTS = {
    "1": "once|one time|1 times?|1x",
    "2": "twice|two times|2 times|2x",
    "3": "thrice|three times|3 times|3x",
    "4": "four times|4 times|4x",
    "5": "five times|5 times|5x",
    "6": "six times|6 times|6x",
}
_NAMED_TIMES = {"day": "daily", "week": "weekly", "month": "monthly", "year": "yearly|annually"}
_SHORT = {
    "1/day": r"q\.?d\.?|o\.?d\.?|once[- ]daily|nightly|at bedtime|every (?:day|morning|evening|night)|qhs",
    "2/day": r"b\.?i\.?d\.?|twice[- ]daily",
    "3/day": r"t\.?i\.?d\.?|t\.?d\.?s\.?|thrice daily",
    "4/day": r"q\.?i\.?d\.?",
    "every 2 day": r"every other day|on alternate days|q\.?o\.?d\.?",
    "every 2 week": r"every other week|biweekly|fortnightly",
}
_SMALL = {"two": "2", "three": "3", "four": "4", "six": "6", "eight": "8", "twelve": "12"}

_SPACE = r"[\s\u00a0-]*"
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d{1,6})?|\d{1,9}(?:[.,]\d{1,6})?|\.\d{1,6})(?![\d.,]*\d)"
_TO = r"\s*(?:-|\u2010|\u2011|\u2013|\u2014|~|\bto\b)\s*"
_LIST = rf"{_NUMBER}(?:(?:\s*,\s+|\s*,?\s+(?:and|or)\s+){_NUMBER}){{0,8}}"


def _any(table: Mapping[str, str]) -> str:
    return f"(?:{'|'.join(table.values())})"


_UNIT = rf"{_any(_UNITS)}(?![^\W\d_])(?!\d)"
_PER = re.compile(
    rf"\s*(?:/|\bper\b|\ban?\b|\beach\b)\s*(?P<count>\d{{1,2}})?[\s-]*(?P<what>{_any(_PERS)})(?![^\W_])"
    rf"|[\s.\u00b7]*(?P<inverse>kg|m|min|hr|h|day|d|wk|week)\s?\^?\(?[-\u2212\u2013](?P<power>[12])\)?(?!\w)",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    rf"(?<![\w.,/])(?:(?P<auc>AUCs?)(?:\s*(?:of|=|:))?\s*)?(?P<numbers>{_LIST})"
    rf"(?:{_SPACE}(?P<first>{_UNIT}))?"
    rf"(?:{_TO}(?P<high>{_NUMBER})(?:{_SPACE}(?P<unit>{_UNIT}))?|\s*(?:\+/-|\u00b1)\s*{_NUMBER}(?:{_SPACE}(?P<mean>{_UNIT}))?)?",
    re.IGNORECASE,
)
_UNREAD = re.compile(r"/[^\W\d_]")
_BETWEEN = re.compile(rf"\bbetween\s+({_NUMBER})\s+and\s+(?={_NUMBER})", re.IGNORECASE)
_ROUTE = {
    name: re.compile(rf"(?<![\w.])(?:{each})(?![^\W_])", re.IGNORECASE) for name, each in _ROUTES.items()
}
_RHYTHM = re.compile(
    rf"(?<![\w.])(?:(?P<short>{_any(_SHORT)})"
    rf"|(?P<times>{_any(_COUNTS)})(?:\s+(?:a|an|per|each|every)|\s*/)?[\s-]*(?P<each>{_any(_TIMES)}|daily|weekly|monthly)"
    rf"|(?:every|q)\s?-?(?P<gap>\d{{1,3}}|{'|'.join(_SMALL)}|other)?[\s-]*(?P<time>{_any(_TIMES)})"
    rf"|(?P<named>{_any(_NAMED_TIMES)})"
    r"|(?P<once>single|once|one[- ]time|bolus))(?![^\W_])",
    re.IGNORECASE,
)


def parse_doses(text: str) -> tuple[Dose, ...]:
    """The doses in a text, in its order; () where there is none. Never raises.

    Route and rhythm count for a dose from where it ends to where the next begins; those that stand before the
    first dose count for all that name none of their own.

    >>> parse_doses("25-50 mg/kg i.v. twice daily")
    (Dose(low=25.0, high=50.0, unit='mg', per='kg', route='intravenous', frequency='2/day'),)
    """
    text = _BETWEEN.sub(r"\1 to ", text[:_LONGEST].replace("\u00a0", " ").replace("\u2009", " "))
    found: list[tuple[int, int, tuple[tuple[float, float], ...], str, str]] = []
    for match in _AMOUNT.finditer(text):
        units = {_unit(match[name]) for name in ("first", "unit", "mean")} - {""}
        units = {"AUC"} if match["auc"] else units
        per, end = _per(text, match.end())
        # "10 g/dL" is a finding, "5 mg to 1 g" is none of these ranges: what is not known is not guessed.
        if len(units) != 1 or _UNREAD.match(text, end):
            continue
        found.append((match.start(), end, _ranges(match), units.pop(), per))
    doses: list[Dose] = []
    before = text[: found[0][0]] if found else ""
    for place, (_, end, ranges, unit, per) in enumerate(found[:_MOST]):
        after = text[end : found[place + 1][0]] if place + 1 < len(found) else text[end:]
        route = _route(after) or _route(before)
        frequency = _frequency(after) or _frequency(before)
        doses += [Dose(low, high, unit, per, route, frequency) for low, high in ranges]
    return tuple(doses)


def render_dose(dose: Dose) -> str:
    """A dose as a text that `parse_doses` reads back."""
    amount = _written(dose.low) if dose.low == dose.high else f"{_written(dose.low)}-{_written(dose.high)}"
    words = [f"AUC {amount}" if dose.unit == "AUC" else f"{amount} {dose.unit}"]
    words[0] += f"/{dose.per}" if dose.per else ""
    times, _, each = dose.frequency.partition("/")
    return " ".join(
        filter(None, (*words, dose.route, f"{times} times per {each}" if each else dose.frequency))
    )


def _written(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _unit(text: str | None) -> str:
    if not text:
        return ""
    if text in _CASED:
        return text
    return next((name for name, each in _UNITS.items() if re.fullmatch(each, text, _flags(name))), "")


def _flags(unit: str) -> re.RegexFlag:
    return re.RegexFlag(0) if unit in _CASED else re.IGNORECASE


def _ranges(match: re.Match[str]) -> tuple[tuple[float, float], ...]:
    """One range, or the single values of a list ("10, 20 and 40 mg")."""
    values = [_number(each) for each in re.findall(_NUMBER, match["numbers"])]
    if match["high"] is None:
        return tuple((value, value) for value in values)
    low, high = sorted((values[-1], _number(match["high"])))
    return (*((value, value) for value in values[:-1]), (low, high))


def _number(text: str) -> float:
    """A comma before three digits parts thousands, any other is a decimal one."""
    grouped = re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text)
    return float(text.replace(",", "") if grouped else text.replace(",", "."))


def _per(text: str, place: int) -> tuple[str, int]:
    pers: list[str] = []
    while len(pers) < 3 and (match := _PER.match(text, place)):
        if match["inverse"]:
            word = "m2" if match["power"] == "2" else match["inverse"]
            if word.casefold() == "m":
                break
        else:
            word = match["what"]
        name = _named(word, _PERS)
        count = match["count"] or ""
        if count == "24" and name == "h":
            count, name = "", "day"
        pers.append(f"{count} {name}" if count not in ("", "1") else name)
        place = match.end()
    return "/".join(pers), place


def _named(word: str, table: Mapping[str, str]) -> str:
    return next((name for name, each in table.items() if re.fullmatch(each, word, re.IGNORECASE)), word)


def _route(text: str) -> str:
    """The first one that is named."""
    found = [(match.start(), name) for name, each in _ROUTE.items() if (match := each.search(text))]
    return min(found)[1] if found else ""


def _frequency(text: str) -> str:
    match = _RHYTHM.search(text)
    if match is None:
        return ""
    if match["short"]:
        return _named(match["short"], _SHORT)
    if match["times"]:
        each = match["each"].casefold()
        each = each.removesuffix("ly").replace("dai", "day") if each.endswith("ly") else _named(each, _TIMES)
        return f"{_named(match['times'], _COUNTS)}/{each}"
    if match["time"]:
        time = _named(match["time"], _TIMES)
        gap = (match["gap"] or "1").casefold()
        gap = "2" if gap == "other" else _SMALL.get(gap, gap)
        return f"1/{time}" if gap == "1" else f"every {gap} {time}"
    return f"1/{_named(match['named'], _NAMED_TIMES)}" if match["named"] else "once"
