"""The tools for schemas, from files: check one, draft one, hold one against a corpus.

What they do is in `apothecary.tasks`; here files are read and an engine is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document
from apothecary.engines.open import EngineOptions, open_engine
from apothecary.engines.routing import Routed, parse_routes
from apothecary.errors import AnswerError, FormatError, UsageError
from apothecary.formats.inputs import read_gold
from apothecary.formats.lines import printable, read_lines
from apothecary.messages import Engine, Failure
from apothecary.tasks.lexicon import load_lexicon
from apothecary.tasks.scenarios_draft import Wish, draft_schema, notes_on, with_scenarios
from apothecary.tasks.scenarios_leaks import WORDS, LeakReport, Place, leaks, schema_strings
from apothecary.tasks.scenarios_lint import Finding, lint
from apothecary.tasks.scenarios_model import DRAFT
from apothecary.tasks.schema import Scenario, Schema, Template, load_schema

__all__ = ["Draft", "find_leaks", "lint_schema", "make_draft", "read_strings"]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Ids and numbers, which are no names: MESH:D000001, C535, 12, 3.4e-5, D1|D2.
_NO_TEXT = re.compile(r"[\W\d_]*|(?:[A-Za-z]+:)?[A-Za-z]{0,4}\d{2,}(?:[|,;+].*)?|[-+\d.]+(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Draft:
    """A schema to be edited, what to check in it, and why a model's reply is not in it ("" where it is)."""

    schema: Schema
    notes: tuple[str, ...]
    refused: str = ""


def lint_schema(name_or_path: str) -> tuple[Schema, list[Finding]]:
    """A schema and what is wrong with it. Raises UsageError or FormatError for one that does not load."""
    schema, _ = load_schema(name_or_path)
    return schema, lint(schema)


def make_draft(wishes: Sequence[Wish], *, name: str, engine: str | None = None) -> Draft:
    """A schema drafted by rule and, with an engine, what a model adds to it.

    A reply that cannot be used costs the model's scenarios only. Raises UsageError, and EngineError for
    an engine that does not open or does not write texts.
    """
    lexicon = load_lexicon()
    schema = draft_schema(wishes, lexicon, name=name)
    notes = list(notes_on(wishes, lexicon))
    if engine is None:
        return Draft(schema, tuple(notes))
    refused = ""
    templates: list[Template] = []
    routes = parse_routes(engine, [DRAFT.name])
    with closing(Routed({DRAFT.name: open_engine(routes[DRAFT.name], EngineOptions())})) as opened:
        opened.check([DRAFT.name])
        for wish, template in zip(wishes, schema.templates, strict=True):
            try:
                more, repairs = _ask(opened, wish)
            except AnswerError as error:
                refused = f"{template.name}: {error}"
                templates.append(template)
                continue
            merged, told = with_scenarios(template, more)
            templates.append(merged)
            notes += [*(f"{template.name}: the model's reply was mended: {each}" for each in repairs), *told]
    return Draft(replace(schema, templates=tuple(templates)), tuple(notes), refused)


def _ask(engine: Engine, wish: Wish) -> tuple[tuple[Scenario, ...], tuple[str, ...]]:
    """What a model adds for one wish, and what had to be mended. Raises AnswerError."""
    (outcome,) = engine.answer([DRAFT.prompt(wish)])
    if isinstance(outcome, Failure):
        raise AnswerError(f"{outcome.kind}: {outcome.message}")
    parsed = DRAFT.parse(outcome, wish)
    return parsed.value, parsed.repairs


def find_leaks(
    sources: Iterable[tuple[Place, str]],
    gold: Path,
    others: Sequence[Path] = (),
    *,
    held_out: Path | None = None,
    words: int = WORDS,
    encoding: str = "utf-8",
) -> LeakReport:
    """Hold strings against a scored corpus and others, from files. Raises UsageError or FormatError."""
    if gold in others:
        raise UsageError("is the scored corpus", where=printable(gold), hint="name another one with --other")
    corpora: dict[str, Iterator[Document]] = {
        printable(path): read_gold(path, encoding=encoding) for path in (gold, *others)
    }
    listed = HeldOut.read(held_out) if held_out else None
    return leaks(sources, corpora, printable(gold), listed, words=words)


def read_strings(
    schemas: Sequence[str], files: Sequence[Path], *, encoding: str = "utf-8"
) -> list[tuple[Place, str]]:
    """The strings of schemas and of list files.

    A file holds one string on a line, ``type|string``, or columns separated by tabs, of which the first
    that is no id or number counts; lines that begin with ``# `` are comments. Raises UsageError or
    FormatError, for a file without a string too: it would pass whatever it should hold.
    """
    if not schemas and not files:
        raise UsageError("no string to look at", hint="give --schema NAME or --strings FILE")
    found: list[tuple[Place, str]] = []
    for name in schemas:
        found += schema_strings(load_schema(name)[0])
    for path in files:
        before = len(found)
        found += _strings_of(path, encoding)
        if len(found) == before:
            raise FormatError("holds no string", where=printable(path), hint="one string on a line")
    return found


def _strings_of(path: Path, encoding: str) -> Iterator[tuple[Place, str]]:
    for number, line in read_lines(path, encoding=encoding):
        if isinstance(line, FormatError):
            raise line
        if _CONTROL.search(line):
            where = f"{printable(path)}:{number}"
            raise FormatError("is no text", where=where, hint="give a file with one string on a line")
        text = _string_of(line)
        if text and not line.startswith("# "):
            yield Place(printable(path), str(number)), text


def _string_of(line: str) -> str:
    if "\t" in line:
        columns = [column.strip() for column in line.split("\t")]
        return next((column for column in columns if not _NO_TEXT.fullmatch(column)), "")
    before, bar, after = line.partition("|")
    return (after if bar and before.strip() else line).strip()
