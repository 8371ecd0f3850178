"""Names become concepts by rules and answers, and contradictions are reported."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.documents import Document, Mention, Span
from apothecary.tasks.relations.clusters import (
    Verdict,
    concepts_of,
    group_by_rule,
    name_pairs,
    normal_form,
)


def document(text: str, *names: str, kind: str = "Disease") -> Document:
    places = [(text.index(name), name) for name in names]
    mentions = tuple(Mention((Span(at, at + len(name)),), name, kind) for at, name in sorted(places))
    return Document("d", text, mentions=mentions)


def concepts(doc: Document, verdicts: Sequence[Verdict] = ()) -> tuple[list[list[str]], list[list[str]], int]:
    """The name groups, the narrower ids of each, and the number of conflicts."""
    names = group_by_rule(doc, doc.mentions, "Disease")
    found, conflicts = concepts_of(doc.mentions, [names], {"Disease": verdicts})
    return [list(c.names) for c in found], [list(c.broader_than) for c in found], len(conflicts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Seizures", "seizure"),
        ("heart-failure", "heart failure"),
        ("biopsies", "biopsy"),
        ("abscesses", "abscess"),
        ("naïve state", "naive state"),
        ("Parkinson's disease", "Parkinsons disease"),
    ],
)
def test_spelling_case_and_plural_do_not_matter(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)


@pytest.mark.parametrize(
    ("one", "other"), [("sepsis", "sepsi"), ("ras", "ra"), ("Na+", "Na"), ("IL-1", "IL-2")]
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


@given(st.text())
def test_normal_form_is_idempotent_and_never_empty_for_names(name: str) -> None:
    form = normal_form(name)
    assert normal_form(form) == normal_form(normal_form(form))
    assert form or not name


def test_a_defined_abbreviation_joins_its_long_form() -> None:
    doc = document("Acute renal failure (ARF) is bad.", "Acute renal failure", "ARF")
    assert concepts(doc)[0] == [["Acute renal failure", "ARF"]]


def test_rules_leave_nothing_to_ask_about_variants() -> None:
    doc = document("Seizure, seizures; rash.", "Seizure", "seizures", "rash")
    names = group_by_rule(doc, doc.mentions, "Disease")
    assert list(name_pairs(names, "all")) == [("seizures", "rash")]
    assert list(name_pairs(names, "lexical")) == []
    assert list(name_pairs(names, "none")) == []


def test_look_alikes_are_the_doubtful_pairs() -> None:
    doc = document("liver injury, hepatic injury, rash", "liver injury", "hepatic injury", "rash")
    names = group_by_rule(doc, doc.mentions, "Disease")
    assert list(name_pairs(names, "lexical")) == [("liver injury", "hepatic injury")]


LETTERS = "a1 b2 c3 d4 e5 f6"


@given(st.permutations([("a1", "b2"), ("c3", "d4"), ("b2", "c3"), ("e5", "f6")]))
def test_clusters_do_not_depend_on_the_order_of_answers(pairs: list[tuple[str, str]]) -> None:
    doc = document(LETTERS, *LETTERS.split())
    groups, _, _ = concepts(doc, [Verdict(a, b, "=") for a, b in pairs])
    assert groups == [["a1", "b2", "c3", "d4"], ["e5", "f6"]]


def test_an_answer_against_the_closure_is_a_conflict() -> None:
    doc = document("a1 b2 c3", "a1", "b2", "c3")
    verdicts = [Verdict("a1", "b2", "="), Verdict("b2", "c3", "="), Verdict("a1", "c3", "~")]
    groups, _, conflicts = concepts(doc, verdicts)
    assert groups == [["a1", "b2", "c3"]]
    assert conflicts == 1


def test_broader_edges_join_clusters_in_both_notations() -> None:
    doc = document("a1 b2 c3", "a1", "b2", "c3")
    _, narrower, conflicts = concepts(doc, [Verdict("a1", "b2", ">"), Verdict("c3", "a1", "<")])
    assert narrower == [["c2", "c3"], [], []]
    assert conflicts == 0


def test_the_least_certain_edge_of_a_cycle_is_left_out() -> None:
    doc = document("a1 b2 c3", "a1", "b2", "c3")
    verdicts = [Verdict("a1", "b2", ">", 3.0), Verdict("b2", "c3", ">", 0.5), Verdict("c3", "a1", ">", 2.0)]
    _, narrower, conflicts = concepts(doc, verdicts)
    assert narrower == [["c2"], [], ["c1"]]
    assert conflicts == 1


def test_types_never_mix() -> None:
    text = "lead lead poisoning"
    mentions = (Mention((Span(0, 4),), "lead", "Chemical"), Mention((Span(5, 9),), "lead", "Disease"))
    doc = Document("d", text, mentions=mentions)
    names = [group_by_rule(doc, mentions, kind) for kind in ("Chemical", "Disease")]
    found, _ = concepts_of(mentions, names, {})
    assert [(c.id, c.type, c.mentions) for c in found] == [("c1", "Chemical", (0,)), ("c2", "Disease", (1,))]
