"""``ablation.jsonl``: what was measured of each variant, document by document, so that nothing is lost.

The first line says what the measurements depend on; then one line for each document of each variant,
appended as it is finished. A kill leaves at most one torn line, which is cut off. Lines with problems count
within their own process and are measured again by the next one: what went wrong may pass.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from apothecary.errors import FormatError, RunError, RunMismatch, UsageError
from apothecary.formats.lines import printable

# The folder of a run and that of an ablation are locked, cut and replaced by the same rules.
from apothecary.runs.durable import cut_torn_line, held_folder, replace_text
from apothecary.runs.folder import fingerprint
from apothecary.runs.ledger import Spent
from apothecary.tasks.ablation import Variant

__all__ = ["AblationFolder", "Part", "Row"]

Part = Literal["selection", "confirmation"]
Count = Annotated[int, Field(ge=0)]
FRESH = "choose another --out"
WRITTEN = ("ablation.json", "pruned.toml", "report.html")


@dataclass(frozen=True)
class Row:
    """One document of one variant: true and false positives and false negatives, a digest of its answers,
    how many questions went wrong, and what it cost."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    part: Part
    without: Variant
    id: str
    counts: tuple[Count, Count, Count]
    answers: str
    problems: Count = 0
    spent: Spent = field(default_factory=Spent)


_ROW = TypeAdapter(Row)
_Key = tuple[Part, Variant]


class AblationFolder:
    """The folder of an ablation. One process at a time writes it, inside `opened`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[_Key, dict[str, Row]] = {}
        self._spent: dict[_Key, Spent] = {}
        self._stream: IO[str] | None = None

    @contextmanager
    def opened(self, identity: Mapping[str, object]) -> Iterator[AblationFolder]:
        """Lock the folder and take up what is in it.

        Raises RunMismatch when it was measured with another identity, FormatError when its rows are
        damaged, RunError when another process holds it, UsageError when it cannot be written.
        """
        with held_folder(self.path, "the folder"), ExitStack() as closing:
            path = self.path / "ablation.jsonl"
            try:
                if path.exists():
                    cut_torn_line(path)
                fresh = not path.exists() or path.stat().st_size == 0
                if fresh:
                    self._refuse_strangers()
                else:
                    self._take_up(path, identity)
                self._stream = closing.enter_context(path.open("a", encoding="utf-8"))
            except OSError as error:
                raise UsageError(f"cannot be written: {error.strerror}", where=printable(path)) from error
            if fresh:
                self._append({"fingerprint": fingerprint(identity), "identity": identity})
            yield self

    def finished(self, part: Part, variant: Variant) -> Mapping[str, Row]:
        """The rows of a variant by document id. Nothing is known of the documents that are not in it."""
        return self._rows.get((part, variant), {})

    def spent(self, part: Part, variant: Variant) -> Spent:
        """What a variant has cost, in this process and before."""
        return self._spent.get((part, variant), Spent())

    @property
    def total(self) -> Spent:
        """What all variants have cost."""
        return sum(self._spent.values(), Spent())

    def add(self, row: Row) -> None:
        """Append one row. Raises RunError when it cannot be written."""
        self._append(asdict(row))
        self._take(row)

    def write(self, name: str, text: str) -> None:
        """Write another file of the folder, whole or not at all. Raises RunError."""
        replace_text(self.path / name, [text.encode("utf-8", "replace").decode("utf-8")])

    def remove(self, name: str) -> None:
        """Remove a file that is out of date, if it is there. Raises RunError."""
        try:
            (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise RunError(
                f"cannot be removed: {error.strerror}", where=printable(self.path / name)
            ) from error

    def _take(self, row: Row) -> None:
        key = (row.part, row.without)
        self._rows.setdefault(key, {})[row.id] = row
        self._spent[key] = self.spent(*key) + row.spent

    def _append(self, value: Mapping[str, object]) -> None:
        if self._stream is None:
            raise RunError("the folder is not open", where=printable(self.path))
        try:
            self._stream.write(json.dumps(value) + "\n")
            self._stream.flush()
        except OSError as error:
            raise RunError(
                f"cannot write results: {error.strerror}",
                where=printable(self.path),
                hint="mend that and run the same command again",
            ) from error

    def _refuse_strangers(self) -> None:
        for name in (*WRITTEN, "manifest.json"):
            if (self.path / name).exists():
                raise RunMismatch(
                    f"holds {name}, but no ablation that can go on", where=printable(self.path), hint=FRESH
                )

    def _take_up(self, path: Path, identity: Mapping[str, object]) -> None:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                where = f"{printable(path)}:{number}"
                if number == 1:
                    _check_head(line, identity, where)
                    continue
                try:
                    self._take(_ROW.validate_json(line))
                except ValidationError as error:
                    raise FormatError("is damaged", where=where, hint=FRESH) from error
        for rows in self._rows.values():
            for row in [each for each in rows.values() if each.problems]:
                del rows[row.id]


def _check_head(line: bytes, identity: Mapping[str, object], where: str) -> None:
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FormatError("is damaged", where=where, hint=FRESH) from error
    if not isinstance(head, dict) or not isinstance(head.get("identity"), dict):
        raise FormatError("is not the head of an ablation", where=where, hint=FRESH)
    if head.get("fingerprint") != fingerprint(identity):
        earlier = head["identity"]
        # As JSON has it: a tuple came back as a list.
        now = json.loads(json.dumps(identity))
        differ = sorted(key for key in earlier.keys() | now.keys() if earlier.get(key) != now.get(key))
        raise RunMismatch(
            f"holds an ablation made with other settings ({', '.join(differ) or 'none named'})",
            where=where,
            hint=FRESH,
        )
