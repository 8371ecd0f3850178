"""Step-wise group-relative policy optimisation: TRL's trainer with an advantage for every token.

Where completions are lists of lines, the tokens of a line are pushed by what the line earned, too. The
rewards are summed up and normalised in their group as the rule says (`advantages`), then `spread` over the
tokens; ratio, clipping, divergence and the mean over tokens are TRL's. Read from TRL 1.16: two methods of its
trainer are extended, and its loss takes a matrix of advantages, rows by tokens, in place of one for each row.

Source: FLAME (arXiv 2505.20218), whose trainer is not published. Decided here: 1. a token belongs to the line
in which it begins, so one that holds a line break and the beginning of the next line belongs to the former;
2. special tokens stand in no line unless the line goes on after them; 3. `return_to_go` takes no further
rewards, for they would reach the ends of completions alone.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence
from trl.trainer.grpo_trainer import GRPOTrainer

from apothecary.errors import EngineError, UsageError
from apothecary.training.advantages import Advantages, Rule, advantages, spread
from apothecary.training.line_rewards import JudgedLines, LineReward, token_starts
from apothecary.training.reward_calls import Reward
from apothecary.training.rewards import completion_text

__all__ = ["StepwiseTrainer", "by_group", "trainer_for"]


TRL = "pip install 'trl>=1.16,<2', or an older one of these"


def trainer_for(rewards: Sequence[Reward]) -> type[GRPOTrainer]:
    """The trainer that rewards need: TRL's own unless one of them is by lines. Raises UsageError."""
    lines = [each.function for each in rewards if isinstance(each.function, LineReward)]
    if not lines:
        return GRPOTrainer
    if len(lines) > 1:
        raise UsageError(f"{len(lines)} rewards by line, of which one can work", where="reward")
    if len(rewards) > 1 and lines[0].rule.estimator == "return_to_go":
        hint = "take another estimator, or this reward alone"
        raise UsageError(
            "return_to_go would lose the rewards that are not by line", where="reward", hint=hint
        )
    return StepwiseTrainer


@dataclass(frozen=True)
class _Told:
    """The completions of this process, what was said of their lines, and the advantages of all of them."""

    tokens: Sequence[Sequence[int]]
    texts: Sequence[str]
    lines: Sequence[JudgedLines]
    advantages: Sequence[Advantages]


class StepwiseTrainer(GRPOTrainer):
    """TRL's trainer, one of whose rewards is a `LineReward`."""

    _told: _Told | None = None

    def _calculate_rewards(
        self,
        inputs: list[dict[str, Any]],
        prompts: list[Any],
        completions: list[Any],
        completion_ids_list: list[list[int]],
    ) -> Tensor:
        place, lines = next(
            (place, each) for place, each in enumerate(self.reward_funcs) if isinstance(each, LineReward)
        )
        lines.heard = True
        rewards = cast(Tensor, super()._calculate_rewards(inputs, prompts, completions, completion_ids_list))
        # A group may be shared by several processes.
        gathered: list[tuple[float, tuple[float, ...]]]
        gathered = gather_object([(each.total, each.steps) for each in lines.found])
        # In TRL's short numbers, totals that are equal but for rounding would count as different.
        exact = rewards.double().cpu()
        exact[:, place] = torch.tensor([total for total, _ in gathered], dtype=torch.float64)
        totals = (exact * self.reward_weights.double().cpu()).nansum(dim=1).tolist()
        steps = [each for _, each in gathered]
        learning = cast(torch.nn.Module, self.model).training
        generations = self.num_generations if learning else self.num_generations_eval
        found = by_group(totals, steps, cast(int, generations), lines.rule)
        first = self.accelerator.process_index * len(completions)
        self._told = _Told(
            completion_ids_list,
            [completion_text(each) for each in completions],
            lines.found,
            found[first : first + len(completions)],
        )
        return rewards

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._told = None
        output = cast("dict[str, Any]", super()._generate_and_score_completions(inputs))
        given, completions, told = output.get("advantages"), output.get("completion_ids"), self._told
        # Where TRL changes what it hands on, nothing may be learnt from it by mistake.
        if (
            told is None
            or not isinstance(given, Tensor)
            or not isinstance(completions, Tensor)
            or given.shape != completions.shape[:1]
            or len(told.tokens) != len(completions)
        ):
            version = importlib.metadata.version("trl")
            raise EngineError(f"TRL {version} hands on its advantages in another form", hint=TRL)
        rows = [torch.tensor(each) for each in self._by_token(told)]
        matrix = pad_sequence(rows, batch_first=True, padding_value=0.0)
        matrix = pad(matrix, (0, completions.shape[1] - matrix.shape[1]))
        output["advantages"] = matrix.to(given)
        return output

    def _by_token(self, told: _Told) -> list[list[float]]:
        decode = partial(self._tokenizer.decode, skip_special_tokens=True)
        found = []
        for tokens, text, lines, given in zip(
            told.tokens, told.texts, told.lines, told.advantages, strict=True
        ):
            # The text may be a part of what was written, as where a template leaves out a reasoning trace.
            begin = decode(tokens).rfind(text)
            if begin < 0:
                raise EngineError("the text of a completion is not what its tokens say", hint="another model")
            starts = [start - begin for start in token_starts(decode, tokens)]
            found.append(spread(given, lines.spans, [(start, start) for start in starts]))
        return found


def by_group(
    totals: Sequence[float], steps: Sequence[Sequence[float]], generations: int, rule: Rule
) -> list[Advantages]:
    """The advantages of completions of which each so many answer one prompt."""
    groups = range(0, len(totals), generations)
    parts = (advantages(totals[at : at + generations], steps[at : at + generations], rule) for at in groups)
    return list(chain.from_iterable(parts))
