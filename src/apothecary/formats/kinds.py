"""Which format a file has, by its name and by how it begins."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from pathlib import Path
from typing import Literal

from apothecary.errors import FormatError
from apothecary.formats import combination_rows, condition_files
from apothecary.formats.ddi_tsv import looks_like_pairs
from apothecary.formats.ddi_xml import begin_zip
from apothecary.formats.lines import open_bytes, printable

__all__ = ["Kind", "kind_of"]

Kind = Literal[
    "pubtator",
    "records",
    "text",
    "brat",
    "medline",
    "jats",
    "bioc_xml",
    "bioc_json",
    "parquet",
    "combination_rows",
    "condition_rows",
    "ddi_xml",
    "ddi_zip",
    "ddi_tsv",
]

_SNIFFED_BYTES = 64 * 1024
_SNIFFED_ROW_BYTES = 8 * 1024 * 1024
"""Of a JSON file whose first row is longer: the names of its fields may stand behind a text."""
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_TITLE_LINE = re.compile(r"\s*[^|\s]+\|t\|")
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# What may stand before the first element: declarations, comments, a document type. Possessive and atomic
# throughout: a thousand declarations could otherwise be divided among the parts in 2 to the 1000 ways.
_ROOT = re.compile(
    r"\s*+(?>(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*+(?:\[.*?\]\s*)?>)\s*+)*+<(?:[\w.-]+:)?([\w.-]{1,99})",
    re.DOTALL,
)
_ROOTS: dict[str, Kind] = {
    "PubmedArticleSet": "medline",
    "PubmedArticle": "medline",
    "PubmedBookArticleSet": "medline",
    "DeleteCitation": "medline",
    "article": "jats",
    "pmc-articleset": "jats",
    "OAI-PMH": "jats",
    "collection": "bioc_xml",
    "document": "ddi_xml",
}
# Only BioC calls its key-value pairs so.
_BIOC_KEY = '"infons"'


def kind_of(file: Path, encoding: str) -> Kind:
    """The format of a file: .pubtator and .md by name, the rest by its first 64 KiB, JSON by its first row.

    A .txt is plain text unless it begins like PubTator, as corpora are distributed under that name, or
    has annotations beside it (.ann). Raises FormatError for what is none of ours.
    """
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if ".pubtator" in suffixes:
        return "pubtator"
    last = suffixes[-1] if suffixes else ""
    if last == ".md":
        return "text"
    if last == ".ann" or (last == ".txt" and file.with_suffix(".ann").exists()):
        return "brat"
    head, packed = _head(file)
    if head.startswith(_PARQUET):
        return "parquet"
    if head.startswith(_ZIP):
        return _zip_kind(file)
    start = _decoded(head, "latin-1" if last == ".txt" else encoding)
    root = _ROOT.match(start)
    if root and last != ".txt" and (root[1] in _ROOTS or packed or _says_xml(file, start)):
        return _xml_kind(file, root[1])
    if packed:
        raise FormatError("compressed, and not XML", where=printable(file), hint="gunzip it first")
    if _TITLE_LINE.match(start):
        return "pubtator"
    if last == ".txt":
        return "text"
    if last in (".jsonl", ".ndjson") or start.lstrip().startswith(("{", "[")):
        return _json_kind(start)
    if condition_files.looks_like_rows(start):
        return "condition_rows"
    if looks_like_pairs(start):
        return "ddi_tsv"
    if last in (".csv", ".tsv"):
        hint = "text with a pair: title, abstract, drug, disease"
        raise FormatError("a table whose headings are not known", where=printable(file), hint=hint)
    if _NOT_TEXT.search(start):
        raise FormatError(
            "in none of the formats that are read here",
            where=printable(file),
            hint="or name its encoding with --encoding",
        )
    return "text"


def _json_kind(start: str) -> Kind:
    if _BIOC_KEY in start:
        return "bioc_json"
    if condition_files.looks_like_rows(start):
        return "condition_rows"
    if start.lstrip().startswith("["):
        return "bioc_json"
    return "combination_rows" if combination_rows.looks_like_rows(start) else "records"


def _says_xml(file: Path, start: str) -> bool:
    return file.suffix.lower() in (".xml", ".nxml") or start.lstrip().startswith("<?xml")


def _xml_kind(file: Path, root: str) -> Kind:
    if root not in _ROOTS:
        known = "PubMed, JATS or BioC"
        raise FormatError(f"XML that begins with <{root}>, not {known}", where=printable(file))
    return _ROOTS[root]


def _zip_kind(file: Path) -> Kind:
    """Zip archives are read as DDI XML; of other XML and of office files the root of the first one tells."""
    root = _ROOT.match(_decoded(begin_zip(file, _SNIFFED_BYTES), "utf-8"))
    if root and _ROOTS.get(root[1]) != "ddi_xml":
        raise FormatError(
            f"a zip archive of XML that begins with <{root[1]}>, not DDI XML",
            where=printable(file),
            hint="unpack it, name the folder",
        )
    return "ddi_zip"


def _head(file: Path) -> tuple[bytes, bool]:
    """The first bytes, decompressed, and whether they were compressed."""
    with open_bytes(file) as stream:
        head = stream.read(_SNIFFED_BYTES)
        start = head.removeprefix(codecs.BOM_UTF8).lstrip()
        if start.startswith(b"[") or (start.startswith(b"{") and b"\n" not in start):
            head += stream.read(_SNIFFED_ROW_BYTES - len(head))
        if not head.startswith(_GZIP):
            return head, False
        stream.seek(0)
        try:
            return gzip.GzipFile(fileobj=stream).read1(_SNIFFED_BYTES), True
        except (OSError, EOFError, zlib.error) as error:
            raise FormatError(f"the archive is damaged: {error}", where=printable(file)) from error


def _decoded(head: bytes, encoding: str) -> str:
    """The beginning as text; a NUL stands for what is none. XML says itself what encoding it has."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        start = codecs.getincrementaldecoder(encoding)().decode(head.removeprefix(codecs.BOM_UTF8))
        return start.removeprefix("\ufeff")
    except UnicodeError:
        latin = head.decode("latin-1")
        return latin if latin.lstrip().startswith("<?xml") else "\0"
