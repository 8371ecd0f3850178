"""Progress of a run on standard error: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from apothecary.runs.keeping import Progress

__all__ = ["clock", "reporting"]

LINE_EVERY_SECONDS = 10.0


@contextmanager
def reporting(total: int | None, *, show: bool) -> Iterator[Callable[[Progress], None]]:
    """A callback for progress. `total` documents are expected (None: unknown)."""
    if not show:
        yield lambda progress: None
    elif sys.stderr.isatty():
        with _bar(total) as callback:
            yield callback
    else:
        yield _Lines(total)


@contextmanager
def _bar(total: int | None) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}", style="dim"),
    )
    started = time.monotonic()
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("documents", total=total, pace="")

        def update(progress: Progress) -> None:
            pace = _pace(progress, total, time.monotonic() - started)
            bar.update(task, completed=progress.before + progress.finished + progress.failed, pace=pace)

        yield update


class _Lines:
    """A line every ten seconds at most, so that a log stays readable."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.started = self.last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.last < LINE_EVERY_SECONDS:
            return
        self.last = now
        done = progress.before + progress.finished + progress.failed
        of = f" of {self.total}" if self.total is not None else ""
        print(f"{done}{of} documents, {_pace(progress, self.total, now - self.started)}", file=sys.stderr)


def _pace(progress: Progress, total: int | None, seconds: float) -> str:
    """Rate, time left, failures and calls, as far as they are known."""
    now = progress.finished + progress.failed
    parts = [f"{60 * now / seconds:,.1f} documents/min"] if now and seconds > 0 else []
    if now and total is not None:
        parts.append(f"{clock((total - progress.before - now) * seconds / now)} left")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    parts.append(f"{progress.ledger.total.calls:,} calls")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
