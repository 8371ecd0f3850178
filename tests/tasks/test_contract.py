"""What every task keeps, whichever it is."""

import json
from importlib.resources import files

import pytest

from apothecary.documents import Argument, Concept, Document, Passage, Relation
from apothecary.errors import UsageError
from apothecary.messages import EngineInfo, Failure, Reply, Request
from apothecary.tasks import catalog
from apothecary.tasks.flow import Extraction, Job, ScoreOptions, Task, check_score
from tests.walking import walk

TASKS = [catalog.load(name) for name in catalog.names()]
EACH = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
TEXT = "Examplamine caused dizziness in three patients. Samplol relieved the dizziness."
# For tasks that ask about relations that a document comes with.
PAIR = (Concept("c1", "Drug", (), ("Samplol",)), Concept("c2", "Disease", (), ("dizziness",)))
RELATION = Relation("r1", "therapeutic", (Argument("drug", "c1"), Argument("disease", "c2")))


def job(task: Task) -> Job:
    return task.prepare({}, {step: EngineInfo("contract", "d") for step in task.steps})


def run(task: Task, text: str, fail: bool = False) -> tuple[Extraction, list[Request]]:
    prepared = job(task)
    passages = (Passage("text", 0, len(text)),)
    document = Document("d", text, passages, concepts=PAIR, relations=(RELATION,))
    return walk(
        prepared.flows["extract"](document),
        (lambda r: Failure("TimedOut", "late")) if fail else prepared.rehearse,
    )


@EACH
def test_a_task_is_named_like_its_folder_and_has_a_readme(task: Task) -> None:
    folder = files("apothecary.tasks").joinpath(task.name)
    assert folder.joinpath("task.py").is_file()
    assert task.name in folder.joinpath("README.md").read_text(encoding="utf-8")
    assert all(step.startswith(f"{task.name}.") for step in task.steps)


@EACH
def test_a_rehearsal_walks_the_whole_flow(task: Task) -> None:
    extraction, asked = run(task, TEXT)
    assert extraction.problems == ()
    assert {request.step for request in asked} <= set(task.steps)
    assert json.loads(json.dumps(extraction.record)) == extraction.record


@EACH
def test_no_slot_of_a_prompt_is_left_open(task: Task) -> None:
    _, asked = run(task, TEXT)
    for request in asked:
        assert "{" not in request.messages[-1].content.replace('{"', "").replace("{}", "")
        assert all(isinstance(message.content, str) and message.content for message in request.messages)


@EACH
def test_the_document_stands_before_the_question(task: Task) -> None:
    _, asked = run(task, TEXT)
    assert all(request.messages[-1].content.index(TEXT) < 10 for request in asked)


@EACH
def test_failures_become_problems_and_no_record(task: Task) -> None:
    extraction, _ = run(task, TEXT, fail=True)
    assert extraction.record is None
    assert {problem.kind for problem in extraction.problems} == {"TimedOut"}


@EACH
def test_blank_text_is_no_fault(task: Task) -> None:
    extraction, _ = run(task, " \n")
    assert extraction.problems == ()


@EACH
def test_settings_and_prompts_can_be_recorded(task: Task) -> None:
    prepared = job(task)
    assert json.dumps(prepared.settings)
    assert all(len(digest) == 64 for digest in prepared.prompts.values())
    with pytest.raises(UsageError, match="settings: "):
        task.prepare({"no_such_setting": 1}, {})


@EACH
def test_no_documents_score_to_a_table(task: Task) -> None:
    score = task.score([], ScoreOptions(resamples=10))
    assert score["documents"] == 0
    assert all(isinstance(cell, str) for row in task.table(score) for cell in row)


@EACH
def test_an_unknown_setting_of_a_score_is_refused(task: Task) -> None:
    check_score(task, ScoreOptions())
    with pytest.raises(UsageError, match="no setting 'no_such_setting'"):
        check_score(task, ScoreOptions(settings={"no_such_setting": 1}))


def test_an_unknown_task_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="tasks: combinations, conditions, mentions, relations"):
        catalog.load("nope")


def test_replies_are_replies() -> None:
    assert isinstance(job(TASKS[0]).rehearse(run(TASKS[0], TEXT)[1][0]), Reply)
