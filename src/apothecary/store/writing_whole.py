"""Files that are written whole or not at all, several together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from apothecary.errors import UsageError
from apothecary.formats.lines import printable

__all__ = ["whole_files"]


@contextmanager
def whole_files(target: Path) -> Iterator[Path]:
    """A new folder to write files into; they go to the folder `target` once all are whole.

    Files of these names that stand there are replaced, others are left alone. On an error nothing of
    `target` is changed. Raises UsageError when it cannot be written.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=".export-", dir=target))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=printable(target)) from error
    try:
        yield folder
        written = sorted(folder.iterdir())
        for path in written:
            if (target / path.name).is_dir():
                raise UsageError(
                    "is a folder, and a file is to be written", where=printable(target / path.name)
                )
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        for path in written:
            path.replace(target / path.name)
    except OSError as error:
        raise UsageError(
            f"cannot be written: {error.strerror}", where=printable(target), hint="nothing was changed"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
