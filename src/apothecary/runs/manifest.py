"""Where a run comes from: everything that changes its results, and what happened to it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from apothecary import __version__
from apothecary.messages import EngineInfo
from apothecary.runs.folder import fingerprint
from apothecary.tasks.flow import Job

__all__ = ["finished", "make_manifest"]


def make_manifest(
    task: str,
    job: Job,
    engines: Mapping[str, EngineInfo],
    inputs: Sequence[tuple[str, str]],
    *,
    limit: int | None,
) -> dict[str, object]:
    """The manifest of a run that begins. `engines` by step, `inputs` as (path, SHA-256).

    `identity` holds what changes results and `fingerprint` its hash: a folder is only taken up again
    by a command with the same one. A file counts by its name and contents, not by its folder.
    """
    identity = {
        "task": task,
        "version": __version__,
        "settings": dict(job.settings),
        "prompts": dict(job.prompts),
        "engines": {step: _engine(info) for step, info in sorted(engines.items())},
        "inputs": [[Path(path).name, digest] for path, digest in inputs],
        "limit": limit,
    }
    return {
        "status": "running",
        "task": task,
        "fingerprint": fingerprint(identity),
        "identity": identity,
        "notes": sorted({f"{info.name}: {note}" for info in engines.values() for note in info.notes}),
        "inputs": [{"path": path, "sha256": digest} for path, digest in inputs],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": now(),
        "finished": None,
    }


def _engine(info: EngineInfo) -> dict[str, object]:
    found: dict[str, object] = {"name": info.name, "digest": info.digest, "adapter": info.adapter_digest}
    # A replay has no other way to know it.
    return found | {"tuned": dict(info.tuned)} if info.tuned else found


def finished(manifest: Mapping[str, object], status: str, counts: Mapping[str, int]) -> dict[str, object]:
    """The manifest of a run that has stopped, for whatever reason."""
    return {**manifest, "status": status, "finished": now(), "counts": dict(counts)}


def now() -> str:
    """The time, in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
