"""A file of thresholds: what it may leave out, and what it may not say."""

import json
import math
from pathlib import Path

import pytest

from apothecary.errors import FormatError
from apothecary.tasks.relations.thresholds import NEVER, Thresholds, find_thresholds, read_thresholds


def thresholds(tmp_path: Path, entry: object) -> Thresholds:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(entry))
    return read_thresholds(path)


def test_a_file_without_the_newer_sections_is_valid(tmp_path: Path) -> None:
    found = thresholds(tmp_path, {"pairs": {"CID": 0.4}, "names": {"=": None}})
    assert (dict(found.pairs), dict(found.names)) == ({"CID": 0.4}, {"=": NEVER})
    assert (dict(found.calibration), dict(found.abstain)) == ({}, {})


def test_odds_without_a_calibration_mean_their_logistic() -> None:
    assert Thresholds({}, {}).probability("CID", math.log(3)) == pytest.approx(0.75)
    assert Thresholds({}, {}).probability("CID", -1e9) == 0.0


def test_a_calibration_applies_to_its_own_type(tmp_path: Path) -> None:
    found = thresholds(tmp_path, {"calibration": {"CID": {"slope": 2, "intercept": -2}}})
    assert found.probability("CID", 1.0) == 0.5
    assert found.probability("other", 0.0) == 0.5


def test_the_bounds_of_a_band_are_sure_and_null_is_open(tmp_path: Path) -> None:
    found = thresholds(tmp_path, {"abstain": {"CID": [-1, 2], "open": [None, None]}})
    assert [found.unsure("CID", odds) for odds in (-1, -0.9, 1.9, 2)] == [False, True, True, False]
    assert found.unsure("open", 1e8)
    assert not found.unsure("other", 0.0)


def test_a_replayed_run_has_the_thresholds_of_the_engine_that_answered_it(tmp_path: Path) -> None:
    engines = {"relations.pairs": {"name": "pocket"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"identity": {"engines": engines}}))
    replayed = find_thresholds("", f"replay:{tmp_path}", "")
    assert replayed == find_thresholds("", "pocket", "")
    assert replayed.pairs
    assert find_thresholds("", f"replay:{tmp_path / 'none'}", "").pairs == {}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"calibration": []}, "'calibration' is not an object"),
        ({"calibration": {"CID": {"slope": 1}}}, "calibration.CID has not two numbers"),
        ({"calibration": {"CID": {"slope": 1, "intercept": True}}}, "calibration.CID"),
        ({"calibration": {"CID": [1, 2]}}, "calibration.CID"),
        ({"abstain": {"CID": [1]}}, "abstain.CID is not two numbers in order"),
        ({"abstain": {"CID": [2, 1]}}, "abstain.CID"),
        ({"abstain": {"CID": [0, math.nan]}}, "abstain.CID"),
        ({"abstain": {"CID": [0, 10**400]}}, "abstain.CID"),
        ({"pairs": {"CID": "x"}}, "threshold pairs.CID is neither"),
    ],
)
def test_what_is_no_threshold_is_one_error(tmp_path: Path, entry: object, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        thresholds(tmp_path, entry)
    assert said in str(caught.value)
