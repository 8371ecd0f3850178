"""Doses in texts: what is told is read, what is not told is not guessed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.store.doses import Dose, parse_doses, render_dose

GOLDEN: dict[str, tuple[Dose, ...]] = {
    "25-50 mg/kg i.v. twice daily": (Dose(25, 50, "mg", "kg", "intravenous", "2/day"),),
    "paclitaxel 185 mg/m2": (Dose(185, 185, "mg", "m2"),),
    "carboplatin AUC of 6": (Dose(6, 6, "AUC"),),
    "AUC 5-6 every 21 days": (Dose(5, 6, "AUC", frequency="every 21 day"),),
    "an 80-mg/day dose": (Dose(80, 80, "mg", "day"),),
    "500 mg t.i.d. orally": (Dose(500, 500, "mg", route="oral", frequency="3/day"),),
    "4,210 mg/m2": (Dose(4210, 4210, "mg", "m2"),),
    "0,5 mg/kg": (Dose(0.5, 0.5, "mg", "kg"),),
    "10, 20 and 40 mg": (Dose(10, 10, "mg"), Dose(20, 20, "mg"), Dose(40, 40, "mg")),
    "between 5 and 10 mg daily": (Dose(5, 10, "mg", frequency="1/day"),),
    "1.5 mg kg-1 day-1": (Dose(1.5, 1.5, "mg", "kg/day"),),
    "75 mg m(-2) every 3 weeks": (Dose(75, 75, "mg", "m2", frequency="every 3 week"),),
    "2 puffs q.i.d.": (Dose(2, 2, "puff", frequency="4/day"),),
    "100 U/kg subcutaneously once weekly": (Dose(100, 100, "U", "kg", "subcutaneous", "1/week"),),
    "300 mg every other day": (Dose(300, 300, "mg", frequency="every 2 day"),),
    "60 to 120 mg": (Dose(60, 120, "mg"),),
    "5 mg to 10 mg once a day": (Dose(5, 10, "mg", frequency="1/day"),),
    "2 x 500 mg": (Dose(500, 500, "mg"),),
    "0.5% timolol": (Dose(0.5, 0.5, "%"),),
    "50 +/- 10 mg": (Dose(50, 50, "mg"),),
    "400 \u00b5g inhaled twice a day": (Dose(400, 400, "ug", "", "inhaled", "2/day"),),
    "40 IU/kg/24 h": (Dose(40, 40, "IU", "kg/day"),),
    "1 g q8h": (Dose(1, 1, "g", frequency="every 8 h"),),
    "oral prednisone 1 mg/kg per day": (Dose(1, 1, "mg", "kg/day", "oral"),),
    "a single oral dose of 600 mg": (Dose(600, 600, "mg", "", "oral", "once"),),
    "30 Gy in 10 fractions": (Dose(30, 30, "Gy"),),
    "10 mM": (Dose(10, 10, "mM"),),
    "5 \u03bcM": (Dose(5, 5, "uM"),),
    "2 tablets at bedtime": (Dose(2, 2, "tablet", frequency="1/day"),),
    "20 mL of 0.5% bupivacaine": (Dose(20, 20, "mL"), Dose(0.5, 0.5, "%")),
    "q3w 200 mg": (Dose(200, 200, "mg", frequency="every 3 week"),),
    "1,000,000 IU": (Dose(1e6, 1e6, "IU"),),
    "5-FU 500 mg/m2": (Dose(500, 500, "mg", "m2"),),
    "\u2265 3 g": (Dose(3, 3, "g"),),
    "6 mg/kg s.c., then 3 mg/kg": (Dose(6, 6, "mg", "kg", "subcutaneous"), Dose(3, 3, "mg", "kg")),
    # No dose, or none that can be told without guessing.
    "low-dose": (),
    "a 24-year-old": (),
    "10 g/dL": (),
    "1x10(6) cells": (),
    "1.000.000 IU": (),
    "twice daily": (),
    "5 mg to 1 g": (),
    "days 1-14": (),
    "": (),
}
UNITS = [
    "mg",
    "g",
    "ug",
    "ng",
    "mL",
    "L",
    "mmol",
    "umol",
    "mM",
    "uM",
    "mEq",
    "IU",
    "U",
    "Gy",
    "AUC",
    "tablet",
    "%",
]
VALUES = st.integers(1, 10**8).map(lambda number: number / 1000)
RHYTHMS = ["", "once", "1/day", "3/week", "6/day", "every 8 h", "every 21 day", "1/month"]
ROUTES = ["", "oral", "intravenous", "topical", "rectal", "sublingual"]


@pytest.mark.parametrize("text", GOLDEN)
def test_doses_are_read_as_a_person_would(text: str) -> None:
    assert parse_doses(text) == GOLDEN[text]


@settings(deadline=None)
@given(
    st.lists(VALUES, min_size=2, max_size=2).map(sorted),
    st.sampled_from(UNITS),
    st.sampled_from(["", "m2", "kg", "day", "dose", "kg/day", "12 h", "min"]),
    st.sampled_from(ROUTES),
    st.sampled_from(RHYTHMS),
)
def test_what_is_written_is_read_back(
    values: list[float], unit: str, per: str, route: str, frequency: str
) -> None:
    dose = Dose(values[0], values[1], unit, per, route, frequency)
    assert parse_doses(render_dose(dose)) == (dose,)


@settings(deadline=None)
@given(st.text(alphabet="0123456789.,-/ mgku%xAUCdaily()\u00b5\u2013perqh\n", max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    assert all(dose.low <= dose.high for dose in parse_doses(text))


def test_a_long_run_of_digits_takes_no_time() -> None:
    assert parse_doses("1,234," * 5000 + " mg " * 5000) == ()
