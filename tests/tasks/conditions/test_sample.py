"""What the condition sample asks of the task: its answers fit into a reply."""

from __future__ import annotations

from pathlib import Path

from apothecary.formats.inputs import read_gold
from apothecary.tasks.conditions.answers import render_output
from apothecary.tasks.conditions.instances import instance_of_document
from tests.tasks.conditions.asking import run

SAMPLE = Path(__file__).parents[3] / "examples" / "conditions" / "sample.jsonl"
CHARACTERS_A_TOKEN = 1.8
"""The answer of the sample that the embedded model's tokenizer parts worst has 1.86, the longest has 3.3."""


def test_a_request_leaves_room_for_the_longest_answer_of_the_sample() -> None:
    instances = [instance_of_document(document) for document in read_gold(SAMPLE)]
    answer = max((render_output(each.conditions) for each in instances), key=len)
    extraction, (request,) = run(answer)
    assert len(answer) / CHARACTERS_A_TOKEN <= request.decoding.max_new_tokens
    assert extraction.problems == ()
