"""Synthetic articles as PubMed Central ships them, for the benchmark of the readers."""

from __future__ import annotations

from pathlib import Path

from benchmarks.readers_data import Prose

__all__ = ["write_jats"]

FIRST_PMCID = 9_000_000
SECTIONS = (
    ("intro", "Introduction", 6),
    ("methods", "Methods", 12),
    ("results", "Results", 12),
    ("discussion", "Discussion", 8),
)
REFERENCES = 45
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal'
    ' Archiving and Interchange DTD v1.0 20120330//EN" "JATS-archivearticle1.dtd">\n'
    '<article xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML"'
    ' article-type="research-article">'
)


def write_jats(folder: Path, count: int, seed: int) -> None:
    """One file an article: four sections with subsections, two figures, three tables, 45 references."""
    folder.mkdir(parents=True, exist_ok=True)
    prose = Prose(seed)
    for number in range(count):
        pmcid = FIRST_PMCID + number
        body = "".join(
            _section(prose, kind, title, paragraphs, index)
            for index, (kind, title, paragraphs) in enumerate(SECTIONS)
        )
        article = f"{HEAD}{_front(prose, pmcid)}<body>{body}</body>{_back(prose)}</article>\n"
        (folder / f"PMC{pmcid}.xml").write_text(article, encoding="utf-8")


def _front(prose: Prose, pmcid: int) -> str:
    phrase, rng = prose.words_xml, prose.rng
    authors = "".join(
        f'<contrib contrib-type="author"><name><surname>{phrase(1)}</surname><given-names>{phrase(1)}'
        '</given-names></name><xref ref-type="aff" rid="aff1"><sup>1</sup></xref></contrib>'
        for _ in range(rng.randint(3, 10))
    )
    abstract = " ".join(sentence.xml for sentence in prose.some(8, 12))
    return (
        '<front><journal-meta><journal-id journal-id-type="nlm-ta">Bench</journal-id><journal-title-group>'
        f"<journal-title>{phrase(3)}</journal-title></journal-title-group></journal-meta><article-meta>"
        f'<article-id pub-id-type="pmid">{pmcid + 20_000_000}</article-id><article-id pub-id-type="pmc">'
        f'{pmcid}</article-id><article-id pub-id-type="doi">10.1000/bench.{pmcid}</article-id>'
        '<article-categories><subj-group subj-group-type="heading"><subject>Research Article</subject>'
        f"</subj-group></article-categories><title-group><article-title>{prose.some(1, 1)[0].xml}"
        f"</article-title></title-group><contrib-group>{authors}</contrib-group>"
        f'<aff id="aff1"><label>1</label>{phrase(10)}</aff><pub-date pub-type="collection"><year>2019</year>'
        '</pub-date><pub-date pub-type="epub"><day>3</day><month>1</month><year>2019</year></pub-date>'
        '<permissions><license license-type="open-access"><license-p>Open access.</license-p></license>'
        f"</permissions><abstract><p>{abstract}</p></abstract></article-meta></front>"
    )


def _section(prose: Prose, kind: str, title: str, paragraphs: int, index: int) -> str:
    """Paragraphs, half of them in two subsections; figures and tables in the results."""
    own = "".join(_paragraph(prose) for _ in range(paragraphs // 2))
    subsections = "".join(
        f'<sec id="s{index}-{part}"><title>{prose.words_xml(4)}</title>'
        + "".join(_paragraph(prose) for _ in range(paragraphs // 4))
        + "</sec>"
        for part in range(2)
    )
    floats = _figure(prose, 1) + _figure(prose, 2) if kind == "results" else ""
    tables = "".join(_table(prose, number) for number in range(3)) if kind == "results" else ""
    return (
        f'<sec id="s{index}" sec-type="{kind}"><title>{title}</title>{own}{floats}{tables}{subsections}</sec>'
    )


def _paragraph(prose: Prose) -> str:
    """Sentences, every other one with a reference in brackets, some with markup."""
    written = []
    for number, sentence in enumerate(prose.some(4, 8)):
        text = sentence.marked if number % 3 == 1 else sentence.xml
        cited = prose.rng.randint(1, REFERENCES)
        link = f' [<xref ref-type="bibr" rid="B{cited}">{cited}</xref>].'
        written.append(text.removesuffix(".") + link if number % 2 else text)
    return f"<p>{' '.join(written)}</p>"


def _figure(prose: Prose, number: int) -> str:
    caption = " ".join(sentence.xml for sentence in prose.some(2, 4))
    return (
        f'<fig id="F{number}"><label>Figure {number}</label><caption><title>{prose.words_xml(5)}</title>'
        f'<p>{caption}</p></caption><graphic xlink:href="fig{number}"/></fig>'
    )


def _table(prose: Prose, number: int) -> str:
    rows = "".join(
        "<tr>" + "".join(f"<td>{prose.rng.random():.3f}</td>" for _ in range(6)) + "</tr>" for _ in range(15)
    )
    return (
        f'<table-wrap id="T{number}"><label>Table {number}</label><caption><p>{prose.some(1, 1)[0].xml}</p>'
        f"</caption><table><tbody>{rows}</tbody></table></table-wrap>"
    )


def _back(prose: Prose) -> str:
    references = "".join(
        f'<ref id="B{number}"><label>{number}</label><element-citation publication-type="journal">'
        f'<person-group person-group-type="author"><name><surname>{prose.words_xml(1)}</surname><given-names>'
        f"A</given-names></name></person-group><article-title>{prose.words_xml(9)}</article-title><source>"
        f'{prose.words_xml(2)}</source><year>2010</year><pub-id pub-id-type="pmid">{number + 10_000_000}'
        "</pub-id></element-citation></ref>"
        for number in range(1, REFERENCES + 1)
    )
    return (
        f"<back><ack><p>{prose.some(1, 1)[0].xml}</p></ack><ref-list><title>References</title>{references}"
        "</ref-list></back>"
    )
