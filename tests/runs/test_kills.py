"""A run that is stopped at any moment is finished by the same command, and nothing kept is asked again.

A few runs of `benchmarks/reliability.py`, whose figures are in docs/results/reliability.md.
"""

import signal
from collections.abc import Mapping
from dataclasses import replace

import pytest

from benchmarks.reliability_kills import Reference, Stage, killed, reference, staged

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Stage, Reference]]:
    path = tmp_path_factory.mktemp("kills")
    found = {
        "server": staged(path / "server", 60, seed=1, http=True),
        "script": staged(path / "script", 200, seed=1, http=False),
    }
    return {name: (stage, reference(stage)) for name, stage in found.items()}


@pytest.mark.parametrize(
    ("engine", "how"),
    [
        ("server", signal.SIGKILL),
        ("server", signal.SIGINT),
        ("server", signal.SIGTERM),
        ("script", signal.SIGKILL),
    ],
)
def test_a_stopped_run_ends_like_one_that_nothing_stops(
    stages: Mapping[str, tuple[Stage, Reference]], engine: str, how: signal.Signals
) -> None:
    stage, whole = stages[engine]
    run = killed(stage, whole, how, seed=5, most=2)
    assert run.differences == []
    assert run.codes


def test_what_is_left_over_is_noticed(stages: Mapping[str, tuple[Stage, Reference]]) -> None:
    stage, whole = stages["script"]
    other = replace(whole, names=whole.names - {"report.html"}, scores=None)
    run = killed(stage, other, signal.SIGKILL, seed=1, most=0)
    assert run.differences == ["the scores differ", "report.html is left over"]
