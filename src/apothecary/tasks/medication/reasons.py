"""Why a drug is in a list, or is not: rows for programs and pages, and the same in words.

    {"drug": "warfarin", "probability": 0.62, "why": [
        {"reason": "score", "threshold": 0.28, "share": 0.2},
        {"reason": "evidence", "of": [{"feature": "diagnosis icd9:427*", "log_odds": 1.1}]},
        {"reason": "kept"},
        {"reason": "interaction", "with": "aspirin", "said": [{"source": "BNF", "severity": "severe"}]}]}

Where the table tells them, what a source says has `document`, `evidence` (its sentence) and `belief`, too.

`reason` is one of: score, prior (nothing is known of the visit: the share of the training visits), evidence
(features that add most to the log-odds, in either direction), kept, added or removed (with the number of the
edit, and by how much the expected Jaccard index and the measure of interactions changed), interaction
(of a drug in the list: with the drugs of the final list; of one removed: with those of the list it was
removed from), beneficial (with which drug of the list a source says that it helps: told, and nothing more),
mask (which, and by what name).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from apothecary.tasks.medication.editors import Problem
from apothecary.tasks.medication.list_state import Action
from apothecary.tasks.medication.masks import Barred
from apothecary.tasks.medication.objective import Objective, Sums
from apothecary.tasks.recommending import Reason
from apothecary.vocab.interactions import Interaction, InteractionTable

__all__ = ["Path", "Said", "Teller", "paths", "said_of_pairs"]

Matrix = NDArray[np.float64]
Said = Mapping[tuple[int, int], list[Reason]]
"""What the sources say of each pair of drugs that interact; the first place is the smaller."""

_DIGITS = 6
_KEPT: list[Reason] = [{"reason": "kept"}]


@dataclass(frozen=True)
class Path:
    """The edits of a list, and its figures before the first and after each."""

    start: tuple[int, ...]
    actions: tuple[Action, ...]
    expected: Matrix
    interactions: Matrix

    @cached_property
    def final(self) -> tuple[int, ...]:
        """The list after the last edit."""
        return self.lists[-1]

    @property
    def lists(self) -> list[tuple[int, ...]]:
        """The list before the first edit and after each."""
        current = set(self.start)
        found = [tuple(sorted(current))]
        for action in self.actions:
            current ^= {action.drug}
            found.append(tuple(sorted(current)))
        return found


def paths(problem: Problem, actions: Sequence[tuple[Action, ...]], objective: Objective) -> list[Path]:
    """The path of every list of a problem."""
    counts = [len(each) + 1 for each in actions]
    owners = np.repeat(np.arange(len(actions)), counts)
    members = np.zeros((len(owners), problem.probabilities.shape[1]))
    row = 0
    for state, made in zip(problem.states, actions, strict=True):
        members[row : row + len(made) + 1, list(state.drugs)] = 1.0
        for place, action in enumerate(made, 1):
            members[row + place : row + len(made) + 1, action.drug] = float(action.kind == "add")
        row += len(made) + 1
    probable = problem.probabilities
    sums = Sums(
        members.sum(axis=1),
        (members * probable[owners]).sum(axis=1),
        ((members @ objective.weights) * members).sum(axis=1) / 2,
        probable.sum(axis=1)[owners],
    )
    expected, interactions = objective.expected(sums), objective.interactions(sums)
    ends = np.cumsum(counts)
    return [
        Path(state.drugs, made, expected[end - count : end], interactions[end - count : end])
        for state, made, count, end in zip(problem.states, actions, counts, ends, strict=True)
    ]


def said_of_pairs(table: InteractionTable, names: Sequence[str]) -> Said:
    """What a table says of every pair of names that interact."""
    ones, others = (each.tolist() for each in np.nonzero(np.triu(table.matrix(names), 1)))
    return {
        (one, other): [_said(row) for row in table.of_pair(names[one], names[other])]
        for one, other in zip(ones, others, strict=True)
    }


def _said(row: Interaction) -> Reason:
    said: Reason = {"source": row.source, "severity": row.severity}
    cited = {"document": row.document, "evidence": row.evidence, "belief": row.belief}
    return said | {name: value for name, value in cited.items() if value not in ("", None)}


@dataclass(frozen=True)
class _Pairs:
    """What a drug's row says of each other one that it is linked with. One row stands in many lists."""

    rows: Mapping[tuple[int, int], Reason]
    size: int

    @cached_property
    def _linked(self) -> NDArray[np.bool_]:
        linked = np.zeros((self.size, self.size), dtype=np.bool_)
        for drug, other in self.rows:
            linked[drug, other] = True
        return linked

    def among(self, drugs: Sequence[int], listed: Sequence[int]) -> dict[int, list[Reason]]:
        """What is said of some drugs with those of a list."""
        found: dict[int, list[Reason]] = {}
        if not self.rows or not drugs or not listed:
            return found
        rows, columns = np.nonzero(self._linked[np.ix_(drugs, listed)])
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            drug = drugs[row]
            found.setdefault(drug, []).append(self.rows[drug, listed[column]])
        return found


@dataclass(frozen=True)
class Teller:
    """Tells the reasons of one vocabulary: `said` of its pairs, `shares` of the training visits.

    `beneficial` is said of pairs that help together. Probabilities, shares and the threshold are told as
    they are given.
    """

    vocabulary: tuple[str, ...]
    said: Said
    shares: Sequence[float]
    threshold: float
    beneficial: Said = field(default_factory=dict)

    @cached_property
    def _reasons(self) -> _Pairs:
        return self._told("interaction", self.said)

    @cached_property
    def _helps(self) -> _Pairs:
        return self._told("beneficial", self.beneficial)

    def _told(self, reason: str, said_of: Said) -> _Pairs:
        names = self.vocabulary
        rows: dict[tuple[int, int], Reason] = {
            (drug, other): {"reason": reason, "with": names[other], "said": said}
            for pair, said in said_of.items()
            for drug, other in (pair, pair[::-1])
        }
        return _Pairs(rows, len(names))

    @cached_property
    def _scores(self) -> list[Reason]:
        """What the row of each drug says of its score."""
        return [{"reason": "score", "threshold": self.threshold, "share": share} for share in self.shares]

    @cached_property
    def _priors(self) -> list[Reason]:
        """The same of a visit of which nothing is known."""
        return [{"reason": "prior", "share": share} for share in self.shares]

    def listed(
        self, path: Path, probable: Sequence[float], evidence: Callable[[int], list[Reason]], *, bare: bool
    ) -> list[Reason]:
        """A row for each drug of the final list, in the order of the vocabulary."""
        final = path.final
        edits: dict[int, list[Reason]] = {}
        for number, action in enumerate(path.actions, 1):
            edits.setdefault(action.drug, []).append(self._edit(path, number))
        met, helps = self._reasons.among(final, final), self._helps.among(final, final)
        scores = self._priors if bare else self._scores
        rows = []
        for drug in final:
            why = [scores[drug], *evidence(drug), *edits.get(drug, _KEPT)]
            rows.append(self._row(drug, probable, [*why, *met.get(drug, ()), *helps.get(drug, ())]))
        return rows

    def removed(
        self,
        path: Path,
        probable: Sequence[float],
        masked: Mapping[int, Barred],
        rivals: Mapping[int, tuple[int, str]],
    ) -> list[Reason]:
        """A row for each drug that was taken out: by a mask, by a rival (drug and class), by an edit."""
        rows = []
        for drug, barred in sorted(masked.items()):
            why: list[Reason] = [{"reason": "mask", "mask": barred.mask, "by": barred.by}]
            rows.append(self._row(drug, probable, why))
        for drug, (winner, name) in sorted(rivals.items()):
            mask: Reason = {
                "reason": "mask",
                "mask": "duplicate class",
                "by": name,
                "kept": self.vocabulary[winner],
            }
            rows.append(self._row(drug, probable, [mask]))
        current, final = set(path.start), set(path.final)
        for number, action in enumerate(path.actions, 1):
            if action.kind == "remove" and action.drug not in final:
                met = self._reasons.among((action.drug,), sorted(current)).get(action.drug, ())
                rows.append(self._row(action.drug, probable, [self._edit(path, number), *met]))
            current ^= {action.drug}
        return rows

    def _row(self, drug: int, probable: Sequence[float], why: list[Reason]) -> Reason:
        return {"drug": self.vocabulary[drug], "probability": probable[drug], "why": why}

    def _edit(self, path: Path, number: int) -> Reason:
        return {
            "reason": "added" if path.actions[number - 1].kind == "add" else "removed",
            "edit": number,
            "expected_jaccard": _change(path.expected, number),
            "interactions": _change(path.interactions, number),
        }


def _change(figures: Matrix, number: int) -> float:
    return round(float(figures[number] - figures[number - 1]), _DIGITS)
