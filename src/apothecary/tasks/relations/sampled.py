"""Self-consistency: the question about a pair asked several times above temperature 0, and a vote on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apothecary.messages import Flow, Reply, Request
from apothecary.tasks.flow import Answer, Parsed, Step, ask
from apothecary.tasks.relations.steps import PAIRS, Decision, Pair, pair_name
from apothecary.tasks.relations.voting import Ballot, vote

__all__ = ["ask_samples"]


@dataclass(frozen=True)
class Draw:
    """One asking of many about a pair."""

    pair: Pair
    number: int
    temperature: float


def _prompt(draw: Draw) -> Request:
    request = PAIRS.prompt(draw.pair)
    decoding = replace(request.decoding, temperature=draw.temperature, seed=draw.number)
    return replace(request, decoding=decoding)


def _parse(reply: Reply, draw: Draw) -> Parsed[Decision]:
    return PAIRS.parse(reply, draw.pair)


def _render(decision: Decision, draw: Draw) -> str:
    return PAIRS.render(decision, draw.pair)


_STEP: Step[Draw, Decision] = Step(PAIRS.name, _prompt, _parse, _render)


def ask_samples(pairs: Sequence[Pair], count: int, temperature: float) -> Flow[list[Answer[Decision]]]:
    """One answer for each pair: the vote of those of its `count` draws that could be read.

    A pair of which none could be read has the problem of its first.
    """
    draws = [Draw(pair, number, temperature) for pair in pairs for number in range(count)]
    answers = yield from ask(_STEP, draws, lambda draw: pair_name(draw.pair))
    return [_together(pair, answers[place * count : (place + 1) * count]) for place, pair in enumerate(pairs)]


def _together(pair: Pair, answers: Sequence[Answer[Decision]]) -> Answer[Decision]:
    ballots = [Ballot(each.value.code, each.value.log_odds) for each in answers if each.value]
    if not ballots:
        return answers[0]
    voted = vote(ballots, {code: pair.template.asserted_by(code) for code in pair.template.codes})
    repairs = tuple(dict.fromkeys(repair for each in answers for repair in each.repairs))
    lost = len(answers) - len(ballots)
    if lost:
        repairs = (*repairs, f"{lost} of {len(answers)} draws could not be read")
    return Answer(Decision(voted.code, voted.log_odds), repairs)
