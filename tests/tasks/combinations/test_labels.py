"""Types are read in any case, and under the other names that corpora and prompts give them."""

import pytest

from apothecary.errors import UsageError
from apothecary.tasks.combinations.labels import DDI, DRUGCOMB, LabelSet, label_set

EVERY = [(labels, name) for labels in (DRUGCOMB, DDI) for name in (*labels.types, labels.none)]


@pytest.mark.parametrize(("labels", "name"), EVERY)
def test_case_and_blanks_do_not_matter(labels: LabelSet, name: str) -> None:
    for written in (name, name.lower(), name.upper(), f" {name.title()}\n"):
        assert labels.canonical(written) == name


def test_advice_is_advise() -> None:
    assert DDI.canonical("advice") == DDI.canonical("ADVISE") == "advise"
    assert DRUGCOMB.canonical("advice") is None


@pytest.mark.parametrize("written", ["", "SYN", "POS, NEG", "effect", "other"])
def test_other_types_are_unknown(written: str) -> None:
    assert DRUGCOMB.canonical(written) is None


def test_a_label_set_is_found_by_name_or_refused() -> None:
    assert label_set("ddi") is DDI
    assert label_set("drugcomb") is DRUGCOMB
    with pytest.raises(UsageError, match="ddi"):
        label_set("DDI13")
