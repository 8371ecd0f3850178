"""What is fuzzed: every reader, every parser of replies, tasks with hostile replies, and the alignment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apothecary.align.abbreviations import abbreviations
from apothecary.align.locate import locate
from apothecary.align.sentences import sentences
from apothecary.errors import ApothecaryError
from apothecary.formats.inputs import read_inputs
from apothecary.messages import Reply
from apothecary.store.doses import parse_doses
from apothecary.tasks import catalog
from tests.hostile import readers, replies
from tests.hostile.side_readers import SIDE_READERS
from tests.hostile.sound import check

__all__ = ["Target", "targets"]


@dataclass(frozen=True)
class Target:
    """What is fuzzed: valid inputs, and a call that raises for a finding."""

    seeds: tuple[bytes, ...]
    run: Callable[[bytes], object]


def targets(folder: Path) -> dict[str, Target]:
    """All targets, by name; their files are written into a folder."""

    def sniffed(data: bytes) -> None:
        (folder / "sniffed").write_bytes(data)
        allowed(lambda: check(list(read_inputs([folder / "sniffed"])), documents=True))

    def allowed(call: Callable[[], object]) -> None:
        try:
            call()
        except ApothecaryError as error:
            check([error], documents=False)

    def reading(reader: readers.Reader) -> Target:
        return Target(
            (reader.seed,),
            lambda data: check(readers.outcomes(reader, folder, data), documents=reader.documents),
        )

    def parsing(parse: Callable[[str], object]) -> Target:
        seeds = tuple(seed.encode() for seed in replies.SEEDS)
        return Target(seeds, lambda data: allowed(lambda: parse(text_of(data))))

    def extracting(task: str) -> Target:
        seed = "\n\n".join((replies.SEEDS[0], "=", "1"))
        return Target(
            (seed.encode(),),
            lambda data: allowed(
                lambda: replies.extracted(task, [Reply(part) for part in text_of(data).split("\n\n")])
            ),
        )

    def aligning(data: bytes) -> None:
        text = text_of(data)
        sentences(text), abbreviations(text), locate(text[:40], text)

    found = {reader.name: reading(reader) for reader in (*readers.READERS, *SIDE_READERS)}
    found["any file"] = Target(tuple(reader.seed for reader in readers.READERS), sniffed)
    found |= {name: parsing(parse) for name, parse in replies.PARSERS.items()}
    found |= {f"task {name}": extracting(name) for name in catalog.names()}
    found["doses"] = parsing(parse_doses)
    found["alignment"] = Target((replies.DOCUMENT.text.encode(),), aligning)
    return found


def text_of(data: bytes) -> str:
    """Bytes as text that may hold halves of surrogate pairs, as replies can."""
    return data.decode("utf-8", "surrogateescape")
