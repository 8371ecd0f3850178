"""The DDI score of the RexDrug release: typed pairs of names, and sentences that are rightly left empty.

Source: evaluation script of the release (specification of 2026, rules re-stated here). Within a document
both sides may say that nothing interacts: an empty list, or one item of type no_comb without drugs.

    both do        one tp of no_comb
    gold alone     every predicted pair is an fp of its type, repeats included, and no_comb has one fn
    predicted alone  every gold pair is an fn of its type, repeats included, and no_comb has one fp
    neither        pairs compare as sets of (type, sorted names)

Micro figures pool all types, no_comb among them; macro is the mean over the types that were seen. So
predicting nothing at all scores above zero: `tasks` that report it report the score over pairs, too.

Departures:

1. A type that is no string ends the release with an error of Python. In an answer it is an error of the
   relation type here, in gold a DataError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from apothecary.errors import DataError
from apothecary.metrics.counts import Counts, by_label, macro, total
from apothecary.metrics.literals import python_literal
from apothecary.metrics.release_nary import AnswerErrors, sound_items

__all__ = [
    "NONE",
    "TYPES",
    "Pair",
    "document_counts",
    "figures",
    "pair_counts",
    "read_gold",
    "read_predicted",
]

NONE = "no_comb"
TYPES = ("effect", "advise", "int", "mechanism", NONE)

Pair = tuple[str, tuple[str, ...]]
"""A type in lower case, and the names in lower case with single blanks, sorted; a repeated name stays."""

_NO_LITERAL = object()
_OPEN = re.compile(r"\[\s*\{")
_CLOSE = re.compile(r"\}\s*\]")
_EMPTY = re.compile(r"\[\s*\]")


def read_gold(value: object) -> list[Pair]:
    """Gold as the release reads it: a list of ``{"type", "ent_set"}`` or text with one; null is empty.

    Raises DataError for a type that is no string.
    """
    rows = _parsed(value)
    found: list[Pair] = []
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, Mapping):
            continue
        type_ = row.get("type", "")
        if not isinstance(type_, str):
            raise DataError(f"type {type_!r} in gold is no string", hint=f"types: {', '.join(TYPES)}")
        if type_.strip():
            found.append(_pair(type_.lower().strip(), row.get("ent_set", [])))
    return found


def read_predicted(value: object) -> tuple[list[Pair], AnswerErrors]:
    """An answer as the release reads it: JSON, a Python literal, or the first list of objects in a text.

    Text without any is an empty list, not an error. Faulty items are counted and left out.

    >>> read_predicted("So: [{'type': 'Effect', 'ent_set': ['B', 'a']}, {'type': 'advice', 'ent_set': []}]")
    ([('effect', ('a', 'b'))], AnswerErrors(structural=0, relation_type=1, ent_set=0))
    """
    rows = _parsed(value)
    if not isinstance(rows, list):
        return [], AnswerErrors(structural=1)
    return sound_items(rows, _item)


def document_counts(gold: Sequence[Pair], predicted: Sequence[Pair]) -> dict[str, Counts]:
    """Type -> counts for one document.

    >>> document_counts([], [("effect", ("a", "b"))])
    {'effect': Counts(tp=0, fp=1, fn=0), 'no_comb': Counts(tp=0, fp=0, fn=1)}
    """
    if _is_none(gold):
        if _is_none(predicted):
            return {NONE: Counts(tp=1)}
        return by_label([{NONE: Counts(fn=1)}, *_each(predicted, Counts(fp=1))])
    if _is_none(predicted):
        return by_label([{NONE: Counts(fp=1)}, *_each(gold, Counts(fn=1))])
    return pair_counts(gold, predicted)


def pair_counts(gold: Sequence[Pair], predicted: Sequence[Pair]) -> dict[str, Counts]:
    """Type -> counts over distinct pairs alone: saying nothing is neither right nor wrong."""
    expected, found = _pairs(gold), _pairs(predicted)
    return {
        type_: Counts(
            tp=sum(pair[0] == type_ for pair in expected & found),
            fp=sum(pair[0] == type_ for pair in found - expected),
            fn=sum(pair[0] == type_ for pair in expected - found),
        )
        for type_ in sorted({pair[0] for pair in expected | found})
    }


def figures(documents: Sequence[Mapping[str, Counts]]) -> dict[str, dict[str, object]]:
    """``micro``, ``macro`` and ``by_type`` (with ``support``, the number of gold members) of documents."""
    types = by_label(documents)
    return {
        "micro": dict(total(types.values()).figures()),
        "macro": dict(macro(types.values())),
        "by_type": {
            type_: counts.figures() | {"support": counts.tp + counts.fn} for type_, counts in types.items()
        },
    }


def _pairs(rows: Sequence[Pair]) -> set[Pair]:
    return {row for row in rows if row[0] != NONE}


def _each(rows: Sequence[Pair], counts: Counts) -> list[dict[str, Counts]]:
    return [{type_: counts} for type_, _ in rows if type_ != NONE]


def _is_none(rows: Sequence[Pair]) -> bool:
    return not rows or (len(rows) == 1 and rows[0][0] == NONE and not rows[0][1])


def _item(row: object) -> Pair | AnswerErrors:
    if not isinstance(row, Mapping):
        return AnswerErrors(structural=1)
    type_, drugs = row.get("type", ""), row.get("ent_set", [])
    if not isinstance(type_, str) or type_.lower().strip() not in TYPES:
        return AnswerErrors(relation_type=1)
    type_ = type_.lower().strip()
    if not isinstance(drugs, list) or (type_ != NONE and len(drugs) < 2):
        return AnswerErrors(ent_set=1)
    return _pair(type_, drugs)


def _pair(type_: str, drugs: object) -> Pair:
    # The release asks whether drugs were given, not whether they are names.
    return type_, _names(drugs) or (("",) if type_ == NONE and drugs else ())


def _names(drugs: object) -> tuple[str, ...]:
    if not isinstance(drugs, list):
        return ()
    return tuple(sorted(" ".join(each.lower().split()) for each in drugs if isinstance(each, str)))


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    found = python_literal(value, otherwise=_NO_LITERAL)
    return _first_list(value) if found is _NO_LITERAL else found


def _first_list(text: str) -> object:
    """The first ``[{...}]`` or ``[]`` of a text, up to its first ``}]``; an empty list when there is none."""
    opening, empty = _OPEN.search(text), _EMPTY.search(text)
    closing = _CLOSE.search(text, opening.end()) if opening else None
    if opening is None or closing is None or (empty is not None and empty.start() < opening.start()):
        return []
    piece = text[opening.start() : closing.end()]
    found = python_literal(piece, otherwise=_NO_LITERAL)
    if found is not _NO_LITERAL:
        return found
    try:
        return json.loads(piece)
    except (ValueError, RecursionError):
        return []
