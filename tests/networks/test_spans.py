"""Spans <-> tags."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apothecary.networks.encoding import Encoded, TextEncoder
from apothecary.networks.spans import Rule, best_tags, read_spans, settled, tag_count, write_tags
from tests.tiny_encoder import tiny_tokenizer

TEXT = "the lithium-induced tremor (tremor) , aspirin asthma"


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    return TextEncoder(tiny_tokenizer(tmp_path_factory.mktemp("t"))).encode(TEXT)


def certain(tags: np.ndarray, count: int) -> np.ndarray:
    rows = np.full((len(tags), count), -20.0, np.float32)
    rows[np.arange(len(tags)), tags] = -1e-4
    return rows


@given(st.data())
def test_spans_of_whole_words_survive_the_way_there_and_back(encoded: Encoded, data: st.DataObject) -> None:
    words = len(encoded.words)
    cuts = sorted(data.draw(st.sets(st.integers(0, words - 1), min_size=2, max_size=8)))
    bounds = np.append(encoded.words, len(encoded))
    spans = {
        (int(encoded.starts[bounds[a]]), int(encoded.ends[bounds[b] - 1]), data.draw(st.integers(0, 2)))
        for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    }
    tags, lost = write_tags(encoded, spans)
    assert not lost
    rows = certain(tags, tag_count(3))
    assert {span[:3] for span in read_spans(encoded, best_tags(rows), rows)} == spans


def test_of_two_overlapping_spans_the_longer_is_said(encoded: Encoded) -> None:
    tags, lost = write_tags(encoded, [(4, 11, 0), (4, 26, 1)])
    assert lost == [(4, 11, 0)]
    assert tags[1] == 3


@given(st.integers(0, 6), st.integers(1, 3), st.integers(0, 1000))
def test_the_best_tags_are_legal_and_no_legal_ones_are_better(words: int, labels: int, seed: int) -> None:
    rows = np.log(np.random.default_rng(seed).dirichlet(np.ones(tag_count(labels)), words))
    found = best_tags(rows.astype(np.float32).reshape(words, tag_count(labels)))
    every = [[]] if not words else legal(words, tag_count(labels))
    best = max(sum(rows[i, tag] for i, tag in enumerate(path)) for path in every)
    assert np.isclose(sum(rows[i, tag] for i, tag in enumerate(found)), best, atol=1e-4)
    assert list(found) in every


def legal(words: int, tags: int) -> list[list[int]]:
    paths: list[list[int]] = [[tag] for tag in range(tags) if not (tag and tag % 2 == 0)]
    for _ in range(words - 1):
        paths = [
            [*path, tag]
            for path in paths
            for tag in range(tags)
            if not (tag and tag % 2 == 0) or path[-1] in (tag, tag - 1)
        ]
    return paths


def test_a_span_is_only_as_sure_as_its_least_certain_word(encoded: Encoded) -> None:
    tags, _ = write_tags(encoded, [(38, 52, 0)])
    sure, unsure = certain(tags, 3), certain(tags, 3)
    unsure[-1] = np.log([0.3, 0.1, 0.6])
    scores = [read_spans(encoded, tags, rows)[0][3] for rows in (sure, unsure)]
    assert scores[0] > 5
    assert np.isclose(scores[1], np.log(0.6 / 0.4), atol=1e-3)


def test_a_text_without_words_has_no_spans(tmp_path: Path) -> None:
    empty = TextEncoder(tiny_tokenizer(tmp_path)).encode(" \n ")
    assert read_spans(empty, best_tags(np.zeros((0, 3), np.float32)), np.zeros((0, 3), np.float32)) == []


REPEATED = "Lithium and tremor . lithium-induced TREMOR of lithiums , aspirin"


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    return TextEncoder(tiny_tokenizer(tmp_path_factory.mktemp("r"))).encode(REPEATED)


def test_a_sure_name_is_told_wherever_it_stands_as_a_word(repeated: Encoded) -> None:
    found = settled(repeated, REPEATED, [(0, 7, 0, 4.0), (12, 18, 1, 1.0)], Rule(0.5, 3.0))
    assert found == [(0, 7, 0, 4.0), (12, 18, 1, 1.0), (21, 28, 0, 0.5)]


def test_a_doubtful_span_is_not_told_unless_its_name_is_sure_elsewhere(repeated: Encoded) -> None:
    spans = [(0, 7, 1, 0.1), (12, 18, 1, 0.1), (21, 28, 0, 4.0)]
    assert settled(repeated, REPEATED, spans, Rule(0.5, 3.0)) == [(0, 7, 0, 0.5), (21, 28, 0, 4.0)]


def test_of_a_name_with_two_labels_the_surest_place_speaks(repeated: Encoded) -> None:
    spans = [(0, 7, 1, 3.5), (12, 18, 1, 5.0), (21, 28, 0, 9.0)]
    assert (37, 43, 1, 0.0) in settled(repeated, REPEATED, spans, Rule(None, 3.0))
    (other,) = settled(repeated, REPEATED, [(21, 28, 0, 9.0)], Rule(None, 3.0))[:1]
    assert other == (0, 7, 0, 0.0)


def test_a_longer_span_keeps_its_place(repeated: Encoded) -> None:
    found = settled(repeated, REPEATED, [(0, 7, 0, 4.0), (21, 43, 1, 1.0)], Rule(None, 3.0))
    assert found == [(0, 7, 0, 4.0), (21, 43, 1, 1.0)]


@given(st.data())
def test_what_is_told_never_overlaps_and_no_rule_tells_all(repeated: Encoded, data: st.DataObject) -> None:
    words = [*repeated.words, len(repeated)]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(words) - 1), min_size=2, max_size=8)))
    score = st.floats(-2, 8, allow_nan=False)
    spans = [
        (
            int(repeated.starts[words[a]]),
            int(repeated.ends[words[b] - 1]),
            data.draw(st.integers(0, 1)),
            data.draw(score),
        )
        for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    assert settled(repeated, REPEATED, spans, Rule()) == spans
    told = settled(repeated, REPEATED, spans, Rule(data.draw(score), data.draw(score)))
    assert all(one[1] <= two[0] for one, two in pairwise(told))
