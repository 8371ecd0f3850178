"""Which stretches of a text name the drug and which the disease of a pair: roles for its characters.

Source: Luo et al. 2026 (role-conditioned LoRA): mentions are found by exact matching after lemmatisation; the
authors' code looks for the literal string instead, whatever its case. `tag` does both:

``reference``
    As that code does: letter by letter, parts of words included ("men" in "women"); where the two names
    overlap the drug takes its characters and the disease keeps the rest. A token that holds characters of
    both is the drug's: who maps spans to tokens must let the lower role win.
``lemma`` (default)
    Departures from the code: 1. Whole words only; a hyphen bounds a word. 2. Nouns match in singular and
    plural (`role_lemmas`), but words with a digit and words of two to four capitals only as they are spelled
    (AIDS is no plural). 3. Runs of blanks, hyphens and slashes are one separator, and a possessive 's does
    not count. 4. Of overlapping mentions the longest name wins, of equally long ones the drug; a mention is
    never cut. 5. A name of up to four capitals does not match a word in lower case (ALL is a leukaemia).
    6. The caller may give further names, and short forms that the text defines can count.

Roles belong to a prompt only: tokens that a model writes have none, so an answer must not be tagged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from apothecary.align.abbreviations import abbreviations
from apothecary.align.folding import fold
from apothecary.align.role_lemmas import Lemma, noun_key
from apothecary.errors import UsageError

__all__ = ["DISEASE", "DRUG", "ROLES", "RoleCounts", "RoleSpan", "Tagger", "count_roles", "tag"]

ROLES: Mapping[str, int] = {"none": 0, "drug": 1, "disease": 2}
"""The numbers that models are given. Characters outside every mention have the role "none"."""

DRUG = ROLES["drug"]
DISEASE = ROLES["disease"]

Tagger = Literal["reference", "lemma"]

# Scripts without blanks: every character is a word, as in `folding.is_boundary`.
_NO_BLANKS = "\u0e00-\u0eff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Accents, soft hyphens and zero-width characters belong to the letter before them.
_CLINGS = "\u0300-\u036f\u00ad\u200b-\u200d\u2060\ufeff"
_GAP = re.compile("(?:[\\s/\\-\u2010-\u2015\u2043\u2212\ufe63\uff0d]|(?<=\\w)['\u2019]s(?![^\\W_]))+")
_TOKEN = re.compile(
    rf"(?P<gap>{_GAP.pattern})|[{_NO_BLANKS}]"
    rf"|(?:(?![{_NO_BLANKS}])[^\W_](?:[{_CLINGS}]+|(?<=[0-9])[.,](?=[0-9]))?)+|.",
    re.DOTALL,
)
_ACRONYM = re.compile(r"[A-Z]{1,4}")
_LONGEST_SHORT = 4
_BETWEEN = "\x1f"
_TAKEN = "\x1e"
"""Both are blanks, so no word is either of them."""


class RoleSpan(NamedTuple):
    """A mention: code points, end-exclusive, and its number in `ROLES`."""

    start: int
    end: int
    role: int


@dataclass(frozen=True)
class RoleCounts:
    """What tagging found in `texts` texts: mentions by role, and texts without a mention of that role.

    In a text without any mention (`bare`) a role-conditioned adapter sees no roles at all.
    """

    texts: int
    mentions: Mapping[str, int]
    without: Mapping[str, int]
    bare: int


class _Word(NamedTuple):
    start: int
    end: int
    key: str
    spelling: str
    lower: bool
    acronym: bool


class _Name(NamedTuple):
    words: tuple[_Word, ...]
    role: int

    @property
    def order(self) -> tuple[int, int]:
        """Longest first, by the letters that are compared; then by role."""
        return -sum(len(word.key) + 1 for word in self.words), self.role


def tag(
    text: str,
    drug: str,
    disease: str,
    *,
    tagger: Tagger = "lemma",
    aliases: Sequence[tuple[str, int]] = (),
    short_forms: bool = False,
    lemma: Lemma = noun_key,
) -> tuple[RoleSpan, ...]:
    """The mentions of a pair, in the order of the text, none overlapping another.

    `aliases` are further names with their roles. With `short_forms` an abbreviation that the text defines
    ("methotrexate (MTX)") names what its long form names, and the other way round. `lemma` compares words: it
    is asked, in lower case, for those without digits that are not two to four capitals. A blank name is
    nowhere.
    Time grows linearly with the text, for each name of bounded length.

    Raises UsageError for an unknown tagger or role, and for names beside the two with ``reference``.
    """
    names = [(drug, DRUG), (disease, DISEASE), *aliases]
    for name, role in aliases:
        if role not in (DRUG, DISEASE):
            raise UsageError(f"alias {name!r} has the unknown role {role}", hint=f"roles: {dict(ROLES)}")
    if tagger == "lemma":
        return _by_words(text, names, short_forms, lemma)
    if tagger != "reference":
        raise UsageError(f"there is no tagger {tagger!r}", hint="use lemma or reference")
    if aliases or short_forms:
        raise UsageError("the tagger 'reference' knows two names and no others", hint="use lemma")
    return _by_letters(text, drug, disease)


def count_roles(tagged: Iterable[Sequence[RoleSpan]]) -> RoleCounts:
    """What `tag` found in each of some texts, summed up."""
    names = {number: name for name, number in ROLES.items() if number}
    mentions, without = dict.fromkeys(names.values(), 0), dict.fromkeys(names.values(), 0)
    texts = bare = 0
    for spans in tagged:
        texts += 1
        bare += not spans
        for number, name in names.items():
            found = sum(span.role == number for span in spans)
            mentions[name] += found
            without[name] += not found
    return RoleCounts(texts, mentions, without, bare)


# --- reference ------------------------------------------------------------------------------------


def _by_letters(text: str, drug: str, disease: str) -> tuple[RoleSpan, ...]:
    drugs, diseases = (_literal(text, name) for name in (drug, disease))
    found = [RoleSpan(start, end, DRUG) for start, end in drugs]
    edges = [(0, 0), *drugs, (len(text), len(text))]
    free = [(one[1], other[0]) for one, other in pairwise(edges) if one[1] < other[0]]
    place = 0
    for start, end in diseases:
        while place < len(free) and free[place][1] <= start:
            place += 1
        here = place
        while here < len(free) and free[here][0] < end:
            found.append(RoleSpan(max(start, free[here][0]), min(end, free[here][1]), DISEASE))
            here += 1
    return tuple(sorted(found))


def _literal(text: str, name: str) -> list[tuple[int, int]]:
    if not name.strip():
        return []
    return [match.span() for match in re.finditer(re.escape(name), text, re.IGNORECASE)]


# --- lemma ----------------------------------------------------------------------------------------


def _by_words(
    text: str, given: Sequence[tuple[str, int]], short_forms: bool, lemma: Lemma
) -> tuple[RoleSpan, ...]:
    words = _words(text, lemma)
    names = [_Name(tuple(_words(name, lemma)), role) for name, role in given]
    if short_forms:
        names += _abbreviated(text, names, lemma)
    keys, spellings = [word.key for word in words], [word.spelling for word in words]
    found: list[RoleSpan] = []
    # The longest name takes its words first; what is left over is searched for the next. By their spelling,
    # too: HEAD LICE is head lice, though the key of a short word in capitals is not that of its noun.
    for name in sorted({name for name in names if _is_name(name)}, key=lambda name: name.order):
        for seen, wanted in (
            (keys, [word.key for word in name.words]),
            (spellings, [word.spelling for word in name.words]),
        ):
            for first, last in _runs(_visible(seen, words, name), wanted):
                keys[first : last + 1] = spellings[first : last + 1] = [_TAKEN] * (last + 1 - first)
                found.append(RoleSpan(words[first].start, words[last].end, name.role))
    return tuple(sorted(found))


def _words(text: str, lemma: Lemma) -> list[_Word]:
    found = []
    for match in _TOKEN.finditer(text):
        word = match.group()
        key, spelling = ("", "") if match["gap"] else _key(word, lemma)
        if key:
            acronym = bool(_ACRONYM.fullmatch(word))
            found.append(_Word(*match.span(), key, spelling, word.islower(), acronym))
    return found


@lru_cache(maxsize=4096)
def _key(word: str, lemma: Lemma) -> tuple[str, str]:
    """By what a word is known, and how it is spelled, case apart."""
    folded = fold(word).text.strip()
    short = word.isupper() and 1 < len(word) <= _LONGEST_SHORT
    return (folded if short or not folded.isalpha() else lemma(folded)), folded


def _is_name(name: _Name) -> bool:
    return any(character.isalnum() for word in name.words for character in word.key)


def _visible(keys: Sequence[str], words: Sequence[_Word], name: _Name) -> Sequence[str]:
    """The keys, without words in lower case where the name is an acronym."""
    if len(name.words) > 1 or not name.words[0].acronym:
        return keys
    return [_TAKEN if word.lower else key for key, word in zip(keys, words, strict=True)]


def _runs(keys: Sequence[str], wanted: Sequence[str]) -> list[tuple[int, int]]:
    """First and last position of every run of the wanted keys, from left to right, none overlapping."""
    # One string, so that the search is that of the standard library, which is linear.
    text = _BETWEEN + "".join(key + _BETWEEN for key in keys)
    pattern = _BETWEEN + "".join(key + _BETWEEN for key in wanted)
    found = []
    first, seen, place = 0, 0, text.find(pattern)
    while place >= 0:
        first += text.count(_BETWEEN, seen, place)
        found.append((first, first + len(wanted) - 1))
        seen, place = place, text.find(pattern, place + len(pattern) - 1)
    return found


def _abbreviated(text: str, names: Sequence[_Name], lemma: Lemma) -> list[_Name]:
    """Short forms of the names, and long forms of those that are short forms; the drug's come first."""
    roles: dict[tuple[str, ...], int] = {}
    for name in names:
        roles.setdefault(tuple(word.key for word in name.words), name.role)
    found = []
    for pair in abbreviations(text):
        short, long = (tuple(_words(text[span.start : span.end], lemma)) for span in (pair.short, pair.long))
        for known, other in ((long, short), (short, long)):
            role = roles.get(tuple(word.key for word in known))
            if role is not None:
                found.append(_Name(other, role))
    return found
