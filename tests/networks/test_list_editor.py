"""The network that edits lists: what it sees, what it may do, its files."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.errors import DataError, ModelMissing, WeightsError
from apothecary.networks.list_editor import (
    MODEL,
    WEIGHTS,
    ListEditor,
    Terms,
    greedy_editor,
    lists_after,
    read_editor,
    shapes_of,
    write_editor,
)
from apothecary.networks.list_features import Harm, ListInputs, ListStates, see
from apothecary.tasks.medication.editors import Problem, greedy
from apothecary.tasks.medication.list_state import ListState
from apothecary.tasks.medication.objective import Objective
from apothecary.tasks.medication.potential import Lists

SEEDS = st.integers(0, 10_000)


def lists(
    seed: int, visits: int = 4, drugs: int = 12, safety: float = 1.0, harm: Harm | None = None
) -> ListInputs:
    draw = np.random.default_rng(seed)
    weights = np.triu(draw.random((drugs, drugs)) < 0.3, 1).astype(float)
    return ListInputs.of(
        draw.random((visits, drugs)) ** 2,
        weights + weights.T,
        safety,
        harm,
        barred=draw.random((visits, drugs)) < 0.2,
    )


def random_editor(seed: int, hidden: int = 8) -> ListEditor:
    draw = np.random.default_rng(seed)
    shapes = sorted(shapes_of(hidden).items())
    return ListEditor(
        {name: np.array(draw.normal(size=shape), np.float32) for name, shape in shapes}, Terms(budget=5)
    )


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from(["rate", "count", "per_drug"]), st.sampled_from([0.0, 0.1]))
def test_gains_are_the_rise_of_the_expected_potential(seed: int, measure: str, target: float) -> None:
    inputs = lists(seed, harm=Harm(measure, target))  # type: ignore[arg-type]
    now = inputs.first_list(0.3)
    gains = see(inputs, ListStates.at_start(now, 3)).gains
    objective = Objective(1.0, inputs.weights.astype(float), measure, target)  # type: ignore[arg-type]
    for row, one in enumerate(now):
        phi = objective.potential(inputs.probabilities[row].astype(float)).phi
        toggled = one ^ np.eye(12, dtype=np.bool_)
        values = phi(Lists.of([np.flatnonzero(each).tolist() for each in (one, *toggled)], 12))
        np.testing.assert_allclose(gains[row], values[1:] - values[0], atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS)
def test_no_weights_make_it_do_what_is_not_legal(seed: int, weights: int) -> None:
    inputs = lists(seed)
    start = inputs.first_list(0.3)
    made = random_editor(weights).edit(inputs)
    after = lists_after(start, made)
    assert not (after & inputs.barred).any()
    for row in made:
        toggled = row[row >= 0].tolist()
        assert len(set(toggled)) == len(toggled) <= 5
        assert (row[len(toggled) :] == -1).all()


@settings(max_examples=20, deadline=None)
@given(SEEDS, SEEDS)
def test_rivals_never_meet(seed: int, weights: int) -> None:
    plain = lists(seed)
    rivals = np.zeros((12, 12))
    rivals[0, 1] = rivals[1, 0] = rivals[4, 7] = rivals[7, 4] = 1.0
    inputs = ListInputs.of(plain.probabilities, plain.weights, 1.0, rivals=rivals)
    found = lists_after(
        inputs.first_list(0.2), random_editor(weights).edit(inputs, start=inputs.first_list(0.2))
    )
    assert not (found[:, 0] & found[:, 1]).any()
    assert not (found[:, 4] & found[:, 7]).any()


@pytest.mark.parametrize("safety", [0.0, 0.5, 4.0])
def test_with_nothing_added_it_is_the_greedy_editor(safety: float) -> None:
    inputs = lists(3, visits=20, drugs=20, safety=safety)
    start = inputs.first_list(0.3)
    states = [
        ListState.of(np.flatnonzero(row).tolist(), 20, barred=np.flatnonzero(out).tolist(), budget=10)
        for row, out in zip(start, inputs.barred, strict=True)
    ]
    objective = Objective(safety, inputs.weights.astype(float))
    expected = greedy(Problem(states, inputs.probabilities.astype(float), objective))
    made = greedy_editor(Terms()).edit(inputs)
    for row, actions in zip(made, expected, strict=True):
        drugs = [each.drug for each in actions]
        # The one may edit a drug again, which the other never does.
        if len(set(drugs)) == len(drugs):
            assert row[row >= 0].tolist() == drugs


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_order_of_drugs_changes_nothing(seed: int) -> None:
    inputs, order = lists(seed), np.random.default_rng(seed).permutation(12)
    turned = ListInputs.of(
        inputs.probabilities[:, order],
        inputs.weights[np.ix_(order, order)],
        1.0,
        barred=inputs.barred[:, order],
    )
    editor, start = random_editor(1), inputs.first_list(0.3)
    one, stop = editor.scores(see(inputs, ListStates.at_start(start, 3)))
    two, stop_too = editor.scores(see(turned, ListStates.at_start(start[:, order], 3)))
    np.testing.assert_allclose(one[:, order], two, atol=2e-4)
    np.testing.assert_allclose(stop, stop_too, atol=2e-4)


def test_torch_and_numpy_say_the_same() -> None:
    torch = pytest.importorskip("torch", reason="the train extra is not installed")
    from apothecary.networks.list_policy import ListPolicy, SeenTensors

    inputs, editor = lists(5), random_editor(2)
    seen = see(inputs, ListStates.at_start(inputs.first_list(0.3), 3))
    policy = ListPolicy(8, 1.0)
    policy.load_state_dict({name: torch.from_numpy(value) for name, value in editor.weights.items()})
    with torch.no_grad():
        found = policy(SeenTensors.of(seen)).double().exp().numpy()
    edits, stop = (each.astype(float) for each in editor.scores(seen))
    chances = np.exp(edits - edits.max(axis=1, keepdims=True))
    going = 1 / (1 + np.exp(stop))
    np.testing.assert_allclose(
        found[:, :-1], going[:, None] * chances / chances.sum(axis=1)[:, None], atol=1e-5
    )
    np.testing.assert_allclose(found[:, -1], 1 - going, atol=1e-5)


def test_where_nothing_is_legal_it_stops() -> None:
    editor = random_editor(0)
    assert (editor.edit(lists(1), budget=0) >= 0).sum() == 0
    assert editor.edit(lists(1, drugs=0)).tolist() == [[-1] * 5] * 4
    assert editor.edit(lists(1, visits=0)).shape == (0, 5)


def test_a_new_vocabulary_of_another_size_is_edited() -> None:
    assert random_editor(4).edit(lists(2, drugs=40)).shape == (4, 5)


def test_a_written_editor_is_read_as_it_was(tmp_path: Path) -> None:
    editor = ListEditor(random_editor(7).weights, Terms(Harm("count", 0.5), 3, "empty", 0.4), {"visits": 2})
    write_editor(tmp_path / "a", editor)
    write_editor(tmp_path / "b", editor)
    found = read_editor(tmp_path / "a")
    assert (found.terms, found.about) == (editor.terms, editor.about)
    assert all((found.weights[name] == value).all() for name, value in editor.weights.items())
    for name in (MODEL, WEIGHTS):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_its_numbers_are_a_safetensors_file(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors.numpy", reason="the train extra is not installed")
    editor = random_editor(7)
    write_editor(tmp_path, editor)
    found = library.load_file(tmp_path / WEIGHTS)
    assert {name: value.tolist() for name, value in found.items()} == {
        name: value.tolist() for name, value in editor.weights.items()
    }


@pytest.mark.parametrize("cut", [0, 5, 40, 600])
def test_damaged_weights_are_refused(tmp_path: Path, cut: int) -> None:
    write_editor(tmp_path, random_editor(7))
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:cut])
    with pytest.raises(WeightsError, match="not what was written"):
        read_editor(tmp_path)
    # Not even where the description was made to fit.
    row = json.loads((tmp_path / MODEL).read_text())
    row["sha256"] = hashlib.sha256((tmp_path / WEIGHTS).read_bytes()).hexdigest()
    (tmp_path / MODEL).write_text(json.dumps(row))
    with pytest.raises(WeightsError):
        read_editor(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"what": "x"}', "[" * 2000])
def test_a_damaged_description_is_refused(tmp_path: Path, text: str) -> None:
    write_editor(tmp_path, random_editor(7))
    (tmp_path / MODEL).write_text(text)
    with pytest.raises(WeightsError, match="model.json"):
        read_editor(tmp_path)


def test_an_empty_folder_holds_no_editor(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="train stepwise"):
        read_editor(tmp_path)


@pytest.mark.parametrize("name", ["drug.bias", "gain", "stop.weight"])
def test_weights_of_another_shape_are_refused(name: str) -> None:
    weights = dict(random_editor(7).weights)
    weights[name] = np.zeros((2, 3, 4), np.float32)
    with pytest.raises(WeightsError, match="another form"):
        ListEditor(weights)
    with pytest.raises(WeightsError, match="finite"):
        ListEditor(dict(random_editor(7).weights) | {"gain": np.float32(np.nan) * np.ones((), np.float32)})


@pytest.mark.parametrize(
    ("probabilities", "weights", "safety"),
    [
        ([[0.5, 1.5]], [[0, 0], [0, 0]], 1.0),
        ([[0.5, float("nan")]], [[0, 0], [0, 0]], 1.0),
        ([[0.5, 0.5]], [[0, 1], [0, 0]], 1.0),
        ([[0.5, 0.5]], [[1, 0], [0, 0]], 1.0),
        ([[0.5, 0.5]], [[0, 0], [0, 0]], -1.0),
        ([0.5, 0.5], [[0, 0], [0, 0]], 1.0),
    ],
)
def test_inputs_that_do_not_fit_are_refused(probabilities: object, weights: object, safety: float) -> None:
    with pytest.raises(DataError):
        ListInputs.of(probabilities, weights, safety)  # type: ignore[arg-type]
