"""Prediction records, found by document id and paired with the gold documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats.fields import identifier
from apothecary.formats.foreign import foreign_kind, read_foreign
from apothecary.formats.jsonl import read_rows
from apothecary.formats.lines import printable

__all__ = ["Prediction", "pair_up", "predictions_file", "read_predictions"]


@dataclass(frozen=True)
class Prediction:
    """One record and the line it begins at (0: not known). What it holds is its task's affair."""

    line: int
    record: dict[str, object]


def predictions_file(path: Path) -> Path:
    """The file itself; of a run's folder, the one that holds what it predicted."""
    return path / "predictions.jsonl" if path.is_dir() else path


def read_predictions(path: Path, *, encoding: str = "utf-8") -> dict[str, Prediction]:
    """All records of a file by id, in the order of the file: JSON Lines, or what `foreign` reads.

    Raises DataError, with the line, for what cannot be read and for a missing or repeated id:
    a score over part of the predictions would be a wrong score.
    """
    read = read_rows if foreign_kind(path, encoding=encoding) is None else read_foreign
    predictions: dict[str, Prediction] = {}
    for row in read(path, encoding=encoding):
        if isinstance(row, DataError):
            raise row
        line, record = row
        where = _place(printable(path), line)
        document_id = identifier(record, where=where)
        if document_id in predictions:
            earlier = predictions[document_id].line
            raise FormatError(
                f"id {document_id} was already predicted{f' at line {earlier}' if earlier else ''}",
                where=where,
                hint="keep one prediction for each document",
            )
        predictions[document_id] = Prediction(line, record)
    return predictions


def pair_up(
    gold: Iterable[Document], predictions: Mapping[str, Prediction], *, path: str
) -> Iterator[tuple[Document, Mapping[str, object] | None]]:
    """Yield every gold document with its prediction record, or None.

    `path` is where the predictions came from. Raises FormatError, after the last document, for
    the first prediction whose id the gold does not have.
    """
    unused = dict(predictions)
    for document in gold:
        prediction = unused.pop(document.id, None)
        yield document, None if prediction is None else prediction.record
    for document_id, prediction in unused.items():
        raise FormatError(
            f"id {document_id} is not in the gold",
            where=_place(path, prediction.line),
            hint="score against the file the predictions were made from",
        )


def _place(path: str, line: int) -> str:
    return f"{path}:{line}" if line else path
