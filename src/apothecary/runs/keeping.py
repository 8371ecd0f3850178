"""Results of a run into its folder as they come, with the account beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

from apothecary.runs.driver import Result
from apothecary.runs.folder import RunFolder
from apothecary.runs.ledger import Ledger

__all__ = ["Progress", "keep_results"]

LEDGER_EVERY_SECONDS = 10.0


@dataclass(frozen=True)
class Progress:
    """Where a run stands: documents finished now and before, failures, and the account so far."""

    finished: int
    before: int
    failed: int
    ledger: Ledger


def keep_results(
    results: Generator[Result, None, None], folder: RunFolder, on_progress: Callable[[Progress], None]
) -> None:
    """Write every result and close their source, also when something ends the run on the way."""
    before = len(folder.done)
    started = saved = time.monotonic()
    wall_before = folder.ledger.wall_seconds
    with closing(results):
        for result in results:
            folder.write(result)
            now = time.monotonic()
            folder.ledger.wall_seconds = wall_before + now - started
            if now - saved > LEDGER_EVERY_SECONDS:
                folder.write_ledger()
                saved = now
            on_progress(Progress(len(folder.done) - before, before, len(folder.failed), folder.ledger))
