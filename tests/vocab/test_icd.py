"""Categories and chapters of codes."""

import pytest

from apothecary.vocab.icd import chapter, stems


@pytest.mark.parametrize(
    ("system", "code", "name"),
    [
        ("icd9", "001", "infections"),
        ("icd9", "99999", "injury and poisoning"),
        ("icd9", "V5861", "factors and contacts"),
        ("icd9", "E888", "external causes"),
        ("icd9", "40", ""),
        ("icd9", "", ""),
        ("icd9", "000", ""),
        ("icd10", "D49.9", "neoplasms"),
        ("icd10", "D50", "blood"),
        ("icd10", "U07", ""),
        ("icd10", "", ""),
        ("snomed", "44054006", ""),
    ],
)
def test_a_code_has_its_chapter_or_none(system: str, code: str, name: str) -> None:
    assert chapter(system, code) == name


def test_both_revisions_meet_in_a_chapter() -> None:
    assert chapter("icd9", "25000") == chapter("icd10", "E11.9")


def test_a_category_is_its_own_beginning() -> None:
    assert stems("icd9", "428") == stems("icd9", "428.0") == ("428",)
    assert stems("snomed", "44054006") == ()
    assert stems("icd9proc", "9671") == ("96",)
