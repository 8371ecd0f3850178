"""One pair of drug and disease as the scores see it: its gold, its prediction, and what both come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apothecary.errors import FormatError
from apothecary.metrics.condition_match import (
    VIEWS,
    Item,
    Rule,
    View,
    counts_of,
    label_counts,
    match,
    match_greedy,
    sample_figures,
)
from apothecary.metrics.counts import Counts
from apothecary.tasks.conditions.answers import (
    Condition,
    ParsedOutput,
    item_fields,
    read_items,
    read_output,
    read_reference,
    reference_item,
    render_item,
)

__all__ = ["Prediction", "Scored", "Tally", "as_reference", "read_prediction", "tally"]


@dataclass(frozen=True)
class Prediction:
    """A prediction record, read: by our own reader, and as the published scorer would read it."""

    output: ParsedOutput
    reference: tuple[Item, ...]


@dataclass(frozen=True)
class Scored:
    """One instance. `document` is what it shares with the other pairs of its abstract; `text` the abstract.

    `predicted` is None where there is no record, which counts as an empty answer. `reference` is the
    prediction as the published scorer reads it, `released` the gold; None takes what `predicted` and `gold`
    hold. `mended` is whether its gold was a target that had to be mended or lost an item.
    """

    id: str
    document: str
    gold: tuple[Condition, ...]
    predicted: ParsedOutput | None
    text: str
    reference: tuple[Item, ...] | None = None
    mended: bool = False
    released: tuple[Item, ...] | None = None

    @property
    def said(self) -> tuple[Condition, ...]:
        """The usable items of the prediction."""
        return self.predicted.items if self.predicted else ()

    @property
    def as_reference(self) -> tuple[Item, ...]:
        """The prediction as the published scorer reads it."""
        return as_reference(self.said) if self.reference is None else self.reference

    @property
    def gold_as_reference(self) -> tuple[Item, ...]:
        """The gold as the published scorer reads it."""
        return as_reference(self.gold) if self.released is None else self.released

    @property
    def malformed(self) -> bool:
        """Is there an answer that says nothing usable?"""
        return self.predicted is not None and self.predicted.status == "malformed"

    @property
    def says_empty(self) -> bool:
        """Does the prediction say, or its absence count as saying, that there are no conditions?"""
        return self.predicted is None or not (
            self.predicted.items or self.predicted.dropped or self.malformed
        )


@dataclass(frozen=True)
class Tally:
    """What one instance adds to the scores, by view: counts and F1, the F1 of the release, counts by type.

    Every item that `answers` dropped is one wrong prediction, of no type.
    """

    row: Scored
    counts: Mapping[View, Counts]
    f1: Mapping[View, float]
    reference: Mapping[View, float]
    by_type: Mapping[View, Mapping[str, Counts]]


def read_prediction(record: Mapping[str, object], where: str) -> Prediction:
    """Read a record with ``"conditions": [...]``, or without them ``"raw": "what a model wrote"``.

    Conditions are objects with span and type, or texts as in an answer; a text for the list is read as what
    a model wrote, and anything else is a malformed answer. Raises FormatError for a record with neither.
    """
    values, raw = record.get("conditions"), record.get("raw")
    if "conditions" not in record:
        if not isinstance(raw, str):
            raise FormatError(
                "raw is no text" if "raw" in record else "conditions are missing",
                where=where,
                hint='write "conditions": [{"span", "type"}], [] for none, or "raw": what the model wrote',
            )
        return Prediction(read_output(raw), read_reference(raw))
    if isinstance(values, str):
        return Prediction(read_output(values), read_reference(values))
    if not isinstance(values, list):
        return Prediction(ParsedOutput((), "malformed"), ())
    return Prediction(read_items(values), tuple(map(_for_reference, values)))


def tally(row: Scored, rule: Rule) -> Tally:
    """Match one instance under all views: by `rule`, and at its threshold as the release does."""
    gold, said = _items(row.gold), _items(row.said)
    dropped = Counts(fp=row.predicted.dropped) if row.predicted else Counts()
    matched = {view: match(gold, said, view, rule) for view in VIEWS}
    counts = {view: counts_of(gold, said, matched[view]) + dropped for view in VIEWS}
    pairs = [view for view in VIEWS if view.endswith("pair")]
    return Tally(
        row,
        counts,
        {view: 0.0 if row.malformed else sample_figures(counts[view])[2] for view in VIEWS},
        _reference(row, rule.threshold),
        {view: label_counts(gold, said, matched[view]) for view in pairs},
    )


def as_reference(conditions: Sequence[Condition]) -> tuple[Item, ...]:
    """Conditions as the published scorer reads them from text: a "|" cuts a span, in gold, too."""
    return tuple(reference_item(render_item(each)) for each in conditions)


def _reference(row: Scored, threshold: float) -> dict[View, float]:
    gold, said = row.gold_as_reference, row.as_reference
    figures: dict[View, float] = {}
    for view in VIEWS:
        counts = counts_of(gold, said, match_greedy(gold, said, view, threshold))
        figures[view] = sample_figures(counts)[2]
    return figures


def _items(conditions: Sequence[Condition]) -> list[Item]:
    return [(each.span, each.type) for each in conditions]


def _for_reference(value: object) -> Item:
    if isinstance(value, Mapping):
        span, label = item_fields(value)
        whole = isinstance(span, str) and isinstance(label, str)
        value = render_item(Condition(str(span).strip(), str(label).strip())) if whole else ""
    return reference_item(value.strip() if isinstance(value, str) else "")
