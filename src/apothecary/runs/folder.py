"""The folder of a run: what is in it, and how a run is taken up again.

A document is done when its line in ``predictions.jsonl`` is complete. Its error rows are written
before that line, so a kill at any moment leaves at most one torn line and error rows of documents
that are not done; both are removed when the run goes on. Documents with error rows are done again
then: what went wrong may pass, and what did not go wrong is in the reply cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from pydantic_core import PydanticSerializationError, to_json

from apothecary.errors import FormatError, RunError, RunMismatch, UsageError
from apothecary.runs.driver import Result
from apothecary.runs.durable import cut_torn_line, held_folder, replace_text
from apothecary.runs.ledger import Ledger

__all__ = ["RunFolder", "fingerprint", "read_json", "read_lines", "unfinished"]

FRESH = "start it anew with --fresh"
WRITTEN = ("predictions.jsonl", "errors.jsonl", "ledger.json", "report.html")


def fingerprint(identity: object) -> str:
    """SHA-256 of everything that changes the results of a run."""
    text = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class RunFolder:
    """A run folder. One process at a time writes it, inside `opened`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.error_rows = 0
        self.ledger = Ledger()
        self._predictions: IO[str] | None = None
        self._errors: IO[str] | None = None

    @contextmanager
    def opened(self, manifest: Mapping[str, object], *, fresh: bool) -> Iterator[RunFolder]:
        """Lock the folder, take up what is in it or start anew, and write the manifest.

        Raises RunMismatch when it holds a run of another fingerprint and not `fresh`; RunError when
        another process holds it; UsageError when it cannot be written.
        """
        with held_folder(self.path, "the run folder"), ExitStack() as opened:
            try:
                self._take_up(manifest, fresh=fresh)
                self._predictions, self._errors = (
                    opened.enter_context((self.path / name).open("a", encoding="utf-8"))
                    for name in ("predictions.jsonl", "errors.jsonl")
                )
            except OSError as error:
                name = str(error.filename or self.path)
                raise UsageError(f"cannot write the run folder: {error.strerror}", where=name) from error
            yield self

    def _take_up(self, manifest: Mapping[str, object], *, fresh: bool) -> None:
        earlier = None if fresh else read_json(self.path / "manifest.json")
        if earlier is not None:
            if earlier.get("fingerprint") != manifest["fingerprint"]:
                raise RunMismatch(
                    f"holds a run made with other settings ({_differences(earlier, manifest)})",
                    where=str(self.path),
                    hint=f"choose another --out, or {FRESH}",
                )
            self._restore()
        elif not fresh and (foreign := [name for name in WRITTEN if (self.path / name).exists()]):
            raise RunMismatch(
                f"holds {foreign[0]} without a manifest",
                where=str(self.path),
                hint=f"choose another --out, or {FRESH}",
            )
        else:
            for name in WRITTEN:
                (self.path / name).unlink(missing_ok=True)
        self.write_json("manifest.json", manifest)

    def _restore(self) -> None:
        predictions, errors = self.path / "predictions.jsonl", self.path / "errors.jsonl"
        for path in (predictions, errors):
            if path.exists():
                cut_torn_line(path)
        doubtful = {str(row["id"]) for row in read_lines(errors)}
        self.done = {str(row["id"]) for row in read_lines(predictions)}
        if not self.done.isdisjoint(doubtful):
            kept = (row for row in read_lines(predictions) if str(row["id"]) not in doubtful)
            replace_text(predictions, (f"{_line(row)}\n" for row in kept))
            self.done -= doubtful
        # Only now: a kill before this line leaves the rows that tell what is to be done again.
        errors.unlink(missing_ok=True)
        record = read_json(self.path / "ledger.json")
        if record is not None:
            self.ledger = Ledger.from_record(record, where=str(self.path / "ledger.json"))

    def write(self, result: Result) -> None:
        """Append one result. The prediction line comes last: it marks the document as done."""
        if self._predictions is None or self._errors is None:
            raise RunError("the run folder is not open", where=str(self.path))
        try:
            for problem in result.problems:
                self._errors.write(_line({"id": result.id, **asdict(problem)}) + "\n")
            self._errors.flush()
            if result.record is not None:
                self._predictions.write(_line(result.record) + "\n")
                self._predictions.flush()
        except OSError as error:
            raise RunError(
                f"cannot write results: {error.strerror}",
                where=str(self.path),
                hint="mend that and run the same command again",
            ) from error
        self.error_rows += len(result.problems)
        (self.failed if result.record is None else self.done).add(result.id)
        self.ledger.add(result.spent)

    def write_ledger(self) -> None:
        """Write ``ledger.json`` as it stands."""
        self.write_json("ledger.json", self.ledger.to_record(documents=len(self.done)))

    def write_json(self, name: str, value: Mapping[str, object]) -> None:
        """Write a JSON file whole or not at all."""
        replace_text(self.path / name, [_text(value, indent=2), "\n"])


def unfinished(parent: Path, task: str, run_fingerprint: str) -> Path | None:
    """The newest folder ``parent/<task>-...`` that holds an incomplete run of this fingerprint."""
    for path in sorted(parent.glob(f"{task}-*"), reverse=True):
        try:
            manifest = read_json(path / "manifest.json")
        except FormatError:
            continue  # A damaged stranger is no reason to refuse a new run.
        if (
            manifest
            and manifest.get("fingerprint") == run_fingerprint
            and manifest.get("status") != "complete"
        ):
            return path
    return None


def read_json(path: Path) -> dict[str, object] | None:
    """A JSON object, None when there is no such file. Raises FormatError."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError("is damaged", where=str(path), hint=FRESH) from error
    if not isinstance(value, dict):
        raise FormatError("is not a JSON object", where=str(path), hint=FRESH)
    return value


def read_lines(path: Path) -> Iterator[dict[str, object]]:
    """The rows of a file that this module wrote; none when it is absent. Raises FormatError."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                row = json.loads(line.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                raise FormatError("is damaged", where=f"{path}:{number}", hint=FRESH) from error
            if not isinstance(row, dict) or "id" not in row:
                raise FormatError("is damaged: no row of a run", where=f"{path}:{number}", hint=FRESH)
            yield row


def _line(row: Mapping[str, object]) -> str:
    """As `_text` in one line; four times as fast where nothing is odd, and lists of medication are long."""
    try:
        return to_json(row, inf_nan_mode="null").decode()
    except PydanticSerializationError:
        return _text(row)


def _text(value: Mapping[str, object], *, indent: int | None = None) -> str:
    """JSON that every reader takes.

    A lone surrogate, from a model's reply or the name of a file, has no UTF-8 form: it becomes a question
    mark, one for one. A number that is not finite becomes null: JSON has no name for it.
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value), parse_constant=lambda _: None)
        text = json.dumps(finite, indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def _differences(earlier: Mapping[str, object], now: Mapping[str, object]) -> str:
    a, b = earlier.get("identity"), now.get("identity")
    if not isinstance(a, dict) or not isinstance(b, dict):
        return "unknown"
    keys = sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
    return ", ".join(keys) or "none named"
