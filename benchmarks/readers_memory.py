"""Part of the benchmark of the readers: memory of a fresh process while it writes or reads N records.

`python -m benchmarks.readers_memory read|write FORMAT PATH RECORDS SEED` measures itself and prints JSON.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from apothecary import api
from apothecary.documents import Document
from apothecary.formats import bioc_json
from benchmarks.readers_data import documents, write_medline

__all__ = ["FORMATS", "Format", "measure_memory"]

ROOT = Path(__file__).parent.parent
TENTHS = 10
FILES_IN_A_FOLDER = 1000
COLLECTION_RECORDS = 40_000
"""A BioC collection is one JSON value: more of these documents would pass the 256 MiB that are read."""
Results = dict[str, object]


@dataclass(frozen=True)
class Format:
    """A format by the name of its file. `ours`: this package writes it, and the writing is measured."""

    title: str
    file: str
    ours: bool
    most: int | None = None


FORMATS = {
    "records": Format("JSON Lines, own records", "records.jsonl", True),
    "pubtator": Format("PubTator", "all.pubtator", True),
    "medline": Format("MEDLINE XML, gzip", "medline.xml.gz", False),
    "bioc_xml": Format("BioC XML", "bioc.xml", True),
    "bioc_lines": Format("BioC JSON, a document a line", "bioc.jsonl", False),
    "bioc_collection": Format("BioC JSON, one collection", "bioc.json", True, COLLECTION_RECORDS),
    "parquet": Format("Parquet", "all.parquet", True),
    "text": Format("plain text, a file each", "text", False),
}


# In the process that is measured.


def megabytes() -> dict[str, float]:
    """Resident memory now and at its highest, of this process since it began."""
    status = Path("/proc/self/status").read_text()
    found = re.findall(r"^Vm(RSS|HWM):\s+(\d+) kB", status, re.MULTILINE)
    return {{"RSS": "now", "HWM": "peak"}[name]: int(value) / 1024 for name, value in found}


def watched(items: Iterable[Document], records: int, points: list[dict[str, float]]) -> Iterator[Document]:
    """The items; after each tenth, `points` gains the memory."""
    step = max(1, records // TENTHS)
    for number, item in enumerate(items, 1):
        yield item
        if number % step == 0:
            points.append({"records": number, **megabytes()})


def write_lines(items: Iterable[Document], path: Path) -> None:
    """BioC JSON, one document on each line: collections of one, without their line ends."""
    with path.open("w", encoding="utf-8") as stream:
        for item in items:
            collection = StringIO()
            bioc_json.write([item], collection)
            stream.write(collection.getvalue().replace("\n", "") + "\n")


def write_texts(items: Iterable[Document], path: Path) -> None:
    """A folder of folders of text files."""
    for number, item in enumerate(items):
        folder = path / f"{number // FILES_IN_A_FOLDER:05}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{item.id}.txt").write_text(item.text, encoding="utf-8")


def write(name: str, path: Path, records: int, seed: int, points: list[dict[str, float]]) -> None:
    """A file of that format, document by document."""
    if name == "medline":
        write_medline(path, records, seed)
        return
    others: dict[str, Callable[[Iterable[Document], Path], None]] = {
        "bioc_lines": write_lines,
        "text": write_texts,
    }
    others.get(name, api.write)(watched(documents(records, seed), records, points), path)


def main() -> None:
    """Write or read, and print what it took."""
    what, name, file, records, seed = sys.argv[1:]
    path, count = Path(file), int(records)
    points: list[dict[str, float]] = []
    start = megabytes()["now"]
    began = time.perf_counter()
    if what == "write":
        write(name, path, count, int(seed), points)
    else:
        count = sum(1 for _ in watched(api.read(path), count, points))
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {"records": count, "seconds": seconds, "start": start, "points": points, "end": megabytes()}
        )
    )


# In the process that asks.


def measure_memory(
    names: Iterable[str], folder: Path, records: int, texts: int, seed: int
) -> Iterator[Results]:
    """Write and read each format in fresh processes, its result when it is there; its file is removed."""
    for name in names:
        kind = FORMATS[name]
        path = folder / kind.file
        remove(path)
        count = min(records, texts if name == "text" else kind.most or records)
        written = asked("write", name, path, count, seed)
        size = sum(each.stat().st_size for each in (path, *path.rglob("*")) if each.is_file())
        read = asked("read", name, path, count, seed)
        remove(path)
        found: Results = {"title": kind.title, "mb": size / 1e6, "read": read}
        yield {name: found | {"write": written} if kind.ours else found}


def remove(path: Path) -> None:
    """A file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def asked(what: str, name: str, path: Path, records: int, seed: int) -> Results:
    """What a process of its own says."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.readers_memory",
        what,
        name,
        str(path),
        str(records),
        str(seed),
    ]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found: Results = json.loads(printed)
    print(f"{name}: {what} {found['records']} in {found['seconds']:.1f} s, {found['end']} MB", flush=True)
    return found


if __name__ == "__main__":
    main()
