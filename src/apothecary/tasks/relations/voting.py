"""Self-consistency: one question asked several times, with other seeds, and what the answers say together.

An engine that tells no log-probabilities still gives a confidence so: how often its answers agree.
Source: Wang et al. 2023 (arXiv 2203.11171), which takes the most frequent answer. Departures:

1. Votes are counted by what they assert, not by code: two scenarios of one relation agree.
2. A tie goes to the answer that asserts less.
3. Log-odds come from the counts, so that thresholds, calibration and abstention apply as with any engine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from apothecary.errors import AnswerError, UsageError

__all__ = ["Ballot", "Vote", "vote"]


@dataclass(frozen=True)
class Ballot:
    """One sampled answer: its code, and the log-odds of each relation type where the engine told them."""

    code: str
    log_odds: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Vote:
    """What the answers say together.

    `code` is the winner; `codes` and `relations` hold the share of the answers that gave a code and that
    asserted a relation type; `agreement` is the share that asserts just what the winner does. `log_odds`
    has, for each relation type, the odds of asserting it against asserting nothing.
    """

    code: str
    codes: Mapping[str, float]
    relations: Mapping[str, float]
    agreement: float
    log_odds: Mapping[str, float]


def vote(ballots: Sequence[Ballot], asserts: Mapping[str, Collection[str]]) -> Vote:
    """Count the ballots; `asserts` has for each code of the question the relation types it asserts.

    The log-odds of a relation type asserted by n of the answers, with m that assert nothing, are
    ln((n + 1/2) / (m + 1/2)) (Krichevsky and Trofimov 1981). Without the halves, k equal answers of k would
    be certainty; a half is the least informative prior (Jeffreys) for a few draws of two outcomes: with 5
    of 5 the odds are 11, where adding one would say 6. Where every ballot has log-odds, their probabilities
    are averaged instead (the answers differ by what was reasoned before them), without halves; where
    some have, a ballot counts by its probabilities if it has them, and wholly if it has none.

    Raises AnswerError without a ballot, UsageError for a code that the question does not have.
    """
    if not ballots:
        raise AnswerError("no sampled answer could be read", hint="raise max_new_tokens, or ask once")
    for ballot in ballots:
        if ballot.code not in asserts:
            raise UsageError(
                f"a ballot has the code {ballot.code!r}, which the question has not",
                hint=f"codes are {', '.join(asserts)}",
            )
    codes = Counter(ballot.code for ballot in ballots)
    outcomes = Counter(frozenset(asserts[ballot.code]) for ballot in ballots)
    won = min(outcomes, key=lambda outcome: (-outcomes[outcome], len(outcome), sorted(outcome)))
    code = min((c for c in codes if frozenset(asserts[c]) == won), key=lambda c: (-codes[c], c))
    types = sorted({relation for asserted in asserts.values() for relation in asserted})
    size = len(ballots)
    return Vote(
        code=code,
        codes={each: codes[each] / size for each in sorted(codes)},
        relations={each: sum(each in asserts[b.code] for b in ballots) / size for each in types},
        agreement=outcomes[won] / size,
        log_odds=_log_odds(ballots, asserts, types),
    )


def _log_odds(
    ballots: Sequence[Ballot], asserts: Mapping[str, Collection[str]], types: Sequence[str]
) -> dict[str, float]:
    logs = [_log_shares(ballot, types) for ballot in ballots]
    told = [each for each in logs if each is not None]
    if len(told) == len(ballots):
        against = _log_sum([each[""] for each in told])
        return {name: _log_sum([each[name] for each in told]) - against for name in types}
    counts = dict.fromkeys([*types, ""], 0.5)
    for ballot, shares in zip(ballots, logs, strict=True):
        if shares is not None:
            for name, share in shares.items():
                counts[name] += math.exp(share)
        else:
            for name in asserts[ballot.code] or [""]:
                counts[name] += 1
    return {name: math.log(counts[name] / counts[""]) for name in types}


def _log_shares(ballot: Ballot, types: Sequence[str]) -> dict[str, float] | None:
    """Logarithms of the probability of each relation type, and under "" of asserting nothing.

    Each type's odds are against nothing, so together they give all shares, up to their sum.
    """
    if ballot.log_odds is None or not all(math.isfinite(ballot.log_odds.get(name, 0.0)) for name in types):
        return None
    odds = {name: ballot.log_odds[name] for name in types if name in ballot.log_odds}
    if len(odds) < len(types):
        return None
    odds[""] = 0.0
    whole = _log_sum(list(odds.values()))
    return {name: value - whole for name, value in odds.items()}


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(math.fsum(math.exp(value - top) for value in values))
