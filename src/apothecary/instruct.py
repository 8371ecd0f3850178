"""Instruction tuning from Python: find data sets, convert copies of them, mix, tune in stages, evaluate.

    from apothecary import instruct
    instruct.build(["cdr", "ccks2017"], "copies", "typed")
    instruct.mix("mixture.toml", "mixed")
    instruct.train_stages("stages.toml")
    instruct.evaluate(instruct.Provider("engine", "hf:MODEL+models/stages/two_stage/2-all/adapter"))

Each does what the command of its name does; all raise ApothecaryError.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from apothecary.corpora.held_out import HeldOut
from apothecary.corpora.instruct_build import Built
from apothecary.corpora.instruct_build import build as build_sets
from apothecary.corpora.instruct_catalogue import Entry
from apothecary.corpora.instruct_catalogue import search as search_catalogue
from apothecary.corpora.instruct_sets import named_sets
from apothecary.engines.cores import free_cores
from apothecary.runs.evaluation import Evaluation, Provider, SuiteOptions
from apothecary.runs.evaluation import evaluate as evaluate_suite
from apothecary.runs.keeping import Progress
from apothecary.runs.opening import ExtractOptions
from apothecary.runs.tuning import TuneOptions
from apothecary.training.loading import training_part
from apothecary.training.mixture import mix as mix_sets
from apothecary.training.mixture_counts import Mixed
from apothecary.training.mixture_settings import read_mixture_settings
from apothecary.training.stage_settings import read_stages_settings

if TYPE_CHECKING:
    from apothecary.training.stages import Finished

__all__ = [
    "ExtractOptions",
    "Provider",
    "SuiteOptions",
    "TuneOptions",
    "build",
    "catalogue",
    "evaluate",
    "held_out_of",
    "mix",
    "train_stages",
]

HELD_OUT = "held_out.tsv"
Say = Callable[[str], None]


def catalogue(
    words: Sequence[str] = (), *, task: str | None = None, language: str | None = None
) -> tuple[Entry, ...]:
    """The data sets whose entry holds all the words, of a task (or published code) and of a language."""
    return search_catalogue(words, task=task, language=language)


def held_out_of(data: str | Path) -> Path | None:
    """The list of documents to leave out that lies in a folder of copies; None where there is none."""
    listed = Path(data) / HELD_OUT
    return listed if listed.is_file() else None


def build(
    names: Sequence[str],
    data: str | Path,
    out: str | Path,
    *,
    accepted: Collection[str] = (),
    held_out: str | Path | None = None,
) -> Built:
    """Convert copies of data sets in `data` to typed examples, ``<name>.jsonl`` in `out`.

    `names` are converters of the catalogue, groups of them, or TOML files; `accepted` those whose terms you
    have read and keep to. `held_out` lists documents to leave out (None: as `held_out_of` finds it).
    """
    sets = named_sets(names)
    agreed = set(accepted)
    allowed = {each.name for each in sets if agreed.intersection((each.name, *each.folders))}
    listed = Path(held_out) if held_out else held_out_of(data)
    lists = HeldOut.read(listed) if listed else HeldOut.none()
    return build_sets(sets, Path(data), Path(out), accepted=allowed, held_out=lists)


def mix(
    config: str | Path,
    out: str | Path,
    *,
    data: str | Path | None = None,
    say: Say = lambda line: None,
) -> Mixed:
    """Mix typed examples into instructions as a TOML file says; `data` is what its paths are relative to
    (None: its folder)."""
    config = Path(config)
    settings = read_mixture_settings(config)
    return mix_sets(settings, Path(data) if data else config.parent, Path(out), say)


def train_stages(
    config: str | Path, options: TuneOptions | None = None, say: Say = lambda line: None
) -> list[Finished]:
    """Tune a language model in stages, and the controls beside them. Needs the extra ``train``."""
    config, options = Path(config), options or TuneOptions()
    settings = read_stages_settings(config)
    train = training_part("stages").train_stages
    training_part("tuning").torch_threads(options.threads or free_cores())
    folder, out = options.folders(config)
    done: list[Finished] = train(settings, folder, out, say, resume=options.resume)
    return done


def evaluate(
    provider: Provider,
    suite: str = "default",
    *,
    out: str | Path | None = None,
    options: SuiteOptions | None = None,
    running: ExtractOptions | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Evaluation:
    """Ask a suite of tasks (a TOML file, or one that ships) and judge the replies, into a run folder.

    `options` say what of the suite is asked, `running` how. A reply that cannot be read is a result; the same
    call goes on where it was stopped.
    """
    folder = Path(out) if out else None
    return evaluate_suite(
        suite, provider, folder, options or SuiteOptions(), running or ExtractOptions(), on_progress
    )
