"""Where this machine keeps what the engines share: weights and remembered replies."""

from __future__ import annotations

import os
from pathlib import Path

from apothecary.errors import UsageError

__all__ = ["home_folder"]


def home_folder() -> Path:
    """APOTHECARY_HOME, else ``apothecary`` in the user's cache folder. Raises UsageError without either."""
    home = os.environ.get("APOTHECARY_HOME")
    if home:
        return Path(home)
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(cache) if cache else Path.home() / ".cache") / "apothecary"
    except RuntimeError as error:
        raise UsageError("this user has no home folder", hint="set APOTHECARY_HOME") from error
