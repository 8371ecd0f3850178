"""Dictionaries keep what they were given, in one form."""

import gzip
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apothecary.documents import Document, Mention, Span
from apothecary.errors import FormatError
from apothecary.vocab.dictionary import (
    Dictionary,
    Entry,
    build_dictionary,
    make_dictionary,
    merge,
    read_dictionary,
    vocabulary_id,
    write_dictionary,
)
from tests.strategies import documents

FIELDS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("|\\\t\n\rp"), max_size=8)
ENTRIES = st.lists(
    st.builds(Entry, FIELDS, FIELDS, st.lists(FIELDS, max_size=3).map(tuple), FIELDS, st.integers(1, 10**9)),
    max_size=6,
)


def mention(text: str, ids: tuple[str, ...], *names: str, type: str = "Disease") -> Mention:
    return Mention((Span(0, 1),), text, type, ids, individual_names=names)


def built(*mentions: Mention) -> list[tuple[str, tuple[str, ...], int]]:
    dictionary = build_dictionary([Document("1", "x", mentions=mentions)], "tests")
    return [(entry.name, entry.ids, entry.count) for entry in dictionary.entries]


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        read_dictionary(path)
    return str(caught.value)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=ENTRIES)
def test_what_is_written_is_read_again(tmp_path: Path, entries: list[Entry]) -> None:
    dictionary = make_dictionary(entries)
    write_dictionary(dictionary, tmp_path / "d.gz")
    assert read_dictionary(tmp_path / "d.gz") == dictionary


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=ENTRIES, seed=st.integers())
def test_the_bytes_do_not_depend_on_the_order(tmp_path: Path, entries: list[Entry], seed: int) -> None:
    shuffled = random.Random(seed).sample(entries, len(entries))  # noqa: S311
    for name, each in [("a", entries), ("b", shuffled)]:
        write_dictionary(make_dictionary(each), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@given(ENTRIES, ENTRIES)
def test_merging_is_making_of_all_entries(one: list[Entry], other: list[Entry]) -> None:
    assert merge(make_dictionary(one), make_dictionary(other)) == make_dictionary(one + other)
    assert merge() == Dictionary(())


@pytest.mark.slow
@given(st.lists(documents(), max_size=3))
def test_any_document_gives_a_dictionary_in_its_final_form(found: list[Document]) -> None:
    dictionary = build_dictionary(found, "tests")
    assert make_dictionary(dictionary.entries) == dictionary


def test_mentions_are_counted() -> None:
    ulcer = mention("peptic\n ulcer", ("MESH:D010437",))
    assert built(ulcer, ulcer) == [("peptic ulcer", ("D010437",), 2)]


def test_mentions_that_are_not_linked_are_left_out() -> None:
    assert built(mention("pain", ()), mention("pain", ("-1",)), mention("pain", ("-", ""))) == []


def test_composite_mentions_stay_whole() -> None:
    assert built(mention("liver and lung cancer", ("D2", "D1"))) == [
        ("liver and lung cancer", ("D1", "D2"), 1)
    ]


def test_individual_names_are_kept_under_their_own_ids() -> None:
    whole = mention("liver and lung cancer", ("D2", "D1"), "liver cancer", "lung cancer")
    assert ("liver cancer", ("D2",), 1) in built(whole)
    assert ("lung cancer", ("D1",), 1) in built(whole)


def test_conjunctions_of_ids_are_taken_apart() -> None:
    assert built(mention("hereditary deafness", ("D2+OMIM:3",))) == [
        ("hereditary deafness", ("D2", "OMIM:3"), 1)
    ]
    assert built(mention("a variant", ("c|SUB|+2",)))[0][1] == ("c|SUB|+2",)


def test_ids_compare_equal_to_gold() -> None:
    written = [
        "MESH:D014262",
        "mesh:MESH: D014262",
        "D014262",
        "NCBIGene:3175",
        "omim:1",
        "CVCL:1",
        "-1",
        " - ",
    ]
    assert list(map(vocabulary_id, written)) == ["D014262"] * 3 + ["3175", "OMIM:1", "CVCL:1", "", ""]


def test_the_file_is_as_described(tmp_path: Path) -> None:
    entries = [Entry("Disease", "ulcer", ("D2", "D1|x"), "a\tb", 3)]
    write_dictionary(make_dictionary(entries), tmp_path / "d.gz")
    content = (tmp_path / "d.gz").read_bytes()
    assert gzip.decompress(content) == b"Disease\tulcer\tD1\\px|D2\t3\ta\\tb\n"
    assert content[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"Disease\tulcer\tD1\t0\ts", "five columns"),
        (b"Disease\tulcer\tD1\t" + b"9" * 5000 + b"\ts", "five columns"),
        (b"Disease\tulcer\tD1", "five columns"),
        (b"Disease\tulcer\t-1|\t1\ts", "without an id"),
        (b"Disease\t \tD1\t1\ts", "name is empty"),
        (b"Disease\tul\\cer\tD1\t1\ts", "unknown escape"),
        (b"Disease\tulcer\\\tD1\t1\ts", "unknown escape"),
        (b"Disease\tulc\xffer\tD1\t1\ts", "byte 12 of the line is not UTF-8"),
        (b"Disease\t" + b"u" * 20_000 + b"\tD1\t1\ts", "20000 characters"),
        (b"Disease\t" + b"u" * (1 << 20) + b"\tD1\t1\ts", "line longer than"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, complaint: str) -> None:
    message = refusal(tmp_path / "d.tsv", b"Disease\tpain\tD0\t1\ts\n" + line + b"\n")
    assert "d.tsv:2: " in message
    assert complaint in message


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign"])
def test_a_damaged_gzip_file_is_one_error(tmp_path: Path, damage: str) -> None:
    content = bytearray(gzip.compress(b"Disease\tpain\tD0\t1\ts\n" * 500))
    content[-6] ^= 0xFF if damage == "flip" else 0
    end = -9 if damage == "cut" else len(content)
    rest = b"foreign" if damage == "foreign" else b""
    assert "damaged gzip" in refusal(tmp_path / "d.gz", bytes(content[:end]) + rest)


def test_a_missing_file_is_one_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("a\0b")):
        with pytest.raises(FormatError, match="cannot be read"):
            read_dictionary(path)


def test_what_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be written"):
        write_dictionary(Dictionary(()), tmp_path / "none" / "d.gz")
    with pytest.raises(FormatError, match="surrogate"):
        write_dictionary(make_dictionary([Entry("Disease", "\ud800", ("D1",))]), tmp_path / "d.gz")
