"""Schemas are checked whole, and every fault says where it is."""

from pathlib import Path

import pytest

from apothecary.errors import FormatError, UsageError
from apothecary.tasks.schema import load_schema, parse_schema, schema_names

GOOD = """
name = "toy"
title = "Toy"
labels = [
  {name = "Drug", description = "drugs"},
  {name = "Event", description = "events"},
  {name = "Other", description = "the rest", decoy = true},
]
[[templates]]
name = "t"
head = "Drug"
tail = "Event"
requirement = "Which fits?"
scenarios = [
  {id = "a", polarity = "positive", principle = 4, text = "does", code = "1", relations = ["R"]},
  {id = "b", polarity = "negative", principle = 7, text = "does not", code = "0"},
]
"""


@pytest.mark.parametrize("name", schema_names())
def test_shipped_schemas_load_under_their_own_name(name: str) -> None:
    schema, text = load_schema(name)
    assert schema.name == name
    assert text


def test_codes_and_relations_follow_the_scenarios() -> None:
    template = parse_schema(GOOD, where="toy").templates[0]
    assert template.codes == ("1", "0")
    assert template.relations == ("R",)
    assert template.asserted_by("1") == ("R",)
    assert template.asserted_by("0") == ()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('tail = "Event"', 'tail = "Other"', "'Other' is not a wanted label"),
        ('code = "0"', 'code = "1"', "code 1 is both positive and negative"),
        (', relations = ["R"]', "", "a positive scenario names its relations"),
        ('name = "Other"', 'name = "Drug"', "label 'Drug' is declared twice"),
        ('id = "b"', 'id = "a"', "scenario 'a' is declared twice"),
        ("principle = 4", "principle = 12", "principle: Input should be less than or equal to 9"),
        ("requirement =", "requiremnt =", "templates.0.requirement: Field required"),
        ('title = "Toy"', 'title = "Toy"\ncolour = 1', "colour: Unexpected keyword argument"),
        ('title = "Toy"', "title = ", "not valid TOML"),
        ('title = "Toy"', 'title = "Toy"\ncontradictions = [["R", "S"]]', "no template asserts 'S'"),
        ('title = "Toy"', 'title = "Toy"\ncontradictions = [["R", "R"]]', "needs two relation types"),
    ],
)
def test_a_faulty_schema_says_what_is_wrong(before: str, after: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_schema(GOOD.replace(before, after), where="my.toml")
    assert str(caught.value).startswith("my.toml: ")
    assert message in str(caught.value)


def test_unknown_names_and_missing_files_are_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="schemas: .*cdr"):
        load_schema("nope")
    with pytest.raises(UsageError, match="cannot read"):
        load_schema(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_survives_writing(name: str) -> None:
    schema, _ = load_schema(name)
    assert parse_schema(schema.to_toml(), where=name) == schema


def test_a_scenario_can_be_left_out() -> None:
    schema, _ = load_schema("cdr")
    less = schema.without(["induce/causes"]).templates[0]
    assert [s.id for s in less.scenarios] == [s.id for s in schema.templates[0].scenarios if s.id != "causes"]


@pytest.mark.parametrize(
    ("name", "message"), [("t/c", "has no scenario 't/c'"), ("t/b", "no positive or no negative scenario")]
)
def test_what_cannot_be_left_out_is_named(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_schema(GOOD, where="toy").without([name])
