"""Instances of applicability conditions: counts, and parts that no abstract is torn between."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.corpora.abstracts import abstracts_of
from apothecary.corpora.conditions import CORPUS, folds, split, stats
from apothecary.documents import Document
from apothecary.errors import FormatError, UsageError
from apothecary.formats.condition_rows import ConditionRow, document_of
from apothecary.formats.condition_text import text_key
from apothecary.formats.inputs import read_gold

DATA = Path(os.environ.get("APOTHECARY_DATA", Path(__file__).parents[3] / "shared" / "data"))
CANDIDATES = DATA / "conditions" / "candidates.jsonl"

ROWS = [
    ConditionRow(
        "a", "Zinc.", "Women, 20 mg.", "zinc", "colds", "1", (("Women", "Gender"), ("20mg", "Dosage"))
    ),
    ConditionRow("b", "Zinc.", "Women, 20 mg.", "zinc", "flu", "1", ()),
    ConditionRow("c", "Tin.", "Men.", "tin", "colds", "", (("the old", "Age"),)),
    ConditionRow("d", "Tin.", "Men.", "tin", "flu", "", None, '["Span: Men | Label: Gender"]'),
    ConditionRow("e", "Iron", "", "iron", "anemia"),
]
DOCUMENTS = [document_of(row) for row in ROWS]

ABSTRACTS = st.lists(st.tuples(st.sampled_from(["", "1", "2", "3"]), st.sampled_from("abcdefg")), max_size=12)
SEEDS = st.integers(0, 9)


def documents(abstracts: list[tuple[str, str]]) -> list[Document]:
    rows = [
        ConditionRow(str(place), "", f"text {text}", "x", "y", pmid)
        for place, (pmid, text) in enumerate(abstracts)
    ]
    return [document_of(row) for row in rows]


def names(documents: Sequence[Document]) -> list[str]:
    return abstracts_of((each.attributes.get("pmid", ""), each.text) for each in documents)


def test_counts_say_over_what_they_are() -> None:
    found = stats(DOCUMENTS)
    assert (found.abstracts, found.pairs, found.annotated, found.unread) == (3, 5, 3, 1)
    assert (found.spans, found.spans_per_pair, found.spans_per_non_empty_pair) == (3, 1.0, 1.5)
    assert found.empty == 1
    assert found.empty_share == pytest.approx(1 / 3)
    assert found.by_type == {"Gender": 1, "Dosage": 1, "Age": 1}
    assert found.by_how == {"exact": 1, "spaces": 1, "case": 0, "none": 1}
    # Zinc . Women , 20 mg . | Tin . Men . | Iron
    assert found.mean_tokens == pytest.approx((7 + 4 + 1) / 3)
    assert stats(DOCUMENTS, tokens=len).mean_tokens == pytest.approx((19 + 9 + 4) / 3)


def test_nothing_has_no_means() -> None:
    found = stats([])
    assert (
        found.mean_tokens
        is found.spans_per_pair
        is found.spans_per_non_empty_pair
        is found.empty_share
        is None
    )
    assert found.figures()["pairs"] == 0


def test_the_candidates_are_counted() -> None:
    if not CANDIDATES.is_file():
        pytest.skip("candidates absent: set APOTHECARY_DATA to the folder with conditions/candidates.jsonl")
    found = stats(list(read_gold(CANDIDATES)))
    assert (found.abstracts, found.pairs, found.annotated) == (37, 39, 0)


def test_an_abstract_is_known_by_its_pubmed_id_and_by_its_text() -> None:
    texts = [("1", "A b."), ("1", "Else."), ("", "else"), ("", "Other."), ("2", "a B"), ("3", "")]
    assert abstracts_of(texts) == ["1", "1", "1", text_key("other"), "1", "3"]


@given(ABSTRACTS)
def test_abstracts_are_counted_as_they_are_told_apart(abstracts: list[tuple[str, str]]) -> None:
    given_ = documents(abstracts)
    count = len(set(names(given_)))
    assert stats(iter(given_)).abstracts == stats(reversed(given_)).abstracts == count


@given(ABSTRACTS, SEEDS, st.floats(0, 1))
def test_no_abstract_lies_in_two_parts(abstracts: list[tuple[str, str]], seed: int, share: float) -> None:
    given_ = documents(abstracts)
    parts = split(given_, {"train": 1 - share, "dev": share}, seed=seed)
    assert sorted(d.id for part in parts.values() for d in part) == sorted(d.id for d in given_)
    known = dict(zip((d.id for d in given_), names(given_), strict=True))
    sides = [{known[d.id] for d in part} for part in parts.values()]
    assert not sides[0] & sides[1]
    assert abs(len(sides[1]) - share * len(sides[0] | sides[1])) <= 1


@given(ABSTRACTS, SEEDS)
def test_parts_do_not_depend_on_the_order(abstracts: list[tuple[str, str]], seed: int) -> None:
    given_ = documents(abstracts)
    shares = {"a": 0.5, "b": 0.25, "c": 0.25}
    backwards = {name: part[::-1] for name, part in split(given_[::-1], shares, seed=seed).items()}
    assert split(given_, shares, seed=seed) == backwards


@given(ABSTRACTS, SEEDS, st.integers(2, 4))
def test_folds_hold_nearly_the_same_number_of_abstracts(
    abstracts: list[tuple[str, str]], seed: int, count: int
) -> None:
    given_ = documents(abstracts)
    known = dict(zip((d.id for d in given_), names(given_), strict=True))
    if len(set(known.values())) < count:
        with pytest.raises(UsageError, match=f"{count} folds of"):
            folds(given_, count, seed=seed)
        return
    sides = [{known[d.id] for d in part} for part in folds(given_, count, seed=seed)]
    assert max(map(len, sides)) - min(map(len, sides)) <= 1
    assert sum(map(len, sides)) == len(set().union(*sides)) > 0


def test_a_text_without_an_id_goes_where_the_same_text_with_one_goes() -> None:
    rows = [ConditionRow(str(n), "", f"text {n // 2}", "x", "y", str(n) if n % 2 else "") for n in range(40)]
    for part in folds([document_of(row) for row in rows], 5):
        assert {int(each.id) ^ 1 for each in part} == {int(each.id) for each in part}


def test_another_seed_gives_other_parts() -> None:
    given_ = documents([("", chr(97 + n)) for n in range(20)])
    assert folds(given_, 2, seed=0) != folds(given_, 2, seed=1)


@pytest.mark.parametrize("shares", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": float("nan")}])
def test_impossible_shares_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="do not sum up to 1"):
        split(DOCUMENTS, shares)
    with pytest.raises(UsageError, match="1 folds of 3 abstracts"):
        folds(DOCUMENTS, 1)


def test_the_published_files_are_read_when_a_user_has_them(tmp_path: Path) -> None:
    item = '{"text": "T\\nA\\n[Drug-Disease]: a - b", "target": "[]"}'
    (tmp_path / "val.json").write_text(f"[{item}, {item}]")
    assert [each.id for each in CORPUS.read(tmp_path, "dev")] == ["0", "1"]
    (tmp_path / "train.json").write_text(f"[{item}, 3]")
    with pytest.raises(FormatError, match=r"train\.json:1: item \[1\] is not an object"):
        list(CORPUS.read(tmp_path, "train"))
