"""Synthetic literature of any size from a seed, for the benchmarks of the readers.

No word of it means anything. Lengths and shares are those of two files of PubMed (a baseline file of
1975 and an update file of 2021) and of articles of PubMed Central: abstracts of some 1,500 characters,
3 of 10 structured, 1 of 4 with markup, 6 or 7 authors with affiliations, every fourth record with
references.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from xml.sax.saxutils import escape

from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span

__all__ = ["Prose", "Sentence", "documents", "medline_records", "write_medline"]

FIRST_PMID = 30_000_000
SMALL_WORDS = (
    *("the", "of", "and", "in", "with", "was", "were", "to", "a", "for", "by", "on", "from", "that"),
    *("is", "not", "at", "as", "after", "than", "between", "or", "we", "this", "these"),
)
SIGNS = ("p < 0.05", "±", "95% CI 1.2–3.4", "5 µg/mL", "≥ 60 years", "& control", "(n = 48)", "β-receptor")  # noqa: RUF001
DRUG_ENDS = ("pril", "olol", "mab", "statin", "azole", "mycin", "idine", "amide")
DISEASES = (
    "nephropathy",
    "hypotension",
    "neuropathy",
    "seizures",
    "hepatitis",
    "tremor",
    "bradycardia",
    "rash",
)
KINDS = ("Chemical", "Disease")
LABELS = ("BACKGROUND", "METHODS", "RESULTS", "CONCLUSIONS")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CITED = (("RetractionIn", 0.002), ("ErratumIn", 0.01), ("CommentIn", 0.03))


@dataclass(frozen=True)
class Sentence:
    """A sentence, its names as (start, text, kind, vocabulary id), and its XML: without markup and with."""

    text: str
    names: tuple[tuple[int, str, str, str], ...]
    xml: str
    marked: str


class Prose:
    """A pool of sentences, words and names, and the random numbers that choose among them."""

    def __init__(self, seed: int, *, sentences: int = 4000) -> None:
        self.rng = random.Random(seed)
        syllables = [c + v + e for c in "bcdfglmnprstv" for v in "aeiou" for e in ("", "l", "n", "r", "s")]
        self.words = ["".join(self.rng.choices(syllables, k=self.rng.randint(1, 4))) for _ in range(5000)]
        self._weights = list(accumulate(1 / (rank + 8) for rank in range(len(self.words))))
        stems = ["".join(self.rng.choices(syllables, k=2)) for _ in range(400)]
        drugs = [stem + self.rng.choice(DRUG_ENDS) for stem in stems]
        diseases = [f"{stem}ic {self.rng.choice(DISEASES)}" for stem in stems]
        self._names = [
            (name, kind, f"{letter}{number:06}")
            for kind, letter, names in zip(KINDS, "CD", (drugs, diseases), strict=True)
            for number, name in enumerate(names, 1)
        ]
        self._pool = [self._new() for _ in range(sentences)]

    def some(self, least: int, most: int) -> list[Sentence]:
        """Sentences from the pool."""
        return self.rng.choices(self._pool, k=self.rng.randint(least, most))

    def words_xml(self, count: int) -> str:
        """A phrase."""
        return " ".join(self.rng.choices(self.words, cum_weights=self._weights, k=count)).capitalize()

    def _new(self) -> Sentence:
        pieces: list[str] = []
        names: list[tuple[int, str, str, str]] = []
        length = 0
        for place in range(self.rng.randint(14, 26)):
            draw = self.rng.random()
            if draw < 0.05 and place:
                name, kind, identifier = self.rng.choice(self._names)
                names.append((length, name, kind, identifier))
                piece = name
            elif draw < 0.08 and place:
                piece = self.rng.choice(SIGNS)
            elif draw < 0.45:
                piece = self.rng.choice(SMALL_WORDS)
            else:
                piece = self.rng.choices(self.words, cum_weights=self._weights)[0]
            piece = piece if place else piece.capitalize()
            pieces.append(piece)
            length += len(piece) + 1
        text = " ".join(pieces) + "."
        first, rest = escape(pieces[1]), escape(" ".join(pieces[2:]))
        marked = f"{pieces[0]} <i>{first}</i> {rest}<sup>2+</sup>."
        return Sentence(text, tuple(names), escape(text), marked)


# Documents with annotations.


def documents(count: int, seed: int) -> Iterator[Document]:
    """Abstracts with a dozen mentions, their concepts and up to two relations."""
    prose = Prose(seed)
    for number in range(count):
        yield _document(str(FIRST_PMID + number), prose.some(1, 1), prose.some(8, 12))


def _document(identifier: str, title: list[Sentence], abstract: list[Sentence]) -> Document:
    text = ""
    mentions: list[Mention] = []
    members: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for sentence in (*title, *abstract):
        start = len(text) + 1 if text else 0
        text = f"{text} {sentence.text}" if text else sentence.text
        for offset, name, kind, concept in sentence.names:
            span = Span(start + offset, start + offset + len(name))
            members.setdefault((concept, kind), []).append((len(mentions), name))
            mentions.append(Mention((span,), name, kind, (concept,)))
    concepts = tuple(
        Concept(key, kind, tuple(i for i, _ in found), tuple(dict.fromkeys(n for _, n in found)), (key,))
        for (key, kind), found in members.items()
    )
    sides = [[c.id for c in concepts if c.type == kind] for kind in KINDS]
    relations = tuple(
        Relation(f"r{number}", "CID", (Argument("head", head), Argument("tail", tail)))
        for number, (head, tail) in enumerate(zip(*(side[:2] for side in sides), strict=False), 1)
    )
    end = len(title[0].text)
    passages = (Passage("title", 0, end), Passage("abstract", end + 1, len(text)))
    return Document(identifier, text, passages, tuple(mentions), concepts, relations)


# MEDLINE.


def write_medline(path: Path, count: int, seed: int) -> None:
    """A compressed file of records as NLM ships them."""
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as stream:
        stream.write(
            '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE PubmedArticleSet SYSTEM'
            ' "http://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd">\n<PubmedArticleSet>\n'
        )
        stream.writelines(medline_records(count, seed))
        stream.write("</PubmedArticleSet>\n")


def medline_records(count: int, seed: int) -> Iterator[str]:
    """The records, one string each."""
    prose = Prose(seed)
    lists = _Lists(prose)
    for number in range(count):
        pmid = FIRST_PMID + number
        yield (
            f'  <PubmedArticle>\n    <MedlineCitation Status="MEDLINE" Owner="NLM">\n'
            f'      <PMID Version="1">{pmid}</PMID>\n{_date("DateCompleted", prose.rng)}'
            f"{_date('DateRevised', prose.rng)}{_article(pmid, prose, lists)}{_headings(pmid, prose, lists)}"
            f"    </MedlineCitation>\n{_pubmed_data(pmid, prose, lists)}  </PubmedArticle>\n"
        )


class _Lists:
    """Pools of what records choose several of."""

    def __init__(self, prose: Prose) -> None:
        rng, phrase = prose.rng, prose.words_xml
        self.journals = [(phrase(4), phrase(2)) for _ in range(200)]
        self.authors = [
            '          <Author ValidYN="Y">\n            <LastName>' + phrase(1) + "</LastName>\n"
            f"            <ForeName>{phrase(2)}</ForeName>\n            <Initials>AB</Initials>\n"
            f"            <AffiliationInfo>\n              <Affiliation>{phrase(12)}, Zürich.</Affiliation>\n"
            "            </AffiliationInfo>\n          </Author>\n"
            for _ in range(1000)
        ]
        self.mesh = [
            "        <MeshHeading>\n"
            f'          <DescriptorName UI="D{n:06}" MajorTopicYN="N">{phrase(2)}</DescriptorName>\n'
            f'          <QualifierName UI="Q{n:06}" MajorTopicYN="Y">{phrase(1)}</QualifierName>\n'
            "        </MeshHeading>\n"
            for n in range(1, 1001)
        ]
        self.chemicals = [
            "        <Chemical>\n          <RegistryNumber>0</RegistryNumber>\n"
            f'          <NameOfSubstance UI="D{n:06}">{phrase(1)}</NameOfSubstance>\n        </Chemical>\n'
            for n in range(1, 301)
        ]
        self.keywords = [f'        <Keyword MajorTopicYN="N">{phrase(2)}</Keyword>\n' for _ in range(500)]
        self.references = [
            f"        <Reference>\n          <Citation>{phrase(3)}. 2014;7(1):32</Citation>\n"
            f'          <ArticleIdList>\n            <ArticleId IdType="pubmed">{rng.randrange(10**7, 10**8)}'
            "</ArticleId>\n          </ArticleIdList>\n        </Reference>\n"
            for _ in range(3000)
        ]


def _date(name: str, rng: random.Random) -> str:
    return (
        f"      <{name}>\n        <Year>{rng.randint(1990, 2024)}</Year>\n        <Month>"
        f"{rng.randint(1, 12):02}</Month>\n        <Day>{rng.randint(1, 28):02}</Day>\n      </{name}>\n"
    )


def _article(pmid: int, prose: Prose, lists: _Lists) -> str:
    rng = prose.rng
    journal, short = rng.choice(lists.journals)
    authors = "".join(rng.choices(lists.authors, k=rng.randint(3, 10)))
    title = prose.some(1, 1)[0]
    return (
        '      <Article PubModel="Print-Electronic">\n        <Journal>\n'
        '          <ISSN IssnType="Electronic">1932-6203</ISSN>\n'
        '          <JournalIssue CitedMedium="Internet">\n'
        f"            <Volume>{rng.randint(1, 90)}</Volume>\n"
        f"            <Issue>{rng.randint(1, 12)}</Issue>\n            <PubDate>\n"
        f"              <Year>{rng.randint(1990, 2024)}</Year>\n              <Month>{rng.choice(MONTHS)}"
        "</Month>\n            </PubDate>\n          </JournalIssue>\n"
        f"          <Title>{journal}</Title>\n          <ISOAbbreviation>{short}</ISOAbbreviation>\n"
        f"        </Journal>\n        <ArticleTitle>{title.xml}</ArticleTitle>\n"
        "        <Pagination>\n          <MedlinePgn>45-52</MedlinePgn>\n        </Pagination>\n"
        f'        <ELocationID EIdType="doi" ValidYN="Y">10.1000/bench.{pmid}</ELocationID>\n'
        f'{_abstract(prose)}        <AuthorList CompleteYN="Y">\n{authors}        </AuthorList>\n'
        "        <Language>eng</Language>\n        <PublicationTypeList>\n"
        '          <PublicationType UI="D016428">Journal Article</PublicationType>\n'
        '        </PublicationTypeList>\n        <ArticleDate DateType="Electronic">\n          <Year>2019'
        "</Year>\n          <Month>01</Month>\n          <Day>03</Day>\n        </ArticleDate>\n"
        "      </Article>\n      <MedlineJournalInfo>\n        <Country>Switzerland</Country>\n"
        f"        <MedlineTA>{short}</MedlineTA>\n        <NlmUniqueID>101285081</NlmUniqueID>\n"
        "        <ISSNLinking>1932-6203</ISSNLinking>\n      </MedlineJournalInfo>\n"
    )


def _abstract(prose: Prose) -> str:
    rng = prose.rng
    if rng.random() < 0.1:
        return ""
    sentences = prose.some(8, 14)
    marked = rng.random() < 0.25
    written = [s.marked if marked and not number else s.xml for number, s in enumerate(sentences)]
    if rng.random() < 0.7:
        return (
            f"        <Abstract>\n          <AbstractText>{' '.join(written)}</AbstractText>\n"
            "        </Abstract>\n"
        )
    quarter = len(written) // len(LABELS)
    parts = []
    for number, label in enumerate(LABELS):
        end = (number + 1) * quarter if label != LABELS[-1] else None
        part = " ".join(written[number * quarter : end])
        parts.append(f'          <AbstractText Label="{label}" NlmCategory="{label}">{part}</AbstractText>\n')
    return f"        <Abstract>\n{''.join(parts)}        </Abstract>\n"


def _headings(pmid: int, prose: Prose, lists: _Lists) -> str:
    rng = prose.rng
    cited = "".join(
        f'        <CommentsCorrections RefType="{kind}">\n          <RefSource>{prose.words_xml(3)}. 2020'
        f'</RefSource>\n          <PMID Version="1">{pmid - 1000}</PMID>\n        </CommentsCorrections>\n'
        for kind, share in CITED
        if rng.random() < share
    )
    if cited:
        cited = f"      <CommentsCorrectionsList>\n{cited}      </CommentsCorrectionsList>\n"
    return (
        f"      <ChemicalList>\n{''.join(rng.choices(lists.chemicals, k=rng.randint(1, 3)))}"
        "      </ChemicalList>\n      <CitationSubset>IM</CitationSubset>\n"
        f"{cited}      <MeshHeadingList>\n{''.join(rng.choices(lists.mesh, k=rng.randint(6, 13)))}"
        '      </MeshHeadingList>\n      <KeywordList Owner="NOTNLM">\n'
        f"{''.join(rng.choices(lists.keywords, k=rng.randint(2, 6)))}      </KeywordList>\n"
    )


def _pubmed_data(pmid: int, prose: Prose, lists: _Lists) -> str:
    rng = prose.rng
    history = "".join(
        f'        <PubMedPubDate PubStatus="{status}">\n          <Year>{rng.randint(2015, 2020)}</Year>\n'
        f"          <Month>{rng.randint(1, 12)}</Month>\n          <Day>{rng.randint(1, 28)}</Day>\n"
        "          <Hour>6</Hour>\n          <Minute>0</Minute>\n        </PubMedPubDate>\n"
        for status in ("received", "accepted", "entrez", "pubmed", "medline")
    )
    references = "".join(rng.choices(lists.references, k=40)) if rng.random() < 0.25 else ""
    if references:
        references = f"      <ReferenceList>\n{references}      </ReferenceList>\n"
    return (
        f"    <PubmedData>\n      <History>\n{history}      </History>\n"
        "      <PublicationStatus>ppublish</PublicationStatus>\n      <ArticleIdList>\n"
        f'        <ArticleId IdType="pubmed">{pmid}</ArticleId>\n'
        f'        <ArticleId IdType="doi">10.1000/bench.{pmid}</ArticleId>\n'
        f'        <ArticleId IdType="pmc">PMC{pmid - 20_000_000}</ArticleId>\n'
        f"      </ArticleIdList>\n{references}    </PubmedData>\n"
    )
