"""The data sets for instruction tuning that have a converter, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from apothecary.corpora.instruct_cblue import CBLUE_SETS
from apothecary.corpora.instruct_described import described_set
from apothecary.corpora.instruct_documents import DOCUMENT_SETS
from apothecary.corpora.instruct_labelled import LABELLED_SETS
from apothecary.corpora.instruct_promptcblue import PROMPTCBLUE
from apothecary.corpora.instruct_questions import QUESTION_SETS
from apothecary.corpora.instruct_set import InstructSet
from apothecary.errors import UsageError

__all__ = ["SETS", "named_sets"]

SETS: Mapping[str, InstructSet] = {
    each.name: each for each in (*DOCUMENT_SETS, *LABELLED_SETS, *QUESTION_SETS, *CBLUE_SETS, PROMPTCBLUE)
}


def named_sets(names: Iterable[str]) -> tuple[InstructSet, ...]:
    """The sets of these names, each once; the name of a folder stands for all sets in it ("cblue").

    A name that ends in .toml is a file that describes a set (`instruct_described`). Raises UsageError for a
    name that is none of these, FormatError for a description that does not hold.
    """
    found: dict[str, InstructSet] = {}
    for name in names:
        if name.endswith(".toml"):
            own = described_set(Path(name))
            if own.name in SETS:
                raise UsageError(f"{own.name} is a set of this program", where=name, hint="name it otherwise")
            found[own.name] = own
            continue
        matching = [SETS[name]] if name in SETS else [each for each in SETS.values() if name in each.folders]
        if not matching:
            raise UsageError(f"there is no converter for {name!r}", hint=f"converters: {', '.join(SETS)}")
        found |= {each.name: each for each in matching}
    return tuple(found.values())
