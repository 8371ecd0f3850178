"""``apothecary visits``: hospital records to visits, and what a file of visits holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from apothecary.cli.options import Encoding, Json, named_path
from apothecary.cli.tables import one_line, print_table

__all__ = ["app"]

app = typer.Typer(
    name="visits",
    help="Visits of patients: import them from hospital records, count them.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

SHOWN_DRUGS = 15
SHOWN_EXAMPLES = 3

_From = Annotated[
    Literal["mimic3", "mimic4", "meds", "eicu", "omop", "synthea"],
    typer.Option("--from", help="What the source is."),
]
_When = Annotated[
    Literal["stay", "admission"],
    typer.Option(
        help="stay: all drugs and codes of a visit, as published."
        " admission: drugs of the first 24 hours, and what was known at the beginning.",
    ),
]


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="Folder of tables, or Parquet (MEDS).", metavar="SOURCE")],
    kind: _From,
    out: Annotated[
        Path, typer.Option(help="File to write, JSON Lines.", parser=named_path, metavar="visits.jsonl")
    ],
    when: _When = "stay",
    names: Annotated[
        Path | None, typer.Option(help="Vocabulary of drugs: a table name,alias[,excluded].", metavar="FILE")
    ] = None,
    ndc: Annotated[
        Path | None, typer.Option(help="National Drug Codes with their ingredients.", metavar="FILE")
    ] = None,
    min_support: Annotated[
        int, typer.Option("--min-support", min=1, help="Leave out drugs of fewer visits.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Write visits of hospital records, and beside them an audit of every row and why it was lost.

    Nothing leaves this machine. The files hold data of patients: keep them as the source is to be kept.
    """
    from apothecary.corpora.visit_import import ImportOptions, audit_path, import_visits

    options = ImportOptions(when=when, names=names, ndc=ndc, min_support=min_support)
    figures = import_visits(source, kind, out, options).figures()
    if as_json:
        print(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    print_table([["", "number", "share"], *_audit_rows(figures)], title=f"{out}, audit in {audit_path(out)}")
    for reason, shown in _mapping(_mapping(figures["rows"])["examples"]).items():
        print(f"{reason}: {'; '.join(list(_mapping(shown))[:SHOWN_EXAMPLES])}")


@app.command("stats")
def stats(
    file: Annotated[Path, typer.Argument(help="Visits, JSON Lines.", metavar="FILE")],
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Count visits: patients, codes, drugs, ages, and visits with inputs that were known only later."""
    from apothecary.corpora.visits import stats as count
    from apothecary.formats.visit_rows import read

    figures = count(read(file, encoding=encoding))
    if as_json:
        print(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    print_table([["", "number", "share"], *_stats_rows(figures)], title=str(file))


def _audit_rows(figures: Mapping[str, object]) -> list[list[str]]:
    rows, visits = _mapping(figures["rows"]), _mapping(figures["visits"])
    read, known = _number(rows["read"]), _number(visits["read"])
    return [
        _row("rows of drugs", read),
        _row("  kept", _number(rows["kept"]), read),
        _row("  again in their visit", _number(rows["repeats"]), read),
        *_counted(_mapping(rows["lost"]), read, "  lost: "),
        _row("visits", known),
        _row("  kept", _number(visits["kept"]), known),
        *_counted(_mapping(visits["lost"]), known, "  lost: "),
        _row("  with diagnoses", _number(visits["with_diagnoses"]), known),
        _row("  with procedures", _number(visits["with_procedures"]), known),
        _row("  with earlier visits", _number(visits["with_earlier_ones"]), known),
        *_counted(_mapping(visits["ages"]), known, "  age "),
        _row("patients", _number(visits["patients"])),
        _row("drugs", len(_mapping(figures["support"]))),
        _row("  below the support", len(_mapping(figures["below_min_support"]))),
        ["drugs a visit (mean)", _mean(visits["mean_drugs"]), ""],
        *_counted(_mapping(figures["inputs_left_out"]), 0, "left out: "),
        *_counted(_mapping(figures["remarks"]), 0, ""),
    ]


def _stats_rows(figures: Mapping[str, object]) -> list[list[str]]:
    visits = _number(figures["visits"])
    drugs, ages = _mapping(figures["drugs"]), _mapping(figures["ages"])
    support = list(_mapping(drugs["visits_by_drug"]).items())
    return [
        _row("patients", _number(figures["patients"])),
        _row("  with several visits", _number(figures["patients_with_several_visits"])),
        _row("visits", visits),
        _row("  with earlier ones", _number(figures["visits_with_earlier_ones"]), visits),
        *(
            _row(f"  with {name.replace('_', ' ')}", _number(count), visits)
            for name, count in _mapping(figures["visits_with"]).items()
        ),
        *(_row(f"  {name}", _number(count), visits) for name, count in _mapping(figures["sexes"]).items()),
        ["age (mean)", _mean(ages["mean"]), ""],
        *(
            _row(f"{kind} of {system}", _number(count))
            for kind, codes in _mapping(figures["codes"]).items()
            for system, count in _mapping(_mapping(codes)["by_system"]).items()
        ),
        _row("drugs", _number(drugs["names"])),
        ["drugs a visit (mean)", _mean(drugs["mean_per_visit"]), ""],
        *(_row(f"  {one_line(name)[:40]}", _number(count), visits) for name, count in support[:SHOWN_DRUGS]),
        *([[f"  and {len(support) - SHOWN_DRUGS} more", "", ""]] if len(support) > SHOWN_DRUGS else []),
    ]


def _counted(counts: Mapping[str, object], total: int, before: str) -> list[list[str]]:
    return [_row(f"{before}{name}", _number(count), total) for name, count in counts.items()]


def _row(name: str, count: int, total: int = 0) -> list[str]:
    return [name, f"{count:,}", f"{100 * count / total:.1f} %" if total else ""]


def _mean(value: object) -> str:
    return f"{value:,.1f}" if isinstance(value, int | float) else "-"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
