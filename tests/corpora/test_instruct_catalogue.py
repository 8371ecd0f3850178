"""The catalogue as data: what is published is all there, and every converter has an entry."""

import pytest

from apothecary.corpora.instruct_catalogue import catalogue, count_codes, mixture, search
from apothecary.corpora.instruct_sets import SETS
from apothecary.errors import UsageError

PUBLISHED = tuple(entry for entry in catalogue() if entry.published)


def test_it_has_140_published_sets_in_two_languages() -> None:
    assert len(PUBLISHED) == 140
    assert [sum(entry.language == each for entry in PUBLISHED) for each in ("en", "zh")] == [102, 38]


def test_codes_are_counted_as_the_specification_counts_them() -> None:
    counts = count_codes(PUBLISHED)
    told = ("NER", "NEN", "RE", "CRE", "EE", "COREF", "TC", "MRD", "MT")
    assert {code: tuple(counts[code].values()) for code in told} == {
        "NER": (58, 7),
        "NEN": (5, 1),
        "RE": (27, 2),
        "CRE": (0, 1),
        "EE": (11, 1),
        "COREF": (14, 0),
        "TC": (11, 7),
        "MRD": (1, 3),
        "MT": (1, 0),
    }


def test_the_mixture_has_89_rows_and_its_sum() -> None:
    assert (len(mixture()), sum(share.samples for share in mixture())) == (89, 610_578)
    assert sum(s.samples for s in mixture() if (s.code, s.language) == ("NER", "en")) == 43_650


def test_every_converter_has_an_entry_and_every_entry_says_how_to_get_it() -> None:
    entries = catalogue()
    assert {entry.converter for entry in entries if entry.converter} == SETS.keys()
    assert all(entry.source and entry.obtain for entry in entries)
    assert all(entry.lacking for entry in PUBLISHED if not entry.converter)


def test_a_search_holds_all_words_in_any_case() -> None:
    assert [entry.name for entry in search(["HALLMARKS", "gpl"])] == ["hallmarks_of_cancer"]
    assert {entry.language for entry in search(language="zh")} == {"zh"}
    assert all("mentions" in entry.tasks for entry in search(task="mentions"))
    assert {entry.name for entry in search(task="MT")} == {"paramed"}


@pytest.mark.parametrize(("task", "language"), [("poems", None), (None, "fr")])
def test_a_task_or_language_that_is_none_is_refused(task: str | None, language: str | None) -> None:
    with pytest.raises(UsageError):
        search(task=task, language=language)
