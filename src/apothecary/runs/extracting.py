"""From what a user asks to extract to a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from apothecary.engines.tuned import tuned_settings
from apothecary.formats.inputs import describe_inputs, read_inputs
from apothecary.runs.extract import Run, Summary, run
from apothecary.runs.keeping import Progress
from apothecary.runs.manifest import make_manifest
from apothecary.runs.opening import ExtractOptions, open_engines, run_folder
from apothecary.tasks import catalog

__all__ = ["extract_inputs"]


def extract_inputs(
    inputs: Sequence[Path],
    task: str,
    engine: str | None,
    settings: Mapping[str, object],
    out: str | Path | None,
    options: ExtractOptions,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Summary:
    """Run a task over documents and write a run folder; see `runs.extract`. Raises ApothecaryError."""
    chosen = catalog.load(task)
    asked = chosen.prepare(settings, {}).steps  # A wrong setting is told before weights are loaded.
    described = describe_inputs(inputs)
    with closing(open_engines(chosen.steps, engine, options, asked)) as opened:
        engines = {step: each.info for step, each in opened.engines.items()}
        job = chosen.prepare({**tuned_settings(task, engines), **settings}, engines)
        opened.check(job.steps)
        used = {step: engines[step] for step in job.steps}
        manifest = make_manifest(task, job, used, described, limit=options.limit)
        plan = Run(
            task=chosen,
            job=job,
            engine=opened,
            items=lambda: read_inputs(inputs, encoding=options.encoding),
            folder=run_folder(out, task, str(manifest["fingerprint"]), fresh=options.fresh),
            manifest=manifest,
            limit=options.limit,
            fresh=options.fresh,
        )
        return run(plan, on_progress)
