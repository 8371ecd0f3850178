"""The 140 data sets of the published catalogue and the mixture that was made of them, as data.

Source: the catalogue and the list of final data of Taiyi (Luo et al. 2024, JAMIA 31(9); its repository),
which are facts: names, tasks, sizes, where the data are. What we add is the licence where it is known (of the
data where they have one, else of the repository; blank is "not known here", never "free"), how to obtain
them, what is lacking, and the converter. The sums that are published with them do not agree with each other
in places; every sum here is counted.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apothecary.corpora.instruct_sets import SETS
from apothecary.errors import UsageError
from apothecary.examples import LANGUAGES, TASKS, TaskName

__all__ = ["PUBLISHED_CODES", "Entry", "Share", "catalogue", "count_codes", "mixture", "search"]

PUBLISHED_CODES: Mapping[str, TaskName | None] = {
    "NER": "mentions",
    "NEN": "mentions",
    "RE": "relations",
    "CRE": "relations",
    "EE": "events",
    "COREF": None,
    "TC": "classification",
    "QA-multiple_choice": "choice",
    "QA-yesno": "choice",
    "QA-sqa": "generation",
    "QA-cqa": "generation",
    "TP-ss": "text_pairs",
    "TP-te": "text_pairs",
    "TT-ds": "generation",
    "TT-ts": "generation",
    "MT": "generation",
    "MRD": "dialogue",
}
"""The codes of tasks in the catalogue, and our names; chains of mentions have no task of their own."""


@dataclass(frozen=True)
class Entry:
    """A data set: `codes` as published, `tasks` in our names, `converter` the name to build it by or ""."""

    name: str
    codes: tuple[str, ...]
    language: str
    size: str
    licence: str
    source: str
    obtain: str
    lacking: str
    converter: str
    paper: str
    published: bool = True

    @property
    def tasks(self) -> tuple[TaskName, ...]:
        """Our names of its tasks: those of the converter where there is one."""
        if self.converter and self.converter != "promptcblue_toy":
            return SETS[self.converter].tasks
        named = (PUBLISHED_CODES[code] for code in self.codes)
        return tuple(dict.fromkeys(task for task in named if task is not None))

    @property
    def terms(self) -> str:
        """What must be accepted before its converter is used, or ""."""
        return SETS[self.converter].terms if self.converter else ""

    def figures(self) -> dict[str, object]:
        """Everything by its name."""
        return {
            "name": self.name,
            "tasks": list(self.tasks),
            "codes": list(self.codes),
            "language": self.language,
            "size": self.size,
            "licence": self.licence or None,
            "source": self.source,
            "obtain": self.obtain,
            "lacking": self.lacking or None,
            "converter": self.converter or None,
            "terms": self.terms or None,
            "paper": self.paper or None,
            "published": self.published,
        }


@dataclass(frozen=True)
class Share:
    """What of a data set the published mixture holds for one task; `code` and `language` as published."""

    name: str
    code: str
    language: str
    samples: int


def catalogue() -> tuple[Entry, ...]:
    """The 140 published entries in their order, then what has a converter here besides."""
    published = tuple(
        Entry(
            name=row["name"],
            codes=tuple(row["task"].replace("/", ",").split(",")),
            language=row["language"],
            size=row["size"],
            licence=row["licence"],
            source=row["source"],
            obtain=row["obtain"],
            lacking=row["lacking"],
            converter=row["converter"],
            paper=row["paper"],
        )
        for row in _rows("instruct_catalogue.tsv")
    )
    known = {entry.converter for entry in published}
    return published + tuple(
        Entry(
            name=each.name,
            codes=(),
            language=each.language,
            size="",
            licence=each.licence,
            source=each.source,
            obtain="see its source",
            lacking="",
            converter=each.name,
            paper="",
            published=False,
        )
        for each in SETS.values()
        if each.name not in known
    )


def mixture() -> tuple[Share, ...]:
    """The 89 rows of the published mixture."""
    return tuple(
        Share(row["name"], row["task"], row["language"], int(row["samples"]))
        for row in _rows("instruct_mixture.tsv")
    )


def search(
    words: Sequence[str] = (), *, task: str | None = None, language: str | None = None
) -> tuple[Entry, ...]:
    """The entries that hold all of the words, in any case, anywhere but in their links to papers.

    `task` is a name of ours or a published code. Raises UsageError for a task or language that is none.
    """
    if task is not None and task not in (*TASKS, *PUBLISHED_CODES):
        raise UsageError(f"there is no task {task!r}", where="--task", hint=f"tasks: {', '.join(TASKS)}")
    if language is not None and language not in LANGUAGES:
        raise UsageError(f"no language {language!r}", where="--language", hint=" or ".join(LANGUAGES))
    return tuple(
        entry
        for entry in catalogue()
        if (task is None or task in entry.tasks or task in entry.codes)
        and (language is None or entry.language == language)
        and all(word.casefold() in _searched(entry) for word in words)
    )


def count_codes(entries: Iterable[Entry]) -> dict[str, dict[str, int]]:
    """How many published sets a code has in each language; a set of two tasks counts under both."""
    counts: dict[str, Counter[str]] = {code: Counter() for code in PUBLISHED_CODES}
    for entry in entries:
        for code in entry.codes:
            counts[code][entry.language] += 1
    return {code: {language: counts[code][language] for language in LANGUAGES} for code in counts}


def _searched(entry: Entry) -> str:
    told = (
        *(entry.name, entry.size, entry.licence, entry.source, entry.obtain, entry.lacking, entry.converter),
        *(*entry.codes, *entry.tasks),
    )
    return " ".join(told).casefold()


def _rows(name: str) -> list[dict[str, str]]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
