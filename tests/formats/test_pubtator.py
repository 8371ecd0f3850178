"""PubTator: the traps of files in use, each by a small invented file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.formats.pubtator import dumps, losses, read
from tests.strategies import documents, pubtator_documents

HEAD = "10|t|Lithium tremor.\n10|a|A newborn shook after lithium.\n"
LITHIUM = "10\t0\t7\tLithium\tChemical\tD008094\n"


def read_text(tmp_path: Path, text: str | bytes) -> list[Document | DataError]:
    path = tmp_path / "x.pubtator"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read(path))


def one(tmp_path: Path, text: str | bytes) -> Document:
    (document,) = read_text(tmp_path, text)
    assert isinstance(document, Document), document
    return document


def error(tmp_path: Path, text: str | bytes) -> DataError:
    (found,) = read_text(tmp_path, text)
    assert isinstance(found, DataError), found
    return found


@settings(deadline=None)
@given(pubtator_documents())
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, document: Document) -> None:
    assert one(tmp_path_factory.mktemp("p"), dumps(document)) == document
    assert losses(document) == ()


@settings(deadline=None)
@given(documents())
def test_any_document_can_be_written_and_keeps_its_offsets(
    tmp_path_factory: pytest.TempPathFactory, document: Document
) -> None:
    again = one(tmp_path_factory.mktemp("p"), dumps(document))
    assert len(again.text) == len(document.text)
    assert [(m.start, m.end) for m in again.mentions] == [
        (min(s.start for s in m.spans), max(s.end for s in m.spans)) for m in document.mentions
    ]


def test_a_block_becomes_a_document(tmp_path: Path) -> None:
    document = one(tmp_path, HEAD + LITHIUM + "10\tCID\tD008094\tD014202\n")
    assert document.text == "Lithium tremor. A newborn shook after lithium."
    assert document.passages == (Passage("title", 0, 15), Passage("abstract", 16, 46))
    assert document.mentions == (Mention((Span(0, 7),), "Lithium", "Chemical", ("D008094",)),)
    assert document.concepts == (
        Concept("D008094", "Chemical", (0,), ("Lithium",), ("D008094",)),
        Concept("D014202", "", (), (), ("D014202",)),
    )
    arguments = (Argument("head", "D008094"), Argument("tail", "D014202"))
    assert document.relations == (Relation("r1", "CID", arguments),)


@pytest.mark.parametrize("separator", ["|", ";", ",", " | "])
def test_composite_ids_are_split(tmp_path: Path, separator: str) -> None:
    document = one(tmp_path, HEAD + f"10\t0\t14\tLithium tremor\tDisease\tD1{separator}D2\tlithium|tremor\n")
    assert document.mentions[0].ids == ("D1", "D2")
    assert document.mentions[0].individual_names == ("lithium", "tremor")
    assert [c.names for c in document.concepts] == [("Lithium tremor",)] * 2


@pytest.mark.parametrize("identifier", ["c|DUP||15", "p|DEL|439_443|", "c|SUB|G|1,2|A", "|INS|118_119|A"])
def test_ids_of_variants_stay_whole(tmp_path: Path, identifier: str) -> None:
    text = HEAD + f"10\t0\t7\tLithium\tSequenceVariant\t{identifier}\n10\tBind\t{identifier}\tD1\tNovel\n"
    document = one(tmp_path, text)
    assert document.mentions[0].ids == (identifier,)
    assert document.relations[0].argument("head") == identifier
    assert dumps(document) == text


@pytest.mark.parametrize("column", ["\t-1", "\t-", "\t", ""])
def test_a_mention_without_an_id_is_not_normalised(tmp_path: Path, column: str) -> None:
    document = one(tmp_path, HEAD + f"10\t0\t7\tLithium\tChemical{column}\n")
    assert document.mentions[0].ids == ()
    assert document.concepts == ()


def test_novelty_is_an_attribute_of_the_relation(tmp_path: Path) -> None:
    document = one(tmp_path, HEAD + "10\tAssociation\tD1\tD2\tNovel\n")
    assert document.relations[0].attributes == {"novelty": "Novel"}


def test_overlapping_mentions_are_kept(tmp_path: Path) -> None:
    document = one(tmp_path, HEAD + LITHIUM + "10\t0\t14\tLithium tremor\tDisease\tD1\n")
    assert [m.end for m in document.mentions] == [7, 14]


def test_crlf_files_keep_their_offsets(tmp_path: Path) -> None:
    assert one(tmp_path, (HEAD + LITHIUM).replace("\n", "\r\n")) == one(tmp_path, HEAD + LITHIUM)


def test_offsets_count_code_points(tmp_path: Path) -> None:
    document = one(tmp_path, "10|t|😀\U0001d4b3 Lithium\n10\t3\t10\tLithium\tChemical\tD1\n")
    assert document.mentions[0].alignment == "exact"


def test_titles_may_hold_bars_and_html_escapes_stay(tmp_path: Path) -> None:
    document = one(tmp_path, "10|t|A|B |t| &lt;5\n10|a|C|a|D\n")
    assert document.text == "A|B |t| &lt;5 C|a|D"


def test_a_title_may_stand_alone(tmp_path: Path) -> None:
    assert one(tmp_path, "10|t|Lithium\n" + LITHIUM).passages == (Passage("title", 0, 7),)


def test_an_empty_abstract_is_an_empty_passage(tmp_path: Path) -> None:
    document = one(tmp_path, "10|t|Lithium\n10|a|\n")
    assert (document.text, document.passages[1]) == ("Lithium ", Passage("abstract", 8, 8))


def test_a_mention_that_differs_from_its_slice_is_kept_as_a_mismatch(tmp_path: Path) -> None:
    document = one(tmp_path, HEAD + "10\t0\t6\tLithium\tChemical\tD1\n")
    assert document.mentions[0].alignment == "mismatch"
    assert dumps(document).endswith("10\t0\t6\tLithium\tChemical\tD1\n")


@pytest.mark.parametrize("offsets", ["0\t99", "-3\t4", "7\t7", "7\t3"])
def test_a_mention_outside_the_text_costs_the_document(tmp_path: Path, offsets: str) -> None:
    found = error(tmp_path, HEAD + f"10\t{offsets}\tLithium\tChemical\tD1\n")
    assert isinstance(found, OffsetError)
    assert "x.pubtator:3: mention" in str(found)
    assert "document 10" in str(found)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("11\t0\t7\tLithium\tChemical\tD1\n", "id 11 in the block of document 10"),
        ("10\tzero\t7\tLithium\tChemical\tD1\n", "neither a mention nor a relation"),
        ("10\t0\tseven\tLithium\tChemical\tD1\n", "a mention needs start, end"),
        ("10\t0\t7\tLithium\n", "a mention needs start, end"),
        ("10 0 7 Lithium Chemical D1\n", "1 columns where a mention has 6"),
        ("10\tCID\t\tD1\n", "a relation needs a type and two ids"),
        ("10\t0\t7\tLith\0ium\tChemical\tD1\n", "NUL"),
        ("10|a|Once more.\n", "1 columns"),
    ],
)
def test_a_bad_line_costs_its_document_only(tmp_path: Path, line: str, said: str) -> None:
    bad, good = read_text(tmp_path, HEAD + line + "\n" + HEAD.replace("10|", "12|"))
    assert isinstance(bad, FormatError)
    assert f"x.pubtator:3: {said}" in str(bad)
    assert isinstance(good, Document)


def test_a_bad_byte_costs_its_document_only(tmp_path: Path) -> None:
    bad, good = read_text(tmp_path, HEAD.encode() + b"10\t0\t7\t\xff\n\n12|t|Fine.")
    assert "x.pubtator:3: byte 8 of the line is not utf-8" in str(bad)
    assert isinstance(good, Document)


def test_extra_columns_of_a_mention_are_ignored(tmp_path: Path) -> None:
    more = LITHIUM.rstrip("\n") + "\t\textra\tmore\n"
    assert one(tmp_path, HEAD + more) == one(tmp_path, HEAD + LITHIUM)


def test_blank_lines_and_a_missing_last_line_end_do_not_matter(tmp_path: Path) -> None:
    found = read_text(tmp_path, f"\n\n{HEAD}\n \n\n{HEAD.replace('10|', '12|')}".rstrip("\n"))
    assert [item.id for item in found if isinstance(item, Document)] == ["10", "12"]


def test_a_title_begins_a_block_without_a_blank_line(tmp_path: Path) -> None:
    assert len(read_text(tmp_path, HEAD + LITHIUM + HEAD.replace("10|", "12|"))) == 2


def test_a_repeated_id_names_both_lines(tmp_path: Path) -> None:
    first, second = read_text(tmp_path, HEAD + "\n" + HEAD)
    assert isinstance(first, Document)
    assert "x.pubtator:4: document 10 was already given at line 1" in str(second)


def test_annotations_without_a_title_are_one_error(tmp_path: Path) -> None:
    assert "x.pubtator:1: expected a line like 123|t|text" in str(error(tmp_path, LITHIUM * 3))


def test_abstract_of_another_document_is_an_error(tmp_path: Path) -> None:
    assert "id 11 in the block of document 10" in str(error(tmp_path, "10|t|One.\n11|a|Two.\n"))


def test_relations_between_unlinked_concepts_keep_their_arguments(tmp_path: Path) -> None:
    document = Document(
        "10",
        "Lithium tremor",
        mentions=(
            Mention((Span(0, 7),), "Lithium", "Chemical"),
            Mention((Span(8, 14),), "tremor", "Disease"),
        ),
        concepts=(
            Concept("c1", "Chemical", (0,), ("Lithium",)),
            Concept("c2", "Disease", (1,), ("tremor",)),
        ),
        relations=(Relation("r1", "CID", (Argument("head", "c1"), Argument("tail", "c2"))),),
    )
    again = one(tmp_path, dumps(document))
    assert again.relations == document.relations
    assert [c.names for c in again.concepts] == [("Lithium",), ("tremor",)]


def test_losses_name_what_is_lost() -> None:
    document = Document(
        "10",
        "Lithium\ntremor",
        passages=(Passage("title", 0, 7), Passage("abstract", 8, 14)),
        mentions=(Mention((Span(0, 7),), "Lithium", "Chemical", ("D1",), confidence=0.5),),
        attributes={"journal": "none"},
    )
    assert losses(document) == ("text", "mentions.confidence", "attributes", "concepts")


@pytest.mark.parametrize("identifier", ["", " ", "a|b", "a\tb", "a\nb"])
def test_an_id_that_breaks_the_format_is_refused(identifier: str) -> None:
    with pytest.raises(FormatError, match="PubTator cannot hold the id"):
        dumps(Document(identifier, "Lithium"))


PIECES = [
    b"10",
    b"|t|",
    b"|a|",
    b"\t",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"0",
    b"5",
    b"-1",
    b"CID",
    b"abc",
    b"\xe2\x80\xa8",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40).map(b"".join))
def test_hostile_files_give_documents_or_data_errors(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    for item in read_text(tmp_path_factory.mktemp("p"), data):
        assert isinstance(item, Document) or "x.pubtator:" in str(item)
