"""A small base, written by hand: what exports are tested on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from apothecary.store.keys import edge_key
from apothecary.store.opening import opened

__all__ = ["CID", "NEG", "TEXTS", "TRIPLE", "made_base"]

TEXTS = {
    "101": 'Bleeding under A. 💊 Zincol and mirtal caused "severe" bleeding.\nMirtal =1+1 | stopped.',
    "102": "锌科 (zincol) 与 mirtal: zincol with mirtal and solvane was synergistic.",
    "note 3": "Zincol did not cause bleeding.",
    "104": "Retracted: zincol and mirtal are harmless.",
}
ZINCOL, MIRTAL, SOLVANE, BLEEDING = "MESH:D1", "drug:mirtal", "drug:sol|vane", "MESH:D9"
NEG = edge_key("NEG", [("drug", ZINCOL), ("drug", MIRTAL)])
TRIPLE = edge_key("POS", [("drug", ZINCOL), ("drug", MIRTAL), ("drug", SOLVANE)])
CID = edge_key("CID", [("head", ZINCOL), ("tail", BLEEDING)])
_MENTIONS = [
    *[("101", "Zincol", ZINCOL), ("101", "mirtal", MIRTAL), ("101", "bleeding", BLEEDING)],
    *[("101", "Bleeding", BLEEDING), ("102", "zincol", ZINCOL), ("102", "mirtal", MIRTAL)],
    *[("102", "solvane", SOLVANE), ("note 3", "Zincol", ZINCOL), ("note 3", "bleeding", BLEEDING)],
    *[("104", "zincol", ZINCOL), ("104", "mirtal", MIRTAL)],
]
_RELATIONS = [
    ("r1", "101", "NEG", "asserted", 0.9, NEG, 'Zincol and mirtal caused "severe" bleeding.'),
    ("r2", "101", "CID", "asserted", 0.7, CID, 'Zincol and mirtal caused "severe" bleeding.'),
    ("r3", "102", "POS", "asserted", 0.8, TRIPLE, "zincol with mirtal and solvane was synergistic."),
    ("r4", "note 3", "CID", "negated", 0.6, CID, ""),
    ("r5", "104", "NEG", "asserted", 0.9, NEG, "zincol and mirtal are harmless."),
]
_EDGES = [
    (NEG, "combinations", "NEG", 1, 0, False, 0.81, [ZINCOL, MIRTAL]),
    (TRIPLE, "combinations", "POS", 1, 0, False, 0.6, [ZINCOL, MIRTAL, SOLVANE]),
    (CID, "relations", "CID", 1, 1, True, 0.4, [ZINCOL, BLEEDING]),
]
_CONCEPTS = [
    (ZINCOL, "drug", "zincol", "given"),
    (MIRTAL, "drug", "mirtal", "not found"),
    (SOLVANE, "drug", "solvane", "not found"),
    (BLEEDING, "disease", "bleeding", "dictionary"),
]


def made_base(path: Path, *, accepted: str = "") -> Path:
    """A base of four documents, one of them retracted; a reviewer confirms the edge `accepted` in 101."""
    path.write_bytes(_made(accepted))
    return path


@cache
def _made(accepted: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kb.duckdb"
        with opened(path, write=True) as base:
            base.begin()
            for table, *values in _rows(accepted):
                base.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
            base.commit()
        return path.read_bytes()


def _rows(accepted: str) -> Iterator[tuple[str, *tuple[object, ...]]]:
    yield "sources", "combinations by hand", "combinations", "{}", 0, 0, 0.1, 0.05
    yield "runs", "run1", "combinations by hand", "0", "", "", "complete", None, None, "{}", ""
    for document, text in TEXTS.items():
        passages = json.dumps([{"section": "title", "start": 0, "end": len(text)}])
        yield "documents", document, "", text[:9], text, passages, "{}", document == "104"
    for place, (document, name, concept) in enumerate(_MENTIONS):
        start, type_ = TEXTS[document].index(name), "Disease" if "leeding" in name else "Drug"
        end = start + len(name)
        yield "mentions", document, "run1", place, start, end, None, name, type_, "exact", 0.9, concept
    for concept, kind, name, linked in _CONCEPTS:
        yield "concepts", concept, kind, name, linked, ""
        yield "concept_names", concept, name, name, 1
    for key, document, type_, polarity, confidence, edge, quote in _RELATIONS:
        said = (type_, polarity, "human", confidence, None, None, "{}", edge)
        yield "relations", key, document, "run1", key, *said
        if quote:
            start = TEXTS[document].index(quote)
            yield "evidence", key, 0, start, start + len(quote), quote
    start = TEXTS["101"].index("severe")
    limit = ("severe", "exact", "unknown", None)
    yield "conditions", "c1", "101", "run1", "r1", "Severity", start, start + 6, *limit
    for edge, task, type_, documents, against, contradicted, belief, concepts in _EDGES:
        figures = (documents, against, contradicted, int(edge == accepted), 0, belief)
        yield "edges", edge, task, type_, len(concepts), *figures
        roles = ["head", "tail"] if type_ == "CID" else ["drug"] * 3
        for place, concept in enumerate(concepts):
            yield "edge_arguments", edge, place, roles[place], concept
    if accepted:
        yield "decisions", "101", accepted, "anna", "accept", None, "", "2026-01-01T00:00:00+00:00"
