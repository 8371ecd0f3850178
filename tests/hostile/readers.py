"""Every reader of a file, with a small valid file: what hostile tests damage and what fuzzing starts from."""

import gzip
import hashlib
import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from apothecary.cli.options import read_settings as read_config
from apothecary.corpora import chemdisgene, drugcomb, ncbi_disease
from apothecary.corpora.held_out import HeldOut
from apothecary.documents import Document
from apothecary.engines.cache import Cached
from apothecary.engines.replay import open_replay
from apothecary.engines.scripted import Scripted, read_script
from apothecary.errors import ApothecaryError
from apothecary.formats import (
    bioc_json,
    bioc_xml,
    brat,
    combination_rows,
    condition_rows,
    ddi_xml,
    jats,
    medline,
    parquet,
    predictions,
    pubtator,
    records,
    text,
)
from apothecary.formats.foreign import read_foreign
from apothecary.messages import Message, Request
from apothecary.networks.description import read_description
from apothecary.runs.fetch import read_ids
from apothecary.runs.folder import read_json, read_lines
from apothecary.runs.ledger import Ledger
from apothecary.tasks.relations.thresholds import read_thresholds
from apothecary.tasks.schema import load_schema
from apothecary.training.settings import read_settings as read_training
from apothecary.vocab.dictionary import read_dictionary
from apothecary.vocab.mesh import read_mesh, read_vocabulary

__all__ = ["MARK", "READERS", "Reader", "outcomes", "reader"]

MARK = "Zyxxomab"
"""A name that stands in the text of every document below and nowhere else."""

_TEXT = f"{MARK} and tremor. A newborn had a tremor."
_TITLE, _ABSTRACT = f"{MARK} and tremor.", "A newborn had a tremor."


@dataclass(frozen=True)
class Reader:
    """A reader: the name of its file, a valid one, how it is read, and what else must lie beside it.

    `documents` tells those that yield documents or DataError values from those of other files.
    """

    name: str
    file: str
    seed: bytes
    read: Callable[[Path], Iterable[object]]
    documents: bool = False
    beside: Mapping[str, bytes] = field(default_factory=dict)


def outcomes(reader: Reader, folder: Path, data: bytes) -> list[object]:
    """What the reader makes of data: its values, or the error that it raises. Other exceptions pass."""
    for name, content in {**reader.beside, reader.file: data}.items():
        (folder / name).write_bytes(content)
    try:
        return list(reader.read(folder / reader.file))
    except ApothecaryError as error:
        return [error]


def reader(name: str) -> Reader:
    """The reader of that name."""
    return next(each for each in READERS if each.name == name)


# Small valid files.

_PUBTATOR = f"""\
10|t|{_TITLE}
10|a|{_ABSTRACT}
10\t0\t8\t{MARK}\tChemical\tD000001
10\t13\t19\ttremor\tDisease\tD014202|D000002\ttremor|shaking
10\tCID\tD000001\tD014202\tNovel

11|t|Another title.
"""
_RECORD = {
    "id": "10",
    "text": _TEXT,
    "passages": [{"section": "title", "start": 0, "end": 20}],
    "mentions": [
        {"start": 0, "end": 8, "text": MARK, "type": "Chemical", "ids": ["D000001"], "confidence": 0.5},
        {"start": 13, "end": 19, "type": "Disease", "spans": [[13, 15], [16, 19]], "alignment": "fuzzy"},
    ],
    "concepts": [
        {"id": "c1", "type": "Chemical", "mentions": [0], "names": [MARK], "ids": ["D000001"]},
        {"id": "c2", "type": "Disease", "mentions": [1], "names": ["tremor"], "broader_than": ["c1"]},
    ],
    "relations": [
        {
            "id": "r1",
            "type": "CID",
            "arguments": [{"role": "head", "concept": "c1"}, {"role": "tail", "concept": "c2"}],
            "evidence": [{"start": 0, "end": 20, "quote": _TITLE}],
            "status": {"polarity": "asserted", "setting": "human"},
            "confidence": 0.9,
            "origin": {"engine": "e", "step": "s", "answer": "1", "scenarios": ["a"], "log_odds": 2.5},
            "attributes": {"novelty": "Novel"},
            # As `score` reads them.
            "head": {"texts": [MARK], "ids": ["D000001"], "broader": False},
            "tail": {"texts": ["tremor"], "ids": []},
        }
    ],
    "conditions": [
        {"type": "age", "start": 22, "end": 29, "relation": "r1", "status": {"polarity": "unknown"}}
    ],
    "unlocated": [{"text": "x", "type": "Chemical", "reason": "not in the text"}],
    "attributes": {"year": "2020"},
    # As `fit` reads them.
    "candidates": [{"head": "c1", "tail": "c2", "relation": "CID", "log_odds": 1.5}],
    "names": [{"type": "Chemical", "first": MARK, "second": "tremor", "log_odds": {"=": -2.0}}],
}
_BIOC = {
    "id": "10",
    "infons": {"journal": "J"},
    "passages": [
        {
            "infons": {"type": "title"},
            "offset": 0,
            "text": _TEXT,
            "sentences": [{"offset": 0, "text": _TITLE, "annotations": [], "relations": []}],
            "annotations": [
                {
                    "id": "T1",
                    "infons": {"type": "Chemical", "MESH": "D000001", "confidence": "0.5"},
                    "locations": [{"offset": 0, "length": 8}],
                    "text": MARK,
                },
                {"id": "T2", "infons": {"type": "Disease"}, "locations": [{"offset": 13, "length": 6}]},
            ],
            "relations": [],
        }
    ],
    "relations": [
        {
            "id": "R1",
            "infons": {"type": "CID", "novel": "No"},
            "nodes": [{"refid": "T1", "role": "head"}, {"refid": "T2", "role": "tail"}],
        }
    ],
}
_BIOC_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source/><document><id>10</id><infon key="journal">J</infon>
<passage><infon key="type">title</infon><offset>0</offset><text>{_TEXT}</text>
<annotation id="T1"><infon key="type">Chemical</infon><infon key="MESH">D000001</infon>
<location offset="0" length="8"/><text>{MARK}</text></annotation></passage>
<relation id="R1"><infon key="type">CID</infon><node refid="T1" role="head"/></relation></document>
</collection>
"""
_MEDLINE = f"""<?xml version="1.0"?>
<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID Version="2">10</PMID><Article>
<Journal><Title>J</Title><JournalIssue><PubDate><Year>2020</Year></PubDate></JournalIssue></Journal>
<ArticleTitle>{_TITLE}</ArticleTitle><Abstract><AbstractText Label="AIM">{_ABSTRACT}</AbstractText></Abstract>
</Article><CommentsCorrectionsList><CommentsCorrections RefType="RetractionIn"><PMID>11</PMID>
</CommentsCorrections></CommentsCorrectionsList></MedlineCitation><PubmedData><ArticleIdList>
<ArticleId IdType="doi">10.1/x</ArticleId></ArticleIdList></PubmedData></PubmedArticle>
<DeleteCitation><PMID>12</PMID></DeleteCitation></PubmedArticleSet>
"""
_JATS = f"""<article xmlns:xlink="http://www.w3.org/1999/xlink" article-type="research-article"><front>
<article-meta><article-id pub-id-type="pmc">PMC7</article-id>
<title-group><article-title>{_TITLE}</article-title></title-group><pub-date><year>2020</year></pub-date>
<abstract><p>{_ABSTRACT}</p></abstract></article-meta></front>
<body><sec sec-type="methods"><title>M</title><p>Text<sup><xref ref-type="bibr">1</xref></sup>.</p>
<fig><caption><p>A figure.</p></caption></fig><sec><title>N</title><p>More.</p></sec></sec></body></article>
"""
_ANN = f"""T1\tChemical 0 8\t{MARK}
T2\tDisease 13 15;16 19\ttr mor
T3\tCause 35 38\ttre
N1\tReference T1 MESH:D000001\t{MARK}
E1\tCause:T3 Agent:T1 Theme:T2
A1\tSpeculation E1
R1\tTreats Arg1:T1 Arg2:T2
*\tEquiv T2 T3
"""
_DRUGCOMB = {
    "doc_id": "a",
    "sentence": _TEXT,
    "paragraph": f"Before. {_TEXT}",
    "spans": [
        {"span_id": 0, "text": MARK, "start": 0, "end": 8},
        {"span_id": 1, "text": "tremor", "start": 13, "end": 19},
    ],
    "rels": [{"class": "POS", "spans": [0, 1], "is_context_needed": True}],
    "source": "https://pubmed.ncbi.nlm.nih.gov/10/",
}
_MESH_XML = f"""<?xml version="1.0"?>
<!DOCTYPE DescriptorRecordSet SYSTEM "nlmdescriptorrecordset.dtd">
<DescriptorRecordSet><DescriptorRecord><DescriptorUI>D000001</DescriptorUI><DescriptorName>
<String>{MARK}</String></DescriptorName><TreeNumberList><TreeNumber>D03.1</TreeNumber></TreeNumberList>
<ConceptList><Concept><TermList><Term><String>Z 1</String></Term></TermList></Concept></ConceptList>
</DescriptorRecord></DescriptorRecordSet>
"""
_MESH_ASCII = f"*NEWRECORD\nRECTYPE = D\nMH = {MARK}\nENTRY = Z|T109\nMN = D03.1\nUI = D000001\n"
_SCHEMA = """\
name = "s"
title = "S"
[[labels]]
name = "Chemical"
description = "a drug"
[[labels]]
name = "Disease"
description = "a disease"
[[templates]]
name = "cid"
head = "Chemical"
tail = "Disease"
requirement = "Does it?"
scenarios = [
  { id = "p", polarity = "positive", principle = 1, text = "It does.", code = "1", relations = ["CID"] },
  { id = "n", polarity = "negative", principle = 2, text = "It does not.", code = "0" },
]
"""
_TRAINING = """\
name = "a"
encoder = "encoder"
epochs = 2
[[head]]
name = "h"
kind = "spans"
labels = ["A"]
train = [{ path = "b.pubtator", types = { Chemical = "A" } }]
"""
_SCRIPT = """\
{"contains": ["one JSON object"], "reply": {"Chemical": ["Zyxxomab"], "Disease": ["tremor"]}}
{"contains": ["First"], "failure": "TimedOut: late"}
{"reply": "0", "logprobs": {"0": -0.5, "1": -1.5}, "finish": "length"}
"""
_MANIFEST = {
    "fingerprint": "f",
    "identity": {"engines": {"t.s": {"name": "n", "digest": "d", "adapter": ""}}},
}
_MODEL = {
    "name": "m",
    "window": 10,
    "overlap": 2,
    "heads": [
        {
            "name": "h",
            "kind": "spans",
            "file": "h.onnx",
            "labels": ["A"],
            "steps": ["mentions.tag"],
            "calibration": {"A": [1.0, 0.0]},
            "rule": {"least": 0.5, "repeat": None},
        }
    ],
    "digests": {name: hashlib.sha256(b"x").hexdigest() for name in ("e.onnx", "t.json", "h.onnx")},
    "encoder": "e.onnx",
    "tokenizer": "t.json",
    "format": 1,
}
_LEDGER = {"documents": 1, "wall_seconds": 1.5, "steps": {"t.s": {"calls": 1, "seconds": 0.5}}}
_QUESTION = Request((Message("user", "q"),), "t.s")


def _json(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


@cache
def _parquet() -> bytes:
    (document,) = (item for item in _documents_of(_RECORD) if isinstance(item, Document))
    with tempfile.TemporaryDirectory() as folder:
        parquet.write([document], Path(folder, "a.parquet"))
        return Path(folder, "a.parquet").read_bytes()


def _documents_of(record: Mapping[str, object]) -> Iterable[object]:
    return [records.from_record(record, where="seed")]


@cache
def _replies() -> bytes:
    """A reply cache with one reply, all of it in the one file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.sqlite")
        _asked(path)
        return path.read_bytes()


def _asked(path: Path) -> Iterable[object]:
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    cached = Cached(Scripted(lambda request: "0"), path)
    try:
        return list(cached.answer([_QUESTION]))
    finally:
        cached.close()


def _replayed(path: Path) -> Iterable[object]:
    engine = open_replay(path.parent, path.with_name("replies.sqlite"))
    engine.close()
    return [engine.info]


def _ledger(path: Path) -> Iterable[object]:
    found = read_json(path)
    return [Ledger.from_record(found, where="ledger").total] if found is not None else []


_CONDITIONS = {
    "id": "1:1",
    "pmid": "1",
    "title": f"{MARK} in fever.",
    "abstract": "Two boys took 5 mg.",
    "drug": MARK,
    "disease": "fever",
    "conditions": [{"span": "Two boys", "type": "Age"}, {"span": "5 mg", "type": "Dosage"}],
}
_CONDITION_TABLE = (
    b'title,abstract,drug,disease,target\nT,Two boys took 5 mg.,z,f,"[""Span: 5 mg | Label: Dosage""]"\n'
)
_PAIRS = {
    "id": 1,
    "context": "Zyzxa raises zyzxb.",
    "entities": [{"entity": "Zyzxa", "category": "drug"}, {"entity": "zyzxb", "category": "drug"}],
    "relations": [{"type": "effect", "ent_sets": ["Zyzxa", "zyzxb"]}],
}
_DDI = (
    '<document id="d1"><sentence id="d1.s0" text="Zyzxa raises zyzxb.">'
    '<entity id="d1.s0.e0" charOffset="0-4" type="drug" text="Zyzxa"/>'
    '<entity id="d1.s0.e1" charOffset="13-17" type="drug" text="zyzxb"/>'
    '<pair id="d1.s0.p0" e1="d1.s0.e0" e2="d1.s0.e1" ddi="true" type="effect"/>'
    "</sentence></document>"
)
_TABLE = 'id,type,head,tail,head_id,confidence\n10,CID,"Zyz, xq",tremor,D1|D2,0.5\n10,CID,b,c,,\n'
_RELEASED = (
    "zyzx|Chemical|0|[0, 1]|500|_|induce|tremor|Disease|0|[3, 4]|1|H|$|10\n"
    "zyzx|Chemical|1|[2, 3]|500|_|induce|tremor|Disease|0|[3, 4]|1|_|$|10\n"
)
_GOLD = _PUBTATOR.encode()
_FILES = dict.fromkeys(("e.onnx", "t.json", "h.onnx"), b"x")
_LINKS = b"10\tchem_disease:x\tMESH:D1\tMESH:D2\n"
READERS: tuple[Reader, ...] = (
    Reader("pubtator", "a.pubtator", _GOLD, pubtator.read, True),
    Reader("records", "a.jsonl", _json(_RECORD), records.read, True),
    Reader("text", "a.txt", _TEXT.encode(), lambda path: [text.read(path)], True),
    Reader("brat", "a.ann", _ANN.encode(), lambda path: [brat.read(path)], True, {"a.txt": _TEXT.encode()}),
    Reader("bioc_xml", "a.xml", _BIOC_XML.encode(), bioc_xml.read, True),
    Reader("bioc_json", "a.json", _json({"documents": [_BIOC]}), bioc_json.read, True),
    Reader("medline", "m.xml", _MEDLINE.encode(), medline.read_update, True),
    Reader("medline_gz", "m.xml.gz", gzip.compress(_MEDLINE.encode(), mtime=0), medline.read, True),
    Reader("jats", "a.nxml", _JATS.encode(), jats.read, True),
    Reader("predictions", "p.jsonl", _json(_RECORD), lambda path: predictions.read_predictions(path).items()),
    Reader("table of relations", "p.csv", _TABLE.encode(), read_foreign),
    Reader("released rows", "re.csv", _RELEASED.encode(), read_foreign),
    Reader("held_out", "h.tsv", b"set\tid\ncdr\t10\n", lambda path: HeldOut.read(path).sets.items()),
    Reader("drugcomb", "d.jsonl", _json(_DRUGCOMB), drugcomb.read_rows),
    Reader("combination rows", "d.jsonl", _json(_DRUGCOMB), combination_rows.read, True),
    Reader("pair rows", "p.jsonl", _json(_PAIRS), combination_rows.read, True),
    Reader("condition rows", "c.jsonl", _json(_CONDITIONS), condition_rows.read, True),
    Reader("condition array", "c.json", b"[" + _json(_CONDITIONS) + b"]", condition_rows.read, True),
    Reader("condition table", "c.csv", _CONDITION_TABLE, condition_rows.read, True),
    Reader("ddi xml", "d.xml", _DDI.encode(), ddi_xml.read, True),
    Reader(
        *("chemdisgene", "approved_relns_ctd_v1.tsv", _LINKS, lambda path: _split(path, "dev"), True),
        {"abstracts.pubtator": _GOLD, "approved_relns_new_v1.tsv": _LINKS},
    ),
    Reader("ncbi_disease", "NCBItrainset_corpus.txt", _GOLD, lambda path: _split(path, "train"), True),
    Reader("mesh_xml", "desc.xml", _MESH_XML.encode(), lambda path: read_mesh(path).entries),
    Reader("mesh_ascii", "d.bin", _MESH_ASCII.encode(), lambda path: read_mesh(path).entries),
    Reader(
        *("vocabulary", "v.tsv", b"id\tname\ttype\nD1\tZ\tA\n"),
        lambda path: read_vocabulary(path, type="A").entries,
    ),
    Reader(
        *("dictionary", "d.tsv.gz", gzip.compress(b"A\tZ\\t1\tD1|D2\t3\tcdr\n", mtime=0)),
        lambda path: read_dictionary(path).entries,
    ),
    Reader("ids", "i.txt", b"12\nPMC7\nPMID:9\n", read_ids),
    Reader("schema", "s.toml", _SCHEMA.encode(), lambda path: [load_schema(str(path))]),
    Reader(
        "thresholds", "t.json", b'{"pairs": {"CID": 0.5}, "names": {}}', lambda path: [read_thresholds(path)]
    ),
    Reader("settings", "c.toml", b'window = 5\n[relations]\nnames = "all"\n', lambda path: [_config(path)]),
    Reader("training", "t.toml", _TRAINING.encode(), lambda path: [read_training(path)]),
    Reader("script", "s.jsonl", _SCRIPT.encode(), lambda path: read_script(path).answer([_QUESTION])),
    Reader("manifest", "manifest.json", _json(_MANIFEST), _replayed),
    Reader("rows", "errors.jsonl", b'{"id": "1", "kind": "x"}\n', read_lines),
    Reader("ledger", "ledger.json", _json(_LEDGER), _ledger),
    Reader("model", "model.json", _json(_MODEL), lambda path: [read_description(path.parent)], beside=_FILES),
    Reader("cache", "a.sqlite", _replies(), _asked),
    *(
        (Reader("parquet", "a.parquet", _parquet(), parquet.read, True),)
        if importlib.util.find_spec("pyarrow")
        else ()
    ),
)


def _split(path: Path, split: str) -> Iterable[object]:
    corpus = chemdisgene.CORPUS if split == "dev" else ncbi_disease.CORPUS
    return corpus.read(path.parent, split)


def _config(path: Path) -> object:
    return read_config(path, None, "relations")
