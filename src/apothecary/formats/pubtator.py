"""PubTator: title and abstract, then mentions and relations, a block for each document.

    10|t|Lithium-induced tremor.
    10|a|A newborn had tremor.
    10      0       7       Lithium Chemical        D008094
    10      CID     D008094 D014202

Offsets count code points of title + one blank + abstract. A document read from it has passages
"title" and "abstract" (none of the latter when the block has no such line), one concept for each
vocabulary id in order of first appearance, and relations r1, r2, ... with the arguments head and tail.

What files in use do, and what is made of it:

1. Several ids of a composite mention are joined by `|`, `;` or `,` (the last in BioRED). Ids of
   variants hold `|` themselves (``c|DUP||15``) and stay whole, as do the ids of relations.
2. An id that is missing, empty, `-` or `-1` means: not normalised. Written again as `-1`.
3. A fifth column of a relation (BioRED) is its novelty. Columns beyond the seventh of a mention are ignored.
4. A mention whose text differs from its slice is kept, with alignment "mismatch".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from apothecary.documents import Argument, Concept, Document, Mention, Passage, Relation, Span
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.formats.composite import split_ids
from apothecary.formats.differences import differences
from apothecary.formats.lines import printable, read_lines
from apothecary.formats.seen import Seen

__all__ = ["dumps", "losses", "read", "write"]

Line = tuple[int, str | FormatError]

_TEXT_LINE = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_TITLE_LINE = re.compile(r"[^|\t]+\|t\|")
_WHOLE = re.compile(r"[+-]?[0-9]{1,12}")
# Characters that the format gives a meaning to, or that would be taken for a damaged file.
_UNWRITABLE = str.maketrans("\t\n\r\0", "    ")


def read(path: Path, *, encoding: str = "utf-8") -> Iterator[Document | DataError]:
    """Yield the documents of a file, one block in memory; a bad block comes as a DataError value.

    The value is an OffsetError when a mention lies outside the text, else a FormatError; both
    name the line. Raises FormatError when the file cannot be read.
    """
    first_lines = Seen()
    for block in _blocks(read_lines(path, encoding=encoding)):
        try:
            yield _parse(block, printable(path), first_lines)
        except DataError as error:
            yield error


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write blocks, each followed by an empty line. Raises FormatError as `dumps` does."""
    for document in documents:
        stream.write(dumps(document) + "\n")


def dumps(document: Document) -> str:
    """One block, without the empty line after it.

    Offsets never change: characters that the format cannot hold become blanks, one for one. The
    first passage is the title if it stands at the start and is followed by a blank; otherwise the
    whole text is. A mention without ids is written with those of its concepts, so that relations
    between unlinked concepts keep their arguments. Relations without exactly one head and one tail
    are left out (see `losses`). Raises FormatError for an id or a relation that would not be read again.
    """
    if not re.fullmatch(r"[^|\t\r\n\0]*[^|\s\0][^|\t\r\n\0]*", document.id):
        raise _unwritable(document, f"the id {document.id!r}")
    text = document.text.translate(_UNWRITABLE)
    title_end = _title_end(document)
    lines = [f"{document.id}|t|{text[:title_end]}"]
    if title_end < len(text):
        lines.append(f"{document.id}|a|{text[title_end + 1 :]}")
    linked = _linked(document)
    lines.extend(_mention_line(document, m, linked.get(i, [])) for i, m in enumerate(document.mentions))
    lines.extend(
        _relation_line(document, relation) for relation in document.relations if _is_binary(relation)
    )
    return "\n".join(lines) + "\n"


def losses(document: Document) -> tuple[str, ...]:
    """The fields of the document that writing and reading again would change, such as "mentions.confidence".

    Found by doing so, hence complete. Raises FormatError as `dumps` does.
    """
    lines = dumps(document).removesuffix("\n").split("\n")
    return differences(document, _parse(list(enumerate(lines, 1)), f"document {document.id}", Seen()))


def _blocks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Blocks end at a blank line or at the next title. A block without a title keeps its first line only."""
    block: list[Line] = []
    for number, line in lines:
        is_title = isinstance(line, str) and _TITLE_LINE.match(line) is not None
        if block and (is_title or (isinstance(line, str) and not line.strip())):
            yield block
            block = []
        if is_title:
            block = [(number, line)]
            headed = True
        elif isinstance(line, FormatError) or line.strip():
            headed = headed if block else False
            if headed or not block:
                block.append((number, line))
    if block:
        yield block


def _parse(block: Sequence[Line], name: str, first_lines: Seen) -> Document:
    """The document of a block. `first_lines` knows the lines of the ids seen so far, and gains this one."""
    document_id, title = _text_line(block[0], name, "t")
    number = block[0][0]
    earlier = first_lines.add(document_id, number)
    if earlier is not None:
        raise FormatError(
            f"document {document_id} was already given at line {earlier}",
            where=f"{name}:{number}",
            hint="remove one of the two",
        )
    rest = list(block[1:])
    passages = [Passage("title", 0, len(title))]
    text = title
    if rest and isinstance(rest[0][1], str) and _TEXT_LINE.fullmatch(rest[0][1]):
        abstract = _text_line(rest.pop(0), name, "a", document_id)[1]
        text = f"{title} {abstract}"
        passages.append(Passage("abstract", len(title) + 1, len(text)))
    mentions, relations = _annotations(rest, name, document_id, text)
    return Document(
        id=document_id,
        text=text,
        passages=tuple(passages),
        mentions=mentions,
        concepts=_concepts(mentions, relations),
        relations=relations,
    )


def _text_line(line: Line, name: str, section: str, document_id: str = "") -> tuple[str, str]:
    where, content = f"{name}:{line[0]}", _content(line, f"{name}:{line[0]}")
    match = _TEXT_LINE.fullmatch(content)
    if not match or match[2] != section:
        raise FormatError(
            f"expected a line like 123|{section}|text", where=where, hint="a block starts with its title"
        )
    if document_id and match[1] != document_id:
        raise _wrong_id(match[1], document_id, where)
    return match[1], match[3]


def _content(line: Line, where: str) -> str:
    content = line[1]
    if isinstance(content, FormatError):
        raise content
    if "\0" in content:
        raise FormatError("NUL character", where=where, hint="the file is damaged, or not text")
    return content


def _annotations(
    lines: Iterable[Line], name: str, document_id: str, text: str
) -> tuple[tuple[Mention, ...], tuple[Relation, ...]]:
    mentions: list[Mention] = []
    relations: list[Relation] = []
    for line in lines:
        where = f"{name}:{line[0]}"
        columns = _content(line, where).split("\t")
        if len(columns) < 4:
            raise FormatError(
                f"{len(columns)} columns where a mention has 6 and a relation 4",
                where=where,
                hint="columns are separated by tabs",
            )
        if columns[0] != document_id:
            raise _wrong_id(columns[0], document_id, where)
        if _WHOLE.fullmatch(columns[1]):
            mentions.append(_mention(columns, text, where))
        else:
            relations.append(_relation(columns, f"r{len(relations) + 1}", where))
    return tuple(mentions), tuple(relations)


def _wrong_id(found: str, expected: str, where: str) -> FormatError:
    return FormatError(
        f"id {found} in the block of document {expected}",
        where=where,
        hint="separate blocks by an empty line",
    )


def _mention(columns: Sequence[str], text: str, where: str) -> Mention:
    if len(columns) < 5 or not _WHOLE.fullmatch(columns[2]):
        raise FormatError(
            "a mention needs start, end, text and type", where=where, hint="columns are separated by tabs"
        )
    start, end, name, kind = int(columns[1]), int(columns[2]), columns[3], columns[4]
    if not 0 <= start < end <= len(text):
        raise OffsetError(
            f"mention {start}-{end} of document {columns[0]} is empty or lies outside"
            f" the text of {len(text)} characters",
            where=where,
        )
    return Mention(
        spans=(Span(start, end),),
        text=name,
        type=kind,
        ids=split_ids(columns[5] if len(columns) > 5 else "", kind),
        individual_names=tuple(columns[6].split("|")) if len(columns) > 6 and columns[6] else (),
        alignment="exact" if text[start:end] == name else "mismatch",
    )


def _relation(columns: Sequence[str], relation_id: str, where: str) -> Relation:
    if len(columns) > 5:
        raise FormatError(
            "neither a mention nor a relation: the offsets are no numbers",
            where=where,
            hint="a mention is id, start, end, text, type, vocabulary id",
        )
    if not all(columns[1:4]):
        raise FormatError("a relation needs a type and two ids", where=where)
    return Relation(
        id=relation_id,
        type=columns[1],
        arguments=(Argument("head", columns[2]), Argument("tail", columns[3])),
        attributes={"novelty": columns[4]} if len(columns) > 4 else {},
    )


def _concepts(mentions: Sequence[Mention], relations: Sequence[Relation]) -> tuple[Concept, ...]:
    members: dict[str, list[int]] = {}
    for index, mention in enumerate(mentions):
        for concept_id in dict.fromkeys(mention.ids):
            members.setdefault(concept_id, []).append(index)
    for relation in relations:
        for argument in relation.arguments:
            members.setdefault(argument.concept, [])
    return tuple(
        Concept(
            id=concept_id,
            type=mentions[indices[0]].type if indices else "",
            mentions=tuple(indices),
            names=tuple(dict.fromkeys(mentions[index].text for index in indices)),
            ids=(concept_id,),
        )
        for concept_id, indices in members.items()
    )


def _unwritable(document: Document, what: str) -> FormatError:
    return FormatError(
        f"PubTator cannot hold {what}", where=f"document {document.id}", hint="write JSON Lines instead"
    )


def _title_end(document: Document) -> int:
    first = document.passages[0] if document.passages else None
    if first is None or first.start > 0 or not document.text[first.end : first.end + 1].isspace():
        return len(document.text)
    return first.end


def _linked(document: Document) -> dict[int, list[str]]:
    linked: dict[int, list[str]] = {}
    for concept in document.concepts:
        for index in concept.mentions:
            linked.setdefault(index, []).append(_written_id(concept))
    return linked


def _mention_line(document: Document, mention: Mention, concept_ids: Sequence[str]) -> str:
    columns = [
        document.id,
        str(min(span.start for span in mention.spans)),
        str(max(span.end for span in mention.spans)),
        mention.text,
        mention.type,
        "|".join(mention.ids or concept_ids) or "-1",
        *(["|".join(mention.individual_names)] if mention.individual_names else []),
    ]
    return "\t".join(column.translate(_UNWRITABLE) for column in columns)


def _is_binary(relation: Relation) -> bool:
    return sorted(argument.role for argument in relation.arguments) == ["head", "tail"]


def _written_id(concept: Concept) -> str:
    return concept.id if concept.id in concept.ids or not concept.ids else concept.ids[0]


def _relation_line(document: Document, relation: Relation) -> str:
    head, tail = (_written_id(document.concept(relation.argument(role))) for role in ("head", "tail"))
    if not relation.type or _WHOLE.fullmatch(relation.type) or not (head and tail):
        raise _unwritable(document, f"relation {relation.id} of type {relation.type!r}")
    columns = [document.id, relation.type, head, tail]
    columns.extend([relation.attributes["novelty"]] if "novelty" in relation.attributes else [])
    return "\t".join(column.translate(_UNWRITABLE) for column in columns)
