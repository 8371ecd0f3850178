r"""Brat standoff: the text in NAME.txt, what is found in it in NAME.ann beside it.

    T1      Chemical 0 7    Lithium
    T2      Cause 8 15      induced
    T3      Disease 16 22   tremor
    N1      Reference T1 MESH:D008094       Lithium
    E1      Cause:T2 Agent:T1 Theme:T3
    A1      Speculation E1
    R1      Treats Arg1:T1 Arg2:T3
    *       Equiv T3 T5

A document read from it has one passage "text", its mentions in the order of the T lines, relations
r1, r2, ... in that of the R and E lines, one concept for each vocabulary id and, for a mention without
one that an R, E or Equiv line names, a concept c1, c2, ... of its own. Ids of the file are not kept.

What the format means here, and what is made of files in use:

1. Offsets count code points of the text as it stands in the file: a carriage return is one, and so is
   a byte order mark, as for brat itself (the encoding utf-8-sig leaves the mark out). Offsets that count
   anything else give mentions with alignment "mismatch"; none is moved.
2. The text of a T line has blanks for line breaks, one or two for CR LF, and old files join the parts
   of a discontinuous mention without one: such a text counts as equal, an empty one as not given.
3. An event is a relation whose first argument, in the role of the event's type, is its trigger. An
   argument that is an event or a relation is left out, the others stay.
4. Negation and Speculation of a relation or event are its polarity (of both, negated); other attributes
   and notes are dropped, as are the names in N lines and lines of an unknown kind.
5. Mentions without ids that an Equiv line joins (or several lines, by a mention they share) belong to
   the concept of the first of them with an id, else to one of their own; a lone one is not joined.
   As an argument, a mention with several ids stands for the first.
6. Brat demands a vocabulary before each id: an id without one is written as `id:D008094`, and `id:` is
   removed on reading.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from apothecary.documents import (
    Argument,
    Concept,
    Document,
    Mention,
    Passage,
    Polarity,
    Relation,
    Span,
    Status,
)
from apothecary.errors import DataError, FormatError, OffsetError
from apothecary.formats.differences import differences
from apothecary.formats.lines import MAX_LINE_BYTES, check_encoding, open_bytes, printable, read_lines

__all__ = ["losses", "read", "write"]

_Line = tuple[int, str | FormatError]

_ARGUMENT = r"\S+:[^\s:]+"
# What the second column of each kind holds, and an example for the message when it does not.
_SHAPES = {
    "T": (r"\S+ (?:[0-9]{1,12} [0-9]{1,12};)*[0-9]{1,12} [0-9]{1,12}", "Type 0 5 or Type 0 5;10 15"),
    "R": (rf"\S+ {_ARGUMENT} {_ARGUMENT}", "Type Arg1:T1 Arg2:T2"),
    "E": (rf"{_ARGUMENT}(?: {_ARGUMENT})*", "Type:T1 Role:T2"),
    "N": (r"\S+ \S+ \S.*", "Reference T1 MESH:D008094"),
    "A": (r"\S+ \S.*", "Negation E1"),
    "M": (r"\S+ \S.*", "Negation E1"),
    "*": (r"\S.*", "Equiv T1 T2"),
}
# In the order in which they are applied.
_POLARITIES: dict[str, Polarity] = {"Speculation": "speculative", "Negation": "negated"}
# Whatever some reader takes for the end of a line or a column, and what UTF-8 cannot hold.
_BREAK = re.compile("[\0\t-\r\x1c-\x1e\x85\u2028\u2029\ud800-\udfff]")
_NOT_IN_WORDS = re.compile("[\\s\0\ud800-\udfff]")
_NOT_IN_TEXTS = re.compile("[\0\ud800-\udfff]")
_WITH_VOCABULARY = re.compile("(?!id:)[^:]+:.")
# Names that every file system takes, and that Windows does not reserve for a device.
_FILE_NAME = re.compile(
    r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$))[a-z0-9_](?:[a-z0-9._-]{0,98}[a-z0-9_-])?",
    re.IGNORECASE | re.ASCII,
)


class _Row(NamedTuple):
    where: str
    id: str
    words: list[str]
    text: str


def read(path: Path, *, encoding: str = "utf-8") -> Document | DataError:
    """The document of a .txt and the .ann of the same name; either path will do. The name is its id.

    A missing .ann means: no annotations. Everything else that is wrong comes as a value: an OffsetError
    when a mention lies outside the text, else a FormatError; both name the line. Raises UsageError for
    an encoding that is unknown or whose lines cannot be told apart (UTF-16, UTF-32).
    """
    check_encoding(encoding)
    suffix = path.suffix.lower()
    if suffix not in (".txt", ".ann"):
        return FormatError("neither a .txt nor an .ann file", where=printable(path), hint="name one")
    annotations = path.with_suffix(".ann") if suffix == ".txt" else path
    try:
        text = _read_text(path if suffix == ".txt" else path.with_suffix(".txt"), encoding)
        lines = read_lines(annotations, encoding=encoding) if os.path.lexists(annotations) else ()
        return _parse(printable(Path(path.stem)), text, lines, printable(annotations))
    except DataError as error:
        return error


def write(documents: Iterable[Document], folder: Path) -> None:
    """Write NAME.txt and NAME.ann for each document, in UTF-8, into a folder that need not be there yet.

    NAME is the id when that is a safe file name: up to 100 ASCII letters, digits, `_`, `-` and `.`, no
    device of Windows, not one written before but for upper case. Otherwise it is what remains of the id
    and a digest of it. Offsets never change: characters that UTF-8 text cannot hold become blanks, one
    for one; in types, roles and ids blanks become `_`.

    A mention without ids is written with those of its concepts, unless an Equiv line says the same. A
    relation with an argument in the role of its type is an event, another with two arguments a binary
    relation (the second of two like roles gets a 2, as brat demands). Left out are other relations, and
    those with a concept that no mention stands for (see `losses`).

    Raises FormatError for a file that is already there or cannot be written, and for a repeated id;
    documents before it stay written.
    """
    taken: dict[str, str] = {}
    for document in documents:
        name = _file_name(document.id, taken)
        text, lines = _render(document)
        # The annotations first: without its text an .ann is an error, without its .ann a text is not.
        files = {folder / f"{name}.ann": "".join(f"{line}\n" for line in lines), folder / f"{name}.txt": text}
        for path in files:
            if os.path.lexists(path):
                raise FormatError("is already there", where=printable(path), hint="name an empty folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, content in files.items():
                with path.open("xb") as stream:
                    stream.write(content.encode())
        except (OSError, ValueError) as error:
            raise FormatError(f"cannot be written: {error}", where=printable(folder)) from error


def losses(document: Document) -> tuple[str, ...]:
    """The fields of the document that writing and reading again would change, such as "mentions.confidence".

    Found by doing so, hence complete. The document counts as the only one of its folder.
    """
    text, lines = _render(document)
    name = _file_name(document.id, {})
    return differences(document, _parse(name, text, enumerate(lines, 1), f"document {document.id}"))


def _read_text(path: Path, encoding: str) -> str:
    where, hint = printable(path), "name its encoding with --encoding"
    with open_bytes(path) as stream:
        data = stream.read(MAX_LINE_BYTES + 1)
    if len(data) > MAX_LINE_BYTES:
        raise FormatError(f"larger than {MAX_LINE_BYTES} bytes", where=where, hint="split it")
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        raise FormatError(f"not text in {encoding}: {error}", where=where, hint=hint) from error
    if "\0" in text:
        raise FormatError(f"not text in {encoding}: NUL character", where=where, hint=hint)
    return text


def _parse(document_id: str, text: str, lines: Iterable[_Line], name: str) -> Document:
    rows = _rows(lines, name)
    kinds = {kind: [row for row in rows if row.id[0] in kind] for kind in ("T", "RE", "N", "AM", "*")}
    # T ids lead to mentions, R and E ids to relations.
    known = {row.id: index for kind in ("T", "RE") for index, row in enumerate(kinds[kind])}
    ids: list[list[str]] = [[] for _ in kinds["T"]]
    for row in kinds["N"]:
        for _, index in _targets(row, row.words[1:2], known):
            ids[index].append(row.words[2].removeprefix("id:") or row.words[2])
    mentions = [_mention(row, text, ids[index]) for index, row in enumerate(kinds["T"])]
    found = [_targets(row, row.words[row.id[0] == "R" :], known) for row in kinds["RE"]]
    statuses = [Status()] * len(found)
    for attribute, polarity in _POLARITIES.items():
        for row in (row for row in kinds["AM"] if row.words[0] == attribute):
            for _, index in _targets(row, row.words[1:2], known, "RE"):
                statuses[index] = Status(polarity)
    equivalences = [row for row in kinds["*"] if row.words[0] == "Equiv"]
    equals = [[index for _, index in _targets(row, row.words[1:], known)] for row in equivalences]
    named = {index for pairs in found for _, index in pairs}.union(*(e for e in equals if len(set(e)) > 1))
    concepts, concept_ids = _concepts(mentions, equals, named)
    return Document(
        id=document_id,
        text=text,
        passages=(Passage("text", 0, len(text)),),
        mentions=tuple(mentions),
        concepts=concepts,
        relations=tuple(
            Relation(
                id=f"r{number}",
                type=row.words[0] if row.id[0] == "R" else row.words[0].rpartition(":")[0],
                arguments=tuple(Argument(role, concept_ids[index][0]) for role, index in pairs),
                status=status,
            )
            for number, (row, pairs, status) in enumerate(zip(kinds["RE"], found, statuses, strict=True), 1)
        ),
    )


def _rows(lines: Iterable[_Line], name: str) -> list[_Row]:
    """The lines of the kinds in `_SHAPES`, each of its shape; ids are unique."""
    rows = []
    seen: dict[str, int] = {}
    for number, line in lines:
        where = f"{name}:{number}"
        if isinstance(line, FormatError):
            raise line
        if line[:1] not in _SHAPES:
            continue
        shape, example = _SHAPES[line[0]]
        identifier, content, text = (*line.split("\t", 2), "", "")[:3]
        words = content.split()
        if not re.fullmatch(shape, " ".join(words)):
            problem = f"the second column of a line {line[0]} is like {example}"
            raise FormatError(problem, where=where, hint="columns are separated by tabs")
        if identifier != "*" and seen.setdefault(identifier, number) != number:
            problem = f"{identifier} was already given at line {seen[identifier]}"
            raise FormatError(problem, where=where, hint="remove one of the two")
        rows.append(_Row(where, identifier, words, text))
    return rows


def _targets(row: _Row, words: list[str], known: dict[str, int], kinds: str = "T") -> list[tuple[str, int]]:
    """Roles and indices of what words such as ``Role:T1`` and ``T1`` point to, if of these kinds."""
    found = []
    for role, _, target in (word.rpartition(":") for word in words):
        if target not in known:
            raise FormatError(f"names {target}, which no line gives", where=row.where, hint="remove the line")
        if target[0] in kinds:
            found.append((role, known[target]))
    return found


def _mention(row: _Row, text: str, ids: Iterable[str]) -> Mention:
    offsets = [int(word) for word in " ".join(row.words[1:]).replace(";", " ").split()]
    pairs = list(zip(offsets[::2], offsets[1::2], strict=True))
    for start, end in pairs:
        if not start < end <= len(text):
            problem = f"is empty or lies outside the text of {len(text)} characters"
            raise OffsetError(f"mention {start}-{end} {problem}", where=row.where)
    pieces = [text[start:end] for start, end in pairs]
    joined = [joint.join(pieces) for joint in (" ", "")]
    equal = {_BREAK.sub(" ", one) for one in joined + [one.replace("\r\n", "\n") for one in joined]}
    differs = bool(row.text.strip()) and _BREAK.sub(" ", row.text) not in equal
    return Mention(
        spans=tuple(Span(*pair) for pair in pairs),
        text=row.text if differs else joined[0],
        type=row.words[0],
        ids=tuple(dict.fromkeys(ids)),
        alignment="mismatch" if differs else "exact",
    )


def _concepts(
    mentions: Sequence[Mention], equals: Iterable[Sequence[int]], named: set[int]
) -> tuple[tuple[Concept, ...], list[tuple[str, ...]]]:
    """The concepts, and for each mention the ids of its own: none if it has no id and is not named."""
    roots = _roots(len(mentions), equals)
    vocabulary = {identifier for mention in mentions for identifier in mention.ids}
    fresh = (name for number in count(1) if (name := f"c{number}") not in vocabulary)
    lent: dict[int, tuple[str, ...]] = {}
    for root, mention in zip(roots, mentions, strict=True):
        if mention.ids:
            lent.setdefault(root, mention.ids)
    for index in sorted(named):
        if roots[index] not in lent:
            lent[roots[index]] = (next(fresh),)
    found = [m.ids or (lent[roots[index]] if index in named else ()) for index, m in enumerate(mentions)]
    members: dict[str, list[int]] = {}
    for index, identifier in ((index, name) for index, names in enumerate(found) for name in names):
        members.setdefault(identifier, []).append(index)
    concepts = tuple(
        Concept(
            id=identifier,
            type=mentions[indices[0]].type,
            mentions=tuple(indices),
            names=tuple(dict.fromkeys(mentions[index].text for index in indices)),
            ids=(identifier,) if identifier in vocabulary else (),
        )
        for identifier, indices in members.items()
    )
    return concepts, found


def _roots(size: int, groups: Iterable[Sequence[int]]) -> list[int]:
    """For each index one that stands for all that the groups join it to."""
    parents = list(range(size))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for group in groups:
        for index in group:
            parents[root(index)] = root(group[0])
    return [root(index) for index in range(size)]


def _file_name(document_id: str, taken: dict[str, str]) -> str:
    """A name that no other id took, upper and lower case being one; `taken` gains it with the id."""
    digest = hashlib.sha256(document_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    remains = re.sub("[^A-Za-z0-9_]+", "_", document_id)[:80] or "_"
    name = f"{remains}-{digest}"
    if _FILE_NAME.fullmatch(document_id) and taken.get(document_id.lower(), document_id) == document_id:
        name = document_id
    if name.lower() in taken:
        problem = f"the file name {name} is taken by document {taken[name.lower()]}"
        raise FormatError(problem, where=f"document {document_id}", hint="make ids unique")
    taken[name.lower()] = document_id
    return name


def _render(document: Document) -> tuple[str, list[str]]:
    """The text, and the lines of the annotations."""
    # What each mention stands for: its ids or, if it has none, those of its concepts.
    keys = [list(mention.ids) for mention in document.mentions]
    for concept in document.concepts:
        for index in concept.mentions:
            if not document.mentions[index].ids and _written_id(concept) not in keys[index]:
                keys[index].append(_written_id(concept))
    mentions = [
        f"T{number}\t{_word(mention.type)} {';'.join(f'{span.start} {span.end}' for span in mention.spans)}"
        f"\t{_BREAK.sub(' ', mention.text)}"
        for number, mention in enumerate(document.mentions, 1)
    ]
    lines = [*mentions, *_identity_lines(document, keys), *_relation_lines(document, keys)]
    return _NOT_IN_TEXTS.sub(" ", document.text), lines


def _word(text: str) -> str:
    return _NOT_IN_WORDS.sub("_", text) or "_"


def _written_id(concept: Concept) -> str:
    return concept.id if concept.id in concept.ids or not concept.ids else concept.ids[0]


def _identity_lines(document: Document, keys: Sequence[Sequence[str]]) -> list[str]:
    """N and Equiv lines: an Equiv joins the mentions without ids that stand for the same."""
    vocabulary = {identifier for concept in document.concepts for identifier in concept.ids}
    groups: dict[frozenset[str], list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(frozenset(key), []).append(index)
    written = {index: mention.ids for index, mention in enumerate(document.mentions)}
    equals = []
    for group, indices in groups.items():
        linked = [index for index in indices if written[index]]
        bare = [index for index in indices if not written[index]]
        if not linked and vocabulary.issuperset(group):
            written.update((index, tuple(keys[index])) for index in bare)
        elif bare and len(indices) > 1:
            equals.append("*\tEquiv" + "".join(f" T{index + 1}" for index in sorted(linked[:1] + bare)))
    pairs = [(index, _word(identifier)) for index, ids in written.items() for identifier in ids]
    return [
        f"N{number}\tReference T{index + 1} {'' if _WITH_VOCABULARY.match(word) else 'id:'}{word}\t"
        for number, (index, word) in enumerate(pairs, 1)
    ] + equals


def _relation_lines(document: Document, keys: Sequence[Sequence[str]]) -> Iterator[str]:
    speakers = {concept.id: _speaker(concept, keys) for concept in document.concepts}
    numbers = {kind: count(1) for kind in "REA"}
    for relation in document.relations:
        kind = _word(relation.type)
        arguments = [(_word(a.role), speakers[a.concept]) for a in relation.arguments]
        triggers = [argument for argument in arguments if argument[0] == kind]
        others = [argument for argument in arguments if argument[0] != kind]
        if not all(target for _, target in arguments) or not (triggers or len(others) == 2):
            continue
        if not triggers and others[0][0] == others[1][0]:
            others[1] = (f"{others[1][0]}2", others[1][1])
        name = f"E{next(numbers['E'])}" if triggers else f"R{next(numbers['R'])}"
        words = [f"{role}:{target}" for role, target in triggers + others]
        yield f"{name}\t{' '.join(words if triggers else [kind, *words])}"
        for attribute, polarity in _POLARITIES.items():
            if relation.status.polarity == polarity:
                yield f"A{next(numbers['A'])}\t{attribute} {name}"


def _speaker(concept: Concept, keys: Sequence[Sequence[str]]) -> str:
    """The T id that stands for it as an argument: that of a mention which is read again as this concept."""
    alike = [index for index in concept.mentions if keys[index][0] == _written_id(concept)]
    fit = alike or [index for index in concept.mentions if len(keys[index]) == 1]
    return f"T{min(fit) + 1}" if fit else ""
