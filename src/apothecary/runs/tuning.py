"""How a training is made, and the figure by which its checkpoints are judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from apothecary.errors import RunError, UsageError, first_few
from apothecary.formats.inputs import read_gold
from apothecary.formats.predictions import pair_up, read_predictions
from apothecary.runs.extracting import extract_inputs
from apothecary.runs.opening import ExtractOptions
from apothecary.tasks import catalog
from apothecary.tasks.flow import ScoreOptions

__all__ = ["Development", "TuneOptions", "figure_of"]

RESAMPLES = 100
"""Few: of the intervals nothing is used."""


@dataclass(frozen=True)
class TuneOptions:
    """How a training is made, as opposed to what is learnt.

    `data` is the folder that the paths in its file are relative to (None: that of the file), `out` where the
    adapter goes (None: ``models/<name of the file>``). `resume` goes on with a training that was interrupted.
    """

    data: str | Path | None = None
    out: str | Path | None = None
    resume: bool = False
    threads: int | None = None

    def folders(self, config: Path) -> tuple[Path, Path]:
        """Of data and of the adapter, for a training that `config` describes."""
        return Path(self.data or config.parent), Path(self.out or Path("models") / config.stem)


@dataclass(frozen=True)
class Development:
    """A development part: `task` extracts from `file`, and figures of its score, by dotted path, add up."""

    task: str
    file: Path
    metric: tuple[str, ...]
    settings: Mapping[str, object]

    def check(self) -> None:
        """Raises UsageError for a task, setting, file or figure that there is not, DataError for bad gold."""
        task = catalog.load(self.task)
        task.prepare(self.settings, {})
        if not self.file.exists():
            raise UsageError("there is no such development file", where=str(self.file))
        # Before hours of training, and not after: what a score of nothing lacks, others lack, too.
        unanswered = ((document, None) for document in read_gold(self.file))
        score = task.score(unanswered, ScoreOptions(resamples=1))
        for path in self.metric:
            _found(score, path)

    def figure(self, engine: str, folder: Path) -> float:
        """Extract into a run folder and score. Raises ApothecaryError, RunError for a run that ends early."""
        # Replies of a checkpoint are asked for once: the cache of replies is for models that stay.
        options = ExtractOptions(fresh=True, cache="")
        found = extract_inputs([self.file], self.task, engine, self.settings, folder, options)
        if found.status not in ("complete", "incomplete"):
            raise RunError(f"the judging ended early: {found.reason}", where=str(folder))
        predictions = folder / "predictions.jsonl"
        pairs = pair_up(read_gold(self.file), read_predictions(predictions), path=str(predictions))
        score = catalog.load(self.task).score(pairs, ScoreOptions(resamples=RESAMPLES))
        return sum(figure_of(score, path) for path in self.metric)


def _found(score: Mapping[str, object], path: str) -> object:
    found: object = score
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = ", ".join(found) if isinstance(found, Mapping) else "no further names"
            meant = first_few(list(_paths(score, path)))
            hint = f"perhaps {meant}" if meant else f"at {part}: {known}"
            raise UsageError(f"the score has no {path}", where="dev.metric", hint=hint)
        found = found[part]
    return found


def _paths(score: Mapping[str, object], name: str, above: str = "") -> Iterator[str]:
    """Where a score holds that name, the outer places first."""
    if above and name in score:
        yield f"{above}{name}"
    for key, each in score.items():
        if isinstance(each, Mapping):
            yield from _paths(each, name, f"{above}{key}.")


def figure_of(score: Mapping[str, object], path: str) -> float:
    """A number within a score, by dotted path. Raises UsageError with the names there are."""
    found = _found(score, path)
    if isinstance(found, Mapping):
        found = found.get("value")
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise UsageError(f"{path} is no number", where="dev.metric")
    return float(found)
