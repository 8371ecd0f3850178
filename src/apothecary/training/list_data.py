"""What a language model learns lists from: conversations and prompts made of training visits.

The visits are those that a training of the very same configuration learns from; what it keeps out is not
touched. The errors that gold lists are corrupted with are those of scorers that saw nothing of the patient.
The files hold what the visits tell: they are to be kept as the records are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from apothecary.corpora.visits import folds
from apothecary.errors import UsageError
from apothecary.messages import Message, Request, SoftToken
from apothecary.networks.visit_encoder import read_table, write_tables
from apothecary.tasks.list_asking import FirstList, Lesson, Teaching, load_asking
from apothecary.tasks.recommending import Case, Knowledge, ListTask, Policy, load_lists
from apothecary.training.list_policies import read_parts
from apothecary.training.recommender import cases_of, fit, read_facts
from apothecary.training.recommender_settings import RecommenderSettings, read_recommender_settings
from apothecary.training.scorer_fitting import DrugFacts, need_fitting
from apothecary.vocab.interactions import InteractionTable

__all__ = ["ListData", "ListDataOptions", "first_lists", "write_list_data"]

SFT, GRPO, QUESTIONS, VOCABULARY, TABLES, REPORT = (
    "sft.jsonl",
    "grpo.jsonl",
    "questions.jsonl",
    "vocabulary.json",
    "soft.json",
    "report.json",
)


@dataclass(frozen=True)
class ListDataOptions:
    """How many corrupted lists and single questions are drawn, and how a model is to edit.

    `passes` and `note` are as a run is to be asked (``AskSettings`` of the task). `soft` are kinds of soft
    tokens to mark, of `width` numbers each way; `molecules` is a table of the user's (`read_table`).
    """

    draws: int = 1000
    passes: Literal["loop", "two"] = "loop"
    note: bool = False
    seed: int = 0
    soft: tuple[str, ...] = ()
    width: int = 64
    molecules: Path | None = None


@dataclass(frozen=True)
class ListData:
    """The folder that was written, the training visits, what was kept out, and its figures."""

    folder: Path
    visits: int
    kept_out: int
    lessons: int
    prompts: int
    figures: Mapping[str, object]


def write_list_data(
    config: str | Path,
    out: str | Path,
    options: ListDataOptions,
    *,
    data: str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> ListData:
    """Write what ``train sft`` and ``train grpo`` read, from the training visits of a configuration.

    `config` is that of ``train recommender``, `data` what its paths are relative to (None: its folder).
    Raises ApothecaryError.
    """
    config = Path(config)
    settings = read_recommender_settings(config)
    need_fitting(settings.kind)
    asking, lists = load_asking(settings.task), load_lists(settings.task)
    if asking is None:
        raise UsageError(f"{settings.task} asks no language model", where=str(config))
    parts = read_parts(Path(data or config.parent) / settings.visits, settings)
    cases = cases_of(parts.train)
    given = read_table(options.molecules) if options.molecules else None
    tables = asking.tables(cases, options.soft, options.width, given) if options.soft else {}
    say(f"{len(cases)} visits to learn from; scoring each by what knows nothing of its patient")
    vocabulary, first = first_lists(cases, settings, lists, read_facts(Path(data or config.parent), settings))
    plain = Teaching(first, vocabulary, options.draws, options.seed, options.passes, options.note)
    teaching = replace(plain, soft=tuple(tables))
    lessons, found = asking.lists(teaching)
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        count = _write(folder / SFT, map(_sft, lessons))
        # The list of a later turn is right in part, as no scorer makes it. Written anew: there may be many.
        # Rewards teach no soft tokens.
        prompts = _write(folder / GRPO, (_grpo(each) for each in asking.lists(plain)[0] if not each.later))
        asked = _write(folder / QUESTIONS, (_question(*each) for each in asking.questions(teaching)))
        if tables:
            told: dict[str, str | bool] = {
                "soft": ",".join(tables),
                "passes": options.passes,
                "note": options.note,
            }
            write_tables(folder / TABLES, tables, {settings.task: told})
        figures = {**found, "lessons": count, "prompts": prompts, "questions": asked}
        (folder / VOCABULARY).write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / REPORT).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", where=str(error.filename or folder)
        ) from error
    return ListData(folder, len(cases), len(parts.test), count, prompts, figures)


def first_lists(
    cases: Sequence[Case], settings: RecommenderSettings, task: ListTask, facts: DrugFacts | None = None
) -> tuple[tuple[str, ...], list[FirstList]]:
    """The vocabulary of the cases, and for each the list of a scorer that saw nothing of its patient.

    Raises DataError when the cases are too few, UsageError for less than two patients.
    """
    vocabulary = fit(cases, settings, task, facts).scorer.vocabulary
    patients = len({case.visit.patient for case in cases})
    found: list[FirstList] = []
    for part in folds(
        [case.visit for case in cases], min(max(2, settings.folds), patients), seed=settings.seed
    ):
        tested = {visit.patient for visit in part.test}
        fitted = fit([case for case in cases if case.visit.patient not in tested], settings, task, facts)
        own = [case for case in cases if case.visit.patient in tested]
        policy = Policy(settings.kind, fitted.scorer)
        lister, _ = task.prepare(policy, Knowledge(InteractionTable.of(())), {"editor": "none"})
        (listed,) = lister.along(own, [0.0])
        found += [FirstList(case, each.drugs) for case, each in zip(own, listed, strict=True)]
    return vocabulary, found


def _sft(lesson: Lesson) -> dict[str, object]:
    return {"id": lesson.id, "messages": _turns(lesson.messages, lesson.answer), **_soft(lesson.soft)}


def _question(request: Request, answer: str) -> dict[str, object]:
    return {"messages": _turns(request.messages, answer), **_soft(request.soft_tokens)}


def _soft(tokens: Sequence[SoftToken]) -> dict[str, object]:
    """What `training.soft_sft` reads of a row; nothing where a prompt has no marks."""
    return {"soft": [asdict(each) for each in tokens]} if tokens else {}


def _grpo(lesson: Lesson) -> dict[str, object]:
    return {
        "id": lesson.id,
        "messages": _turns(lesson.messages),
        "start": list(lesson.start),
        "gold": list(lesson.gold),
        "mode": lesson.mode,
    }


def _turns(messages: Sequence[Message], answer: str | None = None) -> list[dict[str, str]]:
    turns = [{"role": each.role, "content": each.content} for each in messages]
    return turns if answer is None else [*turns, {"role": "assistant", "content": answer}]


def _write(path: Path, rows: Iterable[Mapping[str, object]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", errors="replace") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count
