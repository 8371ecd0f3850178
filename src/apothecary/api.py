"""The public functions. The command line calls these and adds only words and colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from apothecary.corpora import annotation
from apothecary.documents import Document
from apothecary.engines.cores import free_cores
from apothecary.errors import DataError, UsageError
from apothecary.formats.inputs import read_gold, read_inputs
from apothecary.formats.outputs import write_documents
from apothecary.formats.predictions import pair_up, predictions_file, read_predictions
from apothecary.runs.ablating import ablate_gold, foresee_gold
from apothecary.runs.ablation import AblationOptions, AblationProgress, Foreseen
from apothecary.runs.ablation_result import AblationResult
from apothecary.runs.extract import Summary
from apothecary.runs.extracting import extract_inputs
from apothecary.runs.keeping import Progress
from apothecary.runs.opening import ExtractOptions
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommending import frontier, recommend
from apothecary.runs.rehearsal import Estimate
from apothecary.runs.rehearsal import estimate as estimate_run
from apothecary.runs.scoring import compare_files, score_files
from apothecary.runs.traces import TraceSummary
from apothecary.runs.tracing import TraceEstimate, TraceOptions, foresee_traces, write_traces
from apothecary.runs.tuning import Development, TuneOptions
from apothecary.runs.visit_asking import AskOptions, fit_questions
from apothecary.tasks import catalog
from apothecary.tasks.flow import ScoreOptions
from apothecary.training.adapter_form import AdapterForm
from apothecary.training.loading import training_part
from apothecary.training.lora_settings import TuneSettings, read_grpo_settings, read_sft_settings
from apothecary.training.recommender import train_recommender
from apothecary.training.stepwise_recommender import train_stepwise

if TYPE_CHECKING:
    from apothecary.training.tuning import Tuned

__all__ = [
    "AdapterForm",
    "AskOptions",
    "ExtractOptions",
    "RecommendOptions",
    "TraceOptions",
    "Trained",
    "TuneOptions",
    "ablate",
    "compare",
    "count",
    "estimate",
    "estimate_traces",
    "export_adapter",
    "extract",
    "fit",
    "foresee_ablation",
    "frontier",
    "merge_adapter",
    "read",
    "recommend",
    "score",
    "stats",
    "traces",
    "train_grpo",
    "train_recommender",
    "train_sft",
    "train_stepwise",
    "write",
]

COUNTED_BYTES = 50 << 20
Paths = str | Path | Sequence[str | Path]
TRL = ("trl", "datasets")


@dataclass(frozen=True)
class Trained:
    """A finished training, and the ENGINE that runs what it learnt."""

    tuned: Tuned
    engine: str


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
    return extract_inputs(
        _paths(inputs), task, engine, settings or {}, out, options or ExtractOptions(), on_progress
    )


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
    """Compare predictions with gold documents or visits, by the task's own rules.

    Predictions are a file, or the folder of a run. Raises ApothecaryError.
    """
    file = predictions_file(Path(predictions))
    return score_files(task, Path(gold), file, options or ScoreOptions(), encoding)


def compare(
    task: str,
    gold: str | Path,
    predictions: Paths,
    against: Paths,
    *,
    options: ScoreOptions | None = None,
    encoding: str = "utf-8",
) -> Mapping[str, Mapping[str, object]]:
    """For each evaluator ``{"f1": {"value", "low", "high"}, "p"}``: F1 of one less that of the other.

    Of lists of medication it is each figure, under ``difference``. Several files are runs of one system with
    other seeds (conditions): their average is tested, and ``a`` and ``b`` hold mean, sd and each run. Raises
    UsageError for a task whose predictions cannot be compared, else as `score`.
    """
    one, other = ([*map(predictions_file, _paths(side))] for side in (predictions, against))
    return compare_files(task, Path(gold), (one, other), options or ScoreOptions(), encoding)


def stats(inputs: Paths, *, encoding: str = "utf-8") -> dict[str, object]:
    """Counts of annotated documents of any task, by the names that `corpora.annotation` gives them.

    Each input is read as `score` reads gold, by itself: ids may repeat between them. None is held in memory.
    Raises ApothecaryError at the first record that cannot be read.
    """
    readers = [task.with_gold for task in map(catalog.load, catalog.names()) if task.with_gold]
    documents: Iterable[Document] = (
        document for path in _paths(inputs) for document in read_gold(path, encoding=encoding)
    )
    for reader in readers:
        documents = map(reader, documents)
    return annotation.stats(documents).figures()


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
    file = predictions_file(Path(predictions))
    if risk is None and (fitted := fit_questions(task, Path(gold), file, encoding)) is not None:
        return fitted
    chosen = catalog.load(task)
    if chosen.fit is None:
        raise UsageError(f"{task} decides nothing by a threshold")
    rows = read_predictions(file, encoding=encoding)
    return chosen.fit(pair_up(read_gold(Path(gold), encoding=encoding), rows, path=str(file)), risk)


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
    return ablate_gold(Path(gold), Path(out), engine, settings or {}, options, running, on_progress)


def foresee_ablation(
    gold: str | Path,
    settings: Mapping[str, object] | None = None,
    options: AblationOptions | None = None,
    *,
    encoding: str = "utf-8",
) -> Foreseen:
    """What `ablate` would ask for at most, without an engine. Raises ApothecaryError."""
    return foresee_gold(Path(gold), settings or {}, options or AblationOptions(), encoding=encoding)


def traces(
    inputs: Paths,
    task: str,
    *,
    engine: str | None = None,
    out: str | Path | None = None,
    options: TraceOptions | None = None,
    running: ExtractOptions | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> TraceSummary:
    """Write reasoning for rows whose answer is known, and training data from it, into a run folder.

    `engine` is ``write=ENGINE,judge=ENGINE[,revise=ENGINE]``, one ENGINE for all, or ``rules``. `options` say
    what is written, `running` how. Without `out` the folder is as for `extract`. Raises ApothecaryError.
    """
    options, running = options or TraceOptions(), running or ExtractOptions()
    return write_traces(_paths(inputs), task, engine, out, options, running, on_progress)


def estimate_traces(
    inputs: Paths,
    task: str,
    *,
    engine: str | None = None,
    options: TraceOptions | None = None,
    running: ExtractOptions | None = None,
) -> TraceEstimate:
    """What `traces` would ask for, without asking; nothing is written. Raises ApothecaryError."""
    options, running = options or TraceOptions(), running or ExtractOptions()
    return foresee_traces(_paths(inputs), task, engine, options, running)


def train_sft(
    config: str | Path,
    options: TuneOptions | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Trained:
    """Tune a language model on written answers; `config` is a TOML file, `say` is told how it goes.

    The checkpoint is chosen by the task's own figure, where the file has a part ``[dev]``. Needs the extra
    ``train``. Raises ApothecaryError.
    """
    settings = read_sft_settings(Path(config))
    module = training_part("soft_sft" if settings.soft else "sft")
    return _tune(Path(config), settings, module.train_sft, options or TuneOptions(), say)


def train_grpo(
    config: str | Path,
    options: TuneOptions | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Trained:
    """Tune a language model by rewards of its own answers; else as `train_sft`."""
    settings = read_grpo_settings(Path(config))
    if settings.backend == "trl":
        train: Callable[..., Tuned] = training_part("grpo_trl", TRL).train_with_trl
    else:
        train = training_part("grpo").train_grpo
    return _tune(Path(config), settings, train, options or TuneOptions(), say)


def _tune(
    config: Path,
    settings: TuneSettings,
    train: Callable[..., Tuned],
    options: TuneOptions,
    say: Callable[[str], None],
) -> Trained:
    folder, out = options.folders(config)
    judge = _judge(settings, folder, out)
    training_part("tuning").torch_threads(options.threads or free_cores())
    tuned = train(settings, folder, out, say, judge=judge, resume=options.resume)
    adapter = tuned.gguf or tuned.adapter
    return Trained(tuned, training_part("gguf_lora").engine_with(settings.model, adapter))


def _judge(settings: TuneSettings, folder: Path, out: Path) -> Callable[[Path], float] | None:
    dev = settings.dev
    if dev is None:
        return None
    if dev.engine == "llamacpp" and training_part("base_model").gguf_of(settings.model) is None:
        problem = "the engine llamacpp needs a model that is a GGUF"
        raise UsageError(problem, where="dev", hint='engine = "hf"')
    part = Development(dev.task, folder / dev.file, dev.metric, dev.settings)
    part.check()

    def judge(checkpoint: Path) -> float:
        if dev.engine == "llamacpp":
            engine = export_adapter(checkpoint, checkpoint / "adapter.gguf", model=settings.model)
        else:
            engine = training_part("gguf_lora").engine_with(settings.model, checkpoint)
        return part.figure(engine, out / "development" / checkpoint.name)

    return judge


def merge_adapter(
    adapter: str | Path, out: str | Path, *, model: str | None = None, biases: bool = True
) -> str:
    """Add an adapter to the weights of its model, write the whole to a new folder, and name its ENGINE.

    `model` is the one that the adapter was learnt for, unless it is given. A role-conditioned adapter keeps
    its roles as tables beside the model; without `biases` that of tokens without a role, too, which is needed
    for models that can have none. Raises ApothecaryError.
    """
    written: str = training_part("adapter_export").merge_adapter(
        Path(adapter), Path(out), model, biases=biases
    )
    return written


def export_adapter(
    adapter: str | Path,
    out: str | Path,
    *,
    model: str | None = None,
    form: AdapterForm | None = None,
) -> str:
    """Write an adapter, alone or with others of its model in one, and name the ENGINE that runs it.

    A file .gguf is for llama.cpp, any other name that of a new folder in the layout of PEFT. `model` as in
    `merge_adapter`. Raises ApothecaryError.
    """
    written: str = training_part("adapter_export").export_adapter(
        Path(adapter), Path(out), model, form or AdapterForm()
    )
    return written


def count(inputs: Paths, options: ExtractOptions) -> int | None:
    """How many items a run over the inputs has; None when counting would take too long to be worth it."""
    paths = _paths(inputs)
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    if sum(file.stat().st_size for file in files if file.is_file()) > COUNTED_BYTES:
        return None
    return sum(1 for _ in islice(read_inputs(paths, encoding=options.encoding), options.limit))


def _paths(inputs: Paths) -> list[Path]:
    given = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if not given:
        raise UsageError("no input was given", hint="name a file or a folder")
    return [Path(path) for path in given]
