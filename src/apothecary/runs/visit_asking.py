"""A policy by the name of an engine: a language model scores the drugs of visits, or edits their lists.

What it is asked, and how replies are read, is the task's (`tasks.list_asking`). Here engines are opened,
behind cache and budget, once it is sure that visits may go there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from apothecary.engines.routing import KINDS, parse_routes
from apothecary.engines.tuned import tuned_settings
from apothecary.errors import UsageError
from apothecary.formats.jsonl import placed_rows
from apothecary.messages import Engine, EngineInfo, Flow, Outcome, Reply, Request
from apothecary.runs.folder import fingerprint
from apothecary.runs.ledger import Spent
from apothecary.runs.opening import ExtractOptions, open_engines
from apothecary.runs.patient_data import check_address, check_engine
from apothecary.runs.policies import Opened, RecommendOptions, open_policy, read_policy
from apothecary.tasks.list_asking import Asking, Drive, load_asking

__all__ = ["AskOptions", "fit_questions", "is_engine", "opened_policy"]

R = TypeVar("R")

START, FITTED = "start", "fitted"
"""Settings: the policy that lists begin with, and the file that ``apothecary fit`` wrote."""
_FITTED = ("fitted_threshold", "slope", "intercept")
_UNWEIGHED = "safety weighs nothing: a language model edits, and no --safety was given"
_ENGINE = re.compile(rf"(?:[\w.]+=)?(?:{'|'.join(re.escape(kind) for kind in KINDS if kind != 'pocket')})")


@dataclass(frozen=True)
class AskOptions:
    """How an engine is asked about visits.

    `remote` lets data of patients leave this machine. Of `engine` the seed, threads, slots, cache and budget
    count.
    """

    remote: bool = False
    engine: ExtractOptions = field(default_factory=ExtractOptions)


def is_engine(policy: str) -> bool:
    """Whether a policy is written as an engine, as opposed to a folder."""
    return _ENGINE.match(policy) is not None


def fit_questions(
    task: str, gold: Path, predictions: Path, encoding: str = "utf-8"
) -> dict[str, object] | None:
    """Settings that make probabilities of the scores of an engine, from a run over visits with lists.

    None for a task that asks no language model for lists. Raises DataError, FormatError.
    """
    asking = load_asking(task)
    if asking is None:
        return None
    return asking.fit(placed_rows(gold, encoding=encoding), placed_rows(predictions, encoding=encoding))


@contextmanager
def opened_policy(
    policy: str, visits: Path, options: RecommendOptions, asking: AskOptions, *, what: object = None
) -> Iterator[Opened]:
    """A policy that is ready for a file of visits, as `open_policy`: a folder, or an engine.

    Raises ApothecaryError; UsageError for an engine on another machine that was not allowed.
    """
    if not is_engine(policy):
        yield open_policy(policy, visits, options, what=what)
        return
    task = load_asking(options.task)
    if task is None:
        raise UsageError(f"{options.task} asks no language model", where=policy, hint="--policy FOLDER")
    settings = _with_fitted(options.settings)
    start = str(settings.pop(START, ""))
    steps = task.asked(settings)
    check_address(parse_routes(policy, task.steps, steps).values(), allowed=asking.remote)
    if not start:
        hint = "--set start=NAME, of one that 'apothecary train recommender' made: it has the vocabulary"
        raise UsageError("an engine needs a policy that its lists begin with", where=policy, hint=hint)
    begun, name, digest = read_policy(start)
    with closing(open_engines(task.steps, policy, asking.engine, steps)) as engine:
        infos = {step: each.info for step, each in engine.engines.items()}
        for info in infos.values():
            check_engine(info, allowed=asking.remote)
        engine.check(steps)
        settings = _as_trained(task, settings, infos)
        spent: dict[str, Spent] = {}
        asked = task.prepare(begun, settings, _driver(engine, spent))
        told = {"asking": asked.record, "prompts": dict(task.prompts), "engines": _engines(infos)}
        opened = open_policy(
            (asked.policy, f"{policy}, from {name}", fingerprint([digest, told])),
            visits,
            replace(options, settings=asked.rest),
            what=what,
        )
        identity = opened.manifest["identity"]
        known = identity if isinstance(identity, Mapping) else {}
        notes = (*opened.warnings, *_notes(infos, asked.record))
        if what is None and _unweighed(known.get("settings")):
            notes = (*notes, _UNWEIGHED)
        manifest = {**opened.manifest, "identity": {**known, **told}, "notes": list(notes)}
        yield replace(
            opened,
            lister=asked.told(opened.lister),
            warnings=notes,
            manifest=manifest,
            at_once=max(1, engine.info.concurrency),
            spent=_emptied(spent),
        )


def _as_trained(
    task: Asking, settings: Mapping[str, object], infos: Mapping[str, EngineInfo]
) -> dict[str, object]:
    """Settings over those of the training of the engines. Raises UsageError where these ask other steps."""
    tuned = tuned_settings(task.name, infos)
    found = {**tuned, **settings}
    if task.asked(found) != task.asked(settings):
        own = " ".join(f"--set {name}={value}" for name, value in tuned.items() if name not in settings)
        raise UsageError(
            "the engine was trained to be asked otherwise", where=next(iter(infos.values())).name, hint=own
        )
    return found


def _with_fitted(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings with those of the file that was fitted, which give way to the user's own."""
    found = dict(settings)
    path = found.pop(FITTED, None)
    if path is None:
        return found
    try:
        row = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            "cannot be read", where=str(path), hint="apothecary fit medication --out FILE"
        ) from error
    if not isinstance(row, dict) or not all(isinstance(row.get(name), int | float) for name in _FITTED):
        raise UsageError(
            f"has not all of {', '.join(_FITTED)}", where=str(path), hint="apothecary fit medication"
        )
    return {name: row[name] for name in _FITTED} | found


def _engines(infos: Mapping[str, EngineInfo]) -> dict[str, dict[str, str]]:
    """As the manifests of all runs tell of engines, so that a run can be replayed."""
    return {
        step: {"name": info.name, "digest": info.digest, "adapter": info.adapter_digest}
        for step, info in sorted(infos.items())
    }


def _notes(infos: Mapping[str, EngineInfo], record: Mapping[str, object]) -> list[str]:
    notes = sorted({f"{info.name}: {note}" for info in infos.values() for note in info.notes})
    raw = (record.get("slope"), record.get("intercept"), record.get("fitted_threshold")) == (1.0, 0.0, 0.5)
    if raw and record.get("asks") != "edits":
        notes.append(
            "the scores of the engine are not fitted: apothecary fit medication, over training visits"
        )
    return notes


def _unweighed(settings: object) -> bool:
    """Whether a task leaves out the weight of interactions, of which a frontier has its own."""
    return isinstance(settings, Mapping) and "safety" in settings and settings["safety"] is None


def _emptied(spent: dict[str, Spent]) -> Callable[[], Mapping[str, Spent]]:
    """What was spent since it was last asked for."""

    def since() -> Mapping[str, Spent]:
        found = dict(spent)
        spent.clear()
        return found

    return since


def _driver(engine: Engine, spent: dict[str, Spent]) -> Drive:
    """Walks as many flows at once as the engine can use."""

    def drive(flows: Sequence[Flow[R]]) -> list[R]:
        at_once = max(1, engine.info.concurrency)
        parts = (flows[start : start + at_once] for start in range(0, len(flows), at_once))
        return [result for part in parts for result in _walked(part, engine, spent)]

    return drive


def _walked(flows: Sequence[Flow[R]], engine: Engine, spent: dict[str, Spent]) -> list[R]:
    """The results of flows that go on together: a round of all of them is one group for the engine."""
    results: dict[int, R] = {}
    waiting: dict[int, Sequence[Request]] = {}

    def go_on(place: int, outcomes: Sequence[Outcome] | None) -> None:
        flow = flows[place]
        try:
            waiting[place] = next(flow) if outcomes is None else flow.send(outcomes)
        except StopIteration as finished:
            results[place] = finished.value

    for place in range(len(flows)):
        go_on(place, None)
    while waiting:
        rounds, waiting = waiting, {}
        requests = [request for each in rounds.values() for request in each]
        outcomes = list(engine.answer(requests)) if requests else []
        for request, outcome in zip(requests, outcomes, strict=True):
            usage = outcome.usage if isinstance(outcome, Reply) else None
            spent[request.step] = spent.get(request.step, Spent()) + Spent.of(usage)
        for place, each in rounds.items():
            go_on(place, outcomes[: len(each)])
            outcomes = outcomes[len(each) :]
    return [results[place] for place in range(len(flows))]
