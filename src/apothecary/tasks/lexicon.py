"""Verbs of pharmacology and biology: how they are inflected, and which mean the same or the contrary.

The verbs are data (``lexicon.toml``, beside this file); the rules of inflection are here and serve
every verb, listed or not. A verb may have more words: a preposition ("bind to"), which stays between
the verb and its object, or a particle ("take up").
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from pydantic import TypeAdapter

__all__ = ["Forms", "Lexicon", "TypicalLabel", "Verb", "inflect", "load_lexicon"]

_PREPOSITIONS = frozenset({"against", "as", "at", "between", "for", "from", "in", "into", "of", "to", "with"})
_VOWELS = "aeiou"
# Verbs of more syllables double their last letter when the last one is stressed. These endings
# bear the stress; the exceptions end alike and do not.
_STRESSED = re.compile(r".+(?:fer|cur|mit|pel|trol|bel|quip)$")
_UNSTRESSED = frozenset({"buffer", "differ", "offer", "suffer", "label", "limit", "vomit", "pilfer"})


@dataclass(frozen=True)
class Verb:
    """What is known of a verb: words that mean the same, the contrary, or are taken for it.

    `noun` is what it does as a noun; `phrase` that noun with both sides, HEAD and TAIL; of a `symmetric`
    one the sides can be swapped; under `also` it is found.
    """

    noun: str = ""
    phrase: str = ""
    also: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()
    antonyms: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    symmetric: bool = False


@dataclass(frozen=True)
class TypicalLabel:
    """What a label usually means. A label with one of `words` in its name holds the same names."""

    name: str
    words: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Forms:
    """A verb in the third person, as past participle and in -ing, with its preposition or particle.

    `transitive` is false for one that reaches its object by a preposition: it has no passive.
    """

    third: str
    participle: str
    gerund: str
    transitive: bool


@dataclass(frozen=True)
class Lexicon:
    """Verbs by their plain form, irregular forms (past, participle), and typical labels."""

    irregular: Mapping[str, tuple[str, str]]
    verbs: Mapping[str, Verb]
    labels: tuple[TypicalLabel, ...] = ()

    def find(self, verb: str) -> str | None:
        """The plain form under which a verb is listed, by any of its forms and spellings; else None."""
        wanted = _spelling(verb)
        for name, known in self.verbs.items():
            for each in (name, *known.also):
                forms = self.forms(each)
                if wanted in map(_spelling, (each, forms.third, forms.participle, forms.gerund)):
                    return name
        # "interact" for "interact with".
        return next((name for name in self.verbs if _base(name) and _base(name) == wanted), None)

    def forms(self, verb: str) -> Forms:
        """The forms of any verb, listed or not."""
        return inflect(verb, self.irregular)

    def noun(self, verb: str) -> str:
        """What a verb does, as a noun: the listed one, else the form in -ing."""
        known = self.verbs.get(verb)
        return known.noun if known and known.noun else self.forms(verb).gerund


def load_lexicon() -> Lexicon:
    """The lexicon that ships with the package."""
    text = files("apothecary.tasks").joinpath("lexicon.toml").read_text(encoding="utf-8")
    return TypeAdapter(Lexicon).validate_python(tomllib.loads(text))


def inflect(verb: str, irregular: Mapping[str, tuple[str, str]]) -> Forms:
    """The forms of a verb: irregular ones as listed, the rest by the rules of English spelling.

    Of several words the first is inflected, of a hyphenated one the last part. British doubling
    ("labelled") is not used.

    >>> inflect("transmit to", {})
    Forms(third='transmits to', participle='transmitted to', gerund='transmitting to', transitive=False)
    """
    first, blank, rest = verb.partition(" ")
    prefix, hyphen, stem = first.rpartition("-")
    past = irregular.get(stem)
    third, participle, gerund = (
        prefix + hyphen + form + blank + rest
        for form in (_third(stem), past[1] if past else _participle(stem), _gerund(stem))
    )
    return Forms(third, participle, gerund, verb.rpartition(" ")[2] not in _PREPOSITIONS)


def _third(stem: str) -> str:
    if stem in ("be", "have"):
        return {"be": "is", "have": "has"}[stem]
    if stem.endswith(("s", "x", "z", "ch", "sh", "o")):
        return stem + ("ses" if _doubles(stem) and stem.endswith("s") else "es")
    if stem.endswith("y") and stem[-2:-1] not in _VOWELS:
        return stem[:-1] + "ies"
    return stem + "s"


def _participle(stem: str) -> str:
    if stem.endswith("e"):
        return stem + "d"
    if stem.endswith("y") and stem[-2:-1] not in _VOWELS:
        return stem[:-1] + "ied"
    return _before_vowel(stem) + "ed"


def _gerund(stem: str) -> str:
    if stem.endswith("ie"):
        return stem[:-2] + "ying"
    if stem.endswith("e") and not stem.endswith(("ee", "oe", "ye")) and len(stem) > 2:
        return stem[:-1] + "ing"
    return _before_vowel(stem) + "ing"


def _before_vowel(stem: str) -> str:
    if stem.endswith("ic"):
        return stem + "k"  # mimicked, trafficking
    return stem + stem[-1:] if _doubles(stem) else stem


def _doubles(stem: str) -> bool:
    one_syllable = len(re.findall(r"(?<!q)[aeiouy]+", stem)) == 1
    if one_syllable:
        return re.search(r"(?:^|[^aeiou]|qu)[aeiou][^aeiouwxy]$", stem) is not None
    return stem not in _UNSTRESSED and _STRESSED.match(stem) is not None


def _spelling(verb: str) -> str:
    """A verb under the differences of British and American spelling."""
    folded = " ".join(verb.casefold().split())
    return re.sub(r"([iy])s(e|es|ed|ing)\b", r"\1z\2", folded)


def _base(verb: str) -> str:
    first, _, rest = verb.partition(" ")
    return first if rest in _PREPOSITIONS else ""
