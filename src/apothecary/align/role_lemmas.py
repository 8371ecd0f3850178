"""One key for the singular and the plural of an English noun, by rules.

What is compared is two words by the same rules, so a key need not be a word: where English does not say from
the plural alone what the singular was (doses of dose, metastases of metastasis), both lose their ending.
What must not happen is that two nouns share a key, or that two forms of one noun do not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["Lemma", "noun_key"]

Lemma = Callable[[str], str]
"""Gives words in lower case that are forms of one noun the same value, such as their dictionary form."""

_SHORTEST = 4
"""Characters of the shortest word that can lose an ending: gas and its are no plurals."""

_IRREGULAR: Mapping[str, str] = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "lice": "louse",
    "data": "datum",
    "bacteria": "bacterium",
    "diverticula": "diverticulum",
    "phenomena": "phenomenon",
    "criteria": "criterion",
    "ganglia": "ganglion",
    "atria": "atrium",
    "cilia": "cilium",
    "epithelia": "epithelium",
    "sera": "serum",
    "glomeruli": "glomerulus",
    "hippocampi": "hippocampus",
    "loci": "locus",
    "calculi": "calculus",
    "bacilli": "bacillus",
    "emboli": "embolus",
    "thrombi": "thrombus",
    "foci": "focus",
    "fungi": "fungus",
    "nevi": "nevus",
    "naevi": "naevus",
    "nuclei": "nucleus",
    "stimuli": "stimulus",
    "uteri": "uterus",
    "villi": "villus",
    "cortices": "cortex",
    "indices": "index",
    "vertices": "vertex",
    "matrices": "matrix",
    "cervices": "cervix",
    "appendices": "appendix",
    "varices": "varix",
    "testes": "testis",
}

_KEPT = frozenset({"atlas", "bias", "lens", "pancreas", "pus", "yes", "this", "thus", "always", "perhaps"})
"""Singulars in s that no rule below tells from plurals."""

_HISSING = ("s", "x", "z", "ch", "sh")


def noun_key(word: str) -> str:
    """The key of a word in lower case; a word that is none in letters a-z keeps its spelling.

    ``migraines`` and ``migraine`` share one, as do ``metastases`` and ``metastasis``, ``carcinomata`` and
    ``carcinoma``, ``allergies`` and ``allergy``, ``arthritides`` and ``arthritis``, ``women`` and ``woman``.
    Adjectives and verbs are left alone, but for a final s or se.
    """
    if not (word.isascii() and word.isalpha()):
        return word
    word = _IRREGULAR.get(word, word)
    if len(word) < _SHORTEST or word in _KEPT:
        return word
    return _classical(word) or _english(word)


def _classical(word: str) -> str | None:
    """The endings of Greek and Latin; None for a word with none of them."""
    if word.endswith(("mata", "ae")):
        return word[: -2 if word.endswith("mata") else -1]
    if word.endswith("itides"):
        return f"{word[:-4]}is"
    if word.endswith("cocci"):
        return f"{word[:-1]}us"
    # metastasis, metastases; psychosis, psychoses: like disease and diseases below.
    return word[:-2] if word.endswith("sis") else None


def _english(word: str) -> str:
    if word.endswith(("ies", "ie")):
        return f"{word.removesuffix('s')[:-2]}y"
    for ending in ("es", "e"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= _SHORTEST - 1 and stem.endswith(_HISSING):
            return stem
    if word.endswith("oes") and len(word) > 5:
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
