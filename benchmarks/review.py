"""How fast the pages of the review are over a queue of 100,000 items -> docs/results/review.md.

    python benchmarks/review.py

Builds a base of invented documents, fills the queue, writes decisions for half of it, serves the pages on a
free port and asks for them as a browser does. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import resource
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path

import uvicorn

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from apothecary.review.app import create_app  # noqa: E402
from apothecary.review.desk import Desk  # noqa: E402
from apothecary.review.queue import View  # noqa: E402
from apothecary.review.session import Keeper  # noqa: E402
from apothecary.store.build import build  # noqa: E402
from apothecary.store.decisions import Decision  # noqa: E402
from benchmarks.knowledge_data import write_run  # noqa: E402

PAGE = ROOT / "docs" / "results" / "review.md"
TEMPLATE = Path(__file__).with_name("review.template.md")
REVIEWER = "ann"
PAINT = """new Promise(done => new PerformanceObserver(list =>
    list.getEntriesByName("first-contentful-paint").forEach(each => done(each.startTime))
).observe({type: "paint", buffered: true}))"""


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=25_000)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--out", type=Path, default=PAGE)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        values = measured(Path(folder), chosen.documents, chosen.repeats)
    values |= {
        "command": "python benchmarks/review.py",
        "today": date.today().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "version": version("apothecary"),
    }
    chosen.out.write_text(TEMPLATE.read_text(encoding="utf-8").format(**values), encoding="utf-8")
    print(chosen.out)


def measured(folder: Path, documents: int, repeats: int) -> dict[str, str]:
    """All figures, as they stand on the page."""
    run = write_run(folder / "run", documents, 13)
    store = folder / "kb.duckdb"
    built = build([run], store)
    desk = Desk(store)
    fill = timed(desk.fill)
    decided = decide(desk, desk.queue.total() // 2)
    first = desk.queue.page(View(), REVIEWER).items[0]
    addresses = {
        "queue, least sure first": "/queue",
        "queue, conflicts first": "/queue?order=conflict",
        "queue, one type": f"/queue?type={first.type}",
        "queue, search that finds nothing": "/queue?q=nothing-is-called-so",
        "queue, decided": "/queue?state=decided",
        "queue, reviewers differ": "/queue?state=differ",
        "item": f"/items/{first.key}",
        "agreement": "/agreement",
    }
    with served(desk) as port:
        times = {name: asked(port, address, repeats) for name, address in addresses.items()}
        paints = painted(port, repeats // 3)
    put = timed(desk.put)
    return {
        "documents": f"{documents:,}",
        "relations": f"{built.relations:,}",
        "items": f"{desk.queue.total():,}",
        "decided": f"{decided:,}",
        "repeats": str(repeats),
        "pages": table(
            ["page", "first of all, ms", "middle, ms", "slowest of the others, ms"], page_rows(times)
        ),
        "first": f"{1000 * statistics.median(times['queue, least sure first'][1:]):.0f}",
        "load": f"{os.getloadavg()[1]:.1f}",
        "paints": str(len(paints)),
        "paint": f"{statistics.median(paints):.0f} ms" if paints else "no Chromium here",
        "work": table(
            ["work", "seconds"],
            [
                ["filling the queue from the base", f"{fill:.1f}"],
                [f"putting {decided:,} decisions into the base and filling the queue again", f"{put:.1f}"],
            ],
        ),
        "memory": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f}",
    }


def decide(desk: Desk, count: int) -> int:
    """Accept and reject from the top of the queue, as a reviewer would."""
    made, after = 0, ""
    while made < count:
        page = desk.queue.page(View(state="any"), REVIEWER, after, 1000)
        after = page.items[-1].key
        desk.log.extend(
            Decision(0, item.document, item.edge, "reject" if place % 5 == 0 else "accept", REVIEWER, "")
            for place, item in enumerate(page.items)
        )
        made += len(page.items)
    return made


@contextmanager
def served(desk: Desk) -> Iterator[int]:
    """The pages on a free port; the desk stays open."""
    app = create_app(desk, Keeper(), reviewer=REVIEWER)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def asked(port: int, address: str, repeats: int) -> list[float]:
    """Seconds of each request; the first, which finds where the open items begin, comes first."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("GET", address)
            answer = connection.getresponse()
            body = answer.read()
        times.append(time.perf_counter() - began)
        assert answer.status == 200, body[:500]
    return times


def painted(port: int, repeats: int) -> list[float]:
    """Milliseconds to the first contentful paint of the queue; none without a browser."""
    if shutil.which("chromium") is None:
        return []
    from playwright.sync_api import sync_playwright

    times: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(repeats + 1):
            with browser.new_context() as context:
                page = context.new_page()
                page.goto(f"http://127.0.0.1:{port}/queue")
                times.append(float(page.evaluate(PAINT)))
        browser.close()
    return times[1:]


def page_rows(times: dict[str, list[float]]) -> list[list[str]]:
    """A row for each page."""
    return [
        [name, *(f"{1000 * each:.0f}" for each in (first, statistics.median(others), max(others)))]
        for name, (first, *others) in times.items()
    ]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
