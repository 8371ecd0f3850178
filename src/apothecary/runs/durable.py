"""Files that outlive a kill: written whole, cut back to their last whole line, held by one process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from apothecary.errors import RunError, UsageError
from apothecary.formats.lines import printable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["cut_torn_line", "held_folder", "replace_text"]


def cut_torn_line(path: Path) -> None:
    """Remove what stands after the last newline: a line that a kill cut short."""
    with path.open("rb+") as stream:
        position = stream.seek(0, os.SEEK_END)
        while position > 0:
            step = min(65536, position)
            stream.seek(position - step)
            newline = stream.read(step).rfind(b"\n")
            if newline >= 0:
                stream.truncate(position - step + newline + 1)
                return
            position -= step
        stream.truncate(0)


def replace_text(path: Path, parts: Iterable[str]) -> None:
    """Write a file whole or not at all. Raises RunError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.writelines(parts)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write: {error.strerror}", where=str(path)) from error


@contextmanager
def held_folder(path: Path, what: str) -> Iterator[None]:
    """Make a folder and hold it against other processes; `what` is what an error calls it.

    Raises UsageError when it cannot be made, RunError when another process holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        stream = (path / ".lock").open("w")
    except OSError as error:
        raise UsageError(f"cannot write {what}: {error.strerror}", where=printable(path)) from error
    with stream:
        _lock(stream, path)
        yield


def _lock(stream: IO[str], path: Path) -> None:
    try:
        if sys.platform == "win32":
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise RunError("another process is writing this run", where=str(path)) from error
