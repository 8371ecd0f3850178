"""Suites: which examples a model is evaluated on, how it is asked and by what it is judged, in TOML.

name = "mine"
items = 50                    # of each set, drawn by the seed

[[set]]
file = "pubmedqa.jsonl"       # of `apothecary instruct build`; below the suite, or below --data
split = "train"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from pydantic import TypeAdapter

from apothecary.errors import FormatError, UsageError
from apothecary.examples import LANGUAGES, TASKS
from apothecary.formats.toml_settings import checked, toml_of
from apothecary.tasks.instruct_score import rule_of

__all__ = ["Part", "Suite", "default_suites", "read_suite"]

MOST_SHOTS = 64


@dataclass(frozen=True)
class Part:
    """A part of a suite: the examples of a file that fit, and what holds for them.

    `file` holds typed examples; of them those of `split`, and where they are given of `dataset`, `task` and
    `language`. `train` is the split that examples in the question and baselines come from, out of
    `train_file` ("" for the same file). `items`, `shots`, `constrain`, `log_odds` and `max_new_tokens` are
    the suite's where they are not given. `metrics` are rules by name, the main one first; those of the task
    where there are none.
    """

    file: str
    split: str
    name: str = ""
    dataset: str = ""
    task: str = ""
    language: str = ""
    train: str = "train"
    train_file: str = ""
    items: int | None = None
    shots: int | None = None
    constrain: bool | None = None
    log_odds: bool | None = None
    max_new_tokens: int | None = None
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """Parts that are run and told together.

    `items` are drawn of each part by `seed`, `shots` examples with their answers stand before each question.
    `constrain` holds answers to the options where one of them is right; `log_odds` asks for the probabilities
    of the options instead and takes the likeliest. `template` is the place of the wording among those of
    the task. `max_new_tokens` bounds replies, each task has its own bound without it.
    """

    set: tuple[Part, ...]
    name: str = ""
    seed: int = 0
    items: int = 100
    shots: int = 0
    constrain: bool = True
    log_odds: bool = False
    template: int = 1
    max_new_tokens: int | None = None
    resamples: int = 1000


_SUITE = TypeAdapter(Suite)


def default_suites() -> tuple[str, ...]:
    """The names of the suites that come with the package."""
    return tuple(sorted(each.name.removesuffix(".toml") for each in _folder().iterdir()))


def read_suite(given: str, *, data: Path | None = None) -> Suite:
    """The suite of a file, or of a name that comes with the package; all files of it as full paths.

    Relative paths lie below `data`, else beside the suite. Raises UsageError, FormatError.
    """
    if given in default_suites():
        text, folder, where = _folder().joinpath(f"{given}.toml").read_text(encoding="utf-8"), data, given
        if folder is None:
            raise UsageError(
                "this suite needs the folder of built examples", where=given, hint="--data FOLDER"
            )
    else:
        path = Path(given)
        text, folder, where = _read(path), data or path.parent, given
    suite = _checked(toml_of(text, where), where)
    parts = tuple(
        replace(
            part,
            file=str(folder / part.file),
            train_file=str(folder / (part.train_file or part.file)),
            name=part.name or _name(part),
        )
        for part in suite.set
    )
    twice = [name for name, count in Counter(part.name for part in parts).items() if count > 1]
    if twice:
        raise UsageError(f"two sets are called {twice[0]!r}", where=where, hint='say name = "..." in one')
    return replace(suite, name=suite.name or Path(given).stem, set=parts)


def _folder() -> Path:
    return Path(str(files("apothecary.runs"))) / "suites"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}",
            where=str(path),
            hint=f"a TOML file, or one of {', '.join(default_suites())}",
        ) from error
    except ValueError as error:
        raise FormatError("is not TOML: not UTF-8, or no name of a file", where=str(path)) from error


def _checked(table: Mapping[str, object], where: str) -> Suite:
    suite = checked(_SUITE, table, where)
    if not suite.set:
        raise UsageError("a suite without a [[set]]", where=where)
    _bounds(suite, where)
    for part in suite.set:
        _part(part, where)
    return suite


def _bounds(suite: Suite, where: str) -> None:
    for name, value, least, most in (
        ("items", suite.items, 1, 1_000_000),
        ("shots", suite.shots, 0, MOST_SHOTS),
        ("template", suite.template, 1, 1000),
        ("max_new_tokens", suite.max_new_tokens, 1, 100_000),
        ("resamples", suite.resamples, 1, 100_000),
    ):
        if value is not None and not least <= value <= most:
            raise UsageError(f"{name} = {value} is not from {least} to {most}", where=where)


def _part(part: Part, where: str) -> None:
    where = f"{where}, set {_name(part)}"
    for name, text in (("file", part.file), ("split", part.split)):
        if not text.strip() or "\0" in text:
            raise UsageError(f"{name} = {text!r} names nothing", where=where)
    if part.task and part.task not in TASKS:
        raise UsageError(f"there is no task '{part.task}'", where=where, hint=f"tasks: {', '.join(TASKS)}")
    if part.language and part.language not in LANGUAGES:
        raise UsageError(f"no language '{part.language}' (en or zh)", where=where)
    for name, value, least in (
        ("items", part.items, 1),
        ("shots", part.shots, 0),
        ("max_new_tokens", part.max_new_tokens, 1),
    ):
        if value is not None and not least <= value <= (MOST_SHOTS if name == "shots" else 1_000_000):
            raise UsageError(f"{name} = {value} is out of bounds", where=where)
    for metric in part.metrics:
        rule_of(metric)


def _name(part: Part) -> str:
    return part.name or "-".join(filter(None, (part.dataset or Path(part.file).stem, part.task)))
