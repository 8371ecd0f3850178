"""What a build takes in: a run folder, or a file of documents, as records with their digests.

The lines of a run are read twice: once for their digests alone, so that a line that was taken in before is
never parsed again. A line without its line end is one that a running extraction is still writing: it is
passed over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, Protocol

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError, UsageError
from apothecary.formats.inputs import read_inputs
from apothecary.formats.kinds import kind_of
from apothecary.formats.lines import MAX_LINE_BYTES, open_bytes, printable
from apothecary.formats.medline import Withdrawn, read_update
from apothecary.formats.records import from_record, to_record
from apothecary.store.keys import digest_of, key_of

__all__ = ["TASKS", "Line", "Record", "Run", "document_records", "lines_of", "read_run", "run_records"]

TASKS = ("relations", "combinations", "conditions", "mentions")
"""Tasks whose records are documents with statements about them."""
FILE = "annotation"
"""The task of a file of documents."""
_HASHED_BYTES = 1 << 20
_HINT = "name the folder of a run (apothecary extract ... --out FOLDER), or a file of documents"


@dataclass(frozen=True)
class Run:
    """A run as the base names it; its times in ISO 8601."""

    run: str
    source: str
    task: str
    engines: str
    version: str
    path: Path
    status: str
    started: str
    finished: str | None
    manifest: str
    schema: str = ""

    @property
    def is_file(self) -> bool:
        """A file of documents, no run folder."""
        return self.task == FILE

    @property
    def predictions(self) -> Path:
        """The file of its records."""
        return self.path / "predictions.jsonl"


class Hashing(Protocol):
    """What `hashlib.sha256` makes."""

    def update(self, data: bytes, /) -> None:
        """Take in bytes."""


@dataclass(frozen=True)
class Line:
    """A whole line of a run: its number, and the SHA-256 of its bytes."""

    number: int
    digest: str


@dataclass(frozen=True)
class Record:
    """What a run says of one document. `reasoning` has the chains of thought by sentence (start, end).

    `withdrawn` stands for a record that a MEDLINE update takes back: it has no text.
    """

    document: Document
    digest: str
    where: str
    reasoning: Mapping[tuple[int, int], str]
    withdrawn: bool = False


def read_run(path: Path) -> Run:
    """The run of a folder or of a file of documents. Raises FormatError or UsageError when it is none."""
    if not path.is_dir():
        return _file_run(path)
    manifest_path = path / "manifest.json"
    where = printable(manifest_path)
    try:
        text = manifest_path.read_text(encoding="utf-8")
        manifest = json.loads(text, parse_constant=_refuse)
        text.encode()
        identity = manifest["identity"]
        engines, settings = identity["engines"], identity.get("settings", {})
        task, fingerprint, status = manifest["task"], manifest["fingerprint"], manifest["status"]
        names = sorted({_engine_name(each) for each in engines.values()})
        if not all(isinstance(each, str) for each in (task, fingerprint, status)):
            raise TypeError
        schema = str(settings.get("schema", "")) if task == "relations" else ""
        version = str(identity.get("version", ""))
        started, finished = (_time(manifest.get(key)) for key in ("started", "finished"))
    except FileNotFoundError as error:
        raise FormatError("no run: it has no manifest.json", where=printable(path), hint=_HINT) from error
    except (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise FormatError("is no manifest of a run", where=where, hint="run the extraction again") from error
    if task not in TASKS:
        raise UsageError(
            f"a run of '{task}' says nothing that a knowledge base can hold",
            where=printable(path),
            hint=f"give runs of {', '.join(TASKS)}",
        )
    if not (path / "predictions.jsonl").is_file():
        raise FormatError(
            "no predictions.jsonl in it", where=printable(path), hint="run the extraction first"
        )
    return Run(
        run=fingerprint[:16],
        source=f"{task} by {', '.join(names) or 'no engine'}",
        task=task,
        engines=json.dumps(engines, ensure_ascii=False, sort_keys=True),
        version=version,
        path=path,
        status=status,
        started=started or "",
        finished=finished,
        manifest=json.dumps(manifest, ensure_ascii=False, sort_keys=True),
        schema=schema,
    )


def lines_of(run: Run, whole: Hashing) -> Iterator[Line]:
    """The whole lines of a run; `whole` takes in all their bytes."""
    complete = run.status == "complete"
    with open_bytes(run.predictions) as stream:
        number = 0
        while data := stream.readline(MAX_LINE_BYTES):
            number += 1
            one = hashlib.sha256(data)
            whole.update(data)
            # A line that is too long for a record is hashed by pieces.
            while not data.endswith(b"\n") and (data := stream.readline(_HASHED_BYTES)):
                one.update(data)
                whole.update(data)
            if data or complete:
                yield Line(number, one.hexdigest())


def run_records(run: Run, wanted: Collection[int] | None = None) -> Iterator[Record | DataError]:
    """The records on the lines of those numbers, or on all; a bad line comes as a DataError value."""
    name = printable(run.predictions)
    with open_bytes(run.predictions) as stream:
        number = 0
        while data := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            too_long = len(data) > MAX_LINE_BYTES
            while too_long and data and not data.endswith(b"\n"):
                data = stream.readline(_HASHED_BYTES)
            torn = not data.endswith(b"\n") and run.status != "complete"
            if torn or (wanted is not None and number not in wanted):
                continue
            where = f"{name}:{number}"
            try:
                if too_long:
                    raise FormatError(f"line longer than {MAX_LINE_BYTES} bytes", where=where)
                yield _record(data, where)
            except DataError as error:
                yield error


def document_records(run: Run) -> Iterator[Record | DataError]:
    """The documents of a file in any format that is read here, and what a MEDLINE update withdraws."""
    where = printable(run.path)
    if kind_of(run.path, "utf-8") == "medline":
        withdrawn: set[str] = set()
        for item in read_update(run.path):
            if isinstance(item, Withdrawn):
                withdrawn |= item.ids
            else:
                yield item if isinstance(item, DataError) else _of_document(item, where)
        for each in sorted(withdrawn):
            yield Record(Document(each, "", attributes={"withdrawn": "yes"}), "", where, {}, withdrawn=True)
        return
    for item in read_inputs([run.path]):
        yield item if isinstance(item, DataError) else _of_document(item, where)


def _file_run(path: Path) -> Run:
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    except (OSError, ValueError) as error:
        raise UsageError("there is no such run or file", where=printable(path), hint=_HINT) from error
    if path.name == "manifest.json" or path.name == "predictions.jsonl":
        raise UsageError("is a file of a run", where=printable(path), hint=f"give its folder: {path.parent}")
    kind_of(path, "utf-8")
    return Run(
        run=key_of(FILE, printable(path.resolve())),
        source=f"{FILE} in {printable(Path(path.name))}",
        task=FILE,
        engines="{}",
        version="",
        path=path,
        status="complete",
        started=changed,
        finished=changed,
        manifest="{}",
    )


def _of_document(document: Document, where: str) -> Record:
    digest = digest_of(json.dumps(to_record(document), ensure_ascii=False, sort_keys=True))
    return Record(document, digest, f"{where}: document {document.id}", {})


def _record(data: bytes, where: str) -> Record:
    hint = "leave the line out, or run the extraction again"
    try:
        value: object = json.loads(data.decode("utf-8"), parse_constant=_refuse)
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise FormatError("is damaged: no JSON", where=where, hint=hint) from error
    if not isinstance(value, dict):
        raise FormatError("is damaged: no JSON object", where=where, hint=hint)
    document = from_record(value, where=where)
    if not document.text and (document.mentions or document.relations):
        raise FormatError("has statements and no text", where=where, hint=hint)
    return Record(document, hashlib.sha256(data).hexdigest(), where, _reasoning(value.get("reasoning")))


def _reasoning(value: object) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    for row in value if isinstance(value, list) else []:
        place = row.get("sentence") if isinstance(row, dict) else None
        places = place if isinstance(place, list) and all(isinstance(each, int) for each in place) else ()
        if len(places) == 2 and isinstance(row.get("think"), str):
            found[places[0], places[1]] = row["think"]
    return found


def _engine_name(engine: object) -> str:
    if not isinstance(engine, Mapping):
        raise TypeError
    name, adapter = engine["name"], engine.get("adapter") or ""
    return f"{name}+{adapter[:8]}" if adapter else str(name)


def _time(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
