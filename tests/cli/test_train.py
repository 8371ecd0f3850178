"""``apothecary train pocket``: wrong use."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from apothecary.cli.main import main
from tests.tiny_encoder import tiny_tokenizer

pytest.importorskip("torch", reason="the train extra is not installed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either --config or --teacher"),
        (["--config", "a.toml", "--teacher", "run"], "either --config or --teacher"),
        (["--config", "none.toml"], "none.toml"),
        (["--teacher", "run"], "holds no predictions.jsonl"),
        (["--config", "a.toml", "--encoder", "nope"], "no weights named 'nope'"),
        (["--config", "a.toml"], "b.pubtator"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    arguments: Sequence[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "encoder").mkdir()
    tiny_tokenizer(tmp_path / "encoder")
    (tmp_path / "run").mkdir()
    (tmp_path / "a.toml").write_text(
        'name = "a"\nencoder = "encoder"\n[[head]]\nname = "h"\nkind = "spans"\nlabels = ["A"]\n'
        'train = [{ path = "b.pubtator" }]\n'
    )
    assert main(["train", "pocket", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
