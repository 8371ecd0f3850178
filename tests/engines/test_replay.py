"""A finished run as an engine."""

import json
from pathlib import Path

import pytest

from apothecary.engines.cache import Cached
from apothecary.engines.replay import open_replay
from apothecary.engines.scripted import Scripted
from apothecary.errors import EngineError, UsageError
from apothecary.messages import Message, Reply, Request


def ask(text: str, step: str = "t.s") -> Request:
    return Request((Message("user", text),), step)


def recorded(tmp_path: Path, *texts: str) -> Path:
    """A run folder whose engine answered these texts, in a cache beside it."""
    engine = Cached(Scripted(lambda request: request.messages[0].content.upper()), tmp_path / "c.sqlite")
    engine.answer([ask(text) for text in texts])
    info = engine.info
    engine.close()
    engines = {"t.s": {"name": info.name, "digest": info.digest, "adapter": info.adapter_digest}}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text(json.dumps({"identity": {"engines": engines}}))
    return tmp_path / "run"


def test_what_a_run_was_answered_is_answered_again_for_nothing(tmp_path: Path) -> None:
    replay = open_replay(recorded(tmp_path, "a", "b"), tmp_path / "c.sqlite")
    outcomes = replay.answer([ask("b"), ask("a")])
    assert [each.text for each in outcomes if isinstance(each, Reply)] == ["B", "A"]
    assert all(each.usage.from_cache for each in outcomes if isinstance(each, Reply))
    assert replay.info.steps == ("t.s",)
    replay.close()


def test_what_it_was_not_asked_ends_the_replay(tmp_path: Path) -> None:
    replay = open_replay(recorded(tmp_path, "a"), tmp_path / "c.sqlite")
    with pytest.raises(EngineError, match=r"no reply to a t.s request is kept"):
        replay.answer([ask("a"), ask("secret")])
    replay.close()


@pytest.mark.parametrize(
    "content", [None, "", "[]", '{"identity": {"engines": {"t.s": {}}}}', '{"identity": 1}']
)
def test_a_folder_without_a_run_is_wrong_use(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UsageError, match="no run that can be replayed"):
        open_replay(tmp_path, tmp_path / "c.sqlite")
