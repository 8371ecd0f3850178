"""DrugComb: the published counts of its training part, the reader, the development part."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
from collections import Counter
from dataclasses import replace
from itertools import combinations as combine
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.corpora.drugcomb import (
    Combination,
    CombinationRow,
    DrugSpan,
    development_split,
    identities,
    read_rows,
    split_documents,
)
from apothecary.documents import Document
from apothecary.errors import DataError, OffsetError, UsageError
from apothecary.formats.inputs import read_gold

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = DATA / "drugcomb" / "train.jsonl"
STRINGS = DATA / "drugcomb" / "train.rexdrug.jsonl"

SENTENCE = "aspirin and zinc and aspirin"
SPANS: list[dict[str, object]] = [
    {"span_id": 0, "text": "aspirin", "start": 0, "end": 7},
    {"span_id": 1, "text": "zinc", "start": 12, "end": 16},
]
RELATION: dict[str, object] = {"class": "POS", "spans": [0, 1], "is_context_needed": True}
ROW: dict[str, object] = {
    "doc_id": "d1",
    "sentence": SENTENCE,
    "spans": SPANS,
    "rels": [RELATION],
    "paragraph": f"Title. {SENTENCE}",
    "source": "https://pubmed.ncbi.nlm.nih.gov/12/",
}
PLAIN = CombinationRow("d", "s", "p", (), (), None)


@pytest.fixture(scope="module")
def rows() -> list[CombinationRow]:
    if not FILE.is_file():
        pytest.skip("DrugComb absent: set APOTHECARY_DATA to the folder that holds drugcomb/train.jsonl")
    return list(read_rows(FILE))


def combinations(rows: list[CombinationRow]) -> list[Combination]:
    return [combination for row in rows for combination in row.combinations]


def names(row: CombinationRow, combination: Combination) -> list[str]:
    return [row.spans[place].text.lower() for place in combination.spans]


def read(folder: Path, *objects: object) -> list[CombinationRow]:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in objects))
    return list(read_rows(path))


def test_rows_and_combinations_by_type(rows: list[CombinationRow]) -> None:
    assert len(rows) == len({row.doc_id for row in rows}) == len({row.sentence for row in rows}) == 1362
    assert Counter(each.type for each in combinations(rows)) == {"POS": 688, "COMB": 235, "NEG": 116}
    assert Counter(len(row.combinations) for row in rows) == {0: 494, 1: 731, 2: 105, 3: 31, 5: 1}


@pytest.mark.parametrize(
    ("kinds", "arities"),
    [
        (("POS", "COMB", "NEG"), {2: 745, 3: 191, 4: 57, 5: 22, 6: 14, 7: 7, 8: 1, 11: 2}),
        (("POS",), {2: 489, 3: 131, 4: 38, 5: 15, 6: 10, 7: 4, 11: 1}),
        (("COMB",), {2: 169, 3: 38, 4: 17, 5: 5, 6: 3, 7: 2, 11: 1}),
        (("NEG",), {2: 87, 3: 22, 4: 2, 5: 2, 6: 1, 7: 1, 8: 1}),
    ],
)
def test_arities(rows: list[CombinationRow], kinds: tuple[str, ...], arities: dict[int, int]) -> None:
    assert Counter(len(each.spans) for each in combinations(rows) if each.type in kinds) == arities


def test_rows_that_mix_types(rows: list[CombinationRow]) -> None:
    mixed = Counter("+".join(sorted({each.type for each in row.combinations})) for row in rows)
    assert {key: count for key, count in mixed.items() if "+" in key} == {
        "COMB+POS": 21,
        "NEG+POS": 10,
        "COMB+NEG": 1,
    }


def test_context_is_needed_for_two_thirds(rows: list[CombinationRow]) -> None:
    needed = Counter(each.type for each in combinations(rows) if each.context_needed)
    assert needed == {"POS": 398, "COMB": 235, "NEG": 69}
    assert needed.total() == 702


def test_mentions_and_words(rows: list[CombinationRow]) -> None:
    mentions = [len(row.spans) for row in rows]
    assert (min(mentions), max(mentions), round(statistics.fmean(mentions), 2)) == (2, 15, 2.98)
    sentences = [len(row.sentence.split()) for row in rows]
    paragraphs = [len(row.paragraph.split()) for row in rows]
    assert (statistics.median(sentences), max(sentences)) == (30, 98)
    assert (statistics.median(paragraphs), max(paragraphs)) == (252, 1010)
    means = round(statistics.fmean(sentences), 1), round(statistics.fmean(paragraphs), 1)
    assert means == (32.2, 258.1)


def test_names_and_sets(rows: list[CombinationRow]) -> None:
    """The string form of the corpus has 947 names: it writes one of them in ASCII."""
    sets = [names(row, each) for row in rows for each in row.combinations]
    assert len({span.text.lower() for row in rows for span in row.spans}) == 948
    # 866 are counted where a name that is given twice makes another set.
    assert len({tuple(sorted(each)) for each in sets}) == 866
    assert len({frozenset(each) for each in sets}) == 864
    assert sum(len(set(each)) < len(each) for each in sets) == 9


def test_rows_that_repeat_a_name_and_sources(rows: list[CombinationRow]) -> None:
    assert sum(len({s.text.lower() for s in row.spans}) < len(row.spans) for row in rows) == 177
    assert sum(row.source is None for row in rows) == 94
    assert all(row.sentence in row.paragraph for row in rows)


def test_a_row_is_known_by_the_digest_of_its_sentence(rows: list[CombinationRow]) -> None:
    def digest(row: CombinationRow) -> str:
        return hashlib.md5(row.sentence.encode(), usedforsecurity=False).hexdigest()

    assert sum(digest(row) == row.doc_id for row in rows) == 1361


def test_four_texts_of_one_row_differ_from_their_slices(rows: list[CombinationRow]) -> None:
    wrong = [
        (row.doc_id, row.sentence[s.start : s.end])
        for row in rows
        for s in row.spans
        if row.sentence[s.start : s.end] != s.text
    ]
    assert {doc_id for doc_id, _ in wrong} == {"d404a0a64aefa9b15e1c76f398b14335"}
    assert [text for _, text in wrong] == ["cyclophosphamide", "doxorubicin", "vincristine", "prednisone"]


def test_a_row_is_read_in_full(tmp_path: Path) -> None:
    (row,) = read(tmp_path, ROW)
    assert row.spans == (DrugSpan("aspirin", 0, 7), DrugSpan("zinc", 12, 16))
    assert row.combinations == (Combination("POS", (0, 1), context_needed=True),)
    assert identities(row) == ("d1", "12")
    assert identities(replace(row, source="https://example.org/12")) == ("d1",)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"doc_id": ""}, "doc_id is empty"),
        ({"sentence": None}, "sentence is missing"),
        ({"spans": None}, "spans is missing"),
        ({"rels": None}, "rels is missing"),
        ({"source": 12}, "source is not a string"),
        ({"spans": [SPANS[1]]}, r"spans\[0\].span_id is 1, not its position 0"),
        ({"spans": [SPANS[0] | {"end": 99}]}, r"spans\[0\] 0-99 lies outside"),
        ({"spans": [SPANS[0] | {"end": 0}]}, r"spans\[0\] 0-0 is empty"),
        ({"rels": [RELATION | {"spans": [0]}]}, r"rels\[0\].spans does not name two"),
        ({"rels": [RELATION | {"spans": [1, 1]}]}, r"rels\[0\].spans does not name two"),
        ({"rels": [RELATION | {"spans": [0, 2]}]}, r"rels\[0\].spans names a mention that is not there"),
        ({"rels": [RELATION | {"class": "SYN"}]}, r"rels\[0\].class is 'SYN', not one of POS, NEG, COMB"),
        ({"rels": [RELATION | {"class": None}]}, r"rels\[0\].class is missing"),
        ({"rels": [RELATION | {"is_context_needed": 1}]}, r"rels\[0\].is_context_needed is neither"),
    ],
)
def test_a_bad_row_is_one_error_with_its_line(
    tmp_path: Path, change: dict[str, object], problem: str
) -> None:
    with pytest.raises(DataError, match=rf"rows\.jsonl:2: (field )?{problem}"):
        read(tmp_path, ROW | {"doc_id": "d0"}, ROW | change)


def test_a_span_outside_the_sentence_is_an_offset_error(tmp_path: Path) -> None:
    with pytest.raises(OffsetError):
        read(tmp_path, ROW | {"spans": [SPANS[0] | {"start": -1}]})


def test_a_repeated_row_and_an_empty_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"rows\.jsonl:2: row d1 was already given at line 1"):
        read(tmp_path, ROW, ROW)
    with pytest.raises(DataError, match="no row in it"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"rows\.jsonl:1: not an object but list"):
        read(tmp_path, [ROW])


def test_no_abstract_lies_on_both_sides(rows: list[CombinationRow]) -> None:
    train, dev = development_split(rows)
    assert (len(train), len(dev)) == (1148, 214)
    assert not {row.source for row in train if row.source} & {row.source for row in dev}

    def letters(row: CombinationRow) -> str:
        return "".join(filter(str.isalnum, row.paragraph)).lower()

    assert not {letters(row) for row in train} & {letters(row) for row in dev}


@given(st.lists(st.text(max_size=4), unique=True), st.floats(0, 1), st.floats(0, 1))
def test_a_side_depends_on_the_abstract_alone(texts: list[str], one: float, other: float) -> None:
    rows = [replace(PLAIN, doc_id=str(n), paragraph=text) for n, text in enumerate(texts)]
    small, large = sorted((one, other))
    train, dev = development_split(rows, small)
    assert [row for row in rows if row in train] == train
    assert development_split(rows[::-1], small) == (train[::-1], dev[::-1])
    assert set(dev) <= set(development_split(rows, large)[1])


def test_blanks_do_not_make_another_abstract() -> None:
    rows = [replace(PLAIN, doc_id=str(n), paragraph="a.b" if n % 2 else "A . b") for n in range(10)]
    assert {len(side) for side in development_split(rows, 0.5)} == {0, 10}


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        development_split([], share)


@pytest.fixture(scope="module")
def forms(rows: list[CombinationRow]) -> tuple[list[Document], list[Document]]:
    if not STRINGS.is_file():
        pytest.skip("DrugComb in the string form absent: drugcomb/train.rexdrug.jsonl")
    return list(read_gold(FILE)), list(read_gold(STRINGS))


def test_rows_become_documents_in_their_order(
    rows: list[CombinationRow], forms: tuple[list[Document], list[Document]]
) -> None:
    spans, strings = forms
    assert [d.id for d in spans] == [row.doc_id for row in rows]
    assert [d.id for d in strings] == [str(number) for number in range(1362)]
    assert all(d.passage_text(d.passages[0]) == row.sentence for d, row in zip(spans, rows, strict=True))
    assert [len(d.mentions) for d in spans] == [len(d.mentions) for d in strings]
    assert not [each for d in strings for each in d.unlocated]


def test_the_string_form_says_the_same(forms: tuple[list[Document], list[Document]]) -> None:
    def said(document: Document) -> list[tuple[str, int, str]]:
        return [(r.type, len(r.arguments), r.attributes["context_needed"]) for r in document.relations]

    spans, strings = forms
    # Spec: all but one; it differs in the spelling of a name.
    assert sum(said(a) == said(b) for a, b in zip(spans, strings, strict=True)) == 1362
    assert (
        sum(
            a.passage_text(a.passages[0]) != b.passage_text(b.passages[0])
            for a, b in zip(*forms, strict=True)
        )
        == 28
    )
    assert len({name.lower() for d in strings for c in d.concepts for name in c.names}) == 947


def test_names_without_positions_are_found_where_the_spans_are(
    forms: tuple[list[Document], list[Document]],
) -> None:
    same = [(a, b) for a, b in zip(*forms, strict=True) if a.text == b.text]
    places = [tuple(sorted((m.start, m.end) for m in d.mentions) for d in pair) for pair in same]
    assert sum(one == other for one, other in places) / len(same) > 0.99


def test_sets_that_repeat_and_the_heuristic_of_taking_every_drug(
    forms: tuple[list[Document], list[Document]],
) -> None:
    _, strings = forms
    said = [[(r.type, frozenset(a.concept for a in r.arguments)) for r in d.relations] for d in strings]
    assert sum(len(set(each)) < len(each) for each in said) == 4
    single = [(d, each) for d, each in zip(strings, said, strict=True) if len(each) == 1]
    assert len(single) == 731
    assert sum({c.id for c in d.concepts} == each[0][1] for d, each in single) == 680


def test_sets_of_one_row_overlap(forms: tuple[list[Document], list[Document]]) -> None:
    several = [
        [frozenset(a.concept for a in r.arguments) for r in d.relations]
        for d in forms[1]
        if len(d.relations) > 1
    ]
    pairs = [list(combine(sets, 2)) for sets in several]
    assert len(several) == 137
    # Names that differ in case are one here; where they are two, the counts are 125 and 17.
    assert sum(any(one & other for one, other in each) for each in pairs) == 126
    assert sum(any(one < other or other < one for one, other in each) for each in pairs) == 18


def test_documents_are_split_as_rows_are(
    rows: list[CombinationRow], forms: tuple[list[Document], list[Document]]
) -> None:
    train, dev = development_split(rows)
    found = split_documents(forms[0])
    assert [[d.id for d in side] for side in found] == [[row.doc_id for row in side] for side in (train, dev)]
    with pytest.raises(UsageError, match="does not exist"):
        split_documents([], 2)
