"""What every set of examples keeps."""

import re

import pytest

from apothecary.corpora.instruct_set import InstructSet
from apothecary.corpora.instruct_sets import SETS
from apothecary.examples import TASKS

RESTRICTED = re.compile(r"\b(NC|academic|research)\b")

every_set = pytest.mark.parametrize("each", SETS.values(), ids=lambda each: each.name)


@every_set
def test_a_set_says_where_it_comes_from_and_what_to_watch(each: InstructSet) -> None:
    assert all((each.title, each.source, each.licence, each.traps, each.folders, each.tasks))
    assert set(each.tasks) <= set(TASKS)


@every_set
def test_no_set_offers_a_test_part(each: InstructSet) -> None:
    assert set(each.splits) <= {"train", "dev"}


@every_set
def test_a_set_for_some_uses_alone_asks_for_a_word(each: InstructSet) -> None:
    assert each.terms or not RESTRICTED.search(each.licence)
