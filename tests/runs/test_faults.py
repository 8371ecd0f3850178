"""Whatever passes at a server changes no table, loses no document, and shows no prompt and no key.

Small cases of `benchmarks/reliability.py`, whose figures are in docs/results/reliability.md.
"""

from pathlib import Path

import pytest

from benchmarks.reliability_cases import KEY, Ended, Place, leaks
from benchmarks.reliability_faults import PASSING, Bench, Case, faulty, refused, whole

KINDS = tuple(kind for kind in PASSING if kind != "drip")
"""Without the one that takes seconds."""


@pytest.mark.slow
def test_faults_that_pass_change_no_table(tmp_path: Path) -> None:
    bench = Bench.at(tmp_path, 4, seed=1)
    row = faulty(bench, Case("vllm", KINDS, 0.4, seed=7), whole(bench, "vllm"))
    assert row.differences == []
    assert sum(row.faults.values()) > 4


@pytest.mark.slow
def test_a_refusal_that_quotes_prompt_and_key_costs_one_document(tmp_path: Path) -> None:
    row = refused(tmp_path, seed=1)
    assert row.differences == []
    assert "Bearer ***" in row.name


def test_a_leak_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/errors.jsonl").write_text("Zzyzx")
    ended = Ended(0, KEY, "Traceback ... Answer with", 0.0)
    assert leaks(Place(tmp_path), ended) == [
        "the key in standard output",
        "a prompt in standard error",
        "a text in run/errors.jsonl",
        "a traceback",
    ]
