"""ENGINE, as a user writes it."""

from pathlib import Path

import pytest

from apothecary.engines.open import DEFAULT_ENGINE, EngineOptions, engine_spec, open_engine
from apothecary.engines.scripted import Scripted
from apothecary.errors import EngineError, ModelMissing, UsageError

OPTIONS = EngineOptions(threads=1)


@pytest.mark.parametrize("spec", ["gpt", "step=gpt", "Scripted:x", "", " ", "llamacpp"])
def test_unknown_kinds_list_those_there_are(spec: str) -> None:
    with pytest.raises(UsageError, match="there is no engine .*llamacpp:.*scripted:"):
        open_engine(spec, OPTIONS)


@pytest.mark.parametrize(
    "spec", ["scripted:", "replay:", "llamacpp:", "llamacpp:smollm2-135m-instruct+", "llamacpp:+a"]
)
def test_an_engine_without_its_file_says_so(spec: str) -> None:
    with pytest.raises(UsageError, match="names no file"):
        open_engine(spec, OPTIONS)


def test_a_script_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a+b,c=d.jsonl"
    path.write_text('{"reply": "a"}')
    assert isinstance(open_engine(f"scripted:{path}", OPTIONS), Scripted)


@pytest.mark.parametrize(
    ("weights", "missing"),
    [("c++/m.gguf", "c++/m.gguf"), ("c++/m.gguf+a.gguf", "c++/m.gguf")],
)
def test_a_plus_sign_in_a_path_begins_no_adapter(weights: str, missing: str) -> None:
    with pytest.raises(ModelMissing) as caught:
        open_engine(f"llamacpp:{weights}", OPTIONS)
    assert caught.value.where == missing


def test_missing_weights_say_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path))
    with pytest.raises(ModelMissing, match="apothecary models pull smollm2-135m-instruct"):
        open_engine("llamacpp:smollm2-135m-instruct", OPTIONS)


def test_a_missing_adapter_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path))
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(EngineError, match="there is no such adapter"):
        open_engine(f"llamacpp:{tmp_path}/m.gguf+{tmp_path}/none.gguf", OPTIONS)


def test_the_option_goes_before_the_environment_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APOTHECARY_ENGINE", "pocket")
    assert engine_spec("scripted:a") == "scripted:a"
    assert engine_spec(None) == "pocket"
    monkeypatch.setenv("APOTHECARY_ENGINE", "")
    assert engine_spec(None) == DEFAULT_ENGINE
    monkeypatch.delenv("APOTHECARY_ENGINE")
    assert engine_spec(None) == DEFAULT_ENGINE
