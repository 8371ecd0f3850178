"""Parquet: the package's own records as columns, for engines that read tables (DuckDB, Spark, Ray, pandas).

The columns are the keys of `records`, nested as they are there. A table of another origin is read when
it has the columns id and text, or id with title and abstract; its further columns are ignored. One with the
columns of `condition_rows` is read as those rows. Needs the extra ``parquet``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.condition_files import Values, is_row
from apothecary.formats.condition_rows import document_of, row_of
from apothecary.formats.lines import open_bytes, printable
from apothecary.formats.records import from_record, to_record

if TYPE_CHECKING:
    import pyarrow

__all__ = ["pyarrow_module", "read", "writable", "write"]

ROWS = 512
"""Documents that are held at once as Python objects, in reading and in writing."""
GROUP = 8
"""So many times as many make one row group: what a file tells of each group is held in memory."""

_COLUMNS = (
    *("id", "text", "title", "abstract", "passages", "mentions", "concepts", "relations", "conditions"),
    *("unlocated", "attributes"),
)
# UTF-8, and so Parquet, cannot hold half of a surrogate pair.
_HALVES = re.compile("[\ud800-\udfff]")


def read(path: Path) -> Iterator[Document | DataError]:
    """Yield the documents of a file, a few hundred in memory; a bad row comes as a DataError value.

    Rows are counted from 1. Raises FormatError when the file cannot be read, UsageError without the extra.
    """
    arrow = pyarrow_module()
    where = printable(path)
    open_bytes(path).close()
    try:
        # With its buffers the library would hold all of the file that has been read.
        file = arrow.parquet.ParquetFile(path, pre_buffer=False)
        names = file.schema_arrow.names
        read_row = _instance if is_row(names) else _record
        columns = None if is_row(names) else [name for name in names if name in _COLUMNS]
        number = 0
        for batch in file.iter_batches(batch_size=ROWS, columns=columns):
            # One row after the other: of a column that repeats one long text, only one copy is made.
            for place in range(len(batch)):
                number += 1
                (row,) = batch.slice(place, 1).to_pylist(maps_as_pydicts="lossy")
                try:
                    yield read_row(_said(row), f"{where}: row {number}", number)
                except DataError as error:
                    yield error
    except (arrow.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        # The last three: text that is not UTF-8, a date after the year 9999, a map by what has no hash.
        raise FormatError(
            f"is not Parquet that can be read: {type(error).__name__}", where=where, hint="write it again"
        ) from error


def _record(row: dict[str, object], where: str, number: int) -> Document:
    return from_record(row, where=where)


def _instance(row: dict[str, object], where: str, number: int) -> Document:
    """The document of a row with a pair. Whole numbers with gaps are floats; what JSON has not, is text."""
    found: dict[str, object] = json.loads(json.dumps(row, default=str))
    for name, value in row.items():
        if isinstance(value, float) and not isfinite(value):
            del found[name]
        elif isinstance(value, float) and value.is_integer():
            found[name] = int(value)
    return document_of(row_of(Values(found, where, number - 1)))


def write(documents: Iterable[Document], path: Path) -> None:
    """Write a file, a few hundred documents in memory. Halves of surrogate pairs become blanks.

    A file that stands there is replaced when the new one is whole. Raises FormatError when it cannot be
    written, UsageError without the extra.
    """
    arrow = pyarrow_module()
    schema = _schema()
    records = (writable(to_record(document)) for document in documents)
    temporary = path.with_name(f"{path.name}.new")
    try:
        with arrow.parquet.ParquetWriter(temporary, schema, compression="zstd") as writer:
            tables = _tables(arrow, records, schema)
            while group := list(islice(tables, GROUP)):
                writer.write_table(arrow.concat_tables(group))
        temporary.replace(path)
    except (arrow.ArrowException, OSError) as error:
        raise FormatError(f"cannot be written: {type(error).__name__}", where=printable(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _tables(arrow: ModuleType, records: Iterator[object], schema: pyarrow.Schema) -> Iterator[pyarrow.Table]:
    while rows := list(islice(records, ROWS)):
        yield arrow.Table.from_pylist(rows, schema=schema)


def pyarrow_module() -> ModuleType:
    """The library. Raises UsageError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("pyarrow is not installed", hint="pip install 'apothecary[parquet]'") from error
    module: ModuleType = pyarrow
    return module


def _said(value: object) -> dict[str, object]:
    """A row without the columns and fields that say nothing."""
    found = _without_nothing(value)
    return found if isinstance(found, dict) else {}


def _without_nothing(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _without_nothing(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    return value


def writable(value: object) -> object:
    """A value whose texts Arrow can hold: halves of surrogate pairs become blanks."""
    if isinstance(value, str):
        return _HALVES.sub(" ", value)
    if isinstance(value, dict):
        return {writable(key): writable(item) for key, item in value.items()}
    return [writable(item) for item in value] if isinstance(value, list) else value


def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    text, texts, whole, number = pa.string(), pa.list_(pa.string()), pa.int64(), pa.float64()
    place = [("start", whole), ("end", whole)]
    status = pa.struct([("polarity", text), ("setting", text)])
    origin = pa.struct(
        [("engine", text), ("step", text), ("answer", text), ("scenarios", texts), ("log_odds", number)]
    )
    judged = [("status", status), ("confidence", number), ("origin", origin)]
    named = [*place, ("text", text), ("type", text), ("alignment", text)]

    def rows(*fields: tuple[str, pa.DataType]) -> pa.DataType:
        return pa.list_(pa.struct(list(fields)))

    return pa.schema(
        [
            ("id", text),
            ("text", text),
            ("passages", rows(("section", text), *place)),
            (
                "mentions",
                rows(
                    *named,
                    ("ids", texts),
                    ("individual_names", texts),
                    ("confidence", number),
                    ("spans", pa.list_(pa.list_(whole))),
                ),
            ),
            (
                "concepts",
                rows(
                    ("id", text),
                    ("type", text),
                    ("mentions", pa.list_(whole)),
                    ("names", texts),
                    ("ids", texts),
                    ("broader_than", texts),
                ),
            ),
            (
                "relations",
                rows(
                    ("id", text),
                    ("type", text),
                    ("arguments", rows(("role", text), ("concept", text))),
                    ("evidence", rows(*place, ("quote", text))),
                    *judged,
                    ("attributes", pa.map_(text, text)),
                ),
            ),
            ("conditions", rows(*named, ("relation", text), *judged)),
            ("unlocated", rows(("text", text), ("type", text), ("reason", text))),
            ("attributes", pa.map_(text, text)),
        ]
    )
