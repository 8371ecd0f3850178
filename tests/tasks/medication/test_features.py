"""Features name codes and what stands above them, and no patient."""

from apothecary.tasks.medication.features import FeatureSpace, features_of, learn_space
from apothecary.tasks.recommending import Case
from apothecary.visits import Code, Drug, Visit

HEART = Code("icd9", "4280", "Heart failure")
FIRST = Visit("v1", "p1", 0.0, 71, "female", (HEART,), (Code("icd9proc", "9671"),), (Drug("aspirin"),))
SECOND = Visit("v2", "p1", 1.0, 90, "male", (Code("icd10", "I50.9"), Code("snomed", "1")))


def test_a_code_counts_with_what_stands_above_it() -> None:
    assert features_of(Case(FIRST)) == {
        "diagnosis icd9:4280",
        "diagnosis icd9:428*",
        "diagnosis chapter:circulatory",
        "procedure icd9proc:9671",
        "procedure icd9proc:96*",
        "age 70-79",
        "sex female",
    }


def test_history_gives_drugs_and_categories() -> None:
    found = features_of(Case(SECOND, (FIRST,)))
    assert {"earlier visits", "earlier drug:aspirin", "earlier diagnosis icd9:428*", "age 90+"} <= found
    assert "diagnosis icd10:I509" in found
    assert not any(each.startswith("diagnosis icd9") for each in found)


def test_the_visits_own_drugs_are_no_feature() -> None:
    assert not any("aspirin" in each for each in features_of(Case(FIRST)))


def test_an_unknown_code_still_counts_by_its_category() -> None:
    space = learn_space([Case(FIRST)], 1)
    other = Visit("w", "q", diagnoses=(Code("icd9", "4289"),))
    known = [space.names[column] for column in space.rows([Case(other)]).row(0)]
    assert known == ["diagnosis chapter:circulatory", "diagnosis icd9:428*"]
    assert space.titles == {"diagnosis icd9:4280": "Heart failure"}


def test_rare_features_are_left_out() -> None:
    space = learn_space([Case(FIRST), Case(SECOND)], 2)
    assert space.names == ("diagnosis chapter:circulatory",)


def test_age_and_sex_alone_are_bare() -> None:
    space = FeatureSpace(("age 70-79", "diagnosis icd9:4280", "earlier visits", "sex female"))
    cases = [Case(FIRST), Case(Visit("x", "x", age=75, sex="female")), Case(Visit("y", "y"), (FIRST,))]
    assert space.bare(space.rows(cases)).tolist() == [False, True, False]


def test_the_rows_of_networks_hold_earlier_visits_one_by_one() -> None:
    cases = [Case(FIRST), Case(SECOND, (FIRST,))]
    space = learn_space(cases, 1)
    rows = space.rows(cases, ("aspirin", "zinc"))
    assert rows.earlier is not None
    assert rows.earlier.starts.tolist() == [0, 0, 1]
    assert rows.earlier.rows.row(0).tolist() == rows.row(0).tolist()
    assert rows.earlier.given.tolist() == [[True, False]]
    assert space.rows(cases).earlier is None
