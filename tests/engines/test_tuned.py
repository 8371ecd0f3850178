"""How an adapter wants to be asked stands beside it, and a run listens unless its user says otherwise."""

import json
from pathlib import Path

import pytest

from apothecary.engines.cascade import Cascade
from apothecary.engines.scripted import Scripted
from apothecary.engines.tuned import Asked, read_asked, shipped_adapter, tuned_settings
from apothecary.errors import WeightsError
from apothecary.messages import EngineInfo

BRIEF = {
    "settings": {"combinations": {"prompt": "brief", "context": False}},
    "steps": ["combinations.answer"],
}


def test_an_adapter_without_a_file_says_nothing(tmp_path: Path) -> None:
    assert read_asked(tmp_path / "adapter.gguf") == read_asked(None) == Asked()


@pytest.mark.parametrize("name", ["adapter.gguf", ""], ids=["beside a GGUF", "in a PEFT folder"])
def test_settings_and_steps_are_read_from_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "asked.json").write_text(json.dumps(BRIEF))
    found = read_asked(tmp_path / name)
    assert found.settings == BRIEF["settings"]
    assert found.steps == ("combinations.answer",)


@pytest.mark.parametrize("text", ["", "[]", '{"setting": {}}', '{"settings": {"a": 1}}', "[" * 100_000])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "asked.json").write_text(text)
    with pytest.raises(WeightsError, match="cannot be read"):
        read_asked(tmp_path / "adapter.gguf")


@pytest.mark.parametrize("name", ["..", "../models/x", "", ".", "/etc", "no-such-adapter"])
def test_no_name_leads_out_of_the_folder_of_what_ships(name: str) -> None:
    assert shipped_adapter(name) is None


def test_only_the_settings_of_the_task_at_hand_count() -> None:
    info = EngineInfo("e", "d", tuned={"combinations": {"prompt": "brief"}, "relations": {"window": 3}})
    assert tuned_settings("combinations", {"s": EngineInfo("x", "y"), "t": info}) == {"prompt": "brief"}


class Tuned(Scripted):
    """A scripted engine that was trained with settings."""

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("b", "d", tuned={"combinations": {"prompt": "brief"}})


def test_a_cascade_asks_as_its_engines_want() -> None:
    both = Cascade(Scripted(lambda request: ""), Tuned(lambda request: ""), 0.9)
    assert both.info.tuned == {"combinations": {"prompt": "brief"}}


def test_the_adapter_that_ships_is_found_by_its_name_and_says_how_it_was_trained() -> None:
    path = shipped_adapter("combinations")
    assert path is not None
    assert path.read_bytes()[:4] == b"GGUF"
    assert path.stat().st_size < 20_000_000
    found = read_asked(path)
    assert found.settings == BRIEF["settings"]
    assert found.steps == ("combinations.answer",)
