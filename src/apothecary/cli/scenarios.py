"""``apothecary scenarios``: check a schema, draft one, hold one against a corpus."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.cli.options import Encoding, Json, named_path
from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.tasks.scenarios_leaks import LeakReport

__all__ = ["app"]

app = typer.Typer(help="Schemas and their scenarios: lint, draft, ablate, leaks.", rich_markup_mode=None)
SHOWN = 20


@app.callback()
def _scenarios() -> None:
    """Schemas and their scenarios: lint, draft, leaks."""


@app.command("lint")
def lint_command(
    schema: Annotated[str, typer.Argument(help="A schema by name, or a .toml file.", metavar="SCHEMA")],
    as_json: Json = False,
) -> int:
    """Check a schema by reading it. Exit code 1 when there is an error; warnings change nothing."""
    from apothecary.cli.tables import print_table
    from apothecary.runs.scenario_tools import lint_schema

    loaded, findings = lint_schema(schema)
    errors = sum(finding.level == "error" for finding in findings)
    warnings = len(findings) - errors
    if as_json:
        rows = [asdict(finding) for finding in findings]
        record = {"schema": loaded.name, "errors": errors, "warnings": warnings, "findings": rows}
        print(json.dumps(record, indent=2, ensure_ascii=False))
        return 1 if errors else 0
    scenarios = sum(len(template.scenarios) for template in loaded.templates)
    counts = [str(len(loaded.labels)), str(len(loaded.templates)), str(scenarios), str(errors), str(warnings)]
    headings = ["schema", "labels", "templates", "scenarios", "errors", "warnings"]
    print_table([headings, [_plain(loaded.name), *counts]], title="Scenarios checked")
    for finding in findings:
        print(_plain(f"{finding.level}: {finding.place}: {finding.text} [{finding.rule}]"))
    return 1 if errors else 0


@app.command("draft")
def draft_command(
    relation: Annotated[str, typer.Option(help="Name of the relation type.")],
    head: Annotated[str, typer.Option(help="Label of what acts.")],
    tail: Annotated[str, typer.Option(help="Label of what is acted on.")],
    verb: Annotated[
        list[str], typer.Option(help="How texts say it, in plain form: inhibit, 'bind to'; may be repeated.")
    ],
    definition: Annotated[str, typer.Option(help="What the relation means, in one sentence.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where to write; never over a file [default: print].", parser=named_path, metavar="FILE.toml"
        ),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="A language model that adds scenarios [default: rules alone].")
    ] = None,
) -> int:
    """Draft a schema for one relation: positive and negative scenarios by rule. Meant to be edited."""
    from apothecary.formats.lines import printable
    from apothecary.runs.scenario_tools import make_draft
    from apothecary.tasks.scenarios_draft import Wish

    if out is not None and (out.suffix != ".toml" or out.exists()):
        message = "is there already" if out.exists() else "is no .toml file"
        raise UsageError(message, where=str(out), hint="name a new .toml file: a schema is edited by hand")
    wish = Wish(relation, head, tail, definition, tuple(verb))
    made = make_draft([wish], name=printable(Path(out.stem)) if out else "draft", engine=engine)
    comments = "".join(f"# {' '.join(note.split())}\n" for note in ("A draft: edit it.", *made.notes))
    text = f"{comments}\n{made.schema.to_toml()}"
    if out is None:
        print(text, end="")
    else:
        _write(out, text)
        print(f"schema: {out}")
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)
    if made.refused:
        print(f"nothing of the model's reply could be used: {made.refused}", file=sys.stderr)
    return 1 if made.refused else 0


def _write(path: Path, text: str) -> None:
    try:
        # Not over a file that came to be in the meantime.
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error


@app.command("leaks")
def leaks_command(
    gold: Annotated[Path, typer.Option(help="The annotated corpus that is scored.")],
    schema: Annotated[
        list[str] | None,
        typer.Option(help="A schema by name or .toml file; may be repeated.", metavar="NAME"),
    ] = None,
    strings: Annotated[
        list[Path] | None,
        typer.Option(help="A list or dictionary, one string on a line; may be repeated.", metavar="FILE"),
    ] = None,
    other: Annotated[
        list[Path] | None,
        typer.Option(help="Annotated documents that may be learnt from; may be repeated.", metavar="PATH"),
    ] = None,
    held_out: Annotated[
        Path | None,
        typer.Option(
            help="Ids that nothing may be learnt from, as set<TAB>id.", envvar="APOTHECARY_HELD_OUT"
        ),
    ] = None,
    words: Annotated[int, typer.Option(min=2, help="Words in a row that count as copied.")] = 5,
    share: Annotated[float, typer.Option(min=0, max=1, help="The most leaked strings of a source.")] = 0.1,
    at_least: Annotated[int, typer.Option(min=1, help="Strings of a source for that to count.")] = 5,
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> int:
    """Find prompt and dictionary strings that come from the scored corpus. Exit code 1 when it leaks."""
    from apothecary.runs.scenario_tools import find_leaks, read_strings

    report = find_leaks(
        read_strings(schema or [], strings or [], encoding=encoding),
        gold,
        other or [],
        held_out=held_out,
        words=words,
        encoding=encoding,
    )
    leaking = report.leaking(share=share, at_least=at_least)
    if as_json:
        print(json.dumps(_record(report, leaking=leaking), indent=2, ensure_ascii=False))
    else:
        _tell(report, leaking=leaking)
    return 1 if leaking else 0


def _record(report: LeakReport, *, leaking: bool) -> dict[str, object]:
    sources = [asdict(each) | {"share": each.value} for each in report.shares]
    overlaps = [asdict(each) for each in report.overlaps]
    return {
        "leaking": leaking,
        "documents": dict(report.documents),
        "sources": sources,
        "copied": len(report.copied),
        "overlaps": overlaps,
        "notes": list(report.notes),
    }


def _tell(report: LeakReport, *, leaking: bool) -> None:
    from apothecary.cli.tables import print_table

    rows = [["source", "strings", "in the gold", "nowhere else", "share"]]
    for each in report.shares:
        counts = (each.strings, each.gold, each.leaked)
        rows.append([_plain(each.source), *(f"{count:,}" for count in counts), f"{each.value:.1%}"])
    print_table(
        rows, title=f"Strings that are gold mentions, over {sum(report.documents.values()):,} documents"
    )
    for each in report.shares:
        if each.examples:
            print(_plain(f"{each.source}: {', '.join(each.examples)}"))
    for overlap in report.copied[:SHOWN]:
        why = "held out" if overlap.held_out else "scored"
        words = f"has {overlap.words} words of document {overlap.document} ({why})"
        print(_plain(f"{overlap.place} {words}: {overlap.text}"))
    if len(report.copied) > SHOWN:
        print(f"... and {len(report.copied) - SHOWN:,} more: --json lists them")
    for note in report.notes:
        print(f"note: {note}")
    print("leaking" if leaking else "no leak found")


def _plain(text: str) -> str:
    """One line without what a terminal would obey: schemas and documents may hold anything."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in " ".join(text.split()))
