"""MeSH in ASCII: records of lines such as ``MH = Calcimycin``, each begun by ``*NEWRECORD``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from apothecary.errors import FormatError
from apothecary.vocab.files import numbered_lines, printable
from apothecary.vocab.mesh_record import MeshRecord

__all__ = ["START", "ascii_records"]

START = "*NEWRECORD"

_FIELD = re.compile(r"([A-Z][A-Z_ ]*?) = ?(.*)")
_USED = frozenset({"MH", "NM", "ENTRY", "PRINT ENTRY", "SY", "UI", "MN", "ST"})


def ascii_records(path: Path) -> Iterator[MeshRecord]:
    """Yield descriptors (d2026.bin) and supplementary records (c2026.bin); others, such as qualifiers, not.

    Raises FormatError, naming the line, for a line that is no field, and for a record without its id.
    """
    where = printable(path)
    first = 0
    fields: dict[str, list[str]] = {}
    for number, line in numbered_lines(path):
        if line.strip().removeprefix("\ufeff") == START:
            yield from _record(fields, f"{where}:{first}")
            first, fields = number, {}
        elif line.strip():
            match = _FIELD.fullmatch(line)
            if not match or not first:
                raise FormatError(
                    f"expected a line such as 'UI = D000001' below {START}",
                    where=f"{where}:{number}",
                    hint="is this a MeSH ASCII file, and undamaged?",
                )
            if match[1] in _USED:
                fields.setdefault(match[1], []).append(match[2].strip())
    yield from _record(fields, f"{where}:{first}")


def _record(fields: Mapping[str, Sequence[str]], where: str) -> Iterator[MeshRecord]:
    heading = [*fields.get("MH", ()), *fields.get("NM", ())]
    if not heading:
        return
    synonyms = (*fields.get("ENTRY", ()), *fields.get("PRINT ENTRY", ()), *fields.get("SY", ()))
    yield MeshRecord(
        where=where,
        id="".join(fields.get("UI", ())[:1]),
        # After the first bar come semantic types, relation, thesaurus and date.
        names=(*heading, *(synonym.partition("|")[0].strip() for synonym in synonyms)),
        trees=tuple(fields.get("MN", ())),
        supplementary="NM" in fields,
        semantic_types=tuple(fields.get("ST", ())),
    )
