"""MEDLINE: PubMed records as NLM ships them in baseline and update files and as E-utilities answers them.

The text is the title, one blank, the abstract, with passages "title" and "abstract" as `pubtator` makes
them: where the words are equal, the offsets are. A record without an abstract has only the title passage;
a record without a title begins with an empty one.

What is made of the records:

1. The parts of a structured abstract are one passage, joined by a blank, each after its label ("METHODS: ").
   Parts without text are left out, label included.
2. Of markup the text alone is kept. Runs of white space (Unicode's too, as the thin blanks of "p < 0.05")
   become one blank; brackets around translated titles stay.
3. Only `Abstract` is read, not `OtherAbstract`.
4. Attributes, each present only when the record says so: journal, year, doi, pmcid, language,
   publication_types, mesh (descriptor ids), version (of the PMID, when not 1), retracted ("yes"),
   retraction, retraction_of, corrected_by, expression_of_concern (PMIDs of the other record; a notice
   that is cited without a PMID adds none). Several values are joined by "; ".
5. A chapter of a book (`PubmedBookArticle`) has its own title, or else that of the book.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from apothecary.documents import Document, Passage
from apothecary.errors import DataError, FormatError
from apothecary.formats.lines import printable
from apothecary.formats.xml_stream import read_elements, text_of

__all__ = ["Withdrawn", "read", "read_update"]

_RECORDS = ("PubmedArticle", "PubmedBookArticle")
_PMID = re.compile(r"[0-9]+")
_YEAR = re.compile(r"[12][0-9]{3}")
_NOTICES = {
    "RetractionIn": "retraction",
    "RetractionOf": "retraction_of",
    "ErratumIn": "corrected_by",
    "ExpressionOfConcernIn": "expression_of_concern",
}


@dataclass(frozen=True)
class Withdrawn:
    """PMIDs that an update file takes back."""

    ids: frozenset[str]


def read(path: Path) -> Iterator[Document | DataError]:
    """Yield the records of a file, as `read_update` does, without what it withdraws."""
    return (item for item in read_update(path) if not isinstance(item, Withdrawn))


def read_update(path: Path) -> Iterator[Document | DataError | Withdrawn]:
    """Yield the records of a file, one in memory; one without a PMID comes as a FormatError value.

    One with neither a title nor an abstract, as NLM has some, is a document without text.

    The list of what it withdraws stands at its end: a file that breaks off seems to withdraw nothing.

    A PMID may repeat within a file, with a higher version: each is yielded, in the order of the file, and
    the caller says which one counts. What makes the rest of the file unreadable is the last value.
    Raises FormatError when the file cannot be opened.
    """
    for element in read_elements(path, "DeleteCitation", *_RECORDS):
        if isinstance(element, FormatError):
            yield element
            continue
        if element.tag == "DeleteCitation":
            yield Withdrawn(frozenset(_texts(element, "PMID")))
            continue
        try:
            yield _document(element, f"{printable(path)}:{element.sourceline}")
        except DataError as error:
            yield error


def _document(record: etree._Element, where: str) -> Document:
    citation = next(record.iterchildren("MedlineCitation", "BookDocument"), record)
    pmid = _first(citation, "PMID")
    if not _PMID.fullmatch(pmid):
        raise FormatError("a record without a PMID", where=where, hint="get the file again")
    article = next(citation.iterchildren("Article"), citation)
    title = _first(article, "ArticleTitle", "Book/BookTitle")
    abstract = _abstract(article)
    text = f"{title} {abstract}" if abstract else title
    passages = [Passage("title", 0, len(title))] if text else []
    if abstract:
        passages.append(Passage("abstract", len(title) + 1, len(text)))
    return Document(
        id=pmid, text=text, passages=tuple(passages), attributes=_attributes(record, citation, article)
    )


def _abstract(article: etree._Element) -> str:
    parts = []
    for part in article.iterfind("Abstract/AbstractText"):
        label, text = _clean(part.get("Label", "")), _clean(text_of(part))
        if text:
            parts.append(f"{label}: {text}" if label else text)
    return " ".join(parts)


def _attributes(record: etree._Element, citation: etree._Element, article: etree._Element) -> dict[str, str]:
    types = _texts(article, "PublicationTypeList/PublicationType") or _texts(article, "PublicationType")
    headings = citation.iterfind("MeshHeadingList/MeshHeading/DescriptorName")
    version = next((pmid.get("Version", "") for pmid in citation.iterfind("PMID")), "")
    notice = "CommentsCorrectionsList/CommentsCorrections[@RefType='{}']"
    retracted = "Retracted Publication" in types or citation.find(notice.format("RetractionIn")) is not None
    values = {
        "journal": _first(article, "Journal/Title") or _first(citation, "MedlineJournalInfo/MedlineTA"),
        "year": _year(article),
        "doi": _article_id(record, "doi") or _first(article, "ELocationID[@EIdType='doi']"),
        "pmcid": _article_id(record, "pmc"),
        "language": "; ".join(_texts(article, "Language")),
        "publication_types": "; ".join(types),
        "mesh": "; ".join(filter(None, (heading.get("UI", "") for heading in headings))),
        "version": "" if version == "1" else version,
        "retracted": "yes" if retracted else "",
    }
    for kind, name in _NOTICES.items():
        values[name] = "; ".join(_texts(citation, notice.format(kind) + "/PMID"))
    return {name: value for name, value in values.items() if value}


def _article_id(record: etree._Element, kind: str) -> str:
    # Full paths: the works that a record cites have lists of ids as well.
    lists = ("PubmedData/ArticleIdList", "PubmedBookData/ArticleIdList", "BookDocument/ArticleIdList")
    return _first(record, *(f"{path}/ArticleId[@IdType='{kind}']" for path in lists))


def _year(article: etree._Element) -> str:
    issue = "Journal/JournalIssue/PubDate"
    date = _first(article, f"{issue}/Year", f"{issue}/MedlineDate", "ArticleDate/Year", "Book/PubDate/Year")
    match = _YEAR.search(date)
    return match[0] if match else ""


def _first(element: etree._Element, *paths: str) -> str:
    return next((text for path in paths for text in _texts(element, path)), "")


def _texts(element: etree._Element, path: str) -> list[str]:
    return [text for found in element.iterfind(path) if (text := _clean(text_of(found)))]


def _clean(text: str) -> str:
    return " ".join(text.split())
