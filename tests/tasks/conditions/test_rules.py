"""Doses, ages and sexes have few forms; patterns find them, and nothing else."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.tasks.conditions.answers import Condition
from apothecary.tasks.conditions.rules import rule_conditions


def found(text: str, type_: str) -> list[str]:
    return [each.span for each in rule_conditions(text, "zincol", "fever") if each.type == type_]


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("Zincol 15 mg/kg every 8 hours was given.", ["15 mg/kg every 8 hours"]),
        ("They took zincol (40 mg orally twice daily) for 6 weeks.", ["40 mg orally twice daily"]),
        ("A single dose of 5 mg of zincol helped.", ["single dose of 5 mg"]),
        ("Low-dose zincol, 2.5-5 mg, was safe.", ["Low-dose", "2.5-5 mg"]),
        ("Zincol lowered the fever by 2 degrees in 5 days.", []),
        ("Telorin 80 mg was added.", []),
    ],
)
def test_a_dose_is_an_amount_in_a_sentence_that_names_the_drug(text: str, spans: list[str]) -> None:
    assert found(text, "Dosage") == spans


@pytest.mark.parametrize(
    ("text", "ages", "sexes"),
    [
        ("A 62-year-old woman had a fever.", ["62-year-old"], ["woman"]),
        ("Patients aged 18 to 40 years (12 men, 9 women).", ["aged 18 to 40 years"], ["12 men", "9 women"]),
        ("31 infants and their mothers.", ["31 infants"], []),
        ("Men (61%) older than 65 years.", ["older than 65 years"], ["Men (61%)"]),
        ("Two boys.", ["Two boys"], ["Two boys"]),
        ("A childlike, womanly phenomenon.", [], []),
    ],
)
def test_ages_and_sexes_are_found_with_their_numbers(text: str, ages: list[str], sexes: list[str]) -> None:
    assert (found(text, "Age"), found(text, "Gender")) == (ages, sexes)


def test_a_wording_counts_once_and_not_inside_a_longer_one() -> None:
    assert found("Infants. 31 infants, then INFANTS.", "Age") == ["31 infants"]


@given(st.text(alphabet=st.sampled_from("0123456789 mgkyearsold-/%().,wnzicol"), max_size=300))
def test_every_span_stands_in_the_text(text: str) -> None:
    for each in rule_conditions(text, "zincol", "fever"):
        assert isinstance(each, Condition)
        assert each.span in text
        assert each.type in ("Dosage", "Age", "Gender")


def test_a_long_text_is_read_in_time() -> None:
    started = time.process_time()
    assert rule_conditions("1 2 3 mg 4 5 aged 6 " * 5000, "zincol", "fever") is not None
    assert rule_conditions("zincol " + "1," * 50_000, "zincol", "fever") == ()
    assert time.process_time() - started < 10, "an order of magnitude above the usual time"
