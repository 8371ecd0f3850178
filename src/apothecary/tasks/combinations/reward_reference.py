"""The four rewards as the published training computed them, with their faults.

Source: RexDrug (arXiv 2603.08166), the reward functions of its release; figures match to 1e-9. Departures:

1. Members may also stand under "drugs"; the source knows "ent_set" alone.
2. The source has two families of functions, one for completions with thinking and one for bare lists; the
   user names them. Here the texts tell: with answer tags in neither completion nor solution they are bare.
   Bare completions have no thinking, so that part is 0.
3. A Python literal of more than 100000 characters is not read.

What is wrong with them is listed in `reward_strict`, where it is mended.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from apothecary.metrics.literals import python_literal
from apothecary.tasks.combinations.answers import normal_name
from apothecary.tasks.combinations.labels import DDI, LabelSet

__all__ = ["reference_parts"]

_Row = Mapping[object, object]
_Drugs = frozenset[str]

_NUMBERINGS = (
    ("[1]", "[2]", "[3]", "[4]"),
    ("1.", "2.", "3.", "4."),
    ("1、", "2、", "3、", "4、"),
    ("1)", "2)", "3)", "4)"),
    ("(1)", "(2)", "(3)", "(4)"),
    ("第一", "第二", "第三", "第四"),
    ("首先", "其次", "然后", "最后"),
)


def reference_parts(completion: str, solution: str, labels: LabelSet) -> dict[str, float]:
    """format in {0, .5, 1}, think in {0, 1}, coverage in -1..1, accuracy in 0..1. Never raises."""
    answer, gold = _block(completion, "answer"), _block(solution, "answer")
    if answer is None and gold is None:
        return _bare_parts(completion, solution, labels)
    think = _block(completion, "think")
    rows = _parse(answer or "")
    sound = _well_formed(rows, labels)
    # A solution without tags is an empty one to the source: no combination.
    expected = _parse(gold or "")
    return {
        "format": 0.0 if think is None or answer is None else 1.0 if sound else 0.5,
        "think": float(any(all(mark in (think or "") for mark in marks) for marks in _NUMBERINGS)),
        "coverage": _coverage(rows, expected, labels) if sound else 0.0,
        "accuracy": _accuracy(rows, expected, labels) if sound else 0.0,
    }


def _bare_parts(completion: str, solution: str, labels: LabelSet) -> dict[str, float]:
    rows, expected = _parse(completion), _parse(solution)
    sound = _well_formed(rows, labels)
    return {
        "format": float(sound),
        "think": 0.0,
        "coverage": _coverage(rows, expected, labels),
        # Text that holds no list passes for "no combination".
        "accuracy": _accuracy(rows, expected, labels) if sound or _says_none(rows) else 0.0,
    }


def _block(text: str, tag: str) -> str | None:
    """From the first opening tag to the first closing one behind it, in the case as written."""
    start = text.find(f"<{tag}>")
    end = text.find(f"</{tag}>", start)
    return None if start < 0 or end < 0 else text[start + len(tag) + 2 : end].strip()


def _parse(text: str) -> list[object]:
    """What stands between the first opening bracket and the last closing one, as JSON, else as Python."""
    start, end = text.find("["), text.rfind("]")
    if start < 0 or end < start:
        return []
    body = text[start : end + 1]
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        value = python_literal(body)
    return value if isinstance(value, list) else []


def _type(row: _Row) -> str:
    return str(row.get("type", "")).upper().strip()


def _listed(row: _Row) -> object:
    return row.get("ent_set", row.get("drugs"))


def _members(row: _Row) -> Sequence[object]:
    listed = _listed(row)
    return listed if isinstance(listed, list) else ()


def _names(row: _Row) -> _Drugs:
    return frozenset(normal_name(each) for each in _members(row) if isinstance(each, str)) - {""}


def _dicts(rows: Sequence[object]) -> list[_Row]:
    return [row for row in rows if isinstance(row, dict)]


def _well_formed(rows: Sequence[object], labels: LabelSet) -> bool:
    known = {name.upper() for name in labels.types} | {labels.none}
    return bool(rows) and all(
        isinstance(row, dict)
        and _type(row) in known
        and isinstance(_listed(row), list)
        and (_type(row) == labels.none or len(_members(row)) >= 2)
        for row in rows
    )


def _says_none(rows: Sequence[object]) -> bool:
    if not rows:
        return True
    only = _dicts(rows)
    return len(rows) == 1 and bool(only) and _type(only[0]) == "NO_COMB" and not _listed(only[0])


def _relations(rows: Sequence[object]) -> list[tuple[str, _Drugs]]:
    pairs = [(_type(row), _names(row)) for row in _dicts(rows)]
    return [(type_, names) for type_, names in pairs if type_ != "NO_COMB" and len(names) >= 2]


def _contradicts_itself(rows: Sequence[object]) -> bool:
    """Drugs under "no combination", or a type over none."""
    return any(_type(row) and (_type(row) == "NO_COMB") == bool(_members(row)) for row in _dicts(rows))


def _coverage(rows: Sequence[object], expected: Sequence[object], labels: LabelSet) -> float:
    if _contradicts_itself(rows):
        return -1.0
    nothing, nothing_expected = _says_none(rows), _says_none(expected)
    if nothing or nothing_expected:
        return float(nothing_expected) - float(not nothing_expected) if nothing else 0.0
    predicted = {names for _, names in _relations(rows)}
    gold = {names for _, names in _relations(expected)}
    if not predicted or not gold:
        return 0.0
    covered = [max(_cover(one, other, labels) for other in predicted) for one in gold]
    try:
        return max(sum(covered) / len(covered) - _repeated(rows), -1.0)
    except TypeError:
        # Texts and numbers in one list cannot be sorted: the source loses this part alone.
        return 0.0


def _cover(one: _Drugs, other: _Drugs, labels: LabelSet) -> float:
    if labels is DDI:
        return float(one == other)
    return len(one & other) / len(one | other) if len(one & other) >= 2 else 0.0


def _repeated(rows: Sequence[object]) -> float:
    """The share of items whose members, as written and whatever the type, occur more than once."""
    listed = [_members(row) for row in _dicts(rows) if _type(row) != "NO_COMB" and len(_members(row)) >= 2]
    counts = Counter(tuple(sorted(each)) for each in listed)  # type: ignore[type-var]
    return sum(count for count in counts.values() if count > 1) / len(listed) if listed else 0.0


def _accuracy(rows: Sequence[object], expected: Sequence[object], labels: LabelSet) -> float:
    nothing, nothing_expected = _says_none(rows), _says_none(expected)
    if nothing or nothing_expected:
        return float(nothing and nothing_expected)
    predicted, gold = _relations(rows), _relations(expected)
    if not predicted or not gold:
        return 0.0
    if labels is DDI:
        right = len(set(predicted) & set(gold))
        return _harmonic(right / len(set(predicted)), right / len(set(gold)))
    return 0.33 * _f1(predicted, gold, exact=False) + 0.67 * _f1(predicted, gold, exact=True)


def _f1(predicted: list[tuple[str, _Drugs]], gold: list[tuple[str, _Drugs]], *, exact: bool) -> float:
    def score(one: tuple[str, _Drugs], other: tuple[str, _Drugs]) -> float:
        if one[0] != other[0]:
            return 0.0
        shared, united = len(one[1] & other[1]), len(one[1] | other[1])
        if exact:
            # As published: from twenty thousand drugs on, a set is equal to one that lacks a member.
            return float(shared / united >= 0.9999)
        return shared / united if shared >= 2 else 0.0

    precision = sum(max(score(one, other) for other in gold) for one in predicted) / len(predicted)
    recall = sum(max(score(one, other) for other in predicted) for one in gold) / len(gold)
    return _harmonic(precision, recall)


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
