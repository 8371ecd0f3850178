"""Small bases made of documents by plain SQL, and one in own words to review."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from apothecary.documents import Document
from apothecary.formats.records import from_record
from apothecary.store.assemble import assemble
from apothecary.store.keys import digest_of, edge_key, key_of
from apothecary.store.opening import opened

__all__ = ["CONFLICT", "SURE", "UNSURE", "make_base", "sample"]

KINDS = {"Chemical": "drug", "Drug": "drug", "Disease": "disease"}


def _relation(name: str, type_: str, tail: str, confidence: float, quote: str) -> dict[str, object]:
    start = TEXT.index(quote)
    return {
        "id": name,
        "type": type_,
        "arguments": [{"role": "head", "concept": "c1"}, {"role": "tail", "concept": tail}],
        "evidence": [{"start": start, "end": start + len(quote), "quote": quote}],
        "confidence": confidence,
        "origin": {"engine": "pocket", "step": "relations.pairs", "answer": "1"},
    }


TEXT = (
    "Tiamol and gout. Tiamol may cause mild headache in some. Rarely does it lead to a rash. "
    "It was given for gout at 20 mg a day."
)
NAMES = (("Tiamol", "Chemical"), ("headache", "Disease"), ("rash", "Disease"), ("gout", "Disease"))
UNSURE, SURE, CONFLICT = "headache", "gout", "rash"


def sample(identity: str = "d1", attributes: dict[str, str] | None = None) -> Document:
    """An invented abstract with three relations: one unsure, one denied by another document, one sure."""
    mentions = [
        {"start": TEXT.index(name), "end": TEXT.index(name) + len(name), "text": name, "type": kind}
        for name, kind in NAMES
    ]
    record = {
        "id": identity,
        "text": TEXT,
        "passages": [
            {"section": "title", "start": 0, "end": 16},
            {"section": "abstract", "start": 17, "end": len(TEXT)},
        ],
        "mentions": mentions,
        "concepts": [
            {"id": f"c{n}", "type": kind, "mentions": [n - 1], "names": [name], "ids": [f"T:{name}"]}
            for n, (name, kind) in enumerate(NAMES, 1)
        ],
        "relations": [
            _relation("r1", "causes", "c2", 0.55, "Tiamol may cause mild headache in some."),
            _relation("r2", "causes", "c3", 0.7, "Rarely does it lead to a rash."),
            _relation("r3", "treats", "c4", 0.97, "It was given for gout at 20 mg a day."),
        ],
        "attributes": attributes or {},
    }
    return from_record(record, where="sample")


def make_base(
    path: Path, documents: Sequence[Document], *, task: str = "relations", run: str = "1" * 16
) -> Path:
    """A base of one run, or another run added to one that is there."""
    rows = _Rows(run)
    for document in documents:
        rows.add(document)
    source = f"{task} by pocket"
    with opened(path, write=True) as connection:
        connection.begin()
        connection.execute(
            "INSERT INTO sources VALUES (?, ?, '{}', 0, 0, .1, .05) ON CONFLICT DO NOTHING", [source, task]
        )
        connection.execute(
            "INSERT INTO runs VALUES (?, ?, '0', 'run', '', 'complete', '', '', '{}', ?)",
            [run, source, "2026-01-01T00:00:00+00:00"],
        )
        for table, held in rows.tables.items():
            marks = ",".join("?" * len(held[0])) if held else ""
            once = " ON CONFLICT DO NOTHING" if table in ("documents", "concepts") else ""
            for row in held:
                connection.execute(f"INSERT INTO {table} VALUES ({marks}){once}", row)  # noqa: S608
        connection.commit()
        assemble(connection)
    return path


class _Rows:
    def __init__(self, run: str) -> None:
        self.run = run
        names = "documents extractions concepts mentions relations arguments evidence"
        self.tables: dict[str, list[tuple[object, ...]]] = {name: [] for name in names.split()}

    def add(self, document: Document) -> None:
        text, run = document.text, self.run
        passages = [{"section": p.section, "start": p.start, "end": p.end} for p in document.passages]
        title = document.passage_text(document.passages[0]) if passages else ""
        attributes = dict(document.attributes)
        retracted = "retraction" in attributes
        self.tables["documents"].append(
            (document.id, digest_of(text), title, text, *map(json.dumps, (passages, attributes)), retracted)
        )
        self.tables["extractions"].append((document.id, run, "x"))
        ids = {concept.id: concept.ids[0] for concept in document.concepts}
        owner = {index: ids[concept.id] for concept in document.concepts for index in concept.mentions}
        for concept in document.concepts:
            kind = KINDS.get(concept.type, "other")
            self.tables["concepts"].append((ids[concept.id], kind, concept.names[0], "given", ""))
        for place, m in enumerate(document.mentions):
            self.tables["mentions"].append(
                (
                    document.id,
                    run,
                    place,
                    m.start,
                    m.end,
                    None,
                    m.text,
                    m.type,
                    "exact",
                    0.9,
                    owner.get(place, ""),
                )
            )
        for relation in document.relations:
            self.relate(document, relation.id, ids)

    def relate(self, document: Document, local: str, ids: dict[str, str]) -> None:
        relation = next(each for each in document.relations if each.id == local)
        key = key_of(document.id, self.run, local)
        pairs = [(each.role, ids[each.concept]) for each in relation.arguments]
        edge = edge_key(relation.type, pairs)
        polarity = "asserted" if relation.status.polarity == "unknown" else relation.status.polarity
        said = (relation.confidence, None, relation.attributes.get("reasoning"))
        self.tables["relations"].append(
            (key, document.id, self.run, local, relation.type, polarity, "unknown", *said, "{}", edge)
        )
        self.tables["arguments"] += [(key, n, role, concept, "[]") for n, (role, concept) in enumerate(pairs)]
        self.tables["evidence"] += [
            (key, n, each.span.start, each.span.end, each.quote) for n, each in enumerate(relation.evidence)
        ]
