"""Rewards of completions that are lists of lines: a total, and what each line earned.

A judge says so of one completion; it is named as ``module:function``, a maker that is called with arguments
of its own. A `LineReward` is a reward in the form of TRL, whose number is the total. What the lines earned is
read by the trainer of `stepwise_grpo`; any other would lose it, so without that one the reward does not work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from pydantic import TypeAdapter, ValidationError

from apothecary.errors import UsageError
from apothecary.training.advantages import Estimator, Rule
from apothecary.training.lora_settings import RewardSettings
from apothecary.training.reward_calls import load_rewards
from apothecary.training.rewards import completion_text

__all__ = ["JudgeLines", "JudgedLines", "LineReward", "by_line", "token_starts"]

_RULE = TypeAdapter(Rule)
_FAULTS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class JudgedLines(Protocol):
    """What a judge says of a completion.

    `spans` are the characters of each line, in order, with the line break that ends it; `steps` is what each
    earned, `total` what the completion earned, `refused` how many lines counted for nothing.
    """

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """From and to, in characters of the completion."""
        ...

    @property
    def steps(self) -> tuple[float, ...]:
        """As many as there are spans."""
        ...

    @property
    def total(self) -> float:
        """Need not be the sum of the steps."""
        ...

    @property
    def refused(self) -> int:
        """For the log."""
        ...


JudgeLines = Callable[[str, Mapping[str, object]], JudgedLines]
"""What a completion earned, given the row of the data that it answers."""


class LineReward:
    """A reward by lines in the form of TRL, and the rule by which its lines become advantages.

    `found` is what the judge said in the last call. `heard` is set by the trainer that reads it.
    """

    def __init__(self, judge: JudgeLines, rule: Rule) -> None:
        self._judge = judge
        self.rule = rule
        self.heard = False
        self.found: list[JudgedLines] = []
        self.__name__ = "lines"

    def __call__(self, completions: Sequence[object], **columns: object) -> list[float]:
        """The totals. Trainers pass every column of the data, and more of their own, by keyword.

        Raises UsageError outside of `stepwise_grpo`, and for a judge that fails.
        """
        if not self.heard:
            message = "rewards by line need the trainer that reads the lines"
            raise UsageError(message, where="reward", hint='backend = "trl"')
        listed = {
            name: each
            for name, each in columns.items()
            if isinstance(each, list) and len(each) == len(completions)
        }
        self.found = [
            self._judged(completion_text(each), {name: column[place] for name, column in listed.items()})
            for place, each in enumerate(completions)
        ]
        log = columns.get("log_metric")
        lines = sum(len(each.steps) for each in self.found)
        if callable(log):
            log("lines", lines / max(1, len(self.found)))
            log("refused", sum(each.refused for each in self.found) / max(1, lines))
        return [each.total for each in self.found]

    def _judged(self, text: str, row: Mapping[str, object]) -> JudgedLines:
        try:
            found = self._judge(text, row)
        except _FAULTS as error:
            # What it says may quote the row, which may be a patient's.
            message = f"the judge of lines fails: {type(error).__name__}"
            raise UsageError(message, where=f"row {row.get('id', '')}".rstrip()) from None
        if len(found.spans) != len(found.steps):
            raise UsageError(
                f"the judge of lines gives {len(found.steps)} steps for {len(found.spans)} lines"
            )
        return found


def by_line(
    judge: str,
    arguments: Mapping[str, object] | None = None,
    *,
    estimator: Estimator = "flame",
    weight: float = 0.5,
    deviation: str = "population",
    epsilon: float = 0.0,
) -> LineReward:
    """The reward by lines of a judge ``module:function``, made by calling that with the arguments.

    The others are those of `advantages.Rule`. Raises UsageError.
    """
    given = {"estimator": estimator, "weight": weight, "deviation": deviation, "epsilon": epsilon}
    try:
        rule = _RULE.validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", where="reward") from error
    made = load_rewards([RewardSettings(judge, dict(arguments or {}))])
    if len(made) != 1:
        raise UsageError("makes several judges of lines", where=judge)
    return LineReward(cast(JudgeLines, made[0].function), rule)


def token_starts(decode: Callable[[Sequence[int]], str], tokens: Sequence[int]) -> list[int]:
    """The character of the decoded completion at which each token begins.

    By decoding what comes before it, since drawn tokens need not be those that the tokenizer would make of
    their text. One that begins inside of a character begins where that does.
    """
    # Bytes that are no whole character yet are decoded to this mark.
    return [len(decode(tokens[:place]).rstrip("\ufffd")) for place in range(len(tokens))]
