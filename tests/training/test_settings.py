"""The configuration of a training."""

from pathlib import Path

import pytest

from apothecary.errors import FormatError, UsageError
from apothecary.training.settings import read_settings

HEAD = """
[[head]]
name = "cdr"
kind = "spans"
labels = ["Chemical"]
train = [{ path = "a.pubtator" }]
"""


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "pocket.toml"
    path.write_text(text)
    return read_settings(path)


@pytest.mark.parametrize("name", ["tagger", "relator-first", "relator"])
def test_the_settings_of_the_shipped_models_are_valid(name: str) -> None:
    path = Path(__file__).parents[2] / "examples" / "pocket" / f"{name}.toml"
    settings = read_settings(path)
    assert settings.held_out == "held_out.tsv"
    assert all(head.dev for head in settings.head if head.judge)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'name = "x"\nepocs = 3\n{HEAD}', "epocs"),
        (f'name = "x"\n{HEAD}{HEAD}', "'cdr' is named twice"),
        ('name = "x"\n' + HEAD.replace("spans", "spanes"), r"head\.0\.kind"),
        ('name = "x"\n' + HEAD.replace('"cdr"', '"../cdr"'), "not by a plain word"),
        ('name = "x"\nhead = []', r"no \[\[head\]\]"),
        (f'name = "x"\nepochs = 0\n{HEAD}', "epochs"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, text)


def test_a_file_that_is_not_toml_says_so(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is not TOML"):
        read(tmp_path, "name = ")
