"""Text -> tokens and windows."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel

from apothecary.errors import WeightsError
from apothecary.networks.encoding import TextEncoder, Windowing, word_shape
from tests.strategies import texts
from tests.tiny_encoder import tiny_tokenizer


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TextEncoder:
    return TextEncoder(tiny_tokenizer(tmp_path_factory.mktemp("tokenizer")))


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("-", 0),
        ("", 0),
        ("lithium", 1),
        ("Lithium", 2),
        ("A", 2),
        ("HIV", 3),
        ("mRNA", 4),
        ("5", 5),
        ("B12", 6),
    ],
)
def test_a_word_has_the_shape_that_its_letters_show(word: str, shape: int) -> None:
    assert word_shape(word) == shape


@given(st.data())
def test_every_token_lies_in_the_text_and_in_order(encoder: TextEncoder, data: st.DataObject) -> None:
    text = data.draw(texts)
    encoded = encoder.encode(text)
    assert (encoded.starts >= 0).all()
    assert (encoded.ends <= len(text)).all()
    assert (np.diff(encoded.starts) >= 0).all()
    assert not len(encoded) or encoded.begins_word[0]


def test_the_blank_before_a_word_is_no_part_of_it(tmp_path: Path) -> None:
    alphabet = sorted(ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({letter: i for i, letter in enumerate(alphabet)} | {"Ġa": 256}, [("Ġ", "a")]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    encoded = TextEncoder(tmp_path / "tokenizer.json").encode("a a")
    assert encoded.starts.tolist() == [0, 2]
    assert encoded.ends.tolist() == [1, 3]


def test_offsets_are_code_points_beyond_the_basic_plane(encoder: TextEncoder) -> None:
    text = "😀 \U0001d4b3 aspirin"
    encoded = encoder.encode(text)
    first, last = encoded.tokens_of(text.index("aspirin"), len(text))
    assert text[encoded.starts[first] : encoded.ends[last - 1]] == "aspirin"


def test_a_span_takes_all_tokens_that_it_touches(encoder: TextEncoder) -> None:
    encoded = encoder.encode("the lithium tremor")
    first, last = encoded.tokens_of(5, 8)
    assert [(encoded.starts[i], encoded.ends[i]) for i in range(first, last)] == [(4, 8)]
    assert encoded.tokens_of(3, 4) == (1, 1)


@given(st.integers(0, 400), st.integers(1, 60), st.data())
def test_every_token_is_spoken_for_once(length: int, size: int, data: st.DataObject) -> None:
    windows = Windowing(size, data.draw(st.integers(0, size // 2))).over(length)
    owned = [token for window in windows for token in range(window.own_start, window.own_end)]
    assert owned == list(range(length))
    for window in windows:
        assert window.start <= window.own_start <= window.own_end <= window.end
        assert window.end - window.start <= size


def test_windows_that_overlap_by_more_than_half_are_refused() -> None:
    with pytest.raises(WeightsError, match="cannot overlap by 6"):
        Windowing(10, 6)


def test_a_file_that_is_no_tokenizer_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match="is not a tokenizer"):
        TextEncoder(tmp_path / "tokenizer.json")
