"""The development figure of a checkpoint: extract with it, score by the task's own rules, add figures up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from apothecary.errors import RunError, UsageError
from apothecary.training.lora_settings import TuneSettings

__all__ = ["check_development", "development_judge", "figure_of"]


def development_judge(settings: TuneSettings, folder: Path, out: Path) -> Callable[[Path], float] | None:
    """What judges the adapter in a folder by `settings.dev`; None without a development part.

    Each judging is a run folder of its own under ``out/development``. Raises ApothecaryError, RunError for
    an extraction that does not come to its end.
    """
    dev = settings.dev
    if dev is None:
        return None
    from apothecary import api
    from apothecary.tasks.flow import ScoreOptions
    from apothecary.training.adapter_files import read_adapter
    from apothecary.training.gguf_lora import engine_with, write_gguf_lora

    file = folder / dev.file

    def judge(checkpoint: Path) -> float:
        adapter = checkpoint
        if dev.engine == "llamacpp":
            adapter = checkpoint / "adapter.gguf"
            write_gguf_lora(read_adapter(checkpoint), settings.model, adapter)
        engine = engine_with(settings.model, adapter)
        run = out / "development" / checkpoint.name
        # Replies of a checkpoint are asked for once: the cache of replies is for models that stay.
        options = api.ExtractOptions(fresh=True, cache="")
        found = api.extract(file, dev.task, engine=engine, settings=dev.settings, out=run, options=options)
        if found.status not in ("complete", "incomplete"):
            raise RunError(f"the judging ended early: {found.reason}", where=str(run))
        score = api.score(dev.task, file, run / "predictions.jsonl", options=ScoreOptions(resamples=100))
        return sum(figure_of(score, path) for path in dev.metric)

    return judge


def check_development(settings: TuneSettings, folder: Path) -> None:
    """Tell a wrong task, setting or file before anything is trained. Raises UsageError."""
    if settings.dev is None:
        return
    from apothecary.tasks import catalog
    from apothecary.training.base_model import gguf_of

    if settings.dev.engine == "llamacpp" and gguf_of(settings.model) is None:
        raise UsageError(
            "the engine llamacpp needs a model that is a GGUF", where="dev", hint='engine = "hf"'
        )
    catalog.load(settings.dev.task).prepare(settings.dev.settings, {})
    if not (folder / settings.dev.file).exists():
        raise UsageError("there is no such development file", where=str(folder / settings.dev.file))


def figure_of(score: Mapping[str, object], path: str) -> float:
    """A number within a score, by dotted path. Raises UsageError with the names there are."""
    found: object = score
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = ", ".join(found) if isinstance(found, Mapping) else "no further names"
            raise UsageError(f"the score has no {path}", where="dev.metric", hint=f"at {part}: {known}")
        found = found[part]
    if isinstance(found, Mapping):
        found = found.get("value")
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise UsageError(f"{path} is no number", where="dev.metric")
    return float(found)
