"""Traces without a model: four sections worded from the answer and from cue words of the sentence.

For a start without a server, for tests, and as a fallback where no model's trace passes. The writer looks
up cues in a small lexicon (``trace_lexicon.toml``), quotes the words around them, and words the rest by
templates that vary with the example's id. It understands nothing: a cue word beside a set of drugs is
taken for the reason of its type, though the author may have meant another thing by it.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from apothecary.tasks.combinations.answers import Combination, normal_name, render_completion
from apothecary.tasks.combinations.examples import Example
from apothecary.tasks.combinations.labels import label_set
from apothecary.tasks.combinations.prompting import SECTIONS
from apothecary.tasks.prompting import fill

__all__ = ["rule_completion", "rule_trace"]

MOST_WORDS = 200
LONGEST_NAME = 60
LONGEST_QUOTE = 300
LONGEST_READ = 20_000
"""Characters of a text in which cues are looked for; the longest paragraph of DrugComb has 6,865."""
OPENING_WORDS = 9
WHOLE_WORD = 4
"""Letters up to which a cue is a word of its own: "or" is not in "oral"."""

_OUTCOMES = {"POS": "benefit", "NEG": "harm"}
_WORD = re.compile(r"\S+")
_MARKUP = re.compile(r"</?\w+>")


@dataclass(frozen=True)
class _Lexicon:
    cues: Mapping[str, Sequence[re.Pattern[str]]]
    wordings: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class _Extent:
    """How much is said: sets and drugs that are named, and words quoted before and after a cue."""

    sets: int
    drugs: int
    before: int
    after: int


FULL, BRIEF = _Extent(4, 6, 4, 5), _Extent(2, 3, 1, 1)


@dataclass(frozen=True)
class _Reader:
    """One example as the writer sees it."""

    example: Example
    lexicon: _Lexicon
    extent: _Extent

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The drugs to speak of: those of the sentence, else those of the answer."""
        drugs = self.example.drugs or tuple(drug for item in self.example.gold for drug in item.drugs)
        return tuple({normal_name(drug): drug for drug in drugs}.values())

    def say(self, key: str, **slots: str) -> str:
        """One of the wordings of that key, always the same for one example."""
        options = self.lexicon.wordings[key]
        digest = hashlib.sha256(f"{self.example.id}\n{key}".encode("utf-8", "surrogatepass")).digest()
        return fill(options[digest[0] % len(options)], slots, where=f"trace_lexicon.toml: {key}")

    def quote(
        self, kind: str, near: Sequence[str] = (), *, context: bool = False, between: bool = False
    ) -> str:
        """The words around the first cue of a kind that occurs, "" when none does.

        Of several places the one nearest to one of the drugs `near` counts; with `between` only those that
        have such drugs on both sides.
        """
        text = (self.example.paragraph if context else self.example.sentence)[:LONGEST_READ]
        folded = text.lower()
        places = [place for name in near if (place := folded.find(normal_name(name))) >= 0]
        for cue in self.lexicon.cues[kind]:
            found = [match.span() for match in cue.finditer(text)]
            if between:
                found = [span for span in found if places and min(places) < span[0] < max(places)]
            for start, end in sorted(found, key=lambda span: _distance(span[0], places)):
                if quoted := _around(text, start, end, self.extent):
                    return quoted
        return ""

    def named(self, names: Sequence[str]) -> list[str]:
        """Names on one line each, the first few of many."""
        shown = [" ".join(name.split())[:LONGEST_NAME] for name in names[: self.extent.drugs]]
        return [*shown, f"{len(names) - self.extent.drugs} more"] if len(names) > self.extent.drugs else shown

    def listed(self, names: Sequence[str]) -> str:
        """Names as an enumeration."""
        shown = self.named(names)
        return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

    def joined(self, item: Combination) -> str:
        """The drugs of a set."""
        return " + ".join(self.named(item.drugs))


def rule_trace(example: Example) -> str:
    """Four headed sections of bullets, 60 to 200 words, that lead from the sentence to the example's gold.

    The same example always gets the same words. Nothing says that the answer was known.
    """
    full = _written(_Reader(example, _lexicon(), FULL))
    return full if len(full.split()) <= MOST_WORDS else _written(_Reader(example, _lexicon(), BRIEF))


def rule_completion(example: Example) -> str:
    """The trace and the answer, as a completion that passes every gate."""
    return render_completion(rule_trace(example), example.gold, label_set(example.corpus))


def _written(reader: _Reader) -> str:
    bodies = (_setting(reader), _candidates(reader), _reasoning(reader), _summary(reader))
    lines: list[str] = []
    for number, (name, bullets) in enumerate(
        zip(SECTIONS[label_set(reader.example.corpus).name], bodies, strict=True), start=1
    ):
        lines += [f"[{number}] {name}", *(f"- {bullet}" for bullet in bullets)]
    return "\n".join(lines)


# --- the four sections ----------------------------------------------------------------------------


def _setting(reader: _Reader) -> list[str]:
    words = [match.span() for match in _WORD.finditer(reader.example.sentence[:LONGEST_READ])][:OPENING_WORDS]
    opening = _one_line(reader.example.sentence[words[0][0] : words[-1][1]]) if words else ""
    subject = reader.quote("subject")
    return [
        reader.say("opening", quote=opening) if opening else reader.say("opening_unknown"),
        reader.say("subject", quote=subject) if subject else reader.say("subject_unknown"),
    ]


def _candidates(reader: _Reader) -> list[str]:
    example = reader.example
    named = (
        reader.say("drugs", drugs=reader.listed(reader.names))
        if reader.names
        else reader.say("drugs_unknown")
    )
    if not example.gold:
        quote = reader.quote("apart", reader.names)
        return [named, reader.say("separate", quote=quote) if quote else reader.say("separate_unknown")]
    quote = _link(reader, example.gold[0].drugs)
    return [named, reader.say("joined", quote=quote) if quote else reader.say("joined_unknown")]


def _reasoning(reader: _Reader) -> list[str]:
    gold = reader.example.gold
    if not gold:
        weak = reader.quote("together", reader.names)
        first = reader.say("joined_weakly", quote=weak) if weak else reader.say("unjoined")
        return [first, reader.say("no_outcome"), reader.say("careful")]
    quote = _link(reader, gold[0].drugs)
    bullets = [reader.say("joint", quote=quote) if quote else reader.say("joint_unknown")]
    bullets += [_reason(reader, item) for item in gold[: reader.extent.sets]]
    if len(gold) > reader.extent.sets:
        bullets.append(reader.say("more", count=str(len(gold) - reader.extent.sets)))
    used = {normal_name(drug) for item in gold for drug in item.drugs}
    others = [name for name in reader.names if normal_name(name) not in used]
    return [*bullets, reader.say("rest_named", drugs=reader.listed(others)) if others else reader.say("rest")]


def _summary(reader: _Reader) -> list[str]:
    gold, deciding = reader.example.gold, _deciding(reader)
    if not gold:
        return [reader.say("summary_nothing"), reader.say("summary_reason")]
    bullets = [
        reader.say("summary", type=item.type, drugs=reader.joined(item))
        for item in gold[: reader.extent.sets]
    ]
    if len(gold) > reader.extent.sets:
        bullets.append(reader.say("summary_more", count=str(len(gold) - reader.extent.sets)))
    last = reader.say("summary_cue", quote=deciding) if deciding else reader.say("summary_only")
    return [*bullets, last]


# --- what leads to a type -------------------------------------------------------------------------


def _reason(reader: _Reader, item: Combination) -> str:
    """Why a set has its type: by a phrase of the sentence, of the paragraph, or by the lack of one."""
    drugs = reader.joined(item)
    if item.type == "COMB":
        return reader.say("COMB", drugs=drugs)
    kind = _OUTCOMES.get(item.type, item.type)
    if quote := reader.quote(kind, item.drugs):
        return reader.say(item.type, drugs=drugs, quote=quote)
    if item.type in _OUTCOMES and (quote := reader.quote(kind, item.drugs, context=True)):
        return reader.say(f"{item.type}_context", drugs=drugs, quote=quote)
    return reader.say(f"{item.type}_unknown", drugs=drugs)


def _deciding(reader: _Reader) -> str:
    if not reader.example.gold:
        return ""
    item = reader.example.gold[0]
    return (
        _link(reader, item.drugs)
        if item.type in (*_OUTCOMES, "COMB")
        else reader.quote(item.type, item.drugs)
    )


def _link(reader: _Reader, drugs: Sequence[str]) -> str:
    return reader.quote("together", drugs) or reader.quote("linking", drugs, between=True)


# --- words ----------------------------------------------------------------------------------------


def _around(text: str, start: int, end: int, extent: _Extent) -> str:
    """The words around a place, as they stand there; "" where they hold markup."""
    # A window of characters bounds the work on texts without blanks.
    left = max(0, start - 120)
    before = [match.start() + left for match in _WORD.finditer(text[left:start])][-extent.before :]
    after = [match.end() + start for match in _WORD.finditer(text[start : end + 120])][: extent.after + 1]
    return _one_line(text[before[0] if before else start : after[-1] if after else end])


def _one_line(quote: str) -> str:
    return "" if _MARKUP.search(quote) else " ".join(quote.split())[:LONGEST_QUOTE]


def _distance(place: int, places: Sequence[int]) -> int:
    return min((abs(place - each) for each in places), default=place)


@cache
def _lexicon() -> _Lexicon:
    text = files("apothecary.tasks.combinations").joinpath("trace_lexicon.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    cues = {kind: tuple(map(_pattern, words)) for kind, words in table["cues"].items()}
    return _Lexicon(cues, table["wordings"])


def _pattern(cue: str) -> re.Pattern[str]:
    ending = "s?" if len(cue) <= WHOLE_WORD else r"\w*"
    if not cue[0].isalnum():
        return re.compile(rf"(?<=\s){re.escape(cue)}(?=\s)")
    return re.compile(rf"\b{re.escape(cue)}{ending}\b", re.IGNORECASE)
