"""A single choice among codes: its grammar, and the probability of each code; the blanks of JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from apothecary.errors import EngineError

__all__ = ["JSON_BLANKS", "choice_grammar", "option_logprobs"]

JSON_BLANKS: Mapping[str, object] = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}
"""How llguidance lets JSON be written: as models are trained to write it. Free white space lets weak models
pad until they are cut off, and JSON without any is text that they have hardly seen."""


def choice_grammar(options: Sequence[str]) -> str:
    """GBNF of which exactly the options are sentences."""
    return "root ::= " + " | ".join(_literal(option) for option in options)


def _literal(option: str) -> str:
    """A string of GBNF, which has fewer escapes than JSON, no surrogate pairs and no NUL."""
    plain = option.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " else f"\\x{ord(c):02X}" for c in plain) + '"'


def option_logprobs(options: Sequence[str], top: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The log-probability of each option from the first token's alternatives (token text, log-probability).

    The alternatives are those of the whole vocabulary, before the grammar. A token counts for an option
    that begins with it, when no other option does; an option without such a token gets the lowest
    log-probability listed, an upper bound. Raises EngineError for options that share their only token.
    """
    lowest = min((logprob for _, logprob in top), default=-math.inf)
    found: dict[str, list[float]] = {option: [] for option in options}
    shared: set[str] = set()
    for token, logprob in top:
        fitting = [option for option in options if token and option.startswith(token)]
        if len(fitting) == 1:
            found[fitting[0]].append(logprob)
        else:
            shared.update(fitting)
    unclear = [option for option in options if not found[option] and option in shared]
    if unclear:
        raise EngineError(f"options {', '.join(unclear)} begin with the same token", hint="use other codes")
    return {option: _log_sum(values) if values else lowest for option, values in found.items()}


def _log_sum(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))
