"""Levitated markers: who sees whom, where they stand, what a candidate is."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from tokenizers import Tokenizer  # noqa: E402
from transformers import DistilBertConfig, DistilBertModel, RobertaConfig, RobertaModel  # noqa: E402

from apothecary.errors import WeightsError  # noqa: E402
from apothecary.networks.encoding import TextEncoder  # noqa: E402
from apothecary.networks.heads import Encoder  # noqa: E402
from apothecary.networks.levitated import LevitatedMarkers, Pages, candidates, pages, visible  # noqa: E402
from tests.strategies import texts  # noqa: E402
from tests.tiny_encoder import tiny_encoder  # noqa: E402

LONG = "aspirin caused tremor in the patients, lithium induced asthma. " * 8
NAMES = ("aspirin", "asthma")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny_encoder(tmp_path_factory.mktemp("encoder"))
    tokenizer = Tokenizer.from_file(str(made / "tokenizer.json"))
    tokenizer.add_special_tokens(["[MASK]"])
    tokenizer.save(str(made / "tokenizer.json"))
    return made


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> TextEncoder:
    return TextEncoder(folder / "tokenizer.json")


@pytest.fixture(scope="module")
def model(folder: Path, tokenizer: TextEncoder) -> LevitatedMarkers:
    torch.manual_seed(1)
    made = LevitatedMarkers(Encoder(folder), 3, tokenizer.mask)
    # Untrained markers are equal and their states nearly so: as they are, little could be seen.
    torch.nn.init.normal_(made.markers)
    torch.nn.init.normal_(made.score.weight)
    return made.eval()


def laid(tokenizer: TextEncoder, text: str, positions: int = 64, longest: int = 4) -> Pages:
    encoded = tokenizer.encode(text)
    return pages(tokenizer, encoded, candidates(encoded, text, longest), NAMES, positions)


def spans_of(tokenizer: TextEncoder, text: str, longest: int = 16) -> list[str]:
    encoded = tokenizer.encode(text)
    found = candidates(encoded, text, longest)
    return [text[encoded.starts[first] : encoded.ends[end - 1]] for first, end in found]


@given(st.integers(1, 9), st.integers(0, 6))
def test_text_sees_text_and_a_marker_the_text_itself_and_its_partner(tokens: int, spans: int) -> None:
    sees = visible(tokens, spans).numpy()
    assert sees[:, :tokens].all()
    assert not sees[:tokens, tokens:].any()
    both = np.concatenate([np.eye(spans), np.eye(spans)], axis=1).astype(bool)
    assert (sees[tokens:, tokens:] == np.concatenate([both, both])).all()


@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_a_span_is_scored_alike_whatever_shares_its_pass(
    model: LevitatedMarkers, tokenizer: TextEncoder, at_once: int
) -> None:
    page = laid(tokenizer, "lithium caused tremor, aspirin 80 mg: asthma")
    (whole,) = page.layouts(np.arange(len(page.spans)), 1000)
    with torch.no_grad():
        together = model(whole)
        parts = [model(layout) for layout in page.layouts(whole.spans, at_once)]
    assert len(parts) > 1
    assert float((together[0] - together[1]).abs().max()) > 1e-3
    assert torch.allclose(torch.cat(parts), together, atol=1e-5)


def test_a_span_is_scored_by_its_pair(model: LevitatedMarkers, tokenizer: TextEncoder) -> None:
    encoded = tokenizer.encode("tremor")
    spans = candidates(encoded, "tremor", 1)
    both = [pages(tokenizer, encoded, spans, names, 64) for names in (NAMES, NAMES[::-1])]
    with torch.no_grad():
        one, two = (model(page.layouts(np.arange(1), 9)[0]) for page in both)
    assert float((one - two).abs().max()) > 1e-3


@given(st.data())
@settings(deadline=None, max_examples=25)
def test_markers_stand_at_the_first_and_last_token_of_their_span(
    tokenizer: TextEncoder, data: st.DataObject
) -> None:
    text = data.draw(texts | st.just(LONG))
    encoded, page = tokenizer.encode(text), laid(tokenizer, text)
    reached = np.flatnonzero(page.page >= 0)
    found = page.layouts(np.arange(len(page.spans)), 5)
    assert sorted(np.concatenate([[], *(layout.spans for layout in found)])) == reached.tolist()
    for layout in found:
        count, tokens = len(layout.spans), len(layout.ids)
        assert tokens <= 64
        assert (layout.places[:tokens] == np.arange(tokens)).all()
        starts, ends = layout.places[tokens : tokens + count], layout.places[tokens + count :]
        assert (layout.ids[starts] == encoded.ids[page.spans[layout.spans, 0]]).all()
        assert (layout.ids[ends] == encoded.ids[page.spans[layout.spans, 1] - 1]).all()
        assert (ends - starts == np.diff(page.spans[layout.spans], axis=1)[:, 0] - 1).all()


def test_a_span_is_read_where_most_stands_around_it(tokenizer: TextEncoder) -> None:
    page = laid(tokenizer, LONG)
    assert len(page.ids) > 1
    front = 5
    for number, (first, end) in zip(page.page, page.spans, strict=True):
        shown = [
            min(first + shift - front, len(ids) - 1 - end - shift)
            for ids, shift in zip(page.ids, page.shifts, strict=True)
        ]
        assert shown[number] == max(shown) >= 0


def test_a_span_that_no_window_holds_is_left_out(tokenizer: TextEncoder) -> None:
    encoded = tokenizer.encode(LONG)
    page = pages(tokenizer, encoded, np.asarray([[0, len(encoded)], [3, 5]]), NAMES, 64)
    assert page.page.tolist() == [-1, 0]
    assert [layout.spans.tolist() for layout in page.layouts(np.arange(2), 9)] == [[1]]


def test_the_pair_stands_in_front_and_long_names_are_cut_off(tokenizer: TextEncoder) -> None:
    encoded = tokenizer.encode("tremor")
    spans = candidates(encoded, "tremor", 1)
    short, long = (pages(tokenizer, encoded, spans, (name, "asthma"), 64) for name in ("drug", "x " * 40))
    asked = [*tokenizer.encode("drug ; asthma").ids.tolist()]
    marks = [*tokenizer.before], [*tokenizer.after]
    assert short.ids[0].tolist() == [*marks[0], *asked, *marks[1], *encoded.ids.tolist(), *marks[1]]
    assert len(long.ids[0]) == len(short.ids[0]) - 1 + 8


def test_neither_end_is_a_function_word_or_punctuation(tokenizer: TextEncoder) -> None:
    assert spans_of(tokenizer, "of the men, and") == ["men"]
    assert spans_of(tokenizer, "HER in men", 1) == ["HER", "men"]
    assert "men (57%)" in spans_of(tokenizer, "the men (57%) were")
    assert "100 mg b.i.d." in spans_of(tokenizer, "got 100 mg b.i.d. and")
    assert "> 65 years" in spans_of(tokenizer, "aged > 65 years.")


def test_brackets_come_in_pairs_and_sentences_end_spans(tokenizer: TextEncoder) -> None:
    assert spans_of(tokenizer, "men (old) x")[:2] == ["men", "men (old)"]
    assert spans_of(tokenizer, "old) x") == ["old", "x"]
    assert spans_of(tokenizer, "men. Two") == ["men", "Two"]
    assert "0.5 mg" in spans_of(tokenizer, "0.5 mg")


def test_candidates_have_no_more_words_than_asked(tokenizer: TextEncoder) -> None:
    assert spans_of(tokenizer, "a1 b1 c1", 2) == ["a1", "a1 b1", "b1", "b1 c1", "c1"]
    assert spans_of(tokenizer, "") == []


def test_positions_of_roberta_begin_behind_those_of_padding(folder: Path, tmp_path: Path) -> None:
    config = RobertaConfig(
        vocab_size=100,
        max_position_embeddings=66,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
    )
    RobertaModel(config).save_pretrained(tmp_path)
    tokenizer = TextEncoder(folder / "tokenizer.json")
    model = LevitatedMarkers(Encoder(tmp_path), 2, tokenizer.mask)
    assert (model.first_position, model.positions) == (2, 64)
    page = laid(tokenizer, LONG)
    assert max(map(len, page.ids)) == 64
    assert [len(model(layout)) for layout in page.layouts(np.arange(3), 9)] == [3]


def test_an_encoder_without_absolute_positions_is_refused(folder: Path, tmp_path: Path) -> None:
    DistilBertModel(DistilBertConfig(vocab_size=9, dim=8, n_layers=1, n_heads=2)).save_pretrained(tmp_path)
    with pytest.raises(WeightsError, match="kind distilbert"):
        LevitatedMarkers(Encoder(tmp_path), 2, 0)


def test_an_encoder_with_no_room_for_a_text_is_refused(tokenizer: TextEncoder) -> None:
    with pytest.raises(WeightsError, match="no room"):
        laid(tokenizer, "tremor", positions=4)
