"""Instructions in an order of their own, more of them than fit into memory."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from apothecary.formats.instruction_rows import Instruction, exported, to_row

__all__ = ["Shuffled"]

OF_PART = 10_000
"""Instructions that are put in order at once, as long as there are no more parts than may be: some 20 MB."""
MOST_PARTS = 200
"""Files that are open at once: of ten million instructions a part has 50,000."""
_FIRST = '{"conversation_id": 0, '


class Shuffled:
    """Takes instructions with the number that gives each its place, and writes them in that order."""

    def __init__(self, folder: Path, total: int, of_part: int = OF_PART) -> None:
        folder.mkdir()
        self._count = min(MOST_PARTS, -(-total // of_part))
        self._paths = [folder / str(part) for part in range(self._count)]
        self._stack = ExitStack()
        self._parts = [
            self._stack.enter_context(path.open("w", encoding="utf-8", newline="\n")) for path in self._paths
        ]

    def close(self) -> None:
        """Nothing more is added."""
        self._stack.close()

    def add(self, order: int, instruction: Instruction, task: str) -> None:
        """One more, below 2**64; `task` goes into the form that trainers read, to choose by."""
        row = json.dumps(to_row(instruction), ensure_ascii=False)
        taught = json.dumps(exported(instruction, "messages") | {"task": task}, ensure_ascii=False)
        # Parts are stretches of the order, one after the other.
        part = order * self._count >> 64
        self._parts[part].write(f"{order:016x}\t{row}\t{taught}\n")

    def write(self, mixture: Path, sft: Path) -> int:
        """Write both forms, numbered from 0, and return how many there are."""
        self.close()
        number = 0
        with (
            mixture.open("w", encoding="utf-8", newline="\n") as rows,
            sft.open("w", encoding="utf-8", newline="\n") as taught,
        ):
            for path in self._paths:
                with path.open(encoding="utf-8", newline="\n") as stream:
                    lines = sorted(stream)
                path.unlink()
                for line in lines:
                    _, row, answer = line.split("\t")
                    rows.write(f'{{"conversation_id": {number}, {row.removeprefix(_FIRST)}\n')
                    taught.write(answer)
                    number += 1
        return number
