"""The public functions. The command line calls these and adds only words and colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from apothecary.documents import Document
from apothecary.engines.budget import Budget, Budgeted, Meter
from apothecary.engines.cache import Cached, default_cache_path
from apothecary.engines.open import EngineOptions, engine_spec, open_engine
from apothecary.engines.replay import Replay
from apothecary.engines.routing import Routed, parse_routes
from apothecary.engines.tuned import tuned_settings
from apothecary.errors import DataError, UsageError
from apothecary.formats.inputs import describe_inputs, read_gold, read_inputs
from apothecary.formats.outputs import write_documents
from apothecary.formats.predictions import pair_up, read_predictions
from apothecary.messages import Engine
from apothecary.runs.ablation import Ablation, AblationOptions, AblationProgress, Foreseen, foresee
from apothecary.runs.ablation import run as run_ablation
from apothecary.runs.ablation_result import AblationResult
from apothecary.runs.development import read_development
from apothecary.runs.extract import Run, Summary, run
from apothecary.runs.folder import unfinished
from apothecary.runs.keeping import Progress
from apothecary.runs.manifest import make_manifest
from apothecary.runs.rehearsal import Estimate
from apothecary.runs.rehearsal import estimate as estimate_run
from apothecary.tasks import catalog
from apothecary.tasks.ablation import Ablatable
from apothecary.tasks.flow import Pairs, ScoreOptions, Task

__all__ = [
    "ExtractOptions",
    "ablate",
    "compare",
    "count",
    "estimate",
    "extract",
    "fit",
    "foresee_ablation",
    "open_engines",
    "read",
    "run_folder",
    "score",
    "write",
]

COUNTED_BYTES = 50 << 20
Paths = str | Path | Sequence[str | Path]


@dataclass(frozen=True)
class ExtractOptions:
    """How a run is made, as opposed to what is extracted.

    `threads` are the engine's (None: the cores at hand), `slots` how many documents an embedded
    engine works on at once; `cache` is the file of the reply cache (None: the user's, "" for none);
    `fresh` starts an existing folder anew.
    """

    limit: int | None = None
    fresh: bool = False
    encoding: str = "utf-8"
    seed: int = 0
    threads: int | None = None
    slots: int = 1
    cache: Path | str | None = None
    budget: Budget = field(default_factory=Budget)


def read(path: str | Path, *, encoding: str = "utf-8") -> Iterator[Document]:
    """The documents of a file or folder, in any format that is known by its name or contents.

    Raises DataError at the first record that cannot be read.
    """
    for item in read_inputs([Path(path)], encoding=encoding):
        if isinstance(item, DataError):
            raise item
        yield item


def write(documents: Iterable[Document], path: str | Path) -> None:
    """Write documents as PubTator, BioC, brat, Parquet or JSON Lines, by the ending of the path.

    Raises UsageError for another ending, FormatError for what cannot be written.
    """
    write_documents(documents, Path(path))


def extract(
    inputs: Paths,
    task: str,
    *,
    engine: str | None = None,
    settings: Mapping[str, object] | None = None,
    out: str | Path | None = None,
    options: ExtractOptions | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Summary:
    """Run a task over documents and write a run folder.

    `engine` is an ENGINE of the command line or routes by step; None takes ``APOTHECARY_ENGINE`` or
    the embedded one. Without `out` the folder is ``runs/<task>-<time>``, or the newest unfinished
    one there of the very same run. Raises ApothecaryError.
    """
    options = options or ExtractOptions()
    paths = _paths(inputs)
    chosen = catalog.load(task)
    asked = chosen.prepare(settings or {}, {}).steps  # A wrong setting is told before weights are loaded.
    described = describe_inputs(paths)
    with closing(open_engines(chosen, engine, options, asked)) as opened:
        engines = {step: each.info for step, each in opened.engines.items()}
        job = chosen.prepare({**tuned_settings(task, engines), **(settings or {})}, engines)
        opened.check(job.steps)
        used = {step: engines[step] for step in job.steps}
        manifest = make_manifest(task, job, used, described, limit=options.limit)
        plan = Run(
            task=chosen,
            job=job,
            engine=opened,
            items=lambda: read_inputs(paths, encoding=options.encoding),
            folder=run_folder(out, task, str(manifest["fingerprint"]), fresh=options.fresh),
            manifest=manifest,
            limit=options.limit,
            fresh=options.fresh,
        )
        return run(plan, on_progress)


def estimate(
    inputs: Paths,
    task: str,
    *,
    settings: Mapping[str, object] | None = None,
    options: ExtractOptions | None = None,
) -> Estimate:
    """What `extract` would ask for, without an engine. Raises ApothecaryError."""
    options = options or ExtractOptions()
    job = catalog.load(task).prepare(settings or {}, {})
    items = read_inputs(_paths(inputs), encoding=options.encoding)
    return estimate_run(islice(items, options.limit), job)


def score(
    task: str,
    gold: str | Path,
    predictions: str | Path,
    *,
    options: ScoreOptions | None = None,
    encoding: str = "utf-8",
) -> dict[str, object]:
    """Compare predictions with gold documents, by the task's own rules. Raises ApothecaryError."""
    chosen = catalog.load(task)
    rows = read_predictions(Path(predictions), encoding=encoding)
    pairs = pair_up(read_gold(Path(gold), encoding=encoding), rows, path=str(predictions))
    return chosen.score(pairs, options or ScoreOptions())


def compare(
    task: str,
    gold: str | Path,
    predictions: str | Path,
    against: str | Path,
    *,
    options: ScoreOptions | None = None,
    encoding: str = "utf-8",
) -> Mapping[str, Mapping[str, object]]:
    """For each evaluator ``{"f1": {"value", "low", "high"}, "p"}``: F1 of one less that of the other.

    Raises UsageError for a task whose predictions cannot be compared, else as `score`.
    """
    chosen = catalog.load(task)
    if chosen.compare is None:
        raise UsageError(f"predictions of {task} cannot be compared", hint="score each")

    def pairs(path: str | Path) -> Pairs:
        rows = read_predictions(Path(path), encoding=encoding)
        return pair_up(read_gold(Path(gold), encoding=encoding), rows, path=str(path))

    return chosen.compare(pairs(predictions), pairs(against), options or ScoreOptions())


def fit(
    task: str,
    gold: str | Path,
    predictions: str | Path,
    *,
    risk: float | None = None,
    encoding: str = "utf-8",
) -> dict[str, object]:
    """Thresholds from the odds that a run recorded and from gold. Never fit on a test set.

    With a `risk`, odds between two bounds are left undecided, such that of what is decided on either side
    at most that share is wrong, as far as these documents tell. Raises UsageError for a task that decides
    nothing by a threshold, else as `score`.
    """
    chosen = catalog.load(task)
    if chosen.fit is None:
        raise UsageError(f"{task} decides nothing by a threshold")
    rows = read_predictions(Path(predictions), encoding=encoding)
    return chosen.fit(pair_up(read_gold(Path(gold), encoding=encoding), rows, path=str(predictions)), risk)


def ablate(
    gold: str | Path,
    out: str | Path,
    *,
    engine: str | None = None,
    settings: Mapping[str, object] | None = None,
    options: AblationOptions | None = None,
    running: ExtractOptions | None = None,
    on_progress: Callable[[AblationProgress], None] = lambda progress: None,
) -> AblationResult:
    """Prune the scenarios of a schema on an annotated development part; the files go to `out`.

    `options` say how to prune, `running` how to extract. Raises ApothecaryError.
    """
    options, running = options or AblationOptions(), running or ExtractOptions()
    chosen, ablatable = _ablatable()
    asked = chosen.prepare(settings or {}, {}).steps
    documents = read_development(Path(gold), held_out=options.held_out, encoding=running.encoding)
    with closing(open_engines(chosen, engine, running, asked)) as opened:
        engines = {step: each.info for step, each in opened.engines.items()}
        job = chosen.prepare(settings or {}, engines)
        opened.check(job.steps)
        manifest = make_manifest(chosen.name, job, engines, describe_inputs([Path(gold)]), limit=None)
        identity = manifest["identity"]
        plan = Ablation(
            task=chosen,
            ablatable=ablatable,
            settings=settings or {},
            engines=engines,
            engine=opened,
            documents=documents,
            folder=Path(out),
            identity=identity if isinstance(identity, dict) else {},
            options=options,
        )
        return run_ablation(plan, on_progress)


def foresee_ablation(
    gold: str | Path,
    settings: Mapping[str, object] | None = None,
    options: AblationOptions | None = None,
    *,
    encoding: str = "utf-8",
) -> Foreseen:
    """What `ablate` would ask for at most, without an engine. Raises ApothecaryError."""
    options = options or AblationOptions()
    chosen, ablatable = _ablatable()
    documents = read_development(Path(gold), held_out=options.held_out, encoding=encoding)
    return foresee(chosen, ablatable, settings or {}, documents, options)


def _ablatable() -> tuple[Task, Ablatable]:
    chosen = catalog.load("relations")
    if chosen.ablation is None:
        raise UsageError("relations has no scenarios")
    return chosen, chosen.ablation


def count(inputs: Paths, options: ExtractOptions) -> int | None:
    """How many items a run over the inputs has; None when counting would take too long to be worth it."""
    paths = _paths(inputs)
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    if sum(file.stat().st_size for file in files if file.is_file()) > COUNTED_BYTES:
        return None
    return sum(1 for _ in islice(read_inputs(paths, encoding=options.encoding), options.limit))


def open_engines(
    task: Task, engine: str | None, options: ExtractOptions, asked: Sequence[str] | None = None
) -> Routed:
    """The engines of the steps asked for (None: all of the task), within the budget, behind the cache.

    Raises UsageError or EngineError. To be closed by the caller.
    """
    routes = parse_routes(engine_spec(engine), task.steps, asked)
    meter = Meter(options.budget)
    path = Path(options.cache) if options.cache else default_cache_path()
    opened: dict[str, Engine] = {}
    with ExitStack() as stack:
        for spec in routes.values():
            if spec not in opened:
                bare = open_engine(
                    spec,
                    EngineOptions(
                        threads=options.threads, slots=options.slots, seed=options.seed, cache=path
                    ),
                )
                stack.callback(bare.close)
                limited = Budgeted(bare, meter)
                uncached = options.cache == "" or isinstance(bare, Replay)
                opened[spec] = limited if uncached else Cached(limited, path)
        # All are open: from here on they are closed by whoever holds them.
        stack.pop_all()
    return Routed({step: opened[spec] for step, spec in routes.items()})


def _paths(inputs: Paths) -> list[Path]:
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if not given:
        raise UsageError("no input was given", hint="name a file or a folder")
    return [Path(path) for path in given]


def run_folder(out: str | Path | None, task: str, run_fingerprint: str, *, fresh: bool) -> Path:
    """Where a run goes: `out`, else the newest unfinished one of the very same run, else a new folder."""
    if out is not None:
        return Path(out)
    parent = Path("runs")
    earlier = None if fresh else unfinished(parent, task, run_fingerprint)
    return earlier or parent / f"{task}-{datetime.now():%Y%m%d-%H%M%S}"
