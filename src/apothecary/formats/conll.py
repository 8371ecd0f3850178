"""CoNLL files: a token on a line with its tag, sentences apart by an empty line.

    -DOCSTART-      O
    Lithium         B-Chemical
    tremor          B-Disease

A document has one passage "sentence" for each sentence, tokens joined by one blank and sentences by a line
break: these files have lost the text, so offsets are into the text that is rebuilt. Without document breaks
a sentence is a document of its own (`per_sentence`), known by the line it begins at.

1. Columns are separated by tabs or blanks (2 to 9 of them; a token holds no blank unless tabs separate). The
   first is the token, the last its tag. A break is `-DOCSTART-`, or a line `###ID` or `# doc_id = ID`,
   which give the id; other lines with `#` and a blank in the first column are comments.
2. Tags are O, or a prefix, a hyphen and a type, or a prefix alone (then the type is "Entity"). Read are IOB2,
   IOB1 (I begins a mention where none of its type is open), BIOES and BILOU or BMES (L and M are E and I,
   U, W and S are single). An E or I that follows nothing of its type begins a mention, as the
   official scorer reads it; the attribute `repairs` counts them (in IOB1 they are most mentions).
3. A token that is empty, such as a tab followed by a tag, is an error; the line is left out and the sentence
   stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apothecary.documents import Document, Mention, Passage, Span
from apothecary.errors import DataError, FormatError
from apothecary.formats.lines import printable, read_lines
from apothecary.formats.seen import Seen

__all__ = ["read"]

_BREAK = re.compile(r"###\s*(?P<plain>\S+)\s*|#\s*doc(?:ument)?_?id\s*[=:]\s*(?P<said>\S+)\s*", re.IGNORECASE)
_COMMENT = re.compile(r"#\s")
_TAG = re.compile(r"(?P<prefix>[BIESLMUW])(?:[-_](?P<type>\S+))?")
_INNER = {"I", "M"}
_LAST = {"E", "L"}
_SINGLE = {"S", "U", "W"}
_MOST_COLUMNS = 9
UNTYPED = "Entity"


@dataclass
class _Open:
    """A document, or a sentence, while its lines are read."""

    name: str
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    begin: int = 0
    sentence_tokens: int = 0
    passages: list[Passage] = field(default_factory=list)
    mentions: list[tuple[int, int, str]] = field(default_factory=list)
    current: tuple[int, str] | None = None
    repairs: int = 0

    def add(self, token: str, prefix: str, kind: str) -> None:
        """A token with its tag."""
        if self.sentence_tokens:
            self._write(" ")
        elif self.passages:
            self._write("\n")
            self.begin = self.length
        start, end_before = self.length, self.length - 1
        joins = self.current is not None and self.current[1] == kind and prefix in _INNER | _LAST
        if not joins:
            self._close(end_before)
            self.repairs += prefix in _INNER | _LAST
            if prefix != "O":
                self.current = (start, kind)
        self._write(token)
        self.sentence_tokens += 1
        if prefix in _LAST | _SINGLE:
            self._close(self.length)

    def end_sentence(self) -> None:
        """An empty line or a break."""
        self._close(self.length)
        if self.sentence_tokens:
            self.passages.append(Passage("sentence", self.begin, self.length))
        self.sentence_tokens = 0

    def document(self) -> Document | None:
        """What was read; None when there was no token."""
        self.end_sentence()
        if not self.passages:
            return None
        text = "".join(self.pieces)
        return Document(
            id=self.name,
            text=text,
            passages=tuple(self.passages),
            mentions=tuple(Mention((Span(a, b),), text[a:b], kind) for a, b, kind in self.mentions),
            attributes={"repairs": str(self.repairs)} if self.repairs else {},
        )

    def _write(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)

    def _close(self, end: int) -> None:
        if self.current is not None:
            self.mentions.append((self.current[0], end, self.current[1]))
        self.current = None


def read(
    path: Path, *, encoding: str = "utf-8", per_sentence: bool = False
) -> Iterator[Document | DataError]:
    """Yield the documents of a file, or its sentences; a bad line comes as a FormatError value.

    A file without document breaks is one document, whose id is the name of the file. Raises FormatError when
    the file cannot be read.
    """
    stem, seen, number = printable(Path(path.stem)), Seen(), 0
    now = _Open("" if per_sentence else stem)
    for number, line in read_lines(path, encoding=encoding):
        where = f"{printable(path)}:{number}"
        if isinstance(line, FormatError):
            yield line
        elif (name := _document_break(line, number, stem)) is not None:
            yield from _finished(now, seen, where)
            now = _Open("" if per_sentence else name)
        elif not line.strip():
            now.end_sentence()
            if per_sentence:
                yield from _finished(now, seen, where)
                now = _Open("")
        elif not _COMMENT.match(line) or "\t" in line:
            now.name = now.name or f"{stem}:{number}"
            yield from _token(now, line, where)
    yield from _finished(now, seen, f"{printable(path)}:{number}")


def _document_break(line: str, number: int, stem: str) -> str | None:
    if line.startswith("-DOCSTART-"):
        return f"{stem}:{number}"
    match = _BREAK.fullmatch(line)
    return (match["plain"] or match["said"]) if match else None


def _token(now: _Open, line: str, where: str) -> Iterator[FormatError]:
    columns = [each.strip() for each in line.split("\t")] if "\t" in line else line.split()
    if not 2 <= len(columns) <= _MOST_COLUMNS or not columns[0]:
        yield FormatError("expected a token and its tag", where=where, hint="2 to 9 columns")
        return
    tag = columns[-1]
    match = _TAG.fullmatch(tag)
    if tag != "O" and match is None:
        yield FormatError(f"{tag!r} is no tag", where=where, hint="O, B-TYPE, I-TYPE, E-TYPE or S-TYPE")
        return
    prefix, kind = (match["prefix"], match["type"] or UNTYPED) if match else ("O", "")
    now.add(columns[0], prefix, kind)


def _finished(now: _Open, seen: Seen, where: str) -> Iterator[Document | DataError]:
    document = now.document()
    if document is None:
        return
    if seen.add(document.id, 1) is not None:
        yield FormatError(f"document {document.id} was already given", where=where)
    else:
        yield document
