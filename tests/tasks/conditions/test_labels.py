"""The six types are read in any case and joint, and nothing else is taken for one."""

import pytest

from apothecary.tasks.conditions.labels import TYPES, canonical


def test_the_types_stand_in_the_order_of_the_prompts() -> None:
    assert tuple(TYPES) == ("Dosage", "Age", "Gene", "Gender", "Comorbidity", "Body Type")
    assert all(definition and "\n" not in definition for definition in TYPES.values())


@pytest.mark.parametrize("name", TYPES)
def test_case_blanks_and_hyphens_do_not_matter(name: str) -> None:
    for written in (name, name.lower(), name.upper(), f" {name}\n", name.replace(" ", "-")):
        assert canonical(written) == name


@pytest.mark.parametrize("written", ["BodyType", "body_type", "Body  Type", "body\u2011type"])
def test_body_type_has_many_joints(written: str) -> None:
    assert canonical(written) == "Body Type"


@pytest.mark.parametrize("written", ["", "sex", "Genes", "Ages", "Body", "Dosage, Age", "other"])
def test_other_words_are_unknown(written: str) -> None:
    assert canonical(written) is None
