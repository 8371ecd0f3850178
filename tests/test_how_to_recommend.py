"""The page on recommending is rehearsed, and the examples it names can be read."""

from pathlib import Path

import pytest

from apothecary.training.recommender_settings import read_recommender_settings
from tests.test_how_to import checks_of, files_of, run_all

FOLDER = Path(__file__).parent.parent / "examples" / "medication"
EXAMPLES = [path for path in sorted(FOLDER.glob("*.toml")) if "\nkind = " in path.read_text().split("\n[")[0]]


@pytest.mark.slow
def test_following_the_page_works(tmp_path: Path) -> None:
    files_of("recommend-medication", tmp_path)
    checks = checks_of("recommend-medication")
    assert len(checks) == 3
    run_all(checks, tmp_path)
    lists = (tmp_path / "runs" / "mine" / "predictions.jsonl").read_text()
    assert "warfarin" not in lists.splitlines()[-1].split('"scores"')[0]
    assert (tmp_path / "runs" / "curve" / "report.html").is_file()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_can_be_read(path: Path) -> None:
    assert read_recommender_settings(path).held_out == 0.25
