"""National Drug Codes: whole codes first, and nothing is chosen of several ingredients."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.errors import FormatError
from apothecary.vocab.ndc import NdcMap, ndc_digits, read_ndc

DIGITS = st.text("0123456789", min_size=11, max_size=11).filter(lambda text: text.strip("0"))


@pytest.mark.parametrize(
    ("code", "digits"),
    [
        ("00069420030", "00069420030"),
        ("0069-4200-30", "00069420030"),
        ("50242-40-62", "50242004062"),
        ("60575-4112-1", "60575411201"),
        *((code, None) for code in ("0", "", "nan", "00000000000", "6942003", "12-34", "0069420003x")),
    ],
)
def test_codes_have_eleven_digits(code: str, digits: str | None) -> None:
    assert ndc_digits(code) == digits


@given(DIGITS)
def test_hyphens_do_not_matter(code: str) -> None:
    assert ndc_digits(f"{code[:5]}-{code[5:9]}-{code[9:]}") == ndc_digits(code) == code


def test_a_whole_code_comes_before_that_of_its_product() -> None:
    ndc = NdcMap.of([("12345678901", "a"), ("123456789", "b")])
    assert ndc.of_code("12345678901") == {"a"}
    assert ndc.of_code("12345678902") == {"b"}


def test_several_ingredients_stay_several() -> None:
    ndc = NdcMap.of([("12345678901", "a"), ("12345-6789-01", "b"), ("bad", "c"), ("12345678902", " ")])
    assert (len(ndc), ndc.ambiguous, ndc.names) == (1, 1, ("a", "b"))
    assert ndc.of_code("12345678901") == {"a", "b"}


@pytest.mark.parametrize(
    "text",
    [
        "ndc,ingredient\n12345678901,a\n",
        "name\tNDC11\na\t12345678901\n",
        "x;ndc9;drugbank_id\n1;123456789;a\n",
        "{'12345678901': u'a', '12345678902': u''}",
    ],
)
def test_maps_of_users_are_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.txt"
    path.write_text(text)
    assert read_ndc(path).of_code("12345678901") == {"a"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "map.csv:1: no column ndc"),
        ("ndc,b\n1,2\n", "map.csv:1: no column ingredient"),
        ("ndc,drug\n1,2\n", "map.csv: no code with an ingredient"),
        ("{}", "map.csv: no code with an ingredient"),
        ('ndc,drug\n"1,2\n', "map.csv:2: not a row"),
    ],
)
def test_what_is_no_map_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        read_ndc(path)
    assert message in str(caught.value)
