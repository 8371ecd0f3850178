"""Brat standoff: the traps of files in use, each by a small invented pair of files."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span, Status
from apothecary.errors import DataError, FormatError, OffsetError, UsageError
from apothecary.formats.brat import losses, read, write
from apothecary.formats.differences import differences
from tests.strategies import documents, texts

TEXT = "Lithium induced severe hand tremor."
LITHIUM = "T1\tChemical 0 7\tLithium\n"
TRIGGER = "T2\tCause 8 15\tinduced\n"
TREMOR = "T3\tDisease 28 34\ttremor\n"
MENTIONS = LITHIUM + TRIGGER + TREMOR
EVENT = "E1\tCause:T2 Agent:T1 Theme:T3\n"


def read_pair(tmp_path: Path, annotations: str | bytes, text: str | bytes = TEXT) -> Document | DataError:
    for name, content in {"x.txt": text, "x.ann": annotations}.items():
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read(tmp_path / "x.ann")


def one(tmp_path: Path, annotations: str | bytes, text: str | bytes = TEXT) -> Document:
    document = read_pair(tmp_path, annotations, text)
    assert isinstance(document, Document), document
    return document


def again(folder: Path, document: Document) -> Document:
    write([document], folder / "new")
    (path,) = (folder / "new").glob("*.txt")
    found = read(path)
    assert isinstance(found, Document), found
    return found


def arguments(document: Document) -> list[tuple[str, str]]:
    return [(a.role, a.concept) for relation in document.relations for a in relation.arguments]


def test_text_and_lines_become_a_document(tmp_path: Path) -> None:
    lines = "R1\tCauses Arg1:T1 Arg2:T3\t\nN1\tReference T1 MESH:D008094\tLithium\n" + MENTIONS
    document = one(tmp_path, lines)
    assert (document.id, document.text) == ("x", TEXT)
    assert document.passages == (Passage("text", 0, 35),)
    assert document.mentions[0] == Mention((Span(0, 7),), "Lithium", "Chemical", ("MESH:D008094",))
    assert document.concepts == (
        Concept("MESH:D008094", "Chemical", (0,), ("Lithium",), ("MESH:D008094",)),
        Concept("c1", "Disease", (2,), ("tremor",)),
    )
    roles = (Argument("Arg1", "MESH:D008094"), Argument("Arg2", "c1"))
    assert document.relations == (Relation("r1", "Causes", roles),)


def test_either_path_will_do(tmp_path: Path) -> None:
    assert one(tmp_path, MENTIONS) == read(tmp_path / "x.txt")


@pytest.mark.parametrize("name", ["severe tremor", "severetremor"])
def test_discontinuous_mentions_keep_their_spans(tmp_path: Path, name: str) -> None:
    mention = one(tmp_path, f"T1\tDisease 16 22;28 34\t{name}\n").mentions[0]
    assert mention == Mention((Span(16, 22), Span(28, 34)), "severe tremor", "Disease")


def test_an_event_is_a_relation_with_its_trigger(tmp_path: Path) -> None:
    document = one(tmp_path, EVENT + MENTIONS)
    assert document.relations[0].type == "Cause"
    assert arguments(document) == [("Cause", "c2"), ("Agent", "c1"), ("Theme", "c3")]


def test_an_event_as_an_argument_is_left_out(tmp_path: Path) -> None:
    document = one(tmp_path, MENTIONS + "E2\tCause:T2 Theme:E1 Agent:T1\nR1\tOf Arg1:E1 Arg2:T3\n" + EVENT)
    assert arguments(document)[:3] == [("Cause", "c2"), ("Agent", "c1"), ("Arg2", "c3")]


@pytest.mark.parametrize(
    ("lines", "polarity"),
    [
        ("A1\tNegation E1\n", "negated"),
        ("M1\tSpeculation E1\n", "speculative"),
        ("A1\tNegation E1\nA2\tSpeculation E1\n", "negated"),
        ("A1\tNegation T2\nA2\tConfidence E1 High\nA3\tOther E9\n", "unknown"),
    ],
)
def test_negation_and_speculation_are_polarity(tmp_path: Path, lines: str, polarity: str) -> None:
    assert one(tmp_path, lines + MENTIONS + EVENT).relations[0].status.polarity == polarity


def test_several_normalisations_are_several_ids(tmp_path: Path) -> None:
    lines = "N1\tReference T1 MESH:D1\t\nN2\tReference T1 MESH:D2\nN3\tReference T1 MESH:D1\n"
    document = one(tmp_path, LITHIUM + lines + "E1\tChemical:T1\nN4\tReference E1 X:1\n")
    assert document.mentions[0].ids == ("MESH:D1", "MESH:D2")
    assert [concept.id for concept in document.concepts] == ["MESH:D1", "MESH:D2"]
    assert arguments(document) == [("Chemical", "MESH:D1")]


def test_equivalent_mentions_are_one_concept(tmp_path: Path) -> None:
    document = one(tmp_path, MENTIONS + "*\tEquiv T1 T2\n*\tEquiv T3 T2\n*\tOther T1\n")
    assert document.concepts == (Concept("c1", "Chemical", (0, 1, 2), ("Lithium", "induced", "tremor")),)


def test_an_equivalent_mention_joins_the_concept_with_an_id(tmp_path: Path) -> None:
    document = one(tmp_path, MENTIONS + "N1\tReference T3 MESH:D1\n*\tEquiv T1 T3\n")
    assert document.concepts == (Concept("MESH:D1", "Chemical", (0, 2), ("Lithium", "tremor"), ("MESH:D1",)),)
    assert document.mentions[0].ids == ()


def test_own_concepts_avoid_vocabulary_ids(tmp_path: Path) -> None:
    document = one(tmp_path, MENTIONS + EVENT + "N1\tReference T2 c1\n")
    assert arguments(document) == [("Cause", "c1"), ("Agent", "c2"), ("Theme", "c3")]


def test_a_mention_that_nothing_names_has_no_concept(tmp_path: Path) -> None:
    assert one(tmp_path, MENTIONS).concepts == ()


def test_notes_blank_and_unknown_lines_are_ignored(tmp_path: Path) -> None:
    more = "\n \n#1\tAnnotatorNotes T1\tis it?\n# free\nX1\tWhat T9\nfoo\n"
    assert one(tmp_path, more + MENTIONS) == one(tmp_path, MENTIONS)


def test_carriage_returns_of_the_text_count_and_stay(tmp_path: Path) -> None:
    document = one(tmp_path, "T1\tChemical 3 10\tLithium\r\n", "A\r\nLithium\r\n")
    assert document.text == "A\r\nLithium\r\n"
    assert document.mentions[0].alignment == "exact"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_line_breaks_may_be_blanks_in_the_annotation(tmp_path: Path, end: str) -> None:
    text = f"hand{end}tremor"
    for name in ("hand tremor", "hand" + " " * len(end) + "tremor"):
        mention = one(tmp_path, f"T1\tDisease 0 {len(text)}\t{name}\n", text).mentions[0]
        assert (mention.text, mention.alignment) == (text, "exact")


def test_a_text_that_differs_is_a_mismatch(tmp_path: Path) -> None:
    mention = one(tmp_path, "T1\tChemical 0 6\tLithium\n").mentions[0]
    assert (mention.text, mention.alignment) == ("Lithium", "mismatch")


def test_a_text_that_is_missing_is_the_slice(tmp_path: Path) -> None:
    assert one(tmp_path, "T1\tChemical 0 7\n").mentions[0].text == "Lithium"


@pytest.mark.parametrize(
    ("start", "alignment"),
    [(2, "exact"), (3, "mismatch"), (5, "mismatch")],
    ids=["points", "utf-16", "bytes"],
)
def test_offsets_count_code_points(tmp_path: Path, start: int, alignment: str) -> None:
    document = one(tmp_path, f"T1\tChemical {start} {start + 7}\tLithium\n", "😀 Lithium, again")
    assert (document.mentions[0].start, document.mentions[0].alignment) == (start, alignment)


def test_a_byte_order_mark_counts_unless_the_encoding_takes_it(tmp_path: Path) -> None:
    assert (
        one(tmp_path, "\ufeffT1\tChemical 1 8\tLithium\n", "\ufeffLithium").mentions[0].alignment == "exact"
    )
    (tmp_path / "x.ann").unlink()
    document = read(tmp_path / "x.txt", encoding="utf-8-sig")
    assert document == Document("x", "Lithium", (Passage("text", 0, 7),))


def test_a_missing_ann_means_no_annotations(tmp_path: Path) -> None:
    (tmp_path / "x.v2.txt").write_text("Lithium")
    assert read(tmp_path / "x.v2.ann") == Document("x.v2", "Lithium", (Passage("text", 0, 7),))


def test_a_missing_txt_is_an_error_value(tmp_path: Path) -> None:
    (tmp_path / "x.ann").write_text(LITHIUM)
    found = read(tmp_path / "x.ann")
    assert isinstance(found, FormatError)
    assert "x.txt: cannot be read" in str(found)


@pytest.mark.parametrize("offsets", ["0 99", "7 7", "7 3", "0 7;30 99"])
def test_a_mention_outside_the_text_costs_the_document(tmp_path: Path, offsets: str) -> None:
    found = read_pair(tmp_path, f"{TREMOR}T1\tChemical {offsets}\tLithium\n")
    assert isinstance(found, OffsetError)
    assert "x.ann:2: mention" in str(found)


@pytest.mark.parametrize(
    "line",
    [
        "T9",
        "T9 Chemical 0 7 Lithium",
        "T9\tChemical -3 4\tLithium",
        "T9\tChemical 0 7;\tLithium",
        "T1\tChemical 0 7\tLithium",
        "R1\tOf Arg1:T1",
        "R1\tOf Arg1:T1 Arg2:T1 Arg3:T1",
        "R1\tOf Arg1:T1 Arg2:T9",
        "E1\tCause",
        "E1\tCause:T1 Theme:",
        "N1\tReference T1",
        "N1\tReference T9 MESH:D1",
        "A1\tNegation",
        "A1\tNegation E9",
        "*\tEquiv T1 T9",
        "T9\tChemical 0 7\t\udcff",
    ],
)
def test_a_bad_line_costs_the_document_and_is_named(tmp_path: Path, line: str) -> None:
    found = read_pair(tmp_path, (LITHIUM + line).encode("utf-8", "surrogateescape"))
    assert isinstance(found, FormatError)
    assert "x.ann:2: " in str(found)


@pytest.mark.parametrize(("text", "said"), [(b"abc\xff", "position 3"), (b"abc\0d", "NUL")])
def test_what_is_no_text_is_an_error_value(tmp_path: Path, text: bytes, said: str) -> None:
    assert said in str(read_pair(tmp_path, "", text))


def test_other_suffixes_and_encodings_are_refused(tmp_path: Path) -> None:
    assert "neither a .txt nor an .ann" in str(read(tmp_path / "x.json"))
    with pytest.raises(UsageError, match="unknown encoding"):
        read(tmp_path / "x.txt", encoding="utf-9")


PIECES = [
    "T1",
    "E1",
    "R1",
    "*",
    "\t",
    " ",
    "\n",
    "\r",
    "Type",
    "0",
    "7",
    ";",
    ":",
    "Equiv",
    "N1",
    "A1",
    "Negation",
]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=30).map("".join))
def test_hostile_files_give_documents_or_data_errors(
    tmp_path_factory: pytest.TempPathFactory, lines: str
) -> None:
    found = read_pair(tmp_path_factory.mktemp("b"), LITHIUM.replace("T1", "T0") + lines)
    assert isinstance(found, Document) or "x.ann:" in str(found)


@settings(deadline=None, max_examples=40)
@given(documents())
def test_any_document_is_written_and_read_again_up_to_its_losses(
    tmp_path_factory: pytest.TempPathFactory, document: Document
) -> None:
    found = again(tmp_path_factory.mktemp("b"), document)
    assert differences(document, found) == losses(document)
    assert len(found.text) == len(document.text)
    assert [mention.spans for mention in found.mentions] == [mention.spans for mention in document.mentions]


@st.composite
def _annotations(draw: st.DrawFn, length: int) -> str:
    places = st.lists(st.integers(0, length), min_size=2, max_size=2, unique=True).map(sorted)
    spans = draw(st.lists(st.lists(places, min_size=1, max_size=2), min_size=2, max_size=4))
    lines = [f"T{n}\tA {';'.join(f'{a} {b}' for a, b in some)}" for n, some in enumerate(spans)]
    target = st.sampled_from([f"T{n}" for n in range(len(spans))])
    for kind, line in [
        ("N", "V {} {}:{}"),
        ("R", "Of a:{} b:{}"),
        ("E", "A:{} c:{} c:{}"),
        ("*", "Equiv {} {}"),
    ]:
        for number in range(draw(st.integers(0, 2))):
            content = line.format(draw(target), draw(target), draw(target))
            lines.append(f"{'*' if kind == '*' else f'{kind}{number}'}\t{content}")
    lines += [f"A1\tNegation {line.split()[0]}" for line in lines if line.startswith(("R1", "E0"))][:1]
    return "\n".join(draw(st.permutations(lines)))


@settings(deadline=None, max_examples=60)
@given(texts.filter(lambda text: len(text) > 1 and "\0" not in text), st.data())
def test_what_brat_holds_survives(
    tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("b")
    document = one(folder, data.draw(_annotations(len(text))), text)
    assert losses(document) == ()
    assert again(folder, document) == document


def test_what_is_written_is_brat(tmp_path: Path) -> None:
    concepts = (Concept("c1", "Chemical", (0,), ("Li",), ("D1",)), Concept("c2", "D", (1, 2), ("tremor",)))
    pair = (Argument("drug", "c1"), Argument("drug", "c2"))
    event = (Argument("Theme", "c2"), Argument("Cause", "c1"))
    mentions = tuple(Mention((Span(n, n + 1),), TEXT[n], "a type") for n in range(3))
    relations = (Relation("a", "POS", pair), Relation("b", "Cause", event, status=Status("negated")))
    write([Document("y", TEXT, mentions=mentions, concepts=concepts, relations=relations)], tmp_path)
    assert (tmp_path / "y.ann").read_text().splitlines() == [
        "T1\ta_type 0 1\tL",
        "T2\ta_type 1 2\ti",
        "T3\ta_type 2 3\tt",
        "N1\tReference T1 id:D1\t",
        "*\tEquiv T2 T3",
        "R1\tPOS drug:T1 drug2:T2",
        "E1\tCause:T1 Theme:T2",
        "A1\tNegation E1",
    ]


@pytest.mark.parametrize("identifier", ["D1", "MESH:D1", "id:D1", "id:", ":", "X:", "a:b:c"])
def test_ids_survive_with_and_without_a_vocabulary(tmp_path: Path, identifier: str) -> None:
    mention = Mention((Span(0, 7),), "Lithium", "Chemical", (identifier,))
    assert again(tmp_path, Document("x", TEXT, mentions=(mention,))).mentions == (mention,)


def test_a_relation_that_would_be_read_as_another_is_left_out() -> None:
    mentions = (Mention((Span(0, 7),), "Lithium", "A", ("D1", "D2")),)
    concepts = tuple(Concept(name, "A", (0,), ("Lithium",), (name,)) for name in ("D1", "D2"))
    relation = Relation("r1", "Of", (Argument("a", "D2"), Argument("b", "D1")))
    document = Document("x", TEXT, (Passage("text", 0, 35),), mentions, concepts, (relation,))
    assert losses(document) == ("relations",)


IDS = [
    "../x",
    "a/b",
    "a_b",
    "CON",
    "con.1",
    "x" * 300,
    "x" * 301,
    "Case",
    "case",
    "",
    ".",
    "-r",
    "中",
    "a\nb",
    "x.",
]


def test_names_are_safe_different_and_inside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "new"
    write([Document(name, "Lithium") for name in IDS], folder)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    names = sorted(path.stem.lower() for path in folder.glob("*.txt"))
    assert len(set(names)) == len(IDS) == len(list(folder.glob("*.ann")))
    assert all(name.isascii() and len(name) <= 100 and name[0] not in ".-" for name in names)
    assert {"a_b", "case"} <= set(names)
    assert not {"con", "con.1", "x."} & set(names)


@pytest.mark.parametrize("name", ["x.txt", "x.ann"])
def test_a_file_is_never_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(FormatError, match="is already there"):
        write([Document("x", "Lithium")], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_repeated_id_and_a_bad_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="document x: the file name x is taken"):
        write([Document("x", "Lithium")] * 2, tmp_path)
    with pytest.raises(FormatError, match="cannot be written"):
        write([Document("y", "Lithium")], tmp_path / "x.txt")
