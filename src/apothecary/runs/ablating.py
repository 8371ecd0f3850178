"""From what a user asks about scenarios to their ablation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from apothecary.errors import UsageError
from apothecary.formats.inputs import describe_inputs
from apothecary.runs.ablation import Ablation, AblationOptions, AblationProgress, Foreseen, foresee, run
from apothecary.runs.ablation_result import AblationResult
from apothecary.runs.development import read_development
from apothecary.runs.manifest import make_manifest
from apothecary.runs.opening import ExtractOptions, open_engines
from apothecary.tasks import catalog
from apothecary.tasks.ablation import Ablatable
from apothecary.tasks.flow import Task

__all__ = ["ablate_gold", "foresee_gold"]


def ablate_gold(
    gold: Path,
    out: Path,
    engine: str | None,
    settings: Mapping[str, object],
    options: AblationOptions,
    running: ExtractOptions,
    on_progress: Callable[[AblationProgress], None],
) -> AblationResult:
    """Prune the scenarios of a schema on an annotated development part. Raises ApothecaryError."""
    chosen, ablatable = _ablatable()
    asked = chosen.prepare(settings, {}).steps
    documents = read_development(gold, held_out=options.held_out, encoding=running.encoding)
    with closing(open_engines(chosen.steps, engine, running, asked)) as opened:
        engines = {step: each.info for step, each in opened.engines.items()}
        job = chosen.prepare(settings, engines)
        opened.check(job.steps)
        manifest = make_manifest(chosen.name, job, engines, describe_inputs([gold]), limit=None)
        identity = manifest["identity"]
        plan = Ablation(
            task=chosen,
            ablatable=ablatable,
            settings=settings,
            engines=engines,
            engine=opened,
            documents=documents,
            folder=out,
            identity=identity if isinstance(identity, dict) else {},
            options=options,
        )
        return run(plan, on_progress)


def foresee_gold(
    gold: Path, settings: Mapping[str, object], options: AblationOptions, *, encoding: str = "utf-8"
) -> Foreseen:
    """What `ablate_gold` would ask for at most, without an engine. Raises ApothecaryError."""
    chosen, ablatable = _ablatable()
    documents = read_development(gold, held_out=options.held_out, encoding=encoding)
    return foresee(chosen, ablatable, settings, documents, options)


def _ablatable() -> tuple[Task, Ablatable]:
    chosen = catalog.load("relations")
    if chosen.ablation is None:
        raise UsageError("relations has no scenarios")
    return chosen, chosen.ablation
