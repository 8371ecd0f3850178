"""Visits as JSON Lines: what is written is read again, and what is wrong is named by file, line and visit."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import DataError, FormatError
from apothecary.formats.visit_rows import read, to_row, visit_of, write
from apothecary.visits import Code, Drug, Visit

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
hours = st.none() | st.floats(-1e4, 1e4)
codes = st.lists(st.builds(Code, words, words, st.just("") | words, hours), max_size=3).map(tuple)
drugs = st.none() | st.lists(st.builds(Drug, words, hours), max_size=3).map(tuple)
extras = st.dictionaries(st.sampled_from(["note_id", "ward", "x"]), st.integers() | words, max_size=2)
visits = st.builds(
    Visit,
    id=words,
    patient=words,
    order=st.floats(-1e6, 1e6),
    age=st.none() | st.floats(0, 130),
    sex=st.sampled_from(["female", "male", "other", "unknown"]),
    diagnoses=codes,
    procedures=codes,
    drugs=drugs,
    allergies=st.lists(words, max_size=2).map(tuple),
    exclusions=st.lists(words, max_size=2).map(tuple),
    note=st.just("") | words,
    extra=extras,
)


def only(folder: Path, *rows: object) -> list[Visit | DataError]:
    path = folder / "v.jsonl"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return list(read(path))


@given(visits)
def test_what_is_written_is_read_again(visit: Visit) -> None:
    stream = io.StringIO()
    write([visit], stream)
    again = visit_of(json.loads(stream.getvalue()))
    assert again == visit
    for mine, theirs in ((again.diagnoses, visit.diagnoses), (again.procedures, visit.procedures)):
        assert [(code.title, code.hours) for code in mine] == [(code.title, code.hours) for code in theirs]
    assert [drug.hours for drug in again.drugs or ()] == [drug.hours for drug in visit.drugs or ()]
    assert to_row(again) == to_row(visit)


def test_the_short_form_and_the_long_one_are_the_same() -> None:
    visit = visit_of({"visit_id": 7, "diagnoses": ["icd9:4019"], "gold": ["a", {"name": "b", "hours": 2}]})
    assert (visit.id, visit.patient) == ("7", "7")
    assert visit.diagnoses == (Code("icd9", "4019"),)
    assert [(drug.name, drug.hours) for drug in visit.drugs or ()] == [("a", None), ("b", 2.0)]


def test_no_gold_is_unknown_and_an_empty_one_is_none() -> None:
    assert visit_of({"visit_id": "v"}).drugs is None
    assert visit_of({"visit_id": "v", "gold": None}).drugs is None
    assert visit_of({"visit_id": "v", "gold": []}).drugs == ()


def test_unknown_fields_and_history_stay_in_extra() -> None:
    row = {"visit_id": "v", "ward": 3, "history": ["u"]}
    assert visit_of(row).extra == {"ward": 3, "history": ["u"]}
    assert to_row(visit_of(row))["history"] == ["u"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "v.jsonl:1: field visit_id is missing or empty"),
        ({"visit_id": " "}, "v.jsonl:1: field visit_id is missing"),
        ({"visit_id": ["SECRET"]}, "v.jsonl:1: field visit_id is neither a text"),
        ({"visit_id": "a", "patient_id": 1.5}, "v.jsonl:1 (visit a): field patient_id"),
        ({"visit_id": "a", "age": 500}, "v.jsonl:1 (visit a): field age is not between 0 and 130"),
        ({"visit_id": "a", "age": "SECRET"}, "field age is not a number"),
        ({"visit_id": "a", "sex": "SECRET"}, "field sex is none of"),
        ({"visit_id": "a", "order": "SECRET"}, "field order is not a number"),
        ({"visit_id": "a", "diagnoses": "SECRET"}, "field diagnoses is not a list"),
        ({"visit_id": "a", "diagnoses": ["SECRET"]}, "field diagnoses[0] is not SYSTEM:CODE"),
        ({"visit_id": "a", "diagnoses": [7]}, "field diagnoses[0] is neither a text nor an object"),
        (
            {"visit_id": "a", "procedures": [{"code": "SECRET"}]},
            "field procedures[0].system is missing",
        ),
        (
            {"visit_id": "a", "diagnoses": [{"system": "s", "code": "SECRET", "hours": "x"}]},
            "diagnoses[0].hours is not",
        ),
        ({"visit_id": "a", "gold": [""]}, "field gold[0].name is empty"),
        ({"visit_id": "a", "gold": {"SECRET": 1}}, "field gold is not a list"),
        ({"visit_id": "a", "note": ["SECRET"]}, "field note is not a string"),
        ({"visit_id": "a", "history": "SECRET"}, "field history is not a list"),
        ('{"visit_id": "a", "note": "SECRET', "v.jsonl:1: not JSON"),
        ('["SECRET"]', "v.jsonl:1: not an object but list"),
    ],
)
def test_a_bad_row_is_one_error_that_quotes_nothing(tmp_path: Path, row: object, message: str) -> None:
    bad, good = only(tmp_path, row, {"visit_id": "b"})
    assert isinstance(bad, DataError)
    assert message in str(bad)
    assert "SECRET" not in str(bad)
    assert isinstance(good, Visit)


def test_a_repeated_id_names_both_lines(tmp_path: Path) -> None:
    _, second = only(tmp_path, {"visit_id": "a"}, {"visit_id": "a"})
    assert "v.jsonl:2 (visit a): this visit_id stands at line 1 too" in str(second)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        list(read(tmp_path / "none.jsonl"))


def test_a_field_of_the_visit_cannot_hide_in_extra() -> None:
    with pytest.raises(DataError, match="visit v: extra holds age"):
        to_row(Visit("v", "p", extra={"age": 3}))
