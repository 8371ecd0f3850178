"""Visits as data: parts by patient, what was known when, and the import with its audit."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.corpora.visit_cut import When
from apothecary.corpora.visit_import import ImportOptions, audit_path, import_visits
from apothecary.corpora.visit_sources import SOURCES
from apothecary.corpora.visit_times import (
    WHOLE_STAY,
    at_its_end,
    earlier_visits,
    late_inputs,
    patients_of,
)
from apothecary.corpora.visits import folds, hold_outs, split, stats, visit_stats
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.visit_rows import read
from apothecary.formats.visit_stays import STAY_HOURS
from apothecary.visits import Code, Drug, Visit
from tests.hospital import MIMIC3, NDC, write_tables

VISITS = [Visit(f"v{place}", f"p{place % 7}", float(place)) for place in range(20)]
SEEDS = st.integers(0, 50)
EARLIER = Visit("a", "p", 0.0, diagnoses=(Code("icd9", "1"),), extra={STAY_HOURS: 48.0})
LATER = Visit("b", "p", 3.0, diagnoses=(Code("icd9", "2", hours=-1.0),), drugs=(Drug("x", 1.0),))


def imported(
    folder: Path, when: When = "stay", tables: Mapping[str, str] = MIMIC3, **options: object
) -> tuple[list[Visit], dict[str, object]]:
    """The visits of the invented records, and the audit as it is written."""
    out = folder / "visits.jsonl"
    ndc = folder / "ndc.csv"
    ndc.write_text(NDC)
    chosen = replace(ImportOptions(when=when, ndc=ndc), **options)  # type: ignore[arg-type]
    import_visits(write_tables(folder / "source", tables), "mimic3", out, chosen)
    found = [item for item in read(out) if isinstance(item, Visit)]
    audit: dict[str, object] = json.loads(audit_path(out).read_text())
    return found, audit


# --- parts ----------------------------------------------------------------------------------------


@given(SEEDS, st.floats(0, 1))
def test_no_patient_is_torn_between_parts(seed: int, share: float) -> None:
    parts = split(VISITS, {"train": share, "test": 1 - share}, seed=seed)
    train, test = ({visit.patient for visit in part} for part in parts.values())
    assert not train & test
    assert sorted((*parts["train"], *parts["test"]), key=lambda visit: visit.order) == VISITS


@given(SEEDS, st.permutations(VISITS))
def test_parts_follow_from_the_seed_not_from_the_order(seed: int, visits: list[Visit]) -> None:
    def ids(given: list[Visit]) -> set[str]:
        return {visit.id for visit in split(given, {"a": 0.5, "b": 0.5}, seed=seed)["a"]}

    assert ids(visits) == ids(VISITS)


def test_seeds_give_different_parts() -> None:
    parts = {tuple(visit.id for visit in pair.test) for pair in hold_outs(VISITS, 10, test=0.3)}
    assert len(parts) > 5


@given(SEEDS, st.integers(2, 7))
def test_every_patient_is_tested_on_once(seed: int, count: int) -> None:
    pairs = folds(VISITS, count, seed=seed)
    assert sorted((visit for pair in pairs for visit in pair.test), key=lambda visit: visit.order) == VISITS
    for pair in pairs:
        assert not {visit.patient for visit in pair.train} & {visit.patient for visit in pair.test}
        assert len(pair.train) + len(pair.test) == len(VISITS)


def test_repeated_hold_outs_are_of_the_size_asked_for() -> None:
    pairs = list(hold_outs(VISITS, 3, test=2 / 7))
    assert [len({visit.patient for visit in pair.test}) for pair in pairs] == [2, 2, 2]


def test_wrong_shares_and_counts_are_errors() -> None:
    for wrong in ({"a": 0.5}, {}, {"a": -1.0, "b": 2.0}):
        with pytest.raises(UsageError, match="do not sum up to 1"):
            split(VISITS, wrong)
    with pytest.raises(UsageError, match="8 folds of 7 patients"):
        folds(VISITS, 8)
    with pytest.raises(UsageError, match="leaves a part empty"):
        list(hold_outs(VISITS, test=0.01))


# --- what was known when --------------------------------------------------------------------------


def test_earlier_visits_are_those_that_were_over() -> None:
    assert earlier_visits(LATER, [LATER, EARLIER]) == (EARLIER,)
    assert earlier_visits(EARLIER, [LATER, EARLIER]) == ()
    assert earlier_visits(LATER, [replace(EARLIER, extra={STAY_HOURS: 73.0})]) == ()
    assert earlier_visits(LATER, [replace(EARLIER, order=3.0), replace(EARLIER, patient="q")]) == ()


def test_a_listed_history_counts_alone() -> None:
    third = replace(EARLIER, id="c", order=1.0)
    visit = replace(LATER, extra={"history": ["c"]})
    assert earlier_visits(visit, [EARLIER, third, visit]) == (third,)
    assert earlier_visits(replace(visit, extra={"history": []}), [EARLIER]) == ()
    with pytest.raises(DataError, match="visit b: its history names a visit that is not there"):
        earlier_visits(visit, [EARLIER])


def test_an_earlier_visit_comes_with_all_of_its_stay() -> None:
    aside = {"diagnoses": ["icd9:1"], "gold": [{"name": "x", "hours": 30.0}]}
    cut = replace(EARLIER, diagnoses=(), drugs=(), extra={**EARLIER.extra, WHOLE_STAY: aside})
    (found,) = earlier_visits(LATER, [cut])
    assert (found.diagnoses, found.names, found.extra) == ((Code("icd9", "1"),), ("x",), EARLIER.extra)
    with pytest.raises(FormatError, match="whole_stay"):
        at_its_end(replace(cut, extra={WHOLE_STAY: 3}))


def test_nothing_leaks_from_what_was_known() -> None:
    assert late_inputs(LATER, (EARLIER,)) == ()


@pytest.mark.parametrize(
    ("visit", "history", "late"),
    [
        (
            replace(LATER, diagnoses=(Code("s", "1", hours=0.0), Code("s", "2", hours=0.1))),
            (),
            "diagnoses[1]",
        ),
        (replace(LATER, procedures=(Code("s", "1"),)), (), "procedures[0]"),
        (replace(LATER, note="text"), (), "note"),
        (LATER, (EARLIER, replace(EARLIER, extra={STAY_HOURS: 80.0})), "history[1]"),
        (LATER, (replace(EARLIER, order=3.0),), "history[0]"),
        (LATER, (replace(EARLIER, patient="q"),), "history[0]"),
    ],
)
def test_a_leak_is_found(visit: Visit, history: tuple[Visit, ...], late: str) -> None:
    assert late_inputs(visit, history) == (late,)


def test_what_is_late_depends_on_the_decision() -> None:
    visit = replace(LATER, diagnoses=(Code("s", "1", hours=5.0),))
    assert late_inputs(visit, decision_hours=6.0) == ()


# --- the import -----------------------------------------------------------------------------------


def test_whole_stays_have_every_code_and_drug(tmp_path: Path) -> None:
    visits, _ = imported(tmp_path)
    first = next(visit for visit in visits if visit.id == "101")
    assert [code.code for code in first.diagnoses] == ["4019", "4280"]
    assert [(drug.name, drug.hours) for drug in first.drugs or ()] == [("aspirin", -10.0), ("heparin", 38.0)]


def test_at_admission_there_are_first_drugs_and_no_code_of_discharge(tmp_path: Path) -> None:
    visits, audit = imported(tmp_path, "admission")
    first = next(visit for visit in visits if visit.id == "101")
    assert [(code.system, code.code) for code in first.diagnoses] == [
        ("admission", "sepsis"),
        ("admission", "fall"),
    ]
    assert (first.procedures, first.names) == ((), ("aspirin",))
    assert audit["inputs_left_out"] == {"code without a time: given at discharge": 5}


def test_no_visit_at_admission_has_a_late_input(tmp_path: Path) -> None:
    """Fails as soon as an importer lets something through that was known later."""
    visits, _ = imported(tmp_path, "admission")
    for patient in patients_of(visits):
        for visit in patient.visits:
            assert late_inputs(visit, earlier_visits(visit, patient.visits)) == ()
    whole, _ = imported(tmp_path)
    assert any(late_inputs(visit) for visit in whole)


def test_at_admission_the_visit_before_is_known_whole(tmp_path: Path) -> None:
    visits, _ = imported(tmp_path, "admission")
    second = next(visit for visit in visits if visit.id == "102")
    (before,) = earlier_visits(second, visits)
    assert [code.code for code in before.diagnoses] == ["4019", "4280"]
    assert [code.code for code in before.procedures] == ["3605"]
    assert before.names == ("aspirin", "heparin")


@pytest.mark.parametrize("when", ["stay", "admission"])
def test_every_row_is_kept_or_lost_for_a_reason(tmp_path: Path, when: When) -> None:
    _, audit = imported(tmp_path, when)
    rows, visits = audit["rows"], audit["visits"]
    assert isinstance(rows, dict)
    assert isinstance(visits, dict)
    assert rows["read"] == rows["kept"] + rows["repeats"] + sum(rows["lost"].values()) == 10
    assert visits["read"] == visits["kept"] + sum(visits["lost"].values()) == 3


def test_an_unclosed_quote_costs_its_own_row_and_every_row_is_counted(tmp_path: Path) -> None:
    head, *lines = MIMIC3["PRESCRIPTIONS.csv"].splitlines()
    for place, line in enumerate(lines):
        left = [each for each in lines if each is not line]
        rows = []
        for table in ([*left[:place], re.sub(",(MAIN|BASE)", ',"MAIN', line), *left[place:]], left):
            text = "\n".join([head, *table]) + "\n"
            visits, audit = imported(tmp_path, tables={**MIMIC3, "PRESCRIPTIONS.csv": text})
            rows.append((visits, audit["rows"]))
        (visits, spoilt), (expected, whole) = rows
        assert isinstance(spoilt, dict)
        assert isinstance(whole, dict)
        assert visits == expected
        assert spoilt == {**whole, "read": 10, "lost": {**whole["lost"], "not a row": 1}}


def test_impossible_ages_are_left_out_and_counted(tmp_path: Path) -> None:
    born = "SUBJECT_ID,GENDER,DOB\n2,F,2200-06-01 00:00:00\n10,M,2050-01-01 00:00:00\n"
    visits, audit = imported(tmp_path, tables={**MIMIC3, "PATIENTS.csv": born})
    assert [(visit.id, visit.age) for visit in visits] == [("201", None), ("101", None), ("102", None)]
    assert audit["remarks"] == {"impossible age": 3}


def test_drugs_from_24_hours_on_are_not_of_the_admission(tmp_path: Path) -> None:
    """The patient came on the first of January at ten."""
    text = MIMIC3["PRESCRIPTIONS.csv"].replace("2200-01-03 00:00:00", "2200-01-02 10:00:00")
    text = text.replace("10,102,2200-03-01 00:00:00,MAIN,Heparin,0", "10,101,2200-01-02 09:59:00,MAIN,Zinc,0")
    visits, audit = imported(tmp_path, "admission", {**MIMIC3, "PRESCRIPTIONS.csv": text}, ndc=None)
    first = next(visit for visit in visits if visit.id == "101")
    assert first.names == ("aspirin", "zinc")
    rows = audit["rows"]
    assert isinstance(rows, dict)
    assert (rows["lost"]["after 24 h"], rows["lost"]["no time"]) == (1, 1)


def test_a_whole_stay_needs_a_diagnosis_and_an_admission_does_not(tmp_path: Path) -> None:
    """A reason in words is no diagnosis of a whole stay."""
    text = MIMIC3["DIAGNOSES_ICD.csv"].replace("10,102,1,486\n", "")
    tables = {**MIMIC3, "DIAGNOSES_ICD.csv": text}
    visits, audit = imported(tmp_path, tables=tables)
    assert [visit.id for visit in visits] == ["201", "101"]
    counts = audit["visits"]
    assert isinstance(counts, dict)
    assert (counts["read"], counts["lost"]) == (3, {"no diagnosis": 1})
    assert "102" in {visit.id for visit in imported(tmp_path, "admission", tables)[0]}


def test_the_audit_says_why_and_shows_strings_of_drugs_only(tmp_path: Path) -> None:
    _, audit = imported(tmp_path)
    rows = audit["rows"]
    assert isinstance(rows, dict)
    assert rows["lost"] == {
        "NDC and name disagree": 1,
        "ambiguous NDC": 1,
        "no name": 1,
        "no visit": 1,
        "other drug type": 1,
    }
    assert rows["examples"] == {
        "NDC and name disagree": {"Heparin": 1},
        "ambiguous NDC": {"Coumadin tablets": 1},
    }
    assert audit["support"] == {"aspirin": 2, "heparin": 2}
    assert "486" not in json.dumps(audit)


def test_drugs_without_support_are_in_no_list(tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("name,alias\naspirin,\nheparin,\nwarfarin,Coumadin tablets\n")
    visits, audit = imported(tmp_path, ndc=None, names=names, min_support=2)
    assert [visit.names for visit in visits] == [("aspirin",), ("aspirin", "heparin"), ("heparin",)]
    assert audit["below_min_support"] == {"warfarin": 1}


def test_drugs_without_support_are_not_kept_for_later_visits_either(tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("name,alias\naspirin,\nheparin,\nwarfarin,Coumadin tablets\n")
    text = MIMIC3["PRESCRIPTIONS.csv"].replace("2,201,,", "2,201,2200-01-02 00:00:00,")
    tables = {**MIMIC3, "PRESCRIPTIONS.csv": text}
    for least, kept in ((1, {"aspirin", "heparin", "warfarin"}), (2, {"aspirin"})):
        visits, _ = imported(tmp_path, "admission", tables, ndc=None, names=names, min_support=least)
        assert {name for visit in visits for name in at_its_end(visit).names} == kept


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    def digests() -> list[str]:
        imported(tmp_path, "admission")
        files = (tmp_path / "visits.jsonl", tmp_path / "visits.audit.json")
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]

    assert digests() == digests()


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    imported(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("ndc.csv", "source", "visits.audit.json", "visits.jsonl"),
    ]


def test_an_import_that_leaves_nothing_is_an_error_with_an_audit(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no visit is left"):
        imported(tmp_path, min_support=9)
    assert audit_path(tmp_path / "visits.jsonl").exists()
    assert not (tmp_path / "visits.jsonl").exists()


def test_wrong_use_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown source 'x'"):
        import_visits(tmp_path, "x", tmp_path / "v.jsonl")
    with pytest.raises(UsageError, match="years of patients have no admission"):
        import_visits(tmp_path, "synthea", tmp_path / "v.jsonl", ImportOptions("admission"))
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        import_visits(tmp_path, "mimic3", tmp_path / "file" / "v.jsonl")
    with pytest.raises(FormatError, match="no table patients.csv"):
        import_visits(tmp_path, "mimic3", tmp_path / "v.jsonl")


def test_every_source_says_what_a_visit_is() -> None:
    assert all(source.visit and source.drugs for source in SOURCES.values())


# --- counts ---------------------------------------------------------------------------------------


def test_counts_of_visits(tmp_path: Path) -> None:
    found = visit_stats([EARLIER, LATER])
    assert (found["patients"], found["visits"], found["visits_with_earlier_ones"]) == (1, 2, 1)
    assert found["visits_with"] == {
        "diagnoses": 2,
        "procedures": 0,
        "allergies": 0,
        "notes": 0,
        "gold": 1,
        "inputs_known_late": 1,
    }
    assert found["drugs"] == {
        "names": 1,
        "mean_per_visit": 1.0,
        "median_per_visit": 1,
        "visits_by_drug": {"x": 1},
    }


def test_counts_of_nothing() -> None:
    found = stats([])
    assert (found["visits"], found["ages"]) == (0, {"known": 0, "mean": None, "unknown": 0})
    with pytest.raises(DataError):
        stats([DataError("bad")])
