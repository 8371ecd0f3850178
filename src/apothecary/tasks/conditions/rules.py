"""Conditions by patterns: doses, ages and sexes. A baseline that needs no model, and knows no other type.

What people write of the three has few forms: a number with a unit and a rhythm, a number of years or the name
of an age group, a word for one sex. An amount counts as a dose of the pair's drug where its sentence names
the drug, and ages and sexes count wherever they stand: whom they describe no pattern can tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from apothecary.align.roles import DRUG, tag
from apothecary.align.sentences import sentences
from apothecary.tasks.conditions.answers import Condition

__all__ = ["rule_conditions"]


def _any(*patterns: str) -> str:
    return f"(?:{'|'.join(patterns)})"


# Bounded, since a number may begin at every comma of a longer one.
_NUMBER = r"\d+(?:[.,]\d+){0,4}"
_COUNT = _any(
    _NUMBER,
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen",
    "seventeen|eighteen|nineteen|twenty|thirty|forty|fifty",
)
_RANGE = rf"{_NUMBER}(?:\s*(?:-|\u2013|to|or|and)\s*{_NUMBER})?"
_TIME = r"(?:years?|yrs?|months?|weeks?|days?)"
_TIMES = r"(?:once|twice|thrice|(?:one|two|three|four|\d) times)"
_UNIT = _any(
    r"[\u00b5\u03bcumn]?g|mcg|micrograms?|grams?|m[lL]|I?U|units?|mmol|mEq",
    r"tablets?|capsules?|drops?|puffs?",
)
_PER = _any(
    r"\s*/\s*(?:kg|m2|m\(2\)|m\u00b2|day|d|h|hr|hour|min|week|dose|12 h|24 h)\b",
    r"[\s.]kg-1",
    r"\s*per (?:kg|day|dose|hour|week)\b",
)
_HOW = r"(?:orally|intravenously|i\.?v\.?|p\.?o\.?|subcutaneously|intramuscularly|by mouth|by infusion)"
_OFTEN = _any(
    rf"{_TIMES}(?:\s+(?:a|per|each))?(?:\s*-?\s*(?:day|daily|week|weekly))?",
    r"(?:a|per|every|each) (?:day|week|month)",
    r"daily|weekly|monthly|every (?:other day|\d+ (?:hours?|h|days?|weeks?))",
    r"b\.?i\.?d\.?|t\.?i\.?d\.?|q\.?i\.?d\.?|at bedtime",
)
_KIND = r"(?:single|initial|total|loading|maintenance|daily|weekly|mean|median|maximum)"
_DOSAGE = re.compile(
    _any(
        rf"(?<![\w.])(?:{_KIND}\s+(?:daily\s+)?doses?\s+of\s+)?"
        rf"{_RANGE}\s*-?{_UNIT}\b{_PER}{{0,3}}(?:\s+{_HOW})?(?:,?\s+{_OFTEN}(?!\w))?",
        r"\b(?i:low|high|single|standard)[- ]doses?\b",
        rf"\b{_TIMES} (?:daily|weekly|a day|a week)\b",
    )
)
_GROUP = _any(
    r"neonates|newborns?|infants?|children|adolescents?|teenagers?|adults",
    r"elderly(?: (?:patients|people|men|women|subjects))?|p(?:a)?ediatric patients",
)
_AGE = re.compile(
    _any(
        rf"\b(?:mean|median|average) age(?: of)? {_NUMBER}(?: \+/- {_NUMBER})? {_TIME}"
        r"(?: \([^()]{1,40}\))?",
        rf"\b{_NUMBER}[- ]{_TIME}[- ]olds?\b",
        rf"\b(?:aged|ages?) (?:between )?{_RANGE}(?: {_TIME}(?: or (?:older|more|younger))?)?",
        rf"\b(?:older|younger|over|under|above|below) (?:than )?{_NUMBER} years(?: of age| old)?",
        rf"\b(?:{_COUNT}\s+)?(?:(?:preterm|premature|term|hospitali[sz]ed) )?{_GROUP}\b",
    ),
    re.IGNORECASE,
)
_SEX = r"(?:men|women|males?(?: patients)?|females?(?: patients)?|boys?|girls?|man|woman)"
_GENDER = re.compile(
    rf"(?:\b{_COUNT} ?%? (?:\({_NUMBER} ?%\) )?)?\b{_SEX}\b(?: \({_NUMBER} ?%\))?", re.IGNORECASE
)
_WORD = re.compile(r"\w+|[^\w\s]")
_CHILD = re.compile(r"\b(?:boys?|girls?)\b", re.IGNORECASE)


def rule_conditions(text: str, drug: str, disease: str) -> tuple[Condition, ...]:
    """The conditions of a pair in the order of the text; each span and type once, whatever its case."""
    found = sorted(_found(text, drug, disease), key=lambda each: each[:2])
    first: dict[tuple[str, str], Condition] = {}
    for start, end, type_ in found:
        span = text[start:end].strip()
        first.setdefault((span.casefold(), type_), Condition(span, type_))
    return tuple(_without_repeats(first.values()))


def _found(text: str, drug: str, disease: str) -> Iterator[tuple[int, int, str]]:
    places = [span.start for span in tag(text, drug, disease, short_forms=True) if span.role == DRUG]
    for sentence in sentences(text):
        if any(sentence.start <= place < sentence.end for place in places):
            for match in _DOSAGE.finditer(text, sentence.start, sentence.end):
                yield *match.span(), "Dosage"
    for match in _AGE.finditer(text):
        yield *match.span(), "Age"
    for match in _GENDER.finditer(text):
        yield *match.span(), "Gender"
        if _CHILD.search(match.group()):
            yield *match.span(), "Age"


def _without_repeats(found: Iterable[Condition]) -> Iterator[Condition]:
    """Without spans whose words stand side by side in a longer one of the same type."""
    every = [(each, tuple(_WORD.findall(each.span.casefold()))) for each in found]
    # Spans have few words, so all their parts are few.
    parts = {
        (each.type, words[start:end])
        for each, words in every
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
        if end - start < len(words)
    }
    return (each for each, words in every if (each.type, words) not in parts)
