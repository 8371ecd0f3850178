"""MeSH in XML: descriptor and supplementary record sets of any size, one record in memory.

The files come from users, so whatever could declare an entity is refused: a document type may name an
external definition, which is never fetched, and may hold nothing of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from apothecary.errors import FormatError
from apothecary.vocab.files import pieces, printable
from apothecary.vocab.mesh_record import MeshRecord

__all__ = ["xml_records"]

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""A file that goes on for so long without completing a record is no MeSH file, only a full memory."""

_RECORDS = frozenset({"DescriptorRecord", "SupplementalRecord"})
_IDS = frozenset({("DescriptorUI",), ("SupplementalRecordUI",)})
_NAMES = frozenset(
    {
        ("DescriptorName", "String"),
        ("SupplementalRecordName", "String"),
        ("ConceptList", "Concept", "TermList", "Term", "String"),
    }
)
_TREES = frozenset({("TreeNumberList", "TreeNumber")})
_WANTED = _IDS | _NAMES | _TREES
_RECORD_DEPTH = 2
_DEEPEST = _RECORD_DEPTH + max(map(len, _WANTED))


def xml_records(path: Path) -> Iterator[MeshRecord]:
    """Yield the records of desc2026.xml or supp2026.xml.

    Raises FormatError, naming the line, for what is not well-formed, ends too early or declares entities.
    """
    reader = _Reader(printable(path))
    since_record = 0
    for piece in pieces(path):
        found = reader.feed(piece)
        since_record = 0 if found else since_record + len(piece)
        if since_record > MAX_RECORD_BYTES:
            raise reader.error(f"no record ends within {MAX_RECORD_BYTES} bytes", "is this a MeSH file?")
        yield from found
    yield from reader.feed(b"", last=True)


class _Reader:
    """Collects the wanted texts of one record after another, as the parser goes through the file."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._path: list[str] = []
        self._texts: dict[tuple[str, ...], list[str]] = {}
        self._text: list[str] | None = None
        self._scr_class = ""
        self._line = 0
        self._done: list[MeshRecord] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.SkippedEntityHandler = self._skipped
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def feed(self, piece: bytes, *, last: bool = False) -> list[MeshRecord]:
        """The records that the piece completes."""
        try:
            self._parser.Parse(piece, last)
        except (expat.ExpatError, LookupError, ValueError) as error:
            # The latter two: an encoding that the declaration names and Python does not know or not stream.
            raise self.error(f"not well-formed XML: {error}", "is the file complete?") from error
        done, self._done = self._done, []
        return done

    def error(self, message: str, hint: str) -> FormatError:
        """The error at the place that the parser has reached."""
        return FormatError(message, where=f"{self._where}:{self._parser.CurrentLineNumber}", hint=hint)

    def _doctype(self, name: str, system: str | None, public: str | None, has_internal: bool) -> None:
        if has_internal:
            raise self.error(
                "the document type declares something of its own, which MeSH files never do",
                "remove the part in square brackets, if you trust the file",
            )

    def _skipped(self, entity: str, is_parameter: bool) -> None:
        if not is_parameter:
            raise self.error(f"unknown entity &{entity};", "write the character itself")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag)
        if len(self._path) == _RECORD_DEPTH:
            self._texts = {}
            self._scr_class = attributes.get("SCRClass", "")
            self._line = self._parser.CurrentLineNumber
        # Depth first: a path of 100,000 elements is not copied for each of them.
        wanted = len(self._path) <= _DEEPEST and tuple(self._path[_RECORD_DEPTH:]) in _WANTED
        self._text = [] if wanted else None

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, tag: str) -> None:
        if self._text is not None:
            key = tuple(self._path[_RECORD_DEPTH:])
            self._texts.setdefault(key, []).append(" ".join("".join(self._text).split()))
            self._text = None
        if len(self._path) == _RECORD_DEPTH and tag in _RECORDS:
            self._done.append(self._record(tag))
        self._path.pop()

    def _record(self, tag: str) -> MeshRecord:
        return MeshRecord(
            where=f"{self._where}:{self._line}",
            id="".join(text for key in sorted(_IDS) for text in self._texts.get(key, ())),
            names=tuple(text for key in sorted(_NAMES) for text in self._texts.get(key, ())),
            trees=tuple(text for key in _TREES for text in self._texts.get(key, ())),
            supplementary=tag == "SupplementalRecord",
            scr_class=self._scr_class,
        )
