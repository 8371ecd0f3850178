"""Extraction schemas: which names to look for, which relations to ask about, and how.

A schema is one TOML file, shipped under ``schemas/`` or written by a user. Labels include decoys:
types nobody wants, offered so that a model has somewhere to put what is neither (the comprehensive
label set of Zhao et al. 2025, principle 3). A template is a single-choice question in five parts;
its scenarios are items, not prose, so that they can be checked, counted and removed one by one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from apothecary.errors import FormatError, UsageError

__all__ = ["Label", "Scenario", "Schema", "Template", "load_schema", "schema_names"]

Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class Label:
    """A type of name. A decoy is offered to the model and then thrown away."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Text
    description: Text
    decoy: bool = False


@dataclass(frozen=True)
class Scenario:
    """One condition of a template and the code that answers it.

    `relations` are the relation types a positive code asserts (empty for a negative one);
    `principle` is the design rule it follows (Zhao et al. 2025, principles 1 to 9).
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: Text
    polarity: Literal["positive", "negative"]
    principle: Annotated[int, Field(ge=1, le=9)]
    text: Text
    code: Text
    relations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """A single-choice question about one pair of concepts, in five parts.

    Context is the document; `requirement` and `assumptions` say what is asked and what must not
    count as evidence; then positive and negative scenarios; then the output format with the pair.
    One that is not `directed` asks about two concepts of one type once, in either order.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Text
    head: Text
    tail: Text
    requirement: Text
    scenarios: tuple[Scenario, ...]
    assumptions: tuple[str, ...] = ()
    directed: bool = True

    @property
    def codes(self) -> tuple[str, ...]:
        """Every answer code once, in the order of the scenarios."""
        return tuple(dict.fromkeys(scenario.code for scenario in self.scenarios))

    @property
    def relations(self) -> tuple[str, ...]:
        """Every relation type the template can assert."""
        return tuple(dict.fromkeys(name for scenario in self.scenarios for name in scenario.relations))

    def asserted_by(self, code: str) -> tuple[str, ...]:
        """The relation types that a code asserts; empty for a negative code."""
        return tuple(dict.fromkeys(n for s in self.scenarios if s.code == code for n in s.relations))


@dataclass(frozen=True)
class Schema:
    """Labels and templates under one name.

    `contradictions` are groups of relation types of which one pair of concepts can have one only, such as
    an increase and a decrease of the same thing.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: Text
    title: Text
    labels: tuple[Label, ...]
    templates: tuple[Template, ...] = ()
    contradictions: tuple[tuple[str, ...], ...] = ()

    def without(self, scenarios: Sequence[str]) -> Schema:
        """The schema less some scenarios, each named ``template/scenario``.

        Contradictions of relation types that nothing asserts any more go too. Raises UsageError for one that
        there is not, and when a template is left without a positive or
        without a negative scenario.
        """
        named = {f"{template.name}/{each.id}" for template in self.templates for each in template.scenarios}
        for name in scenarios:
            if name not in named:
                message = f"schema {self.name} has no scenario '{name}'"
                raise UsageError(message, hint="write template/scenario")
        templates = tuple(_less(template, set(scenarios)) for template in self.templates)
        asserted = {relation for template in templates for relation in template.relations}
        groups = (tuple(name for name in group if name in asserted) for group in self.contradictions)
        return replace(
            self, templates=templates, contradictions=tuple(group for group in groups if len(group) > 1)
        )

    def to_toml(self) -> str:
        """The schema as `load_schema` reads it; comments of the file it came from are not in it."""
        return tomli_w.dumps(_less_empty(asdict(self)), multiline_strings=False)


def _less(template: Template, names: set[str]) -> Template:
    kept = tuple(each for each in template.scenarios if f"{template.name}/{each.id}" not in names)
    if {each.polarity for each in kept} != {"positive", "negative"}:
        raise UsageError(f"template {template.name} would have no positive or no negative scenario left")
    return replace(template, scenarios=kept)


def _less_empty(value: object) -> Any:
    if isinstance(value, dict):
        return {key: _less_empty(each) for key, each in value.items() if each not in ((), "")}
    if isinstance(value, list | tuple):
        return [_less_empty(each) for each in value]
    return value


_ADAPTER = TypeAdapter(Schema)


def schema_names() -> tuple[str, ...]:
    """The schemas that ship with the package."""
    folder = files("apothecary.tasks").joinpath("schemas")
    return tuple(sorted(e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml")))


def load_schema(name_or_path: str) -> tuple[Schema, str]:
    """A schema by name or by path, and its text. Raises UsageError or FormatError with the place."""
    if name_or_path in schema_names():
        resource = files("apothecary.tasks").joinpath("schemas", f"{name_or_path}.toml")
        text = resource.read_text(encoding="utf-8")
    elif name_or_path.endswith(".toml"):
        try:
            text = Path(name_or_path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read the schema: {error}", where=name_or_path) from error
    else:
        raise UsageError(
            f"there is no schema '{name_or_path}'",
            hint=f"schemas: {', '.join(schema_names())}; or give a .toml file",
        )
    return parse_schema(text, where=name_or_path), text


def parse_schema(text: str, *, where: str) -> Schema:
    """A schema from TOML text, checked whole. Raises FormatError."""
    try:
        schema = _ADAPTER.validate_python(tomllib.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FormatError(f"{place}: {first['msg']}", where=where) from error
    except (ValueError, RecursionError) as error:
        deep = "nested too deeply, or a number too long"
        reason = str(error) if isinstance(error, tomllib.TOMLDecodeError) else deep
        raise FormatError(f"not valid TOML: {reason}", where=where) from error
    _check(schema, where)
    return schema


def _check(schema: Schema, where: str) -> None:
    labels = [label.name for label in schema.labels]
    wanted = {label.name for label in schema.labels if not label.decoy}
    _unique(labels, "label", where)
    _unique([template.name for template in schema.templates], "template", where)
    for template in schema.templates:
        place = f"{where}: template {template.name}"
        for side in (template.head, template.tail):
            if side not in wanted:
                raise FormatError(f"'{side}' is not a wanted label", where=place)
        _unique([scenario.id for scenario in template.scenarios], "scenario", place)
        _check_codes(template, place)
    _check_contradictions(schema, where)


def _check_contradictions(schema: Schema, where: str) -> None:
    known = {relation for template in schema.templates for relation in template.relations}
    for group in schema.contradictions:
        for relation in group:
            if relation not in known:
                raise FormatError(f"contradictions: no template asserts '{relation}'", where=where)
        if len(set(group)) < 2:
            raise FormatError("contradictions: a group needs two relation types", where=where)


def _check_codes(template: Template, place: str) -> None:
    polarity: dict[str, str] = {}
    for scenario in template.scenarios:
        if (scenario.polarity == "positive") != bool(scenario.relations):
            raise FormatError(
                f"scenario {scenario.id}: a positive scenario names its relations, a negative one names none",
                where=place,
            )
        if polarity.setdefault(scenario.code, scenario.polarity) != scenario.polarity:
            raise FormatError(f"code {scenario.code} is both positive and negative", where=place)
    if set(polarity.values()) != {"positive", "negative"}:
        raise FormatError("needs at least one positive and one negative scenario", where=place)


def _unique(values: list[str], kind: str, where: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise FormatError(f"{kind} '{value}' is declared twice", where=where)
