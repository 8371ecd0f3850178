"""BioC JSON: a collection, a list of documents, or one of these (or one document) on each line.

The structure is that of the `bioc` package; PubTator 3 gives documents under a key of its own.
What is made of documents and what a departure from the format does: see `bioc`.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn, TextIO

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats.bioc import from_record
from apothecary.formats.bioc_writing import to_record
from apothecary.formats.differences import differences
from apothecary.formats.lines import MAX_LINE_BYTES, check_encoding, open_bytes, printable, read_lines

__all__ = ["losses", "read", "write"]

_MAX_BYTES = 256 * 1024 * 1024
_COLLECTIONS = ("documents", "PubTator3")
# JSON can name half of a surrogate pair, but UTF-8 cannot hold it.
_HALVES = re.compile("[\ud800-\udfff]")


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Document | DataError]:
    """Yield the documents of a file; a bad one comes as a DataError value that names its line or its id.

    A file of lines is read line by line. One in which a value goes over several lines is read whole,
    up to 256 MiB, and broken JSON in it is one error. So are repeated keys, NaN and halves of surrogate
    pairs. Raises FormatError when the file cannot be opened, UsageError for an unknown encoding.
    """
    check_encoding(encoding)
    where = printable(path)
    if _goes_over_lines(path, encoding):
        text = _whole_text(path, encoding)
        yield from [text] if isinstance(text, FormatError) else _values(text, where)
        return
    for number, line in read_lines(path, encoding=encoding):
        if isinstance(line, FormatError):
            yield line
        elif line.strip():
            yield from _values(line, f"{where}:{number}")


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write one collection, a document on each line, to be encoded as UTF-8.

    Halves of surrogate pairs become blanks. Raises FormatError for an id that would not be read again.
    """
    stream.write('{"source": "", "date": "", "key": "", "infons": {}, "documents": [')
    separator = "\n"
    for document in documents:
        stream.write(separator + _dumps(document))
        separator = ",\n"
    stream.write("\n]}\n")


def losses(document: Document) -> tuple[str, ...]:
    """The fields of the document that writing and reading again would change, such as "conditions".

    Found by doing so, hence complete. Raises FormatError as `write` does.
    """
    record = json.loads(_dumps(document))
    return differences(document, from_record(record, where=f"document {document.id}"))


def _dumps(document: Document) -> str:
    return _HALVES.sub(" ", json.dumps(to_record(document), ensure_ascii=False))


def _goes_over_lines(path: Path, encoding: str) -> bool:
    """Whether the first line is the beginning of a value; a line that is wrong in itself is not."""
    with open_bytes(path) as stream:
        line = stream.readline(MAX_LINE_BYTES + 1)
        while line and not line.strip():
            line = stream.readline(MAX_LINE_BYTES + 1)
    text = line.decode(encoding, "replace").removeprefix("\ufeff").rstrip()
    if len(line) > MAX_LINE_BYTES:
        return True
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text)
    except (ValueError, RecursionError):
        return False
    return False


def _whole_text(path: Path, encoding: str) -> str | FormatError:
    where = printable(path)
    with open_bytes(path) as stream:
        if os.fstat(stream.fileno()).st_size > _MAX_BYTES:
            hint = "split it, or write one document on a line"
            return FormatError(f"one JSON value of more than {_MAX_BYTES} bytes", where=where, hint=hint)
        data = stream.read(_MAX_BYTES)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        byte = error.start if isinstance(error, UnicodeDecodeError) else 0
        hint = "name its encoding with --encoding"
        return FormatError(f"byte {byte} is not {encoding}", where=where, hint=hint)


def _values(text: str, where: str) -> Iterator[Document | DataError]:
    """The documents of one JSON value."""
    hint = "one document on a line, or one collection"
    try:
        value: object = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if "\n" in text else f"column {error.colno}"
        yield FormatError(f"not JSON: {error.msg} at {place}", where=where, hint=hint)
    except UnicodeEncodeError:
        yield FormatError("half of a surrogate pair in a string", where=where, hint="write the character")
    except (ValueError, RecursionError):
        yield FormatError("not JSON: nested too deeply, or a number too long", where=where, hint=hint)
    except FormatError as error:
        yield FormatError(f"not JSON: {error.message}", where=where, hint=hint)
    else:
        yield from (_document(item, place) for item, place in _items(value, where))


def _items(value: object, where: str) -> Iterator[tuple[object, str]]:
    if isinstance(value, dict):
        value = next((value[key] for key in _COLLECTIONS if key in value), value)
    if not isinstance(value, list):
        yield value, where
        return
    for number, item in enumerate(value, 1):
        if isinstance(item, dict) and any(key in item for key in _COLLECTIONS):
            # As PMC answers: a list of collections.
            yield from _items(item, where)
            continue
        name = item.get("id") if isinstance(item, dict) else None
        # Neither a list nor an object is an id: quoted, it could hold the whole text.
        yield item, f"{where}: document {name if isinstance(name, str | int) else number}"


def _document(item: object, where: str) -> Document | DataError:
    if not isinstance(item, dict):
        hint = "a document is an object with an id and passages"
        return FormatError(f"not an object but {type(item).__name__}", where=where, hint=hint)
    try:
        return from_record(item, where=where)
    except DataError as error:
        return error


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        ((key, count),) = Counter(key for key, _ in pairs).most_common(1)
        raise FormatError(f"key {key!r} stands {count} times in one object")
    return found


def _refuse(name: str) -> NoReturn:
    raise FormatError(f"{name} is no JSON number")
