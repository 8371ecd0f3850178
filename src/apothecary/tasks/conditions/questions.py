"""One question: a text, a pair, where the text names the pair, and what part of a long text is shown."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from apothecary.align.roles import DISEASE, DRUG, RoleSpan, Tagger, tag
from apothecary.align.sentences import sentences
from apothecary.documents import Document
from apothecary.tasks.conditions.instances import Instance
from apothecary.tasks.conditions.pairs import Pair

__all__ = ["Question", "excerpt", "question_of_instance", "question_of_pair"]

MOST_NAMES = 100
"""Names of a side that are looked for in the text, each in time that grows with it."""


@dataclass(frozen=True)
class Question:
    """What one prompt shows: a text and the two names of a pair, and further names with their roles.

    `shots` are instances whose answers are shown before it, in their order.
    """

    text: str
    drug: str
    disease: str
    aliases: tuple[tuple[str, int], ...] = ()
    shots: tuple[Instance, ...] = ()

    @property
    def name(self) -> str:
        """How a problem calls it."""
        return f"{self.drug} - {self.disease}"

    def tagged(self, text: str, tagger: Tagger) -> tuple[RoleSpan, ...]:
        """Where a text names the pair; the tagger "reference" knows the two names and no others."""
        aliases = self.aliases if tagger == "lemma" else ()
        return tag(text, self.drug, self.disease, tagger=tagger, aliases=aliases)


def question_of_instance(instance: Instance, window: int, shots: Sequence[Instance] = ()) -> Question:
    """The question of an instance, without its answer: what extraction asks of its document."""
    (drug, *_), (disease, *_) = _names([instance.drug]), _names([instance.disease])
    return _shown(Question(instance.text, drug, disease, shots=tuple(shots)), window)


def question_of_pair(
    document: Document, pair: Pair, window: int, shots: Sequence[Instance] = ()
) -> tuple[Question, tuple[RoleSpan, ...]]:
    """The question about one pair of a document, and where the whole text names it."""
    (drug, *drugs), (disease, *diseases) = (_names(side.names) for side in (pair.drug, pair.disease))
    aliases = [*((name, DRUG) for name in drugs), *((name, DISEASE) for name in diseases)]
    whole = Question(document.text, drug, disease, tuple(aliases), tuple(shots))
    return _shown(whole, window), whole.tagged(document.text, "lemma")


def excerpt(text: str, places: Sequence[RoleSpan], limit: int) -> str:
    """The text, or of a longer one `limit` characters: its first sentence, then those nearest to the places.

    Of equally near sentences the earlier one stays. Sentences that do not follow each other are on lines of
    their own.
    """
    if len(text) <= limit:
        return text
    spans = sentences(text)
    starts = [span.start for span in spans]
    named = sorted({max(0, bisect_right(starts, place.start) - 1) for place in places})
    distances = [_distance(index, named) for index in range(len(spans))]
    room, kept = limit, set()
    for index in sorted(range(len(spans)), key=lambda index: (index > 0, distances[index], index)):
        # With what parts it from the next one: blanks, or the end of a line.
        room -= max([spans[index].end + 1, *starts[index + 1 : index + 2]]) - spans[index].start
        if room < 0:
            break
        kept.add(index)
    if not kept:
        return text[:limit]
    pieces: list[tuple[int, int]] = []
    for index in sorted(kept):
        follows = bool(pieces) and index - 1 in kept
        start = pieces.pop()[0] if follows else spans[index].start
        pieces.append((start, spans[index].end))
    return "\n".join(text[start:end] for start, end in pieces)


def _shown(question: Question, window: int) -> Question:
    if len(question.text) <= window:
        return question
    text = excerpt(question.text, question.tagged(question.text, "lemma"), window)
    return Question(text, question.drug, question.disease, question.aliases, question.shots)


def _distance(index: int, named: Sequence[int]) -> int:
    """To the nearest of some sentences; the place in the text where there is none."""
    after = bisect_left(named, index)
    near = [abs(index - each) for each in named[max(0, after - 1) : after + 1]]
    return min(near, default=index)


def _names(names: Sequence[str]) -> list[str]:
    """Distinct names on one line each, the first first; blank ones count only there."""
    found = dict.fromkeys(" ".join(name.split()) for name in names)
    return [name for place, name in enumerate(found) if name or place == 0][:MOST_NAMES]
