"""Hard masks bar what allergies, exclusions and classes name, and count what names nothing."""

import numpy as np
import pytest

from apothecary.tasks.medication.masks import HardMasks
from apothecary.tasks.recommending import Knowledge
from apothecary.visits import Visit
from apothecary.vocab.drug_names import DrugNames
from apothecary.vocab.interactions import InteractionTable

DRUGS = (
    "amoxicillin-clavulanate",
    "aspirin",
    "co-trimoxazole",
    "docusate sodium",
    "folic acid",
    "penicillin g",
    "simvastatin",
    "atorvastatin",
    "vitamin b12",
)
NAMES = DrugNames.of(
    [*DRUGS, "morphine"],
    [("ASA", "aspirin"), ("Bactrim DS", "co-trimoxazole")],
)
CLASSES = (
    ("amoxicillin-clavulanate", "penicillins"),
    ("penicillin g", "penicillins"),
    ("simvastatin", "statins"),
    ("atorvastatin", "statins"),
    ("aspirin", "NSAIDs"),
    ("ibuprofen", "NSAIDs"),
)
MASKS = HardMasks(DRUGS, Knowledge(InteractionTable.of([]), NAMES, CLASSES))


def barred(*allergies: str) -> dict[str, str]:
    found = MASKS.of_visit(Visit("v", "p", allergies=allergies))
    return {DRUGS[place]: why.by for place, why in sorted(found.barred.items())}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("aspirin", {"aspirin"}),
        ("Aspirin (rash), peanuts", {"aspirin"}),
        ("asa", {"aspirin"}),
        ("bactrim ds", {"co-trimoxazole"}),
        ("Cotrimoxazole", {"co-trimoxazole"}),
        ("hives from co trimoxazole", {"co-trimoxazole"}),
        ("penicillin", {"amoxicillin-clavulanate", "penicillin g"}),
        ("Penicillins / statin", {"amoxicillin-clavulanate", "penicillin g", "simvastatin", "atorvastatin"}),
        ("allergic to amoxicillin", {"amoxicillin-clavulanate"}),
        ("nsaid", {"aspirin"}),
        ("sodium", set()),
        ("valproic acid", set()),
        ("vitamin k", set()),
        ("aspirinate", set()),
    ],
)
def test_allergies_bar_by_name_alias_class_and_part(text: str, names: set[str]) -> None:
    assert set(barred(text)) == names


def test_a_class_is_told_where_the_class_was_named() -> None:
    assert barred("nsaids") == {"aspirin": "NSAIDs"}


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Patient recorded as having No Known Allergies to Drugs", 0),
        ("NKDA", 0),
        (" ", 0),
        ("none", 0),
        ("morphine", 0),
        ("ibuprofen", 0),
        ("aspirin", 0),
        ("shellfish", 1),
        ("valproic acid", 1),
    ],
)
def test_what_names_nothing_known_is_counted(text: str, unknown: int) -> None:
    assert MASKS.of_visit(Visit("v", "p", allergies=(text,))).unknown_allergies == unknown


def test_exclusions_name_drugs_and_classes() -> None:
    found = MASKS.of_visit(Visit("v", "p", exclusions=("Statins", "ASPIRIN", "nobody")))
    assert {DRUGS[place] for place in found.barred} == {"aspirin", "atorvastatin", "simvastatin"}
    assert {why.mask for why in found.barred.values()} == {"exclusion of the visit"}
    assert found.unknown_exclusions == 1


def test_the_user_excludes_for_every_visit() -> None:
    masks = HardMasks(DRUGS, Knowledge(InteractionTable.of([]), NAMES, CLASSES, ("asa", "morphine", "x")))
    found = masks.of_visit(Visit("v", "p"))
    assert {place: why.mask for place, why in found.barred.items()} == {1: "exclusion"}
    assert masks.unknown_exclusions == ("x",)


def test_names_that_the_vocabulary_excludes_are_barred() -> None:
    names = DrugNames.of(["aspirin"], exclusions=["zinc"])
    masks = HardMasks(("aspirin", "zinc"), Knowledge(InteractionTable.of([]), names))
    assert set(masks.of_visit(Visit("v", "p")).barred) == {1}


def test_drugs_of_a_class_are_rivals() -> None:
    rivals = MASKS.rivals
    assert rivals is not None
    assert np.argwhere(np.triu(rivals)).tolist() == [[0, 5], [6, 7]]
    assert MASKS.shared_class(6, 7) == "statins"
    assert HardMasks(DRUGS, Knowledge(InteractionTable.of([]))).rivals is None
