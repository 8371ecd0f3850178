"""How many cores this process may use."""

from __future__ import annotations

import os
import sys

__all__ = ["free_cores"]


def free_cores() -> int:
    """The cores this process is allowed to run on; all there are where the system does not tell."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
