"""From what a user asks to recommend to a run, or to a frontier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from apothecary.runs.frontier import measure_frontier
from apothecary.runs.frontier_points import Frontier
from apothecary.runs.opening import run_folder
from apothecary.runs.policies import RecommendOptions
from apothecary.runs.recommend import RecommendSummary, run_recommend
from apothecary.runs.visit_asking import AskOptions, opened_policy

__all__ = ["frontier", "recommend"]


def recommend(
    visits: str | Path,
    policy: str | Path,
    options: RecommendOptions,
    *,
    out: str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    asking: AskOptions | None = None,
) -> RecommendSummary:
    """Recommend a list for every visit of a file and write a run folder. A research tool, not medical advice.

    `policy` is a folder that a training wrote, its name under ``models``, or an engine, asked as `asking`
    says. Without `out` the folder is ``runs/recommend-<time>``, or the newest unfinished one there of the
    very same run. `say` is told how it goes. Raises ApothecaryError.
    """
    path = Path(visits)
    with opened_policy(str(policy), path, options, asking or AskOptions()) as opened:
        folder = run_folder(out, "recommend", str(opened.manifest["fingerprint"]), fresh=options.fresh)
        return run_recommend(opened, path, folder, options, say)


def frontier(
    visits: str | Path,
    policy: str | Path,
    safeties: Sequence[float],
    options: RecommendOptions,
    *,
    out: str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    asking: AskOptions | None = None,
) -> Frontier:
    """What the lists of a policy lose, and what interactions they shed, as the weight of these grows.

    Writes ``frontier.jsonl`` and a page with the curve; else as `recommend`. Raises ApothecaryError.
    """
    path = Path(visits)
    what = ["frontier", *safeties]
    with opened_policy(str(policy), path, options, asking or AskOptions(), what=what) as opened:
        folder = run_folder(out, "frontier", str(opened.manifest["fingerprint"]), fresh=True)
        return measure_frontier(opened, path, folder, safeties, options, say)
