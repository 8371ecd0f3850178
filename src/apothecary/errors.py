"""The error tree. Every error names the object at fault and what to do about it.

    ApothecaryError
    ├── UsageError          a wrong option, setting or combination of them
    ├── DataError           a file or a record is wrong: path, line, id
    │   ├── FormatError     it does not follow its format
    │   └── OffsetError     a span lies outside its text
    ├── EngineError         an engine cannot answer
    │   ├── ModelMissing    its weights are not on this machine
    │   ├── WeightsError    weights are damaged, incomplete or not the ones named
    │   ├── StepNotServed   it was asked for a step it does not know
    │   └── ContextOverflow the prompt does not fit its context
    ├── AnswerError         a reply is no answer: becomes a row, never a crash, never an empty prediction
    └── RunError            a run cannot go on as asked
        ├── RunMismatch     the folder holds a run made with other settings
        └── BudgetExhausted calls, tokens or seconds are spent

``str(error)`` is one line: where, what, what to do. Errors are translated once, where
the foreign library is called; nothing above sees a foreign exception.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AnswerError",
    "ApothecaryError",
    "BudgetExhausted",
    "ContextOverflow",
    "DataError",
    "EngineError",
    "FormatError",
    "ModelMissing",
    "OffsetError",
    "RunError",
    "RunMismatch",
    "StepNotServed",
    "UsageError",
    "WeightsError",
    "first_few",
]


LONGEST = 500
"""Characters of a message that are shown: what it quotes has no bound."""
FEW = 3


def first_few(names: Sequence[str]) -> str:
    """Names by commas, for a message: three of them, and three dots where there are more."""
    return ", ".join([*names[:FEW], *(["..."] if len(names) > FEW else [])])


class ApothecaryError(Exception):
    """Anything this package reports. ``where`` is a file:line, a document id or a step."""

    retryable = False

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        # One line whatever the parts hold: a path or a quoted value may contain line breaks, sequences
        # that a terminal obeys, or a whole file.
        message = self.message if len(self.message) <= LONGEST else f"{self.message[:LONGEST]}..."
        parts = [f"{self.where}: " if self.where else "", message]
        if self.hint:
            parts.append(f" ({self.hint})")
        line = " ".join("".join(parts).split())
        return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


class UsageError(ApothecaryError):
    """The command, an option or a setting is wrong."""


class DataError(ApothecaryError):
    """A file or a record is wrong."""


class FormatError(DataError):
    """A record does not follow its format."""


class OffsetError(DataError):
    """A span lies outside its text."""


class EngineError(ApothecaryError):
    """An engine cannot answer."""


class ModelMissing(EngineError):
    """The weights an engine needs are not on this machine."""


class WeightsError(EngineError):
    """Weights are damaged, incomplete or not the ones that were named."""


class StepNotServed(EngineError):
    """An engine was asked for a step it does not serve."""


class ContextOverflow(EngineError):
    """A prompt does not fit the context of its engine."""


class AnswerError(ApothecaryError):
    """A reply is no answer to its question."""


class RunError(ApothecaryError):
    """A run cannot go on as asked."""


class RunMismatch(RunError):
    """The folder holds a run that was made with other settings or inputs."""


class BudgetExhausted(RunError):
    """The calls, tokens or seconds that were allowed are spent."""
