"""Importers: what each source says becomes stays, with times that never come too early."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from apothecary.errors import FormatError
from apothecary.formats import (
    visit_eicu,
    visit_meds,
    visit_mimic3,
    visit_mimic4,
    visit_omop,
    visit_synthea,
)
from apothecary.formats.visit_stays import Given, Stay
from apothecary.formats.visit_store import EventStore
from apothecary.formats.visit_tally import Tally
from apothecary.visits import Code
from tests.hospital import MIMIC3, write_tables

Read = Callable[[Path, EventStore, Tally], Iterator[Stay]]


def stays(read: Read, folder: Path, tables: Mapping[str, str], tally: Tally | None = None) -> dict[str, Stay]:
    source = write_tables(folder / "source", tables) if tables else folder / "source"
    with EventStore(folder) as store:
        return {stay.visit.id: stay for stay in read(source, store, tally or Tally())}


def timed(codes: tuple[Code, ...]) -> list[tuple[str, str, float | None]]:
    return [(code.system, code.code, code.hours) for code in codes]


def test_mimic3_orders_visits_codes_and_ages(tmp_path: Path) -> None:
    tally = Tally()
    found = stays(visit_mimic3.read, tmp_path, MIMIC3, tally)
    assert list(found) == ["201", "101", "102"]
    first, second = found["101"].visit, found["102"].visit
    assert (first.patient, first.age, first.sex, first.order) == ("10", 59.0, "male", 0.0)
    assert (second.order, second.extra) == (59.4167, {"stay_hours": 72.0})
    assert timed(first.diagnoses) == [
        ("icd9", "4019", None),
        ("icd9", "4280", None),
        ("admission", "sepsis", 0.0),
        ("admission", "fall", 0.0),
    ]
    assert first.procedures == (Code("icd9proc", "3605"),)
    assert next(code.title for code in first.diagnoses if code.code == "4019") == "Hypertension, unspecified"


def test_mimic3_hides_ages_above_89(tmp_path: Path) -> None:
    tally = Tally()
    found = stays(visit_mimic3.read, tmp_path, MIMIC3, tally)
    assert found["201"].visit.age == 90.0
    assert tally.remarks["age above 89, hidden by the source"] == 1


def test_mimic3_keeps_main_drugs_of_known_visits(tmp_path: Path) -> None:
    tally = Tally()
    found = stays(visit_mimic3.read, tmp_path, MIMIC3, tally)
    assert [given.text for given in found["101"].given] == ["Aspirin EC", "Aspirin", "Heparin Sodium"]
    assert found["101"].given[0] == Given("Aspirin EC", "00000000001", "", -10.0)
    assert tally.lost("prescriptions") == {"no visit": 1, "other drug type": 1}
    assert tally.lost("diagnoses_icd") == {"no code": 1}


def test_the_order_of_rows_and_tables_does_not_matter(tmp_path: Path) -> None:
    def turned(text: str) -> str:
        head, *rows = text.splitlines()
        return "\n".join([head, *sorted(rows, reverse=True)]) + "\n"

    first = stays(visit_mimic3.read, tmp_path / "a", MIMIC3)
    second = stays(visit_mimic3.read, tmp_path / "b", {name: turned(text) for name, text in MIMIC3.items()})
    assert [stay.visit for stay in first.values()] == [stay.visit for stay in second.values()]


@pytest.mark.parametrize("missing", ["PATIENTS.csv", "PRESCRIPTIONS.csv"])
def test_a_missing_table_is_named(tmp_path: Path, missing: str) -> None:
    tables = {name: text for name, text in MIMIC3.items() if name != missing}
    with pytest.raises(FormatError, match=missing.lower()):
        stays(visit_mimic3.read, tmp_path, tables)


MIMIC4 = {
    "patients.csv": "subject_id,gender,anchor_age,anchor_year\n1,F,50,2180\n2,M,x,2180\n",
    "admissions.csv": (
        "subject_id,hadm_id,admittime,dischtime\n1,11,2182-05-06 22:00:00,2182-05-07 17:00:00\n"
        "2,21,2180-01-01 00:00:00,bad\n2,22,bad,bad\n2,21,2180-01-02 00:00:00,\n"
    ),
    "diagnoses_icd.csv": "subject_id,hadm_id,seq_num,icd_code,icd_version\n1,11,1,4019,9\n1,11,2,I10,10\n",
    "procedures_icd.csv": (
        "subject_id,hadm_id,seq_num,chartdate,icd_code,icd_version\n1,11,1,2182-05-06,0DJ,10\n"
    ),
    "prescriptions.csv": (
        "subject_id,hadm_id,starttime,stoptime,drug_type,drug,ndc\n1,11,2182-05-06 23:00:00,,MAIN,Aspirin,0\n"
    ),
}


def test_mimic4_reckons_ages_from_the_anchor_and_tells_versions(tmp_path: Path) -> None:
    tally = Tally()
    found = stays(visit_mimic4.read, tmp_path, MIMIC4, tally)
    visit = found["11"].visit
    assert visit.age == 52.0
    assert timed(visit.diagnoses) == [("icd9", "4019", None), ("icd10", "I10", None)]
    # A day counts from its end: here two hours after the admission.
    assert timed(visit.procedures) == [("icd10pcs", "0DJ", 2.0)]
    assert found["11"].given == (Given("Aspirin", "0", "", 1.0),)
    assert (found["21"].visit.age, found["21"].visit.extra) == (None, {})
    assert tally.lost("visits") == {"no time": 1, "repeated id": 1}


EICU = {
    "patient.csv": (
        "patientunitstayid,patienthealthsystemstayid,uniquepid,gender,age,hospitaldischargeyear,"
        "hospitaladmitoffset,unitdischargeoffset\n"
        "1,a,p,Female,> 89,2014,-60,600\n2,a,p,Female,> 89,2014,-1500,600\n"
        "3,b,q,Male,17,2014,-10,60\n4,c,q,Male,17,2014,-10,60\n"
    ),
    "diagnosis.csv": (
        "patientunitstayid,diagnosisoffset,diagnosisstring,icd9code\n"
        '1,30,heart|failure,"428.0, I50.9"\n1,-6,kidney|odd,\n9,1,x,486\n'
    ),
    "medication.csv": (
        "patientunitstayid,drugname,drugordercancelled,drugstartoffset\n"
        "1,Aspirin,No,90\n1,Heparin,Yes,90\n1,,No,x\n9,Aspirin,No,1\n"
    ),
}


def test_eicu_counts_from_the_unit_and_reads_both_codes(tmp_path: Path) -> None:
    tally = Tally()
    found = stays(visit_eicu.read, tmp_path, EICU, tally)
    visit = found["1"].visit
    assert timed(visit.diagnoses) == [
        ("icd9", "4280", 0.5),
        ("icd10", "I509", 0.5),
        ("eicu", "kidney|odd", -0.1),
    ]
    assert (visit.age, visit.extra) == (90.0, {"stay_hours": 10.0})
    assert found["1"].given == (Given("Aspirin", "", "", 1.5), Given(""))
    assert tally.lost("medication") == {"cancelled": 1, "no visit": 1}


def test_eicu_knows_the_order_of_one_hospital_stay_only(tmp_path: Path) -> None:
    found = stays(visit_eicu.read, tmp_path, EICU)
    assert found["2"].visit.order - found["1"].visit.order == pytest.approx(1.0, abs=1e-3)
    assert found["3"].visit.order == found["4"].visit.order


OMOP = {
    "person.csv": "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth\n-7,8532,1950,,\n",
    "visit_occurrence.csv": (
        "visit_occurrence_id,person_id,visit_start_date,visit_end_date,visit_start_datetime\n"
        "-1,-7,2000-01-01,2000-01-03,2000-01-01 12:00:00\n"
    ),
    "condition_occurrence.csv": (
        "person_id,visit_occurrence_id,condition_concept_id,condition_start_date,condition_type_concept_id,"
        "condition_source_value\n-7,-1,320128,2000-01-01,32821,4019\n-7,,316866,1999-12-31,32840,\n"
        "-7,-1,0,2000-01-01,32821,odd\n-7,-1,0,,,\n-7,-1,44832387,1999-12-01,32840,\n"
    ),
    "drug_exposure.csv": (
        "person_id,visit_occurrence_id,drug_concept_id,drug_exposure_start_date,drug_source_value\n"
        "-7,-1,1112807,2000-01-02,00000000001\n"
    ),
}
CONCEPTS = (
    "concept_id,concept_name,vocabulary_id,concept_code\n320128,Essential hypertension,SNOMED,59621000\n"
    "1112807,Aspirin,RxNorm,1191\n44832387,Heart failure,ICD9CM,428.0\n"
)


def test_omop_trusts_no_stamp_of_a_bill(tmp_path: Path) -> None:
    tally = Tally()
    visit = stays(visit_omop.read, tmp_path, OMOP, tally)["-1"].visit
    assert timed(visit.diagnoses) == [
        ("omop", "320128", None),
        ("omop source", "odd", None),
        ("omop", "44832387", -732.0),
    ]
    assert (visit.sex, visit.age) == ("female", 50.0)
    assert (tally.lost("diagnosis"), tally.lost("condition_occurrence")) == ({"no visit": 1}, {"no code": 1})


def test_omop_takes_names_from_the_concepts(tmp_path: Path) -> None:
    stay = stays(visit_omop.read, tmp_path, OMOP | {"concept.csv": CONCEPTS})["-1"]
    assert [(code.system, code.code, code.title) for code in stay.visit.diagnoses] == [
        ("snomed", "59621000", "Essential hypertension"),
        ("omop source", "odd", ""),
        ("icd9", "4280", "Heart failure"),
    ]
    assert stay.given == (Given("Aspirin", "00000000001", "rxnorm:1191", 12.0),)


SYNTHEA = {
    "patients.csv": "Id,BIRTHDATE,GENDER\np,1990-05-05,F\n",
    "encounters.csv": (
        "Id,START,STOP,PATIENT\ne1,2020-01-01T10:00:00Z,2020-01-01T11:00:00Z,p\n"
        "e2,2020-02-01T10:00:00Z,2020-02-01T11:00:00Z,p\n"
    ),
    "conditions.csv": (
        "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n2020-01-01,,p,e1,44054006,Diabetes\n"
        "2020-01-01,2020-01-09,p,e1,10509002,Bronchitis\n"
    ),
    "procedures.csv": "DATE,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n2020-02-01,p,e2,1,Scan\n",
    "medications.csv": (
        "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n"
        "2020-02-01T10:30:00Z,,p,e2,860975,24 HR Metformin hydrochloride 500 MG Oral Tablet\n"
    ),
    "allergies.csv": (
        "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n2020-01-01,,p,e1,7980,Penicillin\n"
        "2020-03-01,,p,e1,1191,Aspirin\n"
    ),
}


def test_synthea_carries_what_lasts_into_later_encounters(tmp_path: Path) -> None:
    found = stays(visit_synthea.read, tmp_path, SYNTHEA)
    assert timed(found["e1"].visit.diagnoses) == [("snomed", "44054006", 14.0), ("snomed", "10509002", 14.0)]
    later = found["e2"].visit
    assert timed(later.diagnoses) == [("snomed", "44054006", -730.0)]
    assert (later.age, later.allergies) == (29.0, ("Penicillin",))
    assert found["e1"].visit.allergies == ()
    assert found["e2"].given[0].code == "rxnorm:860975"


EDGES = {
    "patients.csv": "patient,age,gender\np,70,M\n",
    "patient_diagnosis.csv": "patient,code,time,duration_days\np,1,2010-05-05,400.5\n",
    "diagnosis_codes.csv": "code,description\n1,Asthma (disorder)\n",
    "patient_drug.csv": "patient,code,quantity,cost,time\np,9,1,1,2011-01-01 10:00:00\np,9,1,1,bad\n",
    "drug_codes.csv": "code,description\n9,albuterol 5 MG/ML Inhalation Solution\n",
}


def test_edge_tables_become_years(tmp_path: Path) -> None:
    tally = Tally()
    found = stays(visit_synthea.read, tmp_path, EDGES, tally)
    assert list(found) == ["p-2010", "p-2011"]
    assert [code.title for code in found["p-2011"].visit.diagnoses] == ["Asthma (disorder)"]
    assert (found["p-2011"].visit.age, found["p-2011"].given[0].text[:9]) == (None, "albuterol")
    assert tally.lost("patient_drug") == {"no time": 1}
    assert not visit_synthea.has_admissions(tmp_path / "source")


def meds(folder: Path, rows: list[tuple[object, ...]], *, names: tuple[str, ...]) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (folder / "source").mkdir()
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    table = pa.table(columns)
    place = table.schema.get_field_index("time")
    stamps = table["time"].cast(pa.timestamp("us"))
    parquet.write_table(table.set_column(place, "time", stamps), folder / "source" / "0.parquet")
    parquet.write_table(pa.table({"code": ["x"]}), folder / "source" / "codes.parquet")


EVENTS: list[tuple[object, ...]] = [
    (1, None, "GENDER//F"),
    (1, "1970-01-01T00:00:00", "MEDS_BIRTH"),
    (1, "2020-01-01T20:00:00", "HOSPITAL_ADMISSION//X"),
    (1, "2020-01-02T20:00:00", "HOSPITAL_DISCHARGE//HOME"),
    (1, "2020-01-02T20:00:00", "HOSPITAL_ADMISSION//X"),
    (1, "2020-01-05T20:00:00", "HOSPITAL_DISCHARGE//HOME"),
    (1, "2020-01-02T20:00:00", "DIAGNOSIS//ICD//9//4019"),
    (1, "2020-01-05T20:00:00", "DIAGNOSIS//ICD//10//I10"),
    (1, "2020-01-01T00:00:00", "PROCEDURE//ICD//10//0DJ"),
    (1, "2020-01-01T21:00:00", "MEDICATION//START//Aspirin"),
    (1, "2020-01-01T21:00:00", "MEDICATION//STOP//Aspirin"),
    (1, "2019-01-01T21:00:00", "MEDICATION//START//Aspirin"),
    (1, "2020-01-03T21:00:00", "LAB//1//mg"),
]


def test_meds_events_belong_to_the_admission_of_their_time(tmp_path: Path) -> None:
    meds(tmp_path, EVENTS, names=("subject_id", "time", "code"))
    tally = Tally()
    found = stays(visit_meds.read, tmp_path, {}, tally)
    first, second = found["1-1"].visit, found["1-2"].visit
    assert (first.age, first.sex, first.extra) == (50.0, "female", {"stay_hours": 24.0})
    assert timed(first.diagnoses) == [("icd9", "4019", 24.0)]
    assert timed(first.procedures) == [("icd10pcs", "0DJ", 4.0)]
    assert timed(second.diagnoses) == [("icd10", "I10", 72.0)]
    assert found["1-1"].given == (Given("Aspirin", hours=1.0),)
    assert (tally.read["events"], tally.lost("medication")) == (13, {"no visit": 1})


def test_meds_with_admission_ids_needs_no_times(tmp_path: Path) -> None:
    ids = [None, None, 7.0, 7.0, 8.0, 8.0, 8.0, 8.0, 7.0, 8.0, 8.0, 7.0, None]
    rows = [(*row, hadm) for row, hadm in zip(EVENTS, ids, strict=True)]
    meds(tmp_path, rows, names=("subject_id", "time", "code", "hadm_id"))
    found = stays(visit_meds.read, tmp_path, {})
    assert list(found) == ["7", "8"]
    assert [code.code for code in found["8"].visit.diagnoses] == ["4019", "I10"]
    assert [given.hours for given in found["7"].given] == [-8759.0]


def test_what_is_no_meds_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "source").mkdir()
    with pytest.raises(FormatError, match="no MEDS events"):
        stays(visit_meds.read, tmp_path, {})
    (tmp_path / "source" / "a.parquet").write_text("x")
    with pytest.raises(FormatError, match="is not Parquet that can be read"):
        stays(visit_meds.read, tmp_path, {})
