"""The page on language models for medication is rehearsed."""

import json
from pathlib import Path

from tests.test_how_to import checks_of, files_of, run_all


def test_following_the_page_works(tmp_path: Path) -> None:
    files_of("medication-language-model", tmp_path)
    run_all(checks_of("medication-language-model"), tmp_path)
    rows = [
        json.loads(line)
        for line in (tmp_path / "runs" / "asked" / "predictions.jsonl").read_text().splitlines()
    ]
    assert "metformin" in rows[2]["drugs"]
    assert (tmp_path / "lists" / "grpo.jsonl").is_file()
    assert set(json.loads((tmp_path / "fitted.json").read_text())) >= {
        "slope",
        "intercept",
        "fitted_threshold",
    }
