"""Constrained decoding: grammars as masks while a reply is written, codes as tokens that are scored.

Nothing here runs a model: see `hf_passes`. Grammars are those of llguidance.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

from apothecary.engines.options import JSON_BLANKS, option_logprobs
from apothecary.errors import EngineError, WeightsError
from apothecary.messages import Decoding, Grammar, JsonSchema

if TYPE_CHECKING:
    from llguidance import LLMatcher
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

__all__ = ["Codes", "Prompt", "Row", "Vocabulary", "Writer", "shared"]

SHOWN_OF_A_REASON = 60
SMALLEST_SHARE = 1e-6
"""Of an option that others continue: what is left of it at least when rounding leaves less."""


class Vocabulary:
    """The tokens of a model as bytes, and the grammars over them.

    `ends` are the tokens that end a reply: that of the tokenizer, and those told of the model. Raises
    WeightsError when there are none, and for a tokenizer that is not a fast one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, told: int | list[int] | None, where: str) -> None:
        from llguidance.hf import from_tokenizer

        ends = {tokenizer.eos_token_id, *(told if isinstance(told, list) else [told])}
        self.ends = frozenset(end for end in ends if isinstance(end, int) and 0 <= end < len(tokenizer))
        if not self.ends:
            raise WeightsError("names no token that ends a reply", where=where)
        try:
            self._tokens = from_tokenizer(tokenizer, eos_token=sorted(self.ends))
        except ValueError as error:
            raise WeightsError("has no fast tokenizer", where=where, hint="give tokenizer.json") from error
        self._tokenizer = tokenizer
        self.codes = lru_cache(maxsize=64)(self._codes)
        self._grammar = lru_cache(maxsize=64)(self._compiled)

    def text(self, tokens: Sequence[int]) -> str:
        """What is written; marks of the chat are not."""
        kept = list(tokens)
        return str(self._tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def matcher(self, constraint: JsonSchema | Grammar) -> LLMatcher:
        """A fresh state of the grammar of a constraint. Raises EngineError for one that cannot be held to."""
        return self._grammar(constraint).deep_copy()

    def forbidden(self, matcher: LLMatcher, size: int) -> Tensor:
        """Of each of the `size` scores of a model whether the grammar has no place for its token next."""
        import numpy as np
        import torch
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        bits = allocate_token_bitmask(1, self._tokens.vocab_size)
        fill_next_token_bitmask(matcher, bits)
        allowed = np.unpackbits(bits.view(np.uint8), bitorder="little")[:size]
        # Models have more scores than tokens, to make up a round number.
        return torch.from_numpy(np.pad(allowed, (0, size - len(allowed))) == 0)

    def _compiled(self, constraint: JsonSchema | Grammar) -> LLMatcher:
        from llguidance import LLMatcher

        if isinstance(constraint, JsonSchema):
            what, grammar = "schema", _schema_grammar(constraint.schema)
        else:
            what, grammar = "grammar", _lark_grammar(constraint.gbnf)
        matcher = LLMatcher(self._tokens, grammar, log_level=0)
        if matcher.is_error():
            raise EngineError(f"the {what} of the request cannot be held to: {_short(matcher.get_error())}")
        return matcher

    def _codes(self, options: tuple[str, ...]) -> Codes:
        """The tokens of options. Raises EngineError for options that are none."""
        if not options or not all(options):
            raise EngineError("a choice needs options, none of them empty")
        try:
            latin = [_latin(option) for option in options]
            tokens = tuple(tuple(self._tokens.tokenize_str(option)) for option in options)
        except UnicodeError as error:
            raise EngineError("an option holds half a surrogate pair, which is no text") from error
        beginnings = {text[:end] for text in latin for end in range(1, len(text) + 1)}
        first = tuple((one, text) for text in sorted(beginnings) for one in self._by_bytes.get(text, ()))
        fitting = {one: sum(option.startswith(text) for option in latin) for one, text in first}
        return Codes(options, tokens, first, whole=any(fitting.get(own[0]) != 1 for own in tokens))

    @cached_property
    def _by_bytes(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for token in range(self._tokens.vocab_size):
            if not self._tokens.is_special_token(token):
                found.setdefault(self._tokens.decode_bytes([token]).decode("latin-1"), []).append(token)
        return found


def _latin(text: str) -> str:
    # A token may end within a character: beginnings are compared byte by byte.
    return text.encode().decode("latin-1")


def _schema_grammar(schema: str) -> str:
    from llguidance import LLMatcher

    try:
        fields = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise EngineError("the schema of the request is no JSON") from error
    if not isinstance(fields, dict):
        raise EngineError("the schema of the request is no JSON object")
    # Free white space lets weak models pad until they are cut off.
    return LLMatcher.grammar_from_json_schema(json.dumps({"x-guidance": dict(JSON_BLANKS), **fields}))


def _lark_grammar(gbnf: str) -> str:
    from llguidance import grammar_from

    try:
        return grammar_from("gbnf", gbnf)
    except ValueError as error:
        raise EngineError(f"the grammar of the request cannot be held to: {_short(str(error))}") from error


def _short(reason: str) -> str:
    return " ".join(reason.split())[:SHOWN_OF_A_REASON]


@dataclass(frozen=True)
class Prompt:
    """Tokens to read, and the role of each; no `roles` where none has one, or the model reads none."""

    tokens: tuple[int, ...]
    roles: tuple[int, ...] = ()


@dataclass(frozen=True)
class Row:
    """Tokens to read, and of which tokens to tell the log-probability after each of the last of them.

    `wanted` has an entry for each of the last ``len(wanted)`` tokens. Tokens beyond the end of `roles` have
    none.
    """

    tokens: tuple[int, ...]
    wanted: tuple[tuple[int, ...], ...]
    roles: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[int, ...]:
        """A number for each token by which it is read: with another role it is read otherwise."""
        both = zip_longest(self.tokens, self.roles, fillvalue=0)
        return tuple(role << 32 | token for token, role in both) if any(self.roles) else self.tokens


@dataclass(frozen=True)
class Codes:
    """The options of a choice as tokens.

    `first` are the tokens an option may begin with, each with its bytes (as Latin-1). With `whole` the
    options are scored to their end, because the first token of one could as well begin another.
    """

    options: tuple[str, ...]
    tokens: tuple[tuple[int, ...], ...]
    first: tuple[tuple[int, str], ...]
    whole: bool

    def rows(self, prompt: Prompt) -> list[Row]:
        """What a model must read for a prompt."""
        read, roles = prompt.tokens, prompt.roles
        if self.whole:
            return [Row(read + own[:-1], tuple((token,) for token in own), roles) for own in self.tokens]
        return [Row(read, (tuple(token for token, _ in self.first),), roles)]

    def logprobs(self, found: Sequence[Sequence[Sequence[float]]]) -> dict[str, float]:
        """The log-probability of each option, from what was found for the rows."""
        if self.whole:
            begun = [sum(value for (value,) in row) for row in found]
            return dict(zip(self.options, _without_longer(self.tokens, begun), strict=True))
        latin = {_latin(option): option for option in self.options}
        top = [(text, value) for (_, text), value in zip(self.first, found[0][0], strict=True)]
        return {latin[text]: value for text, value in option_logprobs(list(latin), top).items()}


def _without_longer(tokens: Sequence[tuple[int, ...]], begun: Sequence[float]) -> list[float]:
    """Log-probability that a reply begins with an option and with no longer one ("1", and not "10")."""
    alone = list(begun)
    for place in sorted(range(len(tokens)), key=lambda one: -len(tokens[one])):
        own = tokens[place]
        longer = [one for one, other in enumerate(tokens) if len(other) > len(own) == shared((own, other))]
        share = sum(math.exp(alone[one] - begun[place]) for one in longer)
        alone[place] += math.log1p(-min(share, 1.0 - SMALLEST_SHARE))
    return alone


def shared(rows: Sequence[tuple[int, ...]]) -> int:
    """How many tokens all rows begin with: as many as the first and the last in alphabetical order."""
    first, last = min(rows), max(rows)
    pairs = enumerate(zip(first, last, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(last)))


class Writer:
    """One reply while it is written: which next tokens are allowed, and when it ends.

    `finish` is set with the last token, `fault` when the reply breaks its constraint. Above temperature 0 a
    token is drawn with random numbers of this reply alone, so that it does not hang on the rest of a batch.
    Raises EngineError for a constraint that cannot be held to.
    """

    def __init__(
        self, vocabulary: Vocabulary, constraint: JsonSchema | Grammar | None, decoding: Decoding
    ) -> None:
        import torch

        self._vocabulary = vocabulary
        self._constraint = constraint
        self._matcher = vocabulary.matcher(constraint) if constraint is not None else None
        self._decoding = decoding
        self._random = torch.Generator().manual_seed(decoding.seed % 2**63)
        self._tokens: list[int] = []
        self.written = 0
        self.text = ""
        self.fault = ""
        self.finish: Literal["stop", "length"] | None = None

    def steer(self, scores: Tensor) -> None:
        """Change the scores of one step so that the highest is that of the next token."""
        import torch

        if self._matcher is not None:
            forbidden = self._vocabulary.forbidden(self._matcher, len(scores))
            scores.masked_fill_(forbidden.to(scores.device), -math.inf)
        if self._decoding.temperature > 0:
            # With e exponential, the place of the highest log p - log e is drawn with probability p.
            noise = torch.empty(len(scores)).exponential_(generator=self._random).log_()
            scores.div_(self._decoding.temperature).sub_(noise.to(scores.device))

    def take(self, token: int) -> None:
        """Go on by one token."""
        self.written += 1
        is_end = token in self._vocabulary.ends
        if not is_end:
            self._tokens.append(token)
            if self._matcher is not None and not self._matcher.consume_token(token):
                self.fault = f"the grammar leaves no way on: {_short(self._matcher.get_error())}"
        if is_end or (self._matcher is not None and self._matcher.is_stopped()):
            self.finish = "stop"
        elif self.written >= self._decoding.max_new_tokens:
            self.finish = "length"
        if self.finish or self._decoding.stop:
            self._look_back()

    def _look_back(self) -> None:
        self.text = self._vocabulary.text(self._tokens)
        places = [place for stop in self._decoding.stop if stop and (place := self.text.find(stop)) >= 0]
        if places:
            self.text, self.finish = self.text[: min(places)], "stop"
        if self.finish == "stop" and isinstance(self._constraint, JsonSchema) and not _is_json(self.text):
            self.fault = self.fault or "the reply does not follow its schema"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
