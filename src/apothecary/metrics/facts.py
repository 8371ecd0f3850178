"""Names, relations and events without offsets: what is right is the same in words.

Counts are of one document; `counts.total` pools them (micro), `counts.by_label` sums them by type,
`counts.macro` averages types.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping

from apothecary.metrics.counts import Counts, of_sets

__all__ = ["Event", "Triple", "argument_counts", "fact_counts", "name_counts", "trigger_counts"]

Triple = tuple[str, tuple[str, ...]]
"""The type of a relation and the names of its arguments in their order; there may be more than two."""
Event = tuple[str, tuple[tuple[str, str], ...]]
"""The type of an event and its (role, name) pairs, the trigger first."""


def name_counts(
    gold: Iterable[tuple[str, str]], predicted: Iterable[tuple[str, str]], *, fold_case: bool = False
) -> dict[str, Counts]:
    """Counts by type of the *sets* of names: right means the same type and name, wherever it stands.

    Repeats count once. With `fold_case` letters compare whatever their case.

    >>> name_counts([("D", "gout"), ("C", "ASA")], [("D", "gout"), ("D", "gout"), ("C", "asa")])
    {'C': Counts(tp=0, fp=1, fn=1), 'D': Counts(tp=1, fp=0, fn=0)}
    """
    return _by_type(
        [(type_, name.casefold() if fold_case else name) for type_, name in gold],
        [(type_, name.casefold() if fold_case else name) for type_, name in predicted],
    )


def fact_counts(
    gold: Iterable[Triple],
    predicted: Iterable[Triple],
    *,
    symmetric: Collection[str] = (),
    same: Iterable[Collection[str]] = (),
    fold_case: bool = False,
) -> dict[str, Counts]:
    """Counts by type of relations: right means the same type and all arguments, in their order.

    Arguments of a `symmetric` type have no order. `same` are groups of names of one concept: any of them
    stands for all; of a name in two groups the first counts. Two predictions that come to the same relation
    count once.

    >>> fact_counts([("DDI", ("a", "b"))], [("DDI", ("b", "a"))])["DDI"]
    Counts(tp=0, fp=1, fn=1)
    >>> fact_counts([("DDI", ("a", "b"))], [("DDI", ("B", "a"))], symmetric={"DDI"}, same=[("b", "B")])["DDI"]
    Counts(tp=1, fp=0, fn=0)
    """
    known: dict[str, str] = {}
    for group in same:
        names = [name.casefold() if fold_case else name for name in group]
        for name in names:
            known.setdefault(name, names[0])

    def form(fact: Triple) -> tuple[str, tuple[str, ...]]:
        names = [name.casefold() if fold_case else name for name in fact[1]]
        names = [known.get(name, name) for name in names]
        return fact[0], tuple(sorted(names) if fact[0] in symmetric else names)

    return _by_type(map(form, gold), map(form, predicted))


def trigger_counts(gold: Iterable[Event], predicted: Iterable[Event]) -> dict[str, Counts]:
    """Counts by type of triggers of events: right means the same type and trigger, repeats count once."""
    return _by_type(*([(type_, pairs[0][1]) for type_, pairs in side if pairs] for side in (gold, predicted)))


def argument_counts(gold: Iterable[Event], predicted: Iterable[Event]) -> dict[str, Counts]:
    """Counts by type of arguments of events: right means the same event type, trigger, role and name.

    The trigger itself is no argument. An argument that two events of one type and trigger have counts once.

    >>> gold = [("Binding", (("trigger", "binds"), ("Theme", "A"), ("Theme", "B")))]
    >>> argument_counts(gold, [("Binding", (("trigger", "binds"), ("Theme", "A"), ("Site", "B")))])
    {'Binding': Counts(tp=1, fp=1, fn=1)}
    """
    return _by_type(_arguments(gold), _arguments(predicted))


def _arguments(events: Iterable[Event]) -> list[tuple[str, tuple[str, str, str]]]:
    return [
        (type_, (pairs[0][1], role, name)) for type_, pairs in events if pairs for role, name in pairs[1:]
    ]


def _by_type(
    gold: Iterable[tuple[str, Hashable]], predicted: Iterable[tuple[str, Hashable]]
) -> dict[str, Counts]:
    sides: Mapping[str, tuple[set[Hashable], set[Hashable]]]
    sides = {}
    for place, items in enumerate((gold, predicted)):
        for type_, item in items:
            sides.setdefault(type_, (set(), set()))[place].add(item)
    return {type_: of_sets(*sides[type_]) for type_ in sorted(sides)}
