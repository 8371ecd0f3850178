"""In which form an adapter is written; light, so that the command line can ask before torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["AdapterForm"]


@dataclass(frozen=True)
class AdapterForm:
    """`add` are further adapters of the same model: what is written adds what all add, or with `mean` the
    mean of what they add. `rank` is the highest rank kept, `half` writes GGUF in float16. `drop_roles`
    writes a role-conditioned adapter as a plain LoRA, which takes none of the others.
    """

    add: tuple[Path, ...] = ()
    mean: bool = False
    rank: int | None = None
    half: bool = False
    drop_roles: bool = False
