"""``apothecary store export | interactions | import-reviewed``: what leaves a base, and what comes back."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from apothecary import ADVICE
from apothecary.cli.options import Json, named_path
from apothecary.errors import UsageError

__all__ = ["export", "import_reviewed", "interactions"]

_Store = Annotated[Path, typer.Argument(help="A knowledge base.", metavar="KB.duckdb")]


def export(
    store: _Store,
    form: Annotated[
        Literal["bioc-xml", "bioc-json", "pubtator", "records", "label-studio", "jsonl", "csv", "kgx", "rdf"],
        typer.Option(help="What to write."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="File; for csv and kgx a folder.", parser=named_path, metavar="OUT"),
    ],
    min_belief: Annotated[
        float, typer.Option("--min-belief", min=0, max=1, help="Leave out what is believed less.")
    ] = 0.0,
    only_accepted: Annotated[
        bool, typer.Option("--only-accepted", help="Only what reviewers have confirmed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a knowledge base in a format of the field. A file is replaced when the new one is whole."""
    from apothecary.store.edge_rows import Chosen
    from apothecary.store.export import export as write

    found = write(store, out, form, Chosen(min_belief, only_accepted))
    for problem in found.problems:
        print(f"warning: left out: {problem}", file=sys.stderr)
    if as_json:
        record = {
            "form": found.form,
            "path": str(out),
            "counts": dict(found.counts),
            "lost": dict(found.lost),
            "left_out": found.left_out,
            "problems": list(found.problems),
        }
        print(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        lost = {f"lost in the format: {name}": count for name, count in found.lost.items()}
        left_out = {"documents left out": found.left_out} if found.left_out else {}
        _tell({**found.counts, **left_out, **lost}, f"{form}: {out}")
    raise typer.Exit(1 if found.left_out else 0)


def interactions(
    store: _Store,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Table to write.", parser=named_path, metavar="FILE.csv")
    ],
    min_belief: Annotated[
        float, typer.Option("--min-belief", min=0, max=1, help="Leave out what is believed less.")
    ] = 0.5,
    kind: Annotated[
        Literal["harmful", "beneficial"],
        typer.Option(help="harmful: NEG and interactions of DDI. beneficial: POS."),
    ] = "harmful",
    severity: Annotated[
        list[str] | None,
        typer.Option(help="What a type stands for, NEG=major; may be repeated.", metavar="TYPE=LEVEL"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write which drugs should not (or should) be given together: for recommend --interactions."""
    from apothecary.store.interactions import interactions as write

    graded = _assigned(severity or ())
    found = write(store, out, min_belief=min_belief, kind=kind, severity=graded)
    if not found.pairs:
        print(f"warning: no {kind} pair is believed to {min_belief:g} or more", file=sys.stderr)
    if as_json:
        print(json.dumps({"path": str(out), **asdict(found), "note": ADVICE}, indent=2, ensure_ascii=False))
    else:
        counts = {name.replace("_", " "): count for name, count in asdict(found).items()}
        _tell(counts, f"{kind} pairs of drugs: {out}. {ADVICE}")


def import_reviewed(
    store: _Store,
    file: Annotated[
        Path, typer.Argument(help="Reviewed tasks, JSON as Label Studio exports them.", metavar="FILE.json")
    ],
    reviewer: Annotated[
        str, typer.Option(help="Reviewer of annotations that do not say whose they are.", metavar="NAME")
    ] = "",
    as_json: Json = False,
) -> None:
    """Take in what was reviewed in Label Studio, as decisions in the log beside the base."""
    from apothecary.store.label_studio_import import import_reviewed as read

    found = read(store, file, reviewer=reviewer)
    for problem in found.problems:
        print(f"warning: {problem}", file=sys.stderr)
    if as_json:
        record = {"counts": dict(found.counts), "failed": found.failed, "problems": found.problems}
        print(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        _tell(found.counts, f"{file}: decisions")
        print(f"put them into the base: apothecary store build -o {store}")
    raise typer.Exit(1 if found.failed else 0)


def _tell(counts: Mapping[str, int], title: str) -> None:
    from apothecary.cli.tables import print_table

    print_table([["", "number"], *([name, f"{count:,}"] for name, count in counts.items())], title=title)


def _assigned(assignments: Sequence[str]) -> dict[str, str]:
    graded = {}
    for each in assignments:
        type_, equals, level = each.partition("=")
        if not equals:
            raise UsageError(f"'{each}' is not TYPE=LEVEL", where="--severity", hint="--severity NEG=major")
        graded[type_.strip()] = level.strip()
    return graded
