"""Where a system for drug combinations is right: by type, by number of drugs, by need of the paragraph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apothecary.metrics.counts import Counts, of_sets
from apothecary.tasks.combinations.scored import Row, Said

__all__ = ["breakdowns", "differences"]

_LARGEST = 4


def breakdowns(rows: Sequence[Row], none: str) -> dict[str, dict[str, object]]:
    """``by_label``, ``by_arity`` ("2", "3", "4+") and ``by_context_needed``, over distinct (type, drugs).

    A prediction is right when type and all drugs are. Arity is that of the gold set for what was missed and
    of the predicted set for what was wrong. Predictions do not say whether context is needed, so there
    only recall is known: ``{"gold", "found", "recall"}``, also of the drugs alone (``sets_found``).
    """
    return {
        "by_label": _by(rows, none, lambda said: said.type),
        "by_arity": _by(rows, none, _arity),
        "by_context_needed": _by_context(rows, none),
    }


def differences(rows: Sequence[Row], none: str) -> list[dict[str, object]]:
    """Every combination that was missed ("fn") or is wrong ("fp"), in the order of the documents."""
    listed: list[dict[str, object]] = []
    for row in rows:
        gold, predicted = _keys(row.gold, none), _keys(row.predicted, none)
        for kind, keys in (("fn", gold - predicted), ("fp", predicted - gold)):
            listed += [
                {"document": row.id, "kind": kind, "type": type_, "drugs": list(drugs)}
                for type_, drugs in sorted(keys)
            ]
    return listed


def _keys(said: Sequence[Said], none: str) -> set[tuple[str, tuple[str, ...]]]:
    return {(each.type, each.drugs) for each in said if each.type.upper() != none}


def _arity(said: Said) -> str:
    size = len(said.drugs)
    return str(size) if size < _LARGEST else f"{_LARGEST}+"


def _by(rows: Sequence[Row], none: str, group: Callable[[Said], str]) -> dict[str, object]:
    counts: dict[str, Counts] = {}
    for row in rows:
        groups: dict[str, tuple[list[Said], list[Said]]] = {}
        for side, said in enumerate((row.gold, row.predicted)):
            for each in said:
                if each.type.upper() != none:
                    groups.setdefault(group(each), ([], []))[side].append(each)
        for name, (gold, predicted) in groups.items():
            counts[name] = counts.get(name, Counts()) + of_sets(_keys(gold, none), _keys(predicted, none))
    return {name: each.figures() for name, each in sorted(counts.items())}


def _by_context(rows: Sequence[Row], none: str) -> dict[str, object]:
    table: dict[str, list[int]] = {}
    for row in rows:
        predicted = _keys(row.predicted, none)
        sets = {drugs for _, drugs in predicted}
        for each in row.gold:
            if each.context_needed is not None:
                cells = table.setdefault("true" if each.context_needed else "false", [0, 0, 0])
                cells[0] += 1
                cells[1] += (each.type, each.drugs) in predicted
                cells[2] += each.drugs in sets
    return {
        name: {"gold": gold, "found": found, "sets_found": sets, "recall": found / gold}
        for name, (gold, found, sets) in sorted(table.items())
    }
