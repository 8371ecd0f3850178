"""Scores of predicted drug combinations against rows of DrugComb or DDI 2013.

Drugs compare by normal name (case and blanks do not count): a combination is the set of its distinct names,
whatever mentions of them it means, since neither the string form of the corpora nor a language model says
which. DrugComb: ``official`` is the score of the corpus (`metrics.nary`), ``release`` that of the RexDrug
release (`metrics.release_nary`), to be read beside it and not instead of it. When predictions give places
("mentions": [[start, end], ...]) and gold has them, ``official_spans`` compares sets of mentions, as the
corpus's own scorer does; an item without places then means all mentions of its drugs. DDI: ``micro``,
``macro`` and ``by_type`` are those of the release (`metrics.pairs_ddi`), which rewards empty answers;
``strict`` is over pairs alone.

An empty list, an absent record and an explicit NO_COMB all say "no combination". A faulty item is counted
under ``errors`` and left out of every score; a list of which nothing is left says nothing at all.
Every interval is a 95 % bootstrap over documents; all figures of one call are drawn together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from apothecary.errors import DataError
from apothecary.metrics import pairs_ddi, release_nary
from apothecary.metrics.counts import Counts, total
from apothecary.metrics.nary import Credits, pooled, score_documents
from apothecary.metrics.release_nary import VIEWS, AnswerErrors
from apothecary.metrics.resampling import Table, drawn_sums, exchanged_sums, interval, ratio_f1
from apothecary.tasks.combinations.breakdown import breakdowns, differences
from apothecary.tasks.combinations.labels import DDI
from apothecary.tasks.combinations.scored import Row, Said, read_rows
from apothecary.tasks.flow import Pairs, ScoreOptions

__all__ = ["compare", "score", "table"]

NEARLY = 1e-12
"""Two F1 can be equal and differ in the last bit; such a difference is none."""

HEADINGS = ["", "precision", "recall", "F1", "95 % interval"]

Column = list[Credits]
"""What each document adds to one figure."""


def score(pairs: Pairs, options: ScoreOptions) -> dict[str, object]:
    """All figures of gold documents, each with its prediction record (None: nothing predicted).

    Of `options` the bootstrap counts, and `list_errors`, which adds every combination missed or wrong under
    ``differences``. Raises as `scored.read_rows` does: DataError for gold, FormatError for predictions.
    """
    labels, rows = read_rows(pairs)
    found = _ddi(rows, options) if labels is DDI else _drugcomb(rows, options)
    errors = AnswerErrors()
    for row in rows:
        errors += row.errors
    return {
        **found,
        "errors": errors.as_dict(),
        "corpus": labels.name,
        "documents": len(rows),
        "predicted_documents": sum(row.answered for row in rows),
        "gold_combinations": sum(len(row.gold) for row in rows),
        "settings": {"seed": options.seed, "resamples": options.resamples},
    } | ({"differences": differences(rows, labels.none)} if options.list_errors else {})


def compare(a: Pairs, b: Pairs, options: ScoreOptions) -> dict[str, dict[str, object]]:
    """For each official figure ``{"f1": {"value", "low", "high"}, "p": ...}``: F1 of `a` less that of `b`.

    DrugComb: the four official scores; DDI: ``micro`` and ``strict``. Bounds are a paired bootstrap's, p is
    two-sided, of a randomization test over documents (see `metrics.paired`); the two answer different
    questions. Raises DataError when the documents differ or there is none, and whatever `score` raises.
    """
    (labels, left), (_, right) = read_rows(a), read_rows(b)
    if [row.id for row in left] != [row.id for row in right]:
        raise DataError("the two were scored on other documents", hint="score both on the same gold")
    columns = _ddi_columns if labels is DDI else _official_columns
    first, second = columns(left), columns(right)
    sides = _matrix(list(first.values())), _matrix(list(second.values()))
    drawn = drawn_sums(
        [[*x, *y] for x, y in zip(*sides, strict=True)], resamples=options.resamples, seed=options.seed
    )
    exchanged = exchanged_sums(*sides, resamples=options.resamples, seed=options.seed)
    found: dict[str, dict[str, object]] = {}
    for number, name in enumerate(first):
        value = pooled(first[name]).f1 - pooled(second[name]).f1
        gaps = _f1(drawn, number) - _f1(drawn, number + len(first))
        chance = np.abs(_f1(exchanged[0], number) - _f1(exchanged[1], number))
        as_large = int(np.count_nonzero(chance >= abs(value) - NEARLY))
        found[name] = {
            "f1": interval(value, gaps).as_dict(),
            "p": (as_large + 1) / (options.resamples + 1),
        }
    return found


def table(found: Mapping[str, object]) -> list[list[str]]:
    """A score as rows of text, headings first; shares in per cent."""
    rows: list[tuple[str, object]] = []
    for part in ("official", "official_spans", "release"):
        rows += [(f"{part}: {name}", each) for name, each in _mapping(found.get(part)).items()]
    rows += [(name, found[name]) for name in ("micro", "macro") if name in found]
    rows += [(f"type: {name}", each) for name, each in _mapping(found.get("by_type")).items()]
    rows += [
        (f"strict: {name}", each) for name, each in _mapping(found.get("strict")).items() if name != "by_type"
    ]
    rows += [(f"label: {name}", each) for name, each in _mapping(found.get("by_label")).items()]
    rows += [(f"drugs: {name}", each) for name, each in _mapping(found.get("by_arity")).items()]
    rows += [
        (f"context needed: {name}", each) for name, each in _mapping(found.get("by_context_needed")).items()
    ]
    return [HEADINGS, *([name, *_cells(_mapping(each))] for name, each in rows)]


def _drugcomb(rows: Sequence[Row], options: ScoreOptions) -> dict[str, object]:
    parts = {"official": _official_columns(rows), "release": _release_columns(rows)}
    if any(row.located for row in rows) and all(said.places is not None for r in rows for said in r.gold):
        parts["official_spans"] = _official(rows, lambda said: said.places or frozenset())
    flat = {(part, view): column for part, views in parts.items() for view, column in views.items()}
    figures = iter(_figures(list(flat.values()), options))
    named = {part: {view: next(figures) for view in views} for part, views in parts.items()}
    return {**named, **breakdowns(rows, "NO_COMB")}


def _ddi(rows: Sequence[Row], options: ScoreOptions) -> dict[str, object]:
    released, strict = pairs_ddi.figures(_documents(rows)), pairs_ddi.figures(_strict_documents(rows))
    intervals = _figures(list(_ddi_columns(rows).values()), options)
    for part, each in zip((released, strict), intervals, strict=True):
        part["micro"]["interval"] = each["interval"]
    return {**released, "strict": strict}


def _official_columns(rows: Sequence[Row]) -> dict[str, Column]:
    return _official(rows, lambda said: frozenset(said.drugs))


def _official(rows: Sequence[Row], members: Callable[[Said], frozenset[object]]) -> dict[str, Column]:
    # By number, not by id: ids are the user's.
    gold = {str(n): [(members(s), s.type) for s in row.gold] for n, row in enumerate(rows)}
    predicted = {str(n): [(members(s), s.type) for s in row.predicted] for n, row in enumerate(rows)}
    return _turned(list(score_documents(gold, predicted).values()))


def _release_columns(rows: Sequence[Row]) -> dict[str, Column]:
    nothing: list[release_nary.Item] = [("NO_COMB", ())]
    return _turned(
        [
            release_nary.document_credits(
                [(each.type, each.drugs) for each in row.gold] or nothing,
                nothing if row.silent else [(each.type, each.drugs) for each in row.predicted],
            )
            for row in rows
        ]
    )


def _turned(documents: Sequence[Mapping[str, Credits]]) -> dict[str, Column]:
    return {view: [each[view] for each in documents] for view in VIEWS}


def _documents(rows: Sequence[Row]) -> list[dict[str, Counts]]:
    return [pairs_ddi.document_counts(*_sides(row)) for row in rows]


def _strict_documents(rows: Sequence[Row]) -> list[dict[str, Counts]]:
    return [pairs_ddi.pair_counts(*_sides(row)) for row in rows]


def _sides(row: Row) -> tuple[list[pairs_ddi.Pair], list[pairs_ddi.Pair]]:
    return [(s.type, s.drugs) for s in row.gold], [(s.type, s.drugs) for s in row.predicted]


def _ddi_columns(rows: Sequence[Row]) -> dict[str, Column]:
    return {
        name: [_credits(total(each.values())) for each in documents]
        for name, documents in (("micro", _documents(rows)), ("strict", _strict_documents(rows)))
    }


def _credits(counts: Counts) -> Credits:
    return Credits(counts.tp + counts.fn, counts.tp, counts.tp + counts.fp, counts.tp)


def _figures(columns: Sequence[Column], options: ScoreOptions) -> list[dict[str, object]]:
    """Precision, recall and F1 of each column with their intervals, all from the same drawn documents."""
    drawn = drawn_sums(_matrix(columns), resamples=options.resamples, seed=options.seed)
    found: list[dict[str, object]] = []
    for number, column in enumerate(columns):
        figures = pooled(column).figures()
        samples = ratio_f1(drawn[:, 4 * number : 4 * number + 4])
        bounds = {
            name: interval(figures[name], each).as_dict()
            for name, each in zip(("precision", "recall", "f1"), samples, strict=True)
        }
        found.append({**figures, "interval": bounds})
    return found


def _matrix(columns: Sequence[Column]) -> list[list[float]]:
    """A row for each document: four numbers for each column."""
    return [
        [number for each in row for number in (each.gold, each.found, each.predicted, each.right)]
        for row in zip(*columns, strict=True)
    ]


def _f1(sums: Table, number: int) -> Table:
    return ratio_f1(sums[:, 4 * number : 4 * number + 4])[2]


def _cells(figures: Mapping[str, object]) -> list[str]:
    bounds = _mapping(_mapping(figures.get("interval")).get("f1"))
    shares = [_share(figures.get(key)) for key in ("precision", "recall", "f1")]
    return [*shares, f"{_share(bounds['low'])}-{_share(bounds['high'])}" if bounds else ""]


def _share(value: object) -> str:
    return f"{100 * value:.1f}" if isinstance(value, int | float) else ""


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
