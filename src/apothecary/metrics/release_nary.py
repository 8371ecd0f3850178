"""The DrugComb score of the RexDrug release, which is not the official one (see `nary`).

Source: evaluation script of the release (specification of 2026, rules re-stated here). In the view
"positive" POS is label 1 and all else 0, in "any" POS, NEG and COMB are 1 and NO_COMB is 0. Within a
document a gold set is credited with its best match among the predicted sets *of the same label*, label 0
included: equal sets (two empty ones, too) give 1, in the partial scores two or more shared drugs give the
Jaccard index. Recall is the mean credit of distinct (set, label) of gold, precision that of the predicted.
So a right NO_COMB is a hit, in "positive" a NEG set is a hit for a COMB set, and predicting NO_COMB always
scores above zero. Use it to compare with numbers made by that script and for nothing else.

Departures:

1. The release pairs everything with everything in the file; here documents are looked up.
2. A gold label that is none of the four, gold that cannot be read and a line that is no object end the
   release with an error of Python; here they are a DataError.
3. F1 lacks the release's 1e-19 in the denominator (a difference below 1e-18).
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from apothecary.errors import DataError
from apothecary.metrics.nary import Credits, pooled

__all__ = [
    "LABELS",
    "VIEWS",
    "AnswerErrors",
    "Item",
    "document_credits",
    "read_gold",
    "read_predicted",
    "score_lines",
    "sound_items",
]

LABELS = ("POS", "NEG", "COMB", "NO_COMB")

T = TypeVar("T")
Item = tuple[str, tuple[str, ...]]
"""A label and its drugs: names in lower case with single blanks, distinct and sorted."""

_ANY = frozenset({"POS", "NEG", "COMB"})
_POSITIVE = frozenset({"POS"})
VIEWS: Mapping[str, tuple[frozenset[str], bool]] = {
    "positive_exact": (_POSITIVE, True),
    "positive_partial": (_POSITIVE, False),
    "any_exact": (_ANY, True),
    "any_partial": (_ANY, False),
}
"""View -> the labels that are 1, and whether sets must be equal."""


@dataclass(frozen=True)
class AnswerErrors:
    """What was wrong with answers; each faulty item counts once and is left out.

    `structural`: no JSON, no list, an item that is no object; `relation_type`: an unknown label;
    `ent_set`: drugs that are no list of strings, or fewer than two of them.
    """

    structural: int = 0
    relation_type: int = 0
    ent_set: int = 0

    def __add__(self, other: AnswerErrors) -> AnswerErrors:
        return AnswerErrors(
            self.structural + other.structural,
            self.relation_type + other.relation_type,
            self.ent_set + other.ent_set,
        )

    def as_dict(self) -> dict[str, int]:
        """The form used in score files."""
        return {
            "structural": self.structural,
            "relation_type": self.relation_type,
            "ent_set": self.ent_set,
        }


def read_gold(value: object) -> list[Item]:
    """Gold as the release reads it: a list of ``{"type", "ent_set"}`` or its JSON; null is empty.

    An item that is no object, or whose drugs are none, is passed over. Raises DataError for text that is no
    JSON and for an unknown label.
    """
    try:
        rows = _parsed(value)
    except (ValueError, RecursionError) as error:
        hint = 'write [{"type": "POS", "ent_set": ["a", "b"]}]'
        raise DataError(f"gold is no JSON: {value!r}", hint=hint) from error
    found: list[Item] = []
    for row in rows if isinstance(rows, list) else []:
        drugs = row.get("ent_set", []) if isinstance(row, Mapping) else None
        if not isinstance(drugs, list | str | Mapping):
            continue
        label = str(row.get("type", "NO_COMB"))
        if label not in LABELS:
            raise DataError(f"unknown label {label!r} in gold", hint=f"labels: {', '.join(LABELS)}")
        found.append((label, _names(drugs)))
    return found


def read_predicted(value: object) -> tuple[list[Item], AnswerErrors]:
    """An answer as the release reads it: a list, or JSON and nothing else; faulty items are counted.

    >>> read_predicted('[{"type": "POS", "ent_set": ["B ", "a"]}, {"type": "pos", "ent_set": ["a", "b"]}]')
    ([('POS', ('a', 'b'))], AnswerErrors(structural=0, relation_type=1, ent_set=0))
    """
    try:
        rows = _parsed(value)
    except (ValueError, RecursionError):
        rows = None
    if not isinstance(rows, list):
        return [], AnswerErrors(structural=1)
    return sound_items(rows, _item)


def sound_items(
    rows: Iterable[object], read: Callable[[object], T | AnswerErrors]
) -> tuple[list[T], AnswerErrors]:
    """The items that can be read, and what was wrong with the others."""
    items: list[T] = []
    errors = AnswerErrors()
    for row in rows:
        found = read(row)
        if isinstance(found, AnswerErrors):
            errors += found
        else:
            items.append(found)
    return items, errors


def document_credits(gold: Sequence[Item], predicted: Sequence[Item]) -> dict[str, Credits]:
    """What one document adds to the four scores; `nary.pooled` sums them.

    >>> found = document_credits([("NEG", ("a", "b"))], [("COMB", ("a", "b"))])
    >>> found["positive_exact"].f1, document_credits([("NO_COMB", ())], [("NO_COMB", ())])["any_exact"].f1
    (1.0, 1.0)
    """
    return {view: _credits(gold, predicted, *rule) for view, rule in VIEWS.items()}


def score_lines(lines: Iterable[str]) -> tuple[dict[str, Credits], AnswerErrors, int]:
    """The release's files: JSON Lines with ``labels`` (else ``label``) and ``response`` (else ``predict``).

    Gives the four scores, the errors and the number of lines that are not blank. A line that is no JSON is a
    structural error and its gold is lost, as there. Raises DataError with the line for bad gold.
    """
    errors, total = AnswerErrors(), 0
    documents: list[dict[str, Credits]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        total += 1
        try:
            row: object = json.loads(line)
        except (ValueError, RecursionError):
            errors += AnswerErrors(structural=1)
            continue
        if not isinstance(row, dict):
            raise DataError("is no object", where=f"line {number}", hint='write {"labels", "response"}')
        items, wrong = read_predicted(row.get("response", row.get("predict", [])))
        errors += wrong
        try:
            gold = read_gold(row.get("labels", row.get("label", [])))
        except DataError as error:
            raise DataError(error.message, where=f"line {number}", hint=error.hint) from error
        documents.append(document_credits(gold, items))
    return {view: pooled(each[view] for each in documents) for view in VIEWS}, errors, total


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        with warnings.catch_warnings():
            # An escape that Python does not know is only deprecated; the release passes over the warning.
            warnings.simplefilter("ignore", DeprecationWarning)
            return json.loads(value.encode().decode("unicode_escape"))


def _item(row: object) -> Item | AnswerErrors:
    if not isinstance(row, Mapping):
        return AnswerErrors(structural=1)
    label, drugs = row.get("type"), row.get("ent_set")
    if not isinstance(label, str) or label not in LABELS:
        return AnswerErrors(relation_type=1)
    if not isinstance(drugs, list) or not all(isinstance(each, str) for each in drugs):
        return AnswerErrors(ent_set=1)
    names = _names(drugs)
    if label != "NO_COMB" and len(names) < 2:
        return AnswerErrors(ent_set=1)
    return label, names


def _names(drugs: Iterable[object]) -> tuple[str, ...]:
    names = {" ".join(each.lower().split()) for each in drugs if isinstance(each, str)}
    return tuple(sorted(names - {""}))


def _credits(gold: Sequence[Item], predicted: Sequence[Item], ones: frozenset[str], exact: bool) -> Credits:
    expected = {(frozenset(drugs), label in ones) for label, drugs in gold}
    found = {(frozenset(drugs), label in ones) for label, drugs in predicted}
    return Credits(
        gold=len(expected),
        found=_best(expected, found, exact),
        predicted=len(found),
        right=_best(found, expected, exact),
    )


_Keys = set[tuple[frozenset[str], bool]]


def _best(keys: _Keys, others: _Keys, exact: bool) -> float:
    if exact:
        return float(len(keys & others))
    return math.fsum(
        max((_overlap(drugs, other) for other, same in others if same == label), default=0.0)
        for drugs, label in keys
    )


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    if one == other:
        return 1.0
    shared = len(one & other)
    return shared / len(one | other) if shared >= 2 else 0.0
