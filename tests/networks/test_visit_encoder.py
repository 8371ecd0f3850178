"""Vectors of codes, drugs and visits: what goes together lies near, and no visit needs to be known."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import ApothecaryError, DataError, UsageError
from apothecary.networks.visit_encoder import VectorTable, attribute_table, encode_visits, read_table

HEART, LUNG = (("i50", "i10"), ("furosemide", "lisinopril")), (("j45",), ("salbutamol", "prednisone"))
VISITS = [HEART, HEART, LUNG, LUNG, (("i50",), ("furosemide",)), (("j45", "j44"), ("salbutamol",))]


def near(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_what_goes_together_in_visits_lies_near() -> None:
    codes, drugs = encode_visits(VISITS, width=4)
    heart, lung = codes.mean(["i50"]), codes.mean(["j45"])
    assert near(heart, codes.mean(["i10"])) > 0.7 > 0.1 > abs(near(heart, lung))
    assert near(drugs.mean(["salbutamol"]), drugs.mean(["prednisone"])) > 0.3


def test_a_visit_never_seen_lies_where_its_codes_do() -> None:
    codes, _ = encode_visits(VISITS, width=4)
    unseen = codes.mean(["i10", "j44", "never-seen"])
    assert unseen == pytest.approx((codes.mean(["i10"]) + codes.mean(["j44"])) / 2)
    assert not codes.mean(["never-seen"]).any()


def test_the_order_of_visits_changes_nothing() -> None:
    one, other = encode_visits(VISITS, 4), encode_visits(VISITS[::-1], 4)
    assert one[0].names == other[0].names
    assert one[0].vectors == pytest.approx(other[0].vectors, abs=1e-5)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("wxyz"))), max_size=6),
    st.integers(1, 6),
)
def test_any_visits_give_finite_vectors_of_the_width(
    visits: list[tuple[set[str], set[str]]], width: int
) -> None:
    if not any(codes for codes, _ in visits) or not any(drugs for _, drugs in visits):
        with pytest.raises(DataError, match="no code, or no drug"):
            encode_visits(visits, width)
        return
    for table in encode_visits(visits, width):
        assert table.width == width
        assert np.isfinite(table.vectors).all()


def test_names_with_common_attributes_lie_near() -> None:
    table = attribute_table({"401.9": ["4", "40", "401"], "402.1": ["4", "40", "402"], "850": ["8", "85"]}, 3)
    assert near(table.mean(["401.9"]), table.mean(["402.1"])) > near(
        table.mean(["401.9"]), table.mean(["850"])
    )
    with pytest.raises(DataError, match="no name has an attribute"):
        attribute_table({"a": []})
    with pytest.raises(UsageError, match="a width of 1"):
        attribute_table({"a": ["b"]}, 0)


def test_a_table_of_the_users_is_read(tmp_path: Path) -> None:
    (tmp_path / "molecules.csv").write_text("aspirin,0.5,-1\nibuprofen,1e-1,2\n")
    table = read_table(tmp_path / "molecules.csv")
    assert table.mean(["ibuprofen"]) == pytest.approx([0.1, 2.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1\nb,x\n", ":2: holds what is no number"),
        ("a,1\nb,1,2\n", ":2: 2 numbers, 1 wanted"),
        ("a\n", ":1: 0 numbers, at least 1 wanted"),
        ("", "holds no vector"),
        ("a,1\na,2\n", "names something twice"),
        ("a,nan\n", "no finite number"),
        ("\udc80", "is no CSV in UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_broken_table_is_named_with_its_line(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "t.csv"
    if text is not None:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ApothecaryError, match=message):
        read_table(path)


def test_names_and_vectors_go_together() -> None:
    with pytest.raises(DataError, match="2 names, and vectors"):
        VectorTable(("a", "b"), np.zeros((1, 3), dtype=np.float32))
