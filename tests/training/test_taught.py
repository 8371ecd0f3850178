"""Documents as conversations: what is learnt is what extraction asks and what annotation says."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("accelerate", reason="the train extra is not installed")

from apothecary.errors import ApothecaryError, DataError, UsageError
from apothecary.formats.inputs import read_gold
from apothecary.tasks.combinations.examples import example_of
from apothecary.tasks.combinations.trace_conversion import Chats, to_sft
from apothecary.training.chat_data import Conversation
from apothecary.training.lora_settings import DataSettings
from apothecary.training.taught import taught_conversations

SENTENCE = "In men , zincol plus aspirin improved survival ."
ROW = {
    "doc_id": "d1",
    "sentence": SENTENCE,
    "paragraph": SENTENCE,
    "spans": [
        {"span_id": 0, "text": "zincol", "start": 9, "end": 15},
        {"span_id": 1, "text": "aspirin", "start": 21, "end": 28},
    ],
    "rels": [{"class": "POS", "spans": [0, 1]}],
}


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    other = {**ROW, "doc_id": "d2", "rels": []}
    path.write_text(json.dumps(ROW) + "\n" + json.dumps(other) + "\n")
    return path


def taught(path: Path, **settings: str | bool) -> list[Conversation]:
    return taught_conversations(DataSettings("combinations", settings), [path], path.parent)[0]


@pytest.mark.parametrize("prompt", ["full", "brief"])
def test_a_row_teaches_what_the_traces_of_it_teach(rows: Path, prompt: str) -> None:
    chats = Chats(reasoning=False, context=False, prompt="brief" if prompt == "brief" else "full")
    for each, document in zip(
        taught(rows, ways="text", prompt=prompt, context=False), read_gold(rows), strict=True
    ):
        chat = [{"role": m.role, "content": m.content} for m in each.prompt]
        assert [*chat, {"role": "assistant", "content": each.answer}] == to_sft(
            example_of(document), None, chats
        )["messages"]


def test_reasoning_is_that_of_the_rules(rows: Path) -> None:
    answers = [each.answer for each in taught(rows, reasoning=True)]
    assert all(answer.startswith("<think>\n[1] ") for answer in answers)
    assert [answer.rpartition("<answer>")[2].count("POS") for answer in answers] == [1, 0]


def test_conditions_are_learnt_as_they_are_asked(tmp_path: Path) -> None:
    row = {"id": "1", "title": "T.", "abstract": "Ten men took 5 mg.", "drug": "z", "disease": "f"}
    path = tmp_path / "rows.jsonl"
    conditions = [{"span": "Ten men", "type": "Gender"}]
    path.write_text(
        json.dumps(row | {"conditions": conditions}) + "\n" + json.dumps(row | {"id": "2"}) + "\n"
    )
    found, *left = taught_conversations(DataSettings("conditions", {"prompt": "brief"}), [path], tmp_path)
    assert left == [0, 1]
    assert [each.answer for each in found] == ['["Span: Ten men | Label: Gender"]']
    assert found[0].prompt[-1].content.endswith("List the conditions of this treatment.\nDrug: z\nDisease: f")


def test_held_out_documents_teach_nothing_and_are_counted(rows: Path) -> None:
    (rows.parent / "held.tsv").write_text("set\tid\ndrugcomb_test\td1\n")
    data = DataSettings("combinations", {}, "held.tsv")
    found, *left = taught_conversations(data, [rows], rows.parent)
    assert (len(found), left) == (1, [1, 0])


@pytest.mark.parametrize(
    ("task", "text", "error", "message"),
    [
        ("relations", json.dumps(ROW), UsageError, "relations cannot be taught"),
        ("combinations", '{"id": "x", "text": "Nothing is annotated."}', DataError, "nothing to learn"),
        ("combinations", "{", ApothecaryError, "rows.jsonl:1"),
        ("nope", json.dumps(ROW), UsageError, "tasks: "),
    ],
)
def test_what_teaches_nothing_is_one_clear_error(
    tmp_path: Path, task: str, text: str, error: type[ApothecaryError], message: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(text + "\n")
    with pytest.raises(error, match=message):
        taught_conversations(DataSettings(task), [path], tmp_path)
