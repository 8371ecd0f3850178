"""What a source writes for a drug ("5 ML VIAL : DILTIAZEM HCL 25 MG/5ML IV SOLN") to its ingredients.

Dose, form, route, salt and what stands in brackets go; what is left is a name in lower case, or several where
the text names several. A short table of our own knows brands and abbreviations of hospital lists. The rules
know no drug by name: a word that is none comes back as it is, so a closed vocabulary (`drug_names`) is better
where one is at hand.

A salt goes only where a name remains: "heparin sodium" is heparin, "sodium chloride" stays. Insulins keep
their kind. What stands after "in" (a carrier) goes.
"""

from __future__ import annotations

import re
from functools import lru_cache

from apothecary.vocab.drug_words import ALIASES, BRANDS, CARRIERS, IONS, PACKING, SALTS

__all__ = ["ingredients"]

_LONGEST = 300
_BRACKETS = re.compile(r"\([^()]*\)|\[[^][]*\]|\*[^*]*\*+")
_PACK_BEFORE = re.compile(r"^[\d.,]+\s*(?:ml|g|gm|l|mg|each)\b[^:]{0,30}?\s*(?::|\s-\s)")
_CARRIER = re.compile(rf"\bin\s+(?:{'|'.join(CARRIERS)}|\d|1\b)|\s-\s|\bor placebo\b|:")
_PARTS = re.compile(r"\s+/\s+|/|\||&|\bw/|\bwith\b|\band\b|,(?!\s*\d)")
# Between two names, or after a salt, a dose or a shortened name: not in neutra-phos or solu-medrol.
_HYPHEN = re.compile(
    r"(?<=[a-z]{5})-{1,2}(?=[a-z]{5})|(?<=[a-z]\.)-(?=[a-z]{4})|(?<=%)-(?=[a-z])|(?<=\bmg)-|(?<=\bsod)-"
)
_WORD = re.compile(r"[^\W_]+(?:['.-][^\W_]+)*")
_NUMBERED = re.compile(r"[a-z]{1,2}\d{1,2}|\d{2}-valent")
_SPELLED = (
    (re.compile(r"\binsulin-"), "insulin "),
    (re.compile(r"\bvit\b"), "vitamin"),
    (re.compile(r"\bvac\b"), "vaccine"),
)
_KEPT_BEFORE_A_LETTER = frozenset(
    {"vitamin", "amphotericin", "penicillin", "polymyxin", "hepatitis", "factor"}
)
_INSULINS = {
    **{
        kind: f"insulin {kind}"
        for kind in ("glargine", "aspart", "lispro", "detemir", "degludec", "glulisine")
    },
    **dict.fromkeys(("isophane", "nph"), "insulin isophane"),
    **dict.fromkeys(("regular", "human", "hum", "reg", "humulin", "novolin"), "insulin human"),
    "lantus": "insulin glargine",
    "levemir": "insulin detemir",
    "humalog": "insulin lispro",
    "novolog": "insulin aspart",
}
_SHORTEST = 3


@lru_cache(maxsize=1 << 16)
def ingredients(text: str) -> tuple[str, ...]:
    """The names in a text, each once, sorted; () where none is left.

    >>> ingredients("5 ML VIAL : DILTIAZEM HCL 25 MG/5ML IV SOLN"), ingredients("Sodium Chloride 0.9%  Flush")
    (('diltiazem',), ('sodium chloride',))
    >>> ingredients("Oxycodone-Acetaminophen (5mg-325mg)")
    ('acetaminophen', 'oxycodone')
    """
    line = " ".join(text[:_LONGEST].casefold().replace("\u2013", "-").replace("_", " ").split())
    line = _PACK_BEFORE.sub(" ", line)
    for pattern, spelled in _SPELLED:
        line = pattern.sub(spelled, line)
    bare = _BRACKETS.sub(" ", _BRACKETS.sub(" ", line)).strip(" *<>")
    found: set[str] = set()
    head = _CARRIER.split(bare)[0] or bare
    for part in _PARTS.split(_HYPHEN.sub(" / ", head)):
        found.update(_named(part))
    return tuple(sorted(found))


def _named(part: str) -> tuple[str, ...]:
    if part.strip() in ALIASES:
        return ALIASES[part.strip()]
    words = _words(part)
    whole = " ".join(words)
    if whole in ALIASES:
        return ALIASES[whole]
    kinds = [_INSULINS[word] for word in words if word in _INSULINS]
    if "insulin" in words or (kinds and set(words) <= _INSULINS.keys()):
        return (kinds[0] if kinds else "insulin",)
    bare = _without_salts(words)
    name = " ".join(bare)
    if name in ALIASES:
        return ALIASES[name]
    if bare and bare[0] in BRANDS:
        return BRANDS[bare[0]]
    return (name,) if len(name) >= _SHORTEST and not set(bare) <= SALTS - IONS else ()


def _words(part: str) -> list[str]:
    """The words of a part that may belong to a name."""
    words: list[str] = []
    for match in _WORD.finditer(part):
        word = match[0].strip(".")
        if word in PACKING or (words and word in words):
            continue
        if len(word) == 1 and not (words and words[-1] in _KEPT_BEFORE_A_LETTER):
            continue
        if any(map(str.isdigit, word)) and not (words and _NUMBERED.fullmatch(word)):
            continue
        words.append(word)
    return words


def _without_salts(words: list[str]) -> list[str]:
    """Words without the salt at their end, unless the salt is the drug."""
    end = len(words)
    while end > 1 and words[end - 1] in SALTS and not set(words[: end - 1]) <= IONS:
        end -= 1
    return words[:end]
