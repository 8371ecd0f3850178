"""Invented records of two patients, as the tables of MIMIC-III, and how to write tables."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["MIMIC3", "NDC", "write_tables"]

NDC = "ndc,ingredient\n00000000001,aspirin\n00000000002,heparin\n00000000003,warfarin\n00000000003,digoxin\n"

MIMIC3: Mapping[str, str] = {
    "PATIENTS.csv": "SUBJECT_ID,GENDER,DOB\n2,F,1900-01-01 00:00:00\n10,M,2140-06-01 00:00:00\n",
    "ADMISSIONS.csv": (
        "SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,DIAGNOSIS\n"
        "10,101,2200-01-01 10:00:00,2200-01-05 10:00:00,SEPSIS; FALL\n"
        "10,102,2200-03-01 20:00:00,2200-03-04 20:00:00,SEPSIS\n"
        "2,201,2200-01-02 08:00:00,2200-01-03 08:00:00,\n"
    ),
    "DIAGNOSES_ICD.csv": (
        "SUBJECT_ID,HADM_ID,SEQ_NUM,ICD9_CODE\n"
        "10,101,2,4280\n10,101,1,4019\n10,102,1,486\n2,201,1,25000\n2,201,2,\n"
    ),
    "PROCEDURES_ICD.csv": "SUBJECT_ID,HADM_ID,SEQ_NUM,ICD9_CODE\n10,101,1,3605\n",
    "D_ICD_DIAGNOSES.csv": 'ICD9_CODE,SHORT_TITLE,LONG_TITLE\n4019,HTN,"Hypertension, unspecified"\n',
    "PRESCRIPTIONS.csv": (
        "SUBJECT_ID,HADM_ID,STARTDATE,DRUG_TYPE,DRUG,NDC\n"
        "10,101,2200-01-01 00:00:00,MAIN,Aspirin EC,00000000001\n"
        "10,101,2200-01-02 00:00:00,MAIN,Aspirin,00000000001\n"
        "10,101,2200-01-03 00:00:00,MAIN,Heparin Sodium,00000000002\n"
        "10,101,2200-01-01 00:00:00,BASE,D5W,00000000001\n"
        "10,102,2200-03-01 00:00:00,MAIN,Heparin,0\n"
        "10,102,2200-03-01 00:00:00,MAIN,Coumadin tablets,00000000003\n"
        "10,102,2200-03-01 00:00:00,MAIN,Heparin,00000000001\n"
        "2,201,,MAIN,Aspirin,00000000001\n"
        "2,999,,MAIN,Aspirin,00000000001\n"
        "2,201,,MAIN,,\n"
    ),
}


def write_tables(folder: Path, tables: Mapping[str, str]) -> Path:
    """Write tables by their names and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
