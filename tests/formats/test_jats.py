"""JATS: what articles of PubMed Central hold, each trap by a small invented article."""

from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Document
from apothecary.errors import DataError, FormatError
from apothecary.formats.jats import read

TITLE = "<title-group><article-title>Lithium.</article-title></title-group>"
PMC = '<article-id pub-id-type="pmc">7</article-id>'
LETTERS = st.sampled_from("aβ中😀 \n\t\u2009<&]") | st.characters(exclude_categories=["Cs", "Cc", "Cn"])
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def article(body: str = "", *, meta: str = TITLE, ids: str = PMC, front: str = "", end: str = "") -> str:
    head = f"<front>{front}<article-meta>{ids}{meta}</article-meta></front>"
    return f"<article {XLINK}>{head}<body>{body}</body>{end}</article>\n"


def read_text(folder: Path, text: str) -> list[Document | DataError]:
    (folder / "x.xml").write_text(text, encoding="utf-8")
    return list(read(folder / "x.xml"))


def one(folder: Path, text: str) -> Document:
    (document,) = read_text(folder, text)
    assert isinstance(document, Document), document
    return document


def parts(folder: Path, body: str, **more: str) -> list[tuple[str, str]]:
    """Section and text of the passages after the title."""
    document = one(folder, article(body, **more))
    return [(passage.section, document.passage_text(passage)) for passage in document.passages[1:]]


def attributes(folder: Path, **more: str) -> dict[str, str]:
    return dict(one(folder, article(**more)).attributes)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.text(LETTERS, max_size=20), max_size=3), max_size=3))
def test_slices_are_the_paragraphs_put_in(
    tmp_path_factory: pytest.TempPathFactory, sections: list[list[str]]
) -> None:
    body = "".join(f"<sec>{''.join(f'<p>{escape(text)}</p>' for text in sec)}</sec>" for sec in sections)
    cleaned = [[" ".join(text.split()) for text in sec if text.split()] for sec in sections]
    expected = [("body", "\n".join(texts)) for texts in cleaned if texts]
    folder = tmp_path_factory.mktemp("j")
    assert parts(folder, body) == expected
    assert one(folder, article(body)).text == "\n\n".join(["Lithium.", *(text for _, text in expected)])


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"pmid": "5", "pmc": "7"}, "PMC7"),
        ({"pmcid": "PMC7", "pmcid-ver": "PMC7.2", "pmcaid": "7", "pmcaiid": "99"}, "PMC7"),
        ({"pmcaid": "7", "doi": "10.1/x"}, "PMC7"),
        ({"doi": "10.1/x", "pmid": "5"}, "5"),
        ({"doi": "https://doi.org/10.1/x", "publisher-id": "q"}, "10.1/x"),
    ],
)
def test_the_id_is_that_of_pmc_then_pubmed_then_doi(
    tmp_path: Path, ids: dict[str, str], expected: str
) -> None:
    tags = "".join(f'<article-id pub-id-type="{kind}">{value}</article-id>' for kind, value in ids.items())
    assert one(tmp_path, article(ids=tags)).id == expected


def test_attributes_say_where_it_appeared(tmp_path: Path) -> None:
    journal = "<journal-meta><journal-title>J Ion</journal-title></journal-meta>"
    ids = f'{PMC}<article-id pub-id-type="pmid">5</article-id>'
    dates = '<pub-date pub-type="epub"><year>2019</year></pub-date>'
    dates += '<pub-date pub-type="ppub"><year>2020</year></pub-date>'
    found = attributes(tmp_path, meta=TITLE + dates, ids=ids, front=journal)
    assert found == {"pmcid": "PMC7", "pmid": "5", "journal": "J Ion", "year": "2020"}


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ('<license license-type="cc-by" xlink:href="http://a/"/>', "cc-by"),
        ('<license xlink:href="http://a/"/>', "http://a/"),
        ('<license><l:license_ref xmlns:l="urn:l">http://b/</l:license_ref></license>', "http://b/"),
    ],
)
def test_the_license_is_its_type_or_address(tmp_path: Path, element: str, expected: str) -> None:
    found = attributes(tmp_path, meta=f"{TITLE}<permissions>{element}</permissions>")
    assert found["license"] == expected


@pytest.mark.parametrize(
    ("kind", "link", "expected"),
    [
        ("retracted-article", 'xlink:href="info:doi/10.1/y"', {"retraction_of": "10.1/y"}),
        ("retracted-article", 'ext-link-type="pubmed" xlink:href="5"', {"retraction_of": "5"}),
        ("retraction-forward", 'ext-link-type="pmc" xlink:href="8"', {"retraction": "PMC8"}),
        ("companion", 'xlink:href="10.1/y"', {}),
    ],
)
def test_retractions_name_the_other_article(
    tmp_path: Path, kind: str, link: str, expected: dict[str, str]
) -> None:
    related = f'<related-article related-article-type="{kind}" {link}/>'
    assert attributes(tmp_path, meta=TITLE + related) == {"pmcid": "PMC7", **expected}


def test_a_notice_of_retraction_has_that_article_type(tmp_path: Path) -> None:
    notice = article().replace("<article ", '<article article-type="retraction" ')
    assert one(tmp_path, notice).attributes["article_type"] == "retraction"


def test_each_section_is_named_by_the_outermost_one(tmp_path: Path) -> None:
    inner = "<sec><title>Dose</title><p>In.</p></sec>"
    methods = f'<sec sec-type="Methods"><title>How</title><p>One.</p><p>Two\n 2.</p>{inner}</sec>'
    results = f"<sec><label>2</label><title>Results <i>and</i>\nDiscussion</title>{inner}</sec>"
    assert parts(tmp_path, f"<p>First.</p>{methods}{results}<sec><p>Last.</p></sec>") == [
        ("body", "First."),
        ("methods", "One.\nTwo 2."),
        ("methods", "In."),
        ("results and discussion", "In."),
        ("body", "Last."),
    ]


def test_each_abstract_is_a_passage(tmp_path: Path) -> None:
    sections = "<sec><title>Aim</title><p>A.</p></sec><sec><p>B.</p></sec>"
    short = '<abstract abstract-type="toc"><p>C.</p></abstract><trans-abstract><p>D.</p></trans-abstract>'
    found = parts(tmp_path, "", meta=f"{TITLE}<abstract><title>Abstract</title>{sections}</abstract>{short}")
    assert found == [("abstract", "A.\nB."), ("abstract", "C.")]


def test_captions_are_passages_and_cells_are_left_out(tmp_path: Path) -> None:
    figure = "<fig><label>1</label><caption><title>T.</title><p>C.</p></caption></fig>"
    cells = "<table><tr><td>5</td></tr></table>"
    table = (
        f"<table-wrap><caption><p>D.</p></caption>{cells}<table-wrap-foot>n</table-wrap-foot></table-wrap>"
    )
    found = parts(tmp_path, f"<p>a{figure}b</p>{table}<p>c</p>", end=f"<floats-group>{figure}</floats-group>")
    assert found == [("body", "a b\nc"), ("caption", "T.\nC."), ("caption", "D."), ("caption", "T.\nC.")]


def test_formulas_leave_the_sentence_in_place(tmp_path: Path) -> None:
    tex = "<tex-math>\\begin{document}x\\end{document}</tex-math>"
    both = f'<inline-formula>{tex}<m:math xmlns:m="urn:m"><m:mi>x</m:mi></m:math></inline-formula>'
    (part,) = parts(tmp_path, f"<p>If {both}, then<disp-formula>{tex}</disp-formula>holds.</p>")
    assert part == ("body", "If x, then holds.")


def test_numbers_of_references_stay_only_in_brackets(tmp_path: Path) -> None:
    link = '<xref ref-type="bibr" rid="b">12</xref>'
    around = link.replace("12", "<sup>12</sup>")
    (part,) = parts(tmp_path, f"<p>Li [{link}] Na<sup>{link},{link}</sup> K{around} Ca<sup>2+</sup></p>")
    assert part == ("body", "Li [12] Na K Ca2+")


def test_back_matter_and_supplements_are_left_out(tmp_path: Path) -> None:
    figure = "<fig><caption><p>S.</p></caption></fig>"
    supplement = f"<supplementary-material>{figure}<p>S.</p></supplementary-material>"
    section = '<sec sec-type="supplementary-material"><p>S.</p></sec>'
    back = "<back><ack><p>A.</p></ack><ref-list><ref>R</ref></ref-list></back>"
    reviews = "<sub-article><body><p>V.</p></body></sub-article>"
    assert parts(tmp_path, f"<sec><p>a</p>{supplement}</sec>{section}", end=back + reviews) == [("body", "a")]


def test_lists_are_paragraphs(tmp_path: Path) -> None:
    items = "<list><list-item><label>1</label><p>b</p></list-item><list-item><p>c</p></list-item></list>"
    assert parts(tmp_path, f"<p>a:{items}d</p>") == [("body", "a:\nb\nc\nd")]


def test_a_placeholder_for_an_embargoed_text_is_ignored(tmp_path: Path) -> None:
    assert parts(tmp_path, "<!--The publisher does not allow it.--><p>a<!--no-->b</p>") == [("body", "ab")]


def test_an_article_needs_no_body(tmp_path: Path) -> None:
    text = article(meta=f"{TITLE}<abstract><p>A.</p></abstract>").replace("<body></body>", "")
    assert one(tmp_path, text).text == "Lithium.\n\nA."


def test_an_article_may_stand_in_a_namespace(tmp_path: Path) -> None:
    text = article("<sec><p>a</p></sec>").replace("<article ", '<article xmlns="urn:jats" ')
    assert one(tmp_path, f"<OAI>{text}</OAI>").text == "Lithium.\n\na"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (article(ids=""), "x.xml:2: an article without a PMCID"),
        ("<article/>\n", "x.xml:2: an article without a PMCID"),
        (article(meta=""), "x.xml:2: no text in article PMC7"),
    ],
)
def test_a_broken_article_costs_itself_only(tmp_path: Path, bad: str, said: str) -> None:
    error, good = read_text(tmp_path, f"<pmc-articleset>\n{bad}{article()}</pmc-articleset>")
    assert isinstance(error, FormatError)
    assert said in str(error)
    assert isinstance(good, Document)


def test_articles_before_broken_xml_are_read_one_by_one(tmp_path: Path) -> None:
    *found, error = read_text(tmp_path, f"<pmc-articleset>{article() * 200}<article><x")
    assert [item.id for item in found if isinstance(item, Document)] == ["PMC7"] * 200
    assert isinstance(error, FormatError)
    assert isinstance(next(read(tmp_path / "x.xml")), Document)


def test_deep_nesting_is_read_or_refused(tmp_path: Path) -> None:
    for depth in (240, 3000):
        (found,) = read_text(tmp_path, article(f"<p>{'<b>' * depth}a{'</b>' * depth}</p>"))
        assert isinstance(found, Document) == (depth == 240)
