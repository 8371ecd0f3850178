"""MEDLINE: what NLM's files hold, each trap by a small invented record."""

import gzip
import hashlib
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document, Passage
from apothecary.errors import DataError, FormatError
from apothecary.formats import pubtator
from apothecary.formats.medline import Withdrawn, read, read_update

TITLE = "<ArticleTitle>Lithium tremor.</ArticleTitle>"
TEXTS = st.text(
    st.sampled_from("aβ中😀 \n\t\u2009<&|") | st.characters(exclude_categories=["Cs", "Cc", "Cn"])
)


def record(article: str = TITLE, *, pmid: str = "<PMID>10</PMID>", citation: str = "", data: str = "") -> str:
    medline = f"<MedlineCitation>{pmid}<Article>{article}</Article>{citation}</MedlineCitation>"
    return f"<PubmedArticle>{medline}<PubmedData>{data}</PubmedData></PubmedArticle>\n"


def abstract(*parts: str) -> str:
    return f"{TITLE}<Abstract>{''.join(parts)}</Abstract>"


def read_text(folder: Path, *records: str, before: str = "", end: str = "</S>") -> list[Document | DataError]:
    (folder / "x.xml").write_text(f"{before}<S>\n{''.join(records)}{end}", encoding="utf-8")
    return list(read(folder / "x.xml"))


def one(folder: Path, text: str) -> Document:
    (document,) = read_text(folder, text)
    assert isinstance(document, Document), document
    return document


def attributes(folder: Path, **parts: str) -> dict[str, str]:
    return dict(one(folder, record(**parts)).attributes)


@settings(deadline=None, max_examples=50)
@given(TEXTS, TEXTS)
def test_text_and_passages_are_those_of_pubtator(
    tmp_path_factory: pytest.TempPathFactory, title: str, text: str
) -> None:
    folder = tmp_path_factory.mktemp("m")
    parts = (
        f"<ArticleTitle>{escape(title)}</ArticleTitle><Abstract><AbstractText>{escape(text)}</AbstractText>"
    )
    (document,) = read_text(folder, record(parts + "</Abstract>"))
    title, text = " ".join(title.split()), " ".join(text.split())
    if not title and not text:
        assert document == Document("10", "")
        return
    block = f"10|t|{title}\n" + (f"10|a|{text}\n" if text else "")
    (folder / "x.pubtator").write_text(block, encoding="utf-8")
    assert [document] == list(pubtator.read(folder / "x.pubtator"))


def test_a_structured_abstract_is_one_passage_with_its_labels(tmp_path: Path) -> None:
    parts = ('<AbstractText Label="AIM">A\n one.</AbstractText>', "<AbstractText>B.</AbstractText>")
    empty = '<AbstractText Label="END"> </AbstractText>'
    document = one(tmp_path, record(abstract(*parts, empty)))
    assert document.text == "Lithium tremor. AIM: A one. B."
    assert document.passages == (Passage("title", 0, 15), Passage("abstract", 16, 30))


def test_without_an_abstract_there_is_only_a_title(tmp_path: Path) -> None:
    assert one(tmp_path, record()).passages == (Passage("title", 0, 15),)


def test_markup_is_text_only(tmp_path: Path) -> None:
    formula = '<m:math xmlns:m="urn:m"><m:mi>x</m:mi></m:math>'
    title = f"<ArticleTitle>[<i>Li</i><sup>+</sup>, {formula}&#xa0; <b>p</b>&lt;5<!-- no -->].</ArticleTitle>"
    assert one(tmp_path, record(title)).text == "[Li+, x p<5]."


def test_abstracts_in_other_languages_are_left_out(tmp_path: Path) -> None:
    other = "<OtherAbstract><AbstractText>Zittern.</AbstractText></OtherAbstract>"
    assert one(tmp_path, record(citation=other)).text == "Lithium tremor."


def test_attributes_say_where_it_appeared(tmp_path: Path) -> None:
    issue = "<JournalIssue><PubDate><MedlineDate>1998 Dec-1999 Jan</MedlineDate></PubDate></JournalIssue>"
    journal = (
        f"<Journal>{issue}<Title>J Ion</Title></Journal><Language>eng</Language><Language>ger</Language>"
    )
    ids = '<ArticleId IdType="doi">10.1/x</ArticleId><ArticleId IdType="pmc">PMC7</ArticleId>'
    assert attributes(tmp_path, article=TITLE + journal, data=f"<ArticleIdList>{ids}</ArticleIdList>") == {
        "journal": "J Ion",
        "year": "1998",
        "doi": "10.1/x",
        "pmcid": "PMC7",
        "language": "eng; ger",
    }


def test_mesh_and_publication_types_are_lists(tmp_path: Path) -> None:
    names = "".join(
        f'<MeshHeading><DescriptorName UI="{ui}">n</DescriptorName></MeshHeading>' for ui in ("D1", "D2")
    )
    types = "<PublicationTypeList><PublicationType>Review</PublicationType></PublicationTypeList>"
    found = attributes(
        tmp_path, article=TITLE + types, citation=f"<MeshHeadingList>{names}</MeshHeadingList>"
    )
    assert found == {"mesh": "D1; D2", "publication_types": "Review"}


def test_ids_of_cited_works_are_not_those_of_the_record(tmp_path: Path) -> None:
    cited = '<ArticleIdList><ArticleId IdType="doi">10.1/cited</ArticleId></ArticleIdList>'
    data = f"<ReferenceList><Reference>{cited}</Reference></ReferenceList>"
    assert attributes(tmp_path, data=data) == {}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("RetractionIn", {"retracted": "yes", "retraction": "5; 6"}),
        ("RetractionOf", {"retraction_of": "5; 6"}),
        ("ErratumIn", {"corrected_by": "5; 6"}),
        ("ExpressionOfConcernIn", {"expression_of_concern": "5; 6"}),
        ("CommentIn", {}),
    ],
)
def test_notices_are_named(tmp_path: Path, kind: str, expected: dict[str, str]) -> None:
    item = f'<CommentsCorrections RefType="{kind}"><PMID>%s</PMID></CommentsCorrections>'
    notices = f"<CommentsCorrectionsList>{item % 5}{item % 6}</CommentsCorrectionsList>"
    document = one(tmp_path, record(citation=notices))
    assert (document.id, document.attributes) == ("10", expected)


def test_a_publication_type_alone_says_retracted(tmp_path: Path) -> None:
    types = (
        "<PublicationTypeList><PublicationType>Retracted Publication</PublicationType></PublicationTypeList>"
    )
    assert attributes(tmp_path, article=TITLE + types)["retracted"] == "yes"


def test_every_version_of_a_record_is_yielded(tmp_path: Path) -> None:
    versions = [record(pmid=f'<PMID Version="{number}">10</PMID>') for number in (1, 2)]
    found = [item for item in read_text(tmp_path, *versions) if isinstance(item, Document)]
    assert [(item.id, item.attributes.get("version")) for item in found] == [("10", None), ("10", "2")]


def test_chapters_of_books_are_read(tmp_path: Path) -> None:
    inside = "<PMID>11</PMID><Book><PubDate><Year>2011</Year></PubDate><BookTitle>Ions.</BookTitle></Book>"
    book = f"<PubmedBookArticle><BookDocument>{inside}</BookDocument></PubmedBookArticle>"
    document = one(tmp_path, book)
    assert (document.id, document.text, document.attributes) == ("11", "Ions.", {"year": "2011"})


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (record(pmid=""), "x.xml:2: a record without a PMID"),
        ("<PubmedArticle/>\n", "x.xml:2: a record without a PMID"),
    ],
)
def test_a_broken_record_costs_itself_only(tmp_path: Path, bad: str, said: str) -> None:
    error, good = read_text(tmp_path, bad, record())
    assert isinstance(error, DataError)
    assert str(error).endswith(")")
    assert said in str(error)
    assert isinstance(good, Document)


def test_an_entity_of_the_file_is_refused(tmp_path: Path) -> None:
    before = '<!DOCTYPE S [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    (error,) = read_text(tmp_path, record("<ArticleTitle>&e;</ArticleTitle>"), before=before)
    assert "declares entities" in str(error)


def test_records_before_broken_xml_are_read_one_by_one(tmp_path: Path) -> None:
    records = [record(pmid=f"<PMID>{number}</PMID>") for number in range(200)]
    *found, error = read_text(tmp_path, *records, end="<PubmedArticle><x")
    assert [item.id for item in found if isinstance(item, Document)] == [str(n) for n in range(200)]
    assert isinstance(error, FormatError)
    first = next(read(tmp_path / "x.xml"))
    assert isinstance(first, Document)


def test_a_cut_off_archive_gives_what_stands_before_and_one_error(tmp_path: Path) -> None:
    noise = [hashlib.shake_128(bytes([number])).hexdigest(500) for number in range(200)]
    titles = [f"<ArticleTitle>{title}</ArticleTitle>" for title in noise]
    whole = "".join(record(title, pmid=f"<PMID>{n}</PMID>") for n, title in enumerate(titles))
    path = tmp_path / "x.xml.gz"
    path.write_bytes(gzip.compress(f"<S>{whole}</S>".encode())[:-30_000])
    *found, error = read(path)
    ids = [item.id for item in found if isinstance(item, Document)]
    assert ids == [str(number) for number in range(len(found))]
    assert len(ids) > 100
    assert isinstance(error, FormatError)


def test_withdrawn_records_are_told_after_the_others(tmp_path: Path) -> None:
    list_ = "<DeleteCitation><PMID Version='1'>7</PMID><PMID>8</PMID></DeleteCitation>"
    document = Document("10", "Lithium tremor.", (Passage("title", 0, 15),))
    assert read_text(tmp_path, record(), list_) == [document]
    assert list(read_update(tmp_path / "x.xml")) == [document, Withdrawn(frozenset({"7", "8"}))]
