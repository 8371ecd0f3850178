"""BioC: the traps of files in use, each by a small invented record."""

from collections.abc import Mapping

import pytest

from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span
from apothecary.errors import FormatError, OffsetError
from apothecary.formats.bioc import from_record
from apothecary.formats.bioc_writing import to_record

Record = dict[str, object]
TITLE = "Lithium tremor."
ABSTRACT = "A newborn shook after lithium."


def annotation(offset: object, text: str, length: int | None = None, **infons: object) -> Record:
    place: Record = {"offset": offset, "length": len(text) if length is None else length}
    return {"id": "1", "infons": {"type": "Chemical", **infons}, "locations": [place], "text": text}


def passage(offset: object, text: str, *annotations: Record, **more: object) -> Record:
    return {"infons": {}, "offset": offset, "text": text, "annotations": list(annotations), **more}


def read(*passages: Record, **more: object) -> Document:
    return from_record({"id": "10", "passages": list(passages), **more}, where="x:1")


def mention(*passages: Record, **more: object) -> Mention:
    (found,) = read(*passages, **more).mentions
    return found


def related(relation: Mapping[str, object], *annotations: Record) -> Document:
    return read(passage(0, TITLE, *annotations, relations=[relation]))


def test_passages_stand_at_their_offsets_with_blanks_between() -> None:
    title = passage(0, TITLE, infons={"section_type": "TITLE", "type": "front"})
    document = read(title, passage(18, ABSTRACT, infons={"type": "abstract"}))
    assert document.text == f"{TITLE}   {ABSTRACT}"
    assert document.passages == (Passage("title", 0, 15), Passage("abstract", 18, 48))


def test_offsets_are_those_of_the_document() -> None:
    found = mention(passage(0, TITLE), passage(16, ABSTRACT, annotation(38, "lithium")))
    assert (found.spans, found.alignment) == ((Span(38, 45),), "exact")


def test_offsets_may_be_those_of_the_passage() -> None:
    found = mention(passage(0, TITLE), passage(16, ABSTRACT, annotation(22, "lithium")))
    assert (found.spans, found.alignment) == ((Span(38, 45),), "exact")


def test_offsets_may_be_those_of_the_sentence() -> None:
    sentences = [passage(0, TITLE), passage(16, ABSTRACT, annotation(22, "lithium"))]
    document = read({"offset": 0, "infons": {"type": "Title"}, "sentences": sentences})
    assert (document.text, document.mentions[0].start) == (f"{TITLE} {ABSTRACT}", 38)
    assert document.passages == (Passage("title", 0, 46),)


def test_sentences_beside_a_text_add_their_annotations_only() -> None:
    sentence = passage(0, TITLE, annotation(0, "Lithium"))
    document = read(passage(0, TITLE, sentences=[sentence]))
    assert (document.text, document.mentions[0].alignment) == (TITLE, "exact")


def test_annotations_may_stand_under_the_document() -> None:
    assert mention(passage(0, TITLE), annotations=[annotation(8, "tremor")]).start == 8


@pytest.mark.parametrize(("offset", "start"), [(10, 7), (3, 1), (2, 1)])
def test_offsets_that_count_bytes_are_mended_by_the_nearest_such_text(offset: int, start: int) -> None:
    found = mention(passage(0, "\U0001d4b3iron ★iron", annotation(offset, "iron", 5)))
    assert (found.spans, found.alignment) == ((Span(start, start + 4),), "normalised")


def test_text_that_is_not_in_the_passage_is_a_mismatch_where_it_was_given() -> None:
    found = mention(passage(0, "TNF-\u03b1 rises", annotation(0, "TNF-a")))
    assert (found.spans, found.text, found.alignment) == ((Span(0, 5),), "TNF-a", "mismatch")


def test_a_passage_that_overlaps_comes_after_and_takes_its_annotations_along() -> None:
    document = read(passage(0, "Lithium™"), passage(5, "iron, iron", annotation(11, "iron")))
    assert document.text == "Lithium™ iron, iron"
    assert (document.mentions[0].start, document.mentions[0].alignment) == (15, "exact")


def test_a_missing_text_is_taken_from_the_slice() -> None:
    assert mention(passage(0, TITLE, annotation("8", "", 6))).text == "tremor"


def test_several_locations_are_one_discontinuous_mention() -> None:
    places = [{"offset": 8, "length": 3}, {"offset": 11, "length": 3}]
    found = mention(passage(0, TITLE, annotation(0, "tre mor") | {"locations": places}))
    assert (found.spans, found.alignment) == ((Span(8, 11), Span(11, 14)), "exact")


@pytest.mark.parametrize("offset", [13, 99, 10**11])
def test_a_mention_outside_the_text_costs_the_document(offset: int) -> None:
    with pytest.raises(OffsetError, match="x:1: mention .* lies outside .*document 10"):
        mention(passage(0, TITLE, annotation(offset, "nothing")))


@pytest.mark.parametrize("offset", ["one", -1, 1.5, True, None, 10**4000, "10000000"])
def test_an_offset_that_is_none_or_hostile_names_its_field(offset: object) -> None:
    with pytest.raises(FormatError, match=r"x:1: field passages\[0\]\.offset"):
        read(passage(offset, TITLE))


def test_small_gaps_may_not_add_up_to_a_large_text() -> None:
    with pytest.raises(FormatError, match=r"passages\[2\].offset leaves 600001 characters without"):
        read(passage(0, "a"), passage(600_000, "b"), passage(1_200_002, "c"))


@pytest.mark.parametrize("record", [{}, {"id": ""}, {"id": "1"}, {"id": "1", "passages": [1]}])
def test_a_record_that_is_no_document_is_an_error(record: Record) -> None:
    with pytest.raises(FormatError, match="x:1: "):
        from_record(record, where="x:1")


@pytest.mark.parametrize("key", ["identifier", "MESH", "Identifier", "NCBI GENE ID", "dbSNP", "CHEBI"])
def test_vocabulary_ids_stand_under_many_keys(key: str) -> None:
    assert mention(passage(0, TITLE, annotation(0, "Lithium", None, **{key: "D1; D2,D3|-"}))).ids == (
        "D1",
        "D2",
        "D3",
    )


@pytest.mark.parametrize("value", ["-", "", "-1", None, []])
def test_a_mention_without_an_id_is_not_normalised(value: object) -> None:
    document = read(passage(0, TITLE, annotation(0, "Lithium", identifier=value)))
    assert (document.mentions[0].ids, document.concepts) == ((), ())


def test_ids_of_variants_stay_whole() -> None:
    found = mention(passage(0, TITLE, annotation(0, "Lithium", identifier="c|SUB|G|1,2|A")))
    assert found.ids == ("c|SUB|G|1,2|A",)


def test_an_index_term_is_a_concept_without_mentions() -> None:
    document = read(passage(0, TITLE, annotation(0, "Lithium", identifier="D1") | {"locations": []}))
    assert (document.mentions, document.concepts) == ((), (Concept("D1", "", (), (), ("D1",)),))


def test_nodes_name_the_concepts_of_annotations() -> None:
    nodes = [{"refid": 1, "role": "drug"}, {"refid": "2", "role": ""}, {"refid": "3"}]
    annotations = [annotation(0, "Lithium", mesh="D1"), annotation(8, "tremor") | {"id": 2}]
    document = related({"id": "R0", "infons": {"Relation": "CID", "n": 1}, "nodes": nodes}, *annotations)
    arguments = (Argument("drug", "D1"), Argument("tail", "mention:2"), Argument("tail", "3"))
    assert document.relations == (Relation("R0", "CID", arguments, attributes={"n": "1"}),)
    assert document.concepts == (
        Concept("D1", "Chemical", (0,), ("Lithium",), ("D1",)),
        Concept("mention:2", "Chemical", (1,), ("tremor",)),
        Concept("3", "", (), (), ("3",)),
    )


def test_nodes_may_name_relations() -> None:
    inner = {"id": "R2", "infons": {"type": "binds"}, "nodes": [{"refid": "1", "role": "theme"}]}
    outer = {"id": "R1", "infons": {"type": "causes"}, "nodes": [{"refid": "R2", "role": "theme"}]}
    document = read(passage(0, TITLE, annotation(0, "Lithium", mesh="D1")), relations=[outer, inner])
    assert document.relations[0].argument("theme") == "R2"
    assert document.concept("R2") == Concept("R2", "binds", (), ())


@pytest.mark.parametrize(
    ("infons", "attributes"),
    [
        ({"entity1": "MESH:D1", "entity2": "7", "type": "Bind", "novel": "No"}, {"novelty": "No"}),
        ({"role1": "Chemical|MESH:D1", "role2": "Gene|7", "type": "Bind", "score": 0.9}, {"score": "0.9"}),
        ({"role1": {"identifier": "MESH:D1", "x": 1}, "role2": {"identifier": "7"}, "type": "Bind"}, {}),
        ({"Chemical": "MESH:D1", "Disease": "7", "relation": "Bind"}, {}),
    ],
)
def test_relations_may_name_vocabulary_ids(infons: Record, attributes: dict[str, str]) -> None:
    relation = {"infons": infons, "nodes": [{"refid": "0", "role": "0,1"}]}
    document = related(relation, annotation(0, "Lithium", identifier="MESH:D1"))
    arguments = (Argument("head", "MESH:D1"), Argument("tail", "7"))
    assert document.relations == (Relation("r1", "Bind", arguments, attributes=attributes),)


@pytest.mark.parametrize(
    ("said", "found"), [("0.25", 0.25), (1, 1.0), ("high", None), ("nan", None), (7, None)]
)
def test_only_a_probability_is_a_confidence(said: object, found: float | None) -> None:
    assert mention(passage(0, TITLE, annotation(0, "Lithium", confidence=said))).confidence == found


def test_infons_of_the_document_are_its_attributes() -> None:
    assert read(passage(0, ""), infons={"PMID": 10, "list": [1], "none": None}).attributes == {"PMID": "10"}


def test_mentions_are_written_below_the_passage_that_holds_their_first_span() -> None:
    spans = [(Span(16, 17),), (Span(0, 7), Span(38, 45)), (Span(8, 20),), (Span(15, 16),)]
    mentions = tuple(Mention(span, "x", "Chemical", alignment="fuzzy") for span in spans)
    passages = (Passage("title", 0, 15), Passage("abstract", 16, 46))
    record = to_record(Document("10", f"{TITLE} {ABSTRACT}", passages, mentions))
    holders = [*record["passages"], record]  # type: ignore[misc]
    assert [[a["id"] for a in holder["annotations"]] for holder in holders] == [["T2"], ["T1"], ["T3", "T4"]]
    assert from_record(record, where="x").mentions == mentions


def test_text_between_passages_is_written_and_overlapping_passages_are_not() -> None:
    passages = (Passage("a", 3, 5), Passage("b", 4, 6), Passage("c", 6, 7))
    document = from_record(to_record(Document("10", "0123456789", passages)), where="x")
    assert (document.text, len(document.passages)) == ("0123456789", 5)
    assert [p.section for p in document.passages] == ["", "a", "", "c", ""]


def test_an_id_that_would_not_be_read_again_is_refused() -> None:
    for name in ("", " ", " 1", "a\nb", "\0"):
        with pytest.raises(FormatError, match="BioC cannot hold the id"):
            to_record(Document(name, "Lithium"))
