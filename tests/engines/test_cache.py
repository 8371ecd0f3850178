"""Replies kept on disk."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from apothecary.engines.cache import Cached, default_cache_path, reply_key
from apothecary.engines.scripted import Scripted
from apothecary.errors import EngineError
from apothecary.messages import (
    Choices,
    Decoding,
    Done,
    EngineInfo,
    Failure,
    Grammar,
    Message,
    Outcome,
    Reply,
    Request,
    RoleSpan,
    SoftToken,
    nothing,
)

WRITER = """
import sys
from pathlib import Path
from apothecary.engines.cache import Cached
from apothecary.engines.scripted import Scripted
from apothecary.messages import Message, Request
engine = Cached(Scripted(lambda request: "answer"), Path(sys.argv[1]))
for number in range(60):
    engine.answer([Request((Message("user", f"{sys.argv[2]} {number}"),), "t.s")])
    engine.answer([Request((Message("user", f"shared {number}"),), "t.s")])
engine.close()
"""


class Recording(Scripted):
    """Answers with the prompt and keeps the groups it was asked; ! begins a failure, ? a breach of form."""

    def __init__(self) -> None:
        super().__init__(self._echo)
        self.groups: list[list[str]] = []
        self.closed = 0

    def _echo(self, request: Request) -> Outcome | str:
        text = request.messages[0].content
        if text.startswith("?"):
            return Reply(text, finish="breach")
        return Failure("E", "m") if text.startswith("!") else text

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        self.groups.append([request.messages[0].content for request in requests])
        return super().answer(requests, done)

    def close(self) -> None:
        self.closed += 1


def asks(*texts: str) -> list[Request]:
    return [Request((Message("user", text),), "t.s") for text in texts]


def texts(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.text if isinstance(outcome, Reply) else outcome.kind for outcome in outcomes]


def paid(outcomes: Sequence[Outcome]) -> list[bool]:
    return [isinstance(outcome, Reply) and not outcome.usage.from_cache for outcome in outcomes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "replies.sqlite"


def test_the_engine_is_asked_only_for_what_is_missing_in_one_group(path: Path) -> None:
    inner = Recording()
    engine = Cached(inner, path)
    assert paid(engine.answer(asks("a", "b"))) == [True, True]
    outcomes = engine.answer(asks("c", "a", "d", "b"))
    assert texts(outcomes) == ["c", "a", "d", "b"]
    assert paid(outcomes) == [True, False, True, False]
    assert inner.groups == [["a", "b"], ["c", "d"]]
    engine.close()


def test_equal_requests_of_one_group_are_asked_once(path: Path) -> None:
    inner = Recording()
    engine = Cached(inner, path)
    outcomes = engine.answer(asks("a", "b", "a", "a"))
    assert inner.groups == [["a", "b"]]
    assert texts(outcomes) == ["a", "b", "a", "a"]
    assert paid(outcomes) == [True, True, False, False]
    engine.close()


def test_failures_are_not_remembered(path: Path) -> None:
    inner = Recording()
    engine = Cached(inner, path)
    for _ in range(2):
        assert texts(engine.answer(asks("!a", "!a"))) == ["E", "E"]
    assert inner.groups == [["!a"], ["!a"]]
    engine.close()


def test_a_reply_in_breach_of_its_form_is_not_remembered(path: Path) -> None:
    inner = Recording()
    engine = Cached(inner, path)
    for _ in range(2):
        assert texts(engine.answer(asks("?a"))) == ["?a"]
    assert inner.groups == [["?a"], ["?a"]]
    engine.close()


def test_replies_survive_and_keep_what_they_cost(path: Path) -> None:
    first = Cached(Recording(), path)
    (asked,) = first.answer(asks("x" * 40))
    first.close()
    inner = Recording()
    second = Cached(inner, path)
    (found,) = second.answer(asks("x" * 40))
    second.close()
    assert inner.groups == []
    assert isinstance(asked, Reply)
    assert found == replace(asked, usage=replace(asked.usage, from_cache=True))


def test_more_keys_than_one_statement_takes_are_found(path: Path) -> None:
    many = asks(*(str(number) for number in range(1200)))
    engine = Cached(Recording(), path)
    engine.answer(many)
    assert not any(paid(engine.answer(many)))
    engine.close()


def test_a_reply_with_a_lone_surrogate_is_found_again(path: Path) -> None:
    engine = Cached(Recording(), path)
    engine.answer(asks("a\ud800"))
    assert texts(engine.answer(asks("a\ud800"))) == ["a\ud800"]
    engine.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda info, request: (replace(info, digest="other"), request),
        lambda info, request: (replace(info, adapter_digest="other"), request),
        lambda info, request: (info, replace(request, decoding=Decoding(temperature=0.5))),
        lambda info, request: (info, replace(request, decoding=Decoding(seed=1))),
        lambda info, request: (info, replace(request, constraint=Choices(("a",)))),
        lambda info, request: (info, replace(request, constraint=Grammar("a"))),
        lambda info, request: (info, replace(request, want_logprobs=True)),
        lambda info, request: (info, replace(request, roles=(RoleSpan(0, 0, 1, "drug"),))),
        lambda info, request: (info, replace(request, soft_tokens=(SoftToken("drug", ("a",)),))),
        lambda info, request: (info, replace(request, step="t.other")),
    ],
)
def test_the_key_holds_all_that_determines_a_reply(
    change: Callable[[EngineInfo, Request], tuple[EngineInfo, Request]],
) -> None:
    info, (request,) = EngineInfo("e", "digest"), asks("a")
    assert reply_key(*change(info, request)) != reply_key(info, request)
    assert reply_key(replace(info, name="renamed"), request) == reply_key(info, request)


def test_threads_get_the_right_replies(path: Path) -> None:
    engine = Cached(Recording(), path)
    wrong: list[object] = []

    def work(thread: int) -> None:
        for number in range(50):
            wanted = str((number * (thread + 1)) % 40)
            try:
                if texts(engine.answer(asks(wanted))) != [wanted]:
                    wrong.append(wanted)
            except EngineError as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.close()
    assert wrong == []


def test_processes_may_open_and_write_one_file_at_once(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [
        subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE, text=True) for number in range(3)
    ]
    assert [writer.communicate()[1] for writer in writers] == [""] * 3
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM replies").fetchone() == (4 * 60,)
    database.close()


def test_a_store_that_fails_leaves_no_lock(path: Path) -> None:
    engine, other = Cached(Recording(), path), Cached(Recording(), path)
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON replies BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    with pytest.raises(EngineError, match="disk full"):
        engine.answer(asks("a"))
    database.execute("DROP TRIGGER full")
    database.close()
    assert texts(other.answer(asks("b"))) == ["b"]
    assert texts(engine.answer(asks("a"))) == ["a"]
    engine.close()
    other.close()


def damaged(path: Path) -> None:
    path.write_bytes(b"this is no database " * 100)


def garbled(path: Path) -> None:
    Cached(Recording(), path).close()
    path.write_bytes(path.read_bytes().replace(b"tablereplies", b"table\xff\xfeplies", 1))


def newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version=99")
    database.close()


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE replies (other TEXT)")
    database.close()


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("spoil", [damaged, garbled, newer, foreign, folder])
def test_a_file_that_cannot_be_used_is_one_clear_error(path: Path, spoil: Callable[[Path], None]) -> None:
    path.parent.mkdir()
    spoil(path)
    with pytest.raises(EngineError, match="reply cache .*--no-cache") as caught:
        Cached(Recording(), path).answer(asks("a"))
    assert caught.value.where == str(path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="reply cache cannot be used"):
        Cached(Recording(), tmp_path / "file" / "replies.sqlite")


def test_a_spoilt_reply_is_an_error_not_an_answer(path: Path) -> None:
    engine = Cached(Recording(), path)
    engine.answer(asks("a"))
    with sqlite3.connect(path) as database:
        database.execute("UPDATE replies SET reply = '{\"tex'")
    database.close()
    with pytest.raises(EngineError, match="not a stored reply"):
        engine.answer(asks("a"))
    engine.close()


def test_closing_twice_is_harmless_and_closes_the_engine(path: Path) -> None:
    inner = Recording()
    engine = Cached(inner, path)
    engine.close()
    engine.close()
    assert inner.closed > 0
    with pytest.raises(EngineError, match="closed"):
        engine.answer(asks("a"))


def test_the_prompt_is_not_stored(path: Path) -> None:
    engine = Cached(Scripted(lambda request: "fine"), path)
    engine.answer(asks("Patient Zzyzx has a rash"))
    engine.close()
    assert all(b"Zzyzx" not in file.read_bytes() for file in path.parent.iterdir())


def test_the_cache_lives_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path))
    assert default_cache_path() == tmp_path / "replies.sqlite"
    monkeypatch.delenv("APOTHECARY_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_path() == tmp_path / "apothecary" / "replies.sqlite"


class Dying(Recording):
    """Tells of each reply as it has it, and dies before a prompt that reads "last"."""

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        for place, request in enumerate(requests):
            if request.messages[0].content == "last":
                raise EngineError("the server is gone")
            done(place, Reply(request.messages[0].content))
        return []


def test_what_was_answered_before_an_engine_died_is_not_asked_again(tmp_path: Path) -> None:
    dying = Cached(Dying(), tmp_path / "c.sqlite")
    with pytest.raises(EngineError, match="gone"):
        dying.answer(asks("a", "b", "last", "c"))
    dying.close()
    engine = Recording()
    cached = Cached(engine, tmp_path / "c.sqlite")
    assert texts(cached.answer(asks("a", "b", "last", "c"))) == ["a", "b", "last", "c"]
    assert engine.groups == [["last", "c"]]
    cached.close()


def test_failures_that_are_told_early_are_not_kept(tmp_path: Path) -> None:
    class Failing(Recording):
        def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
            outcomes = super().answer(requests)
            for place, outcome in enumerate(outcomes):
                done(place, outcome)
            return outcomes

    engine = Failing()
    cached = Cached(engine, tmp_path / "c.sqlite")
    for _ in range(2):
        assert texts(cached.answer(asks("a", "!b"))) == ["a", "E"]
    assert engine.groups == [["a", "!b"], ["!b"]]
    cached.close()
