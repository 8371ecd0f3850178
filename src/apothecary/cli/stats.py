"""``apothecary stats``: what annotated files hold, in numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from apothecary.cli.options import Encoding, Json
from apothecary.cli.tables import one_line, print_table

__all__ = ["stats"]

LONGEST = 40
"""Characters of a type that are shown."""
ARITY = 2
"""Relations of two arguments are what is expected; others are told."""


def stats(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="Annotated documents of any task, as score reads gold; ids may repeat between files.",
            metavar="FILE",
        ),
    ],
    encoding: Encoding = "utf-8",
    as_json: Json = False,
) -> None:
    """Count annotated documents: how long they are, and their mentions, relations and conditions by type."""
    from apothecary import api

    found = api.stats(list(inputs), encoding=encoding)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows = [["", "number", "share"], *_document_rows(found), *_instance_rows(_mapping(found["instances"]))]
    print_table(rows, title="A token is a word, or a character that is neither letter, digit nor blank")


def _document_rows(found: Mapping[str, object]) -> list[list[str]]:
    mentions, concepts, relations = (_mapping(found[key]) for key in ("mentions", "concepts", "relations"))
    arities = _mapping(relations["by_arity"])
    return [
        ["documents", _whole(found["documents"]), ""],
        ["tokens a document (mean)", _mean(found["mean_tokens"]), ""],
        *_typed_rows("mentions", mentions),
        *(_linked_rows(mentions) if mentions["count"] else []),
        *(
            [["concepts", _whole(concepts["count"]), ""], *_linked_rows(concepts)]
            if concepts["count"]
            else []
        ),
        *_typed_rows("relations", relations),
        *(_shares("  arguments", arities) if arities.keys() - {str(ARITY)} else []),
        *_typed_rows("conditions", _mapping(found["conditions"])),
    ]


def _linked_rows(found: Mapping[str, object]) -> list[list[str]]:
    return [["  with an id of a vocabulary", _whole(found["linked"]), _share(found["linked_share"])]]


def _instance_rows(found: Mapping[str, object]) -> list[list[str]]:
    """Rows for instances of conditions; what is zero as a rule is told where it is not."""
    if not found:
        return []
    return [
        ["abstracts", _whole(found["abstracts"]), ""],
        ["tokens an abstract (mean)", _mean(found["mean_tokens"]), ""],
        ["pairs of drug and disease", _whole(found["pairs"]), ""],
        ["  annotated", _whole(found["annotated"]), ""],
        *([f"  {name}", _whole(found[key]), ""] for key, name in _FAULTS.items() if found[key]),
        ["  without conditions", _whole(found["empty"]), _share(found["empty_share"])],
        *_typed_rows("conditions of these pairs", {"count": found["spans"], "by_type": found["by_type"]}),
        ["conditions a pair (mean)", _mean(found["spans_per_pair"]), ""],
        ["conditions a pair that has any (mean)", _mean(found["spans_per_non_empty_pair"]), ""],
        *(_shares("  found in the text:", _mapping(found["by_how"])) if found["spans"] else []),
    ]


_FAULTS = {"unread": "whose target cannot be read", "mended": "whose target had to be mended"}


def _typed_rows(name: str, found: Mapping[str, object]) -> list[list[str]]:
    """A row for all and one for each type; none where there is nothing."""
    return (
        [[name, _whole(found["count"]), ""], *_shares(" ", _mapping(found["by_type"]))]
        if found["count"]
        else []
    )


def _shares(before: str, counts: Mapping[str, object]) -> list[list[str]]:
    numbers = {name: count for name, count in counts.items() if isinstance(count, int)}
    total = sum(numbers.values())
    return [
        [f"{before} {_shown(name)}", _whole(count), _share(count / total if total else None)]
        for name, count in numbers.items()
    ]


def _shown(name: str) -> str:
    """A name as one line that is not too long."""
    line = one_line(name)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _whole(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _mean(value: object) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else "-"


def _share(value: object) -> str:
    return f"{100 * value:.1f} %" if isinstance(value, float) else "-"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
