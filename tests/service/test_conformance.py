"""The service keeps to its own description, whatever is sent: right and wrong requests, drawn by a seed."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from apothecary.service.app import create_app, performer
from apothecary.service.jobs import opened_jobs
from tests.runs.invented_visits import trained
from tests.service.served import base_of, scripted

# A span outside its text, an id that the gold has not, an unknown drug: no schema tells of these.
DATA = ("/v1/extract", "/v1/score/{task}", "/v1/query")


HEADERS = {"host": "127.0.0.1"}


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_as_described(
    mode: GenerationMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))
    found, policy = scripted(tmp_path), trained(tmp_path)
    serving = replace(
        found,
        store=base_of(tmp_path),
        policy=str(policy),
        interactions=(tmp_path / "ddi.csv",),
        waiting=10_000,
    )
    with opened_jobs(serving.jobs, performer(serving), waiting=serving.waiting) as jobs:
        app = create_app(serving, jobs)
        description = schemathesis.openapi.from_asgi("/v1/openapi.json", app, headers=HEADERS)
        operations = [result for result in description.get_all_operations() if isinstance(result, Ok)]
        tried = sum(drawn(operation.ok(), mode) for operation in operations)
    assert len(operations) == 12
    assert tried > 100


def drawn(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode) -> int:
    """Try an operation, and say how often."""
    excluded: list[CheckFunction] = [positive_data_acceptance] if operation.path in DATA else []
    tried = 0

    def check(case: Case[Any]) -> None:
        nonlocal tried
        tried += 1
        case.call_and_validate(headers=HEADERS, excluded_checks=excluded)

    budget = settings(
        max_examples=20,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    # Of a request that holds nothing there is no wrong one.
    with suppress(Unsatisfiable):
        seed(1)(budget(given(case=operation.as_strategy(generation_mode=mode))(check)))()
    return tried
