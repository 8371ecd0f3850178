"""Each rule finds its fault, and what follows the rules has none."""

from dataclasses import replace
from typing import Any

import pytest

from apothecary.tasks import scenarios_lint
from apothecary.tasks.scenarios_lint import Finding, lint
from apothecary.tasks.schema import Label, Scenario, Schema, Template, load_schema, schema_names


def positive(name: str, principle: int, code: str, text: str, *relations: str) -> Scenario:
    return Scenario(name, "positive", principle, text, code, relations or ("R",))


def negative(name: str, principle: int, code: str, text: str) -> Scenario:
    return Scenario(name, "negative", principle, text, code)


SCENARIOS = (
    positive("a", 4, "1", "The drug blocks the gene."),
    positive("b", 5, "2", "The gene is blocked by the drug."),
    negative("c", 6, "3", "Another drug blocks the gene."),
    negative("d", 7, "4", "The drug excites the gene."),
    negative("e", 8, "5", "The gene blocks the drug."),
    negative("f", 9, "0", "The text mentions both, but reports no effect of the drug on the gene."),
)
TEMPLATE = Template("t", "Drug", "Gene", "Which fits best?", SCENARIOS)
LABELS = (Label("Drug", "drugs"), Label("Gene", "genes"), Label("Other", "the rest", decoy=True))
GOOD = Schema("toy", "Toy", LABELS, (TEMPLATE,))


def changed(at: int, **changes: Any) -> Schema:
    """The good schema with one scenario changed."""
    scenarios = list(SCENARIOS)
    scenarios[at] = replace(scenarios[at], **changes)
    return with_scenarios(*scenarios)


def with_scenarios(*scenarios: Scenario, **changes: Any) -> Schema:
    return replace(GOOD, templates=(replace(TEMPLATE, scenarios=scenarios, **changes),))


def without(*ids: str) -> Schema:
    return with_scenarios(*(each for each in SCENARIOS if each.id not in ids))


def rules(schema: Schema) -> set[tuple[str, str, str]]:
    return {(each.level, each.rule, each.place) for each in lint(schema)}


def test_a_schema_that_follows_the_rules_has_no_finding() -> None:
    assert lint(GOOD) == []


@pytest.mark.parametrize("name", schema_names())
def test_shipped_schemas_have_no_errors(name: str) -> None:
    assert [each for each in lint(load_schema(name)[0]) if each.level == "error"] == []


SECOND = positive("g", 4, "6", "The drug lowers the gene.", "S")
AMBIGUOUS = replace(SECOND, id="h", code="1", text="The gene is lowered by the drug.")
BRACES = changed(0, text="The {head} blocks the gene.")
TWICE = replace(GOOD, templates=(TEMPLATE, replace(TEMPLATE, name="again")))
EITHER_WAY = replace(TEMPLATE, name="again", head="Gene", tail="Drug", directed=False)
ERRORS = {
    "ambiguous-code": (with_scenarios(*SCENARIOS, SECOND, AMBIGUOUS), "template t"),
    "code-form": (changed(0, code="E4.1"), "template t"),
    "yes-no-code": (changed(0, code="Yes"), "template t"),
    "code-prefix": (changed(0, code="20"), "template t"),
    "placeholder": (BRACES, "t/a"),
    "duplicate-text": (changed(1, text="The DRUG  blocks the gene."), "t/b"),
    "label-case": (replace(GOOD, labels=(*LABELS, Label("GENE", "genes", decoy=True))), "label GENE"),
    "asked-twice": (TWICE, "template again"),
}
WARNINGS = {
    "principles-positive": (without("b"), "template t"),
    "principles-negative": (without("d"), "template t"),
    "no-catch-all": (changed(5, text="The drug binds the gene."), "template t"),
    "names-nothing": (changed(3, text="It is excited."), "t/d"),
    "one-sided": (changed(3, text="The gene is compared with the gene."), "t/d"),
    "unused-label": (replace(GOOD, labels=(*LABELS, Label("Virus", "viruses"))), "label Virus"),
    "no-decoy": (replace(GOOD, labels=LABELS[:2]), "schema"),
    "long-scenario": (changed(0, text="The drug blocks the gene " + "very " * 60 + "well."), "t/a"),
}


@pytest.mark.parametrize("rule", ERRORS)
def test_a_fault_is_one_error(rule: str) -> None:
    schema, place = ERRORS[rule]
    assert {(level, name, where) for level, name, where in rules(schema) if level == "error"} == {
        ("error", rule, place)
    }


@pytest.mark.parametrize("rule", WARNINGS)
def test_a_breach_of_the_art_is_one_warning(rule: str) -> None:
    schema, place = WARNINGS[rule]
    assert rules(schema) == {("warning", rule, place)}


def test_the_table_of_the_docstring_names_every_rule() -> None:
    documented = set((scenarios_lint.__doc__ or "").split("| "))
    assert {f"{rule} " for rule in ERRORS | WARNINGS} <= documented


def test_errors_come_first() -> None:
    levels = [each.level for each in lint(replace(BRACES, labels=LABELS[:2]))]
    assert levels == ["error", "warning"]


@pytest.mark.parametrize("place", ["requirement", "assumptions"])
def test_braces_are_found_in_every_text_of_a_template(place: str) -> None:
    text = "About {tail}?"
    schema = with_scenarios(*SCENARIOS, **{place: text if place == "requirement" else (text,)})
    assert ("error", "placeholder", "template t") in rules(schema)


@pytest.mark.parametrize("code", ["*", "(", "ABC", " ", "ä", "1."])
def test_codes_that_a_reader_strips_or_splits_are_errors(code: str) -> None:
    assert ("error", "code-form", "template t") in rules(changed(0, code=code))


@pytest.mark.parametrize("code", ["$", "~", "A", "x2", "9"])
def test_codes_of_one_token_are_fine(code: str) -> None:
    assert lint(changed(0, code=code)) == []


def test_a_code_may_assert_several_relations_at_once() -> None:
    both = [replace(each, relations=("R", "S")) for each in SCENARIOS[:2]]
    assert lint(with_scenarios(*both, *SCENARIOS[2:])) == []


def test_the_two_directions_of_a_pair_are_not_the_same_question() -> None:
    turned = replace(TEMPLATE, name="turned", head="Gene", tail="Drug")
    assert lint(replace(GOOD, templates=(TEMPLATE, turned))) == []
    either_way = replace(GOOD, templates=(replace(TEMPLATE, directed=False), EITHER_WAY))
    assert ("error", "asked-twice", "template again") in rules(either_way)


def test_swapped_sides_are_not_asked_of_a_template_without_direction() -> None:
    scenarios = [each for each in SCENARIOS if each.principle != 8]
    assert lint(with_scenarios(*scenarios, directed=False)) == []
    assert ("warning", "principles-negative", "template t") in rules(with_scenarios(*scenarios))


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("ChemicalEntity", "Two chemicals block the chemical."),
        ("DiseaseOrPhenotypicFeature", "A phenotypic change and another disease."),
        ("基因", "这个基因和那个基因"),
    ],
)
def test_long_labels_are_known_by_any_of_their_words(label: str, text: str) -> None:
    template = replace(TEMPLATE, tail=label, scenarios=(replace(SCENARIOS[0], text=text),))
    found = lint(replace(GOOD, templates=(template,)))
    assert [each.text for each in found if each.rule == "one-sided"] == [
        f"speaks of the {label} twice and never of the Drug"
    ]


def test_a_finding_says_what_to_do() -> None:
    (finding,) = lint(BRACES)
    text = "nothing is put into {...}: write 'the chemical', 'the disease'"
    assert finding == Finding("error", "t/a", "placeholder", text)
