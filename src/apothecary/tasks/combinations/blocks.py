"""Reply text -> its thinking and its answers, by the tags around them. One pass, whatever the text holds."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Blocks", "split_blocks"]

_TAG = re.compile(r"<(/?)(think|answer)>", re.IGNORECASE)


@dataclass(frozen=True)
class Blocks:
    """The blocks of a reply, stripped.

    `think` is None where there is none. Without answer tags, the one answer is all that is not thinking, and
    `tagged` is False. `answer_first`: the answer stands before or inside the thinking. `text_after`: there
    is text behind the first answer that belongs to no block.
    """

    think: str | None
    answers: tuple[str, ...]
    tagged: bool
    answer_first: bool
    text_after: bool
    repairs: tuple[str, ...]


@dataclass(frozen=True)
class _Piece:
    """A block ("think", "answer") or the text between blocks (""), and whether its tag was closed."""

    kind: str
    start: int
    end: int
    closed: bool = True


def split_blocks(text: str) -> Blocks:
    """Take a reply apart. Never raises.

    Repairs: tags in capitals; a block that is not closed (thinking ends where the answer begins);
    a block whose opening tag stood in the prompt; a second block of thinking and text outside the blocks,
    which are left out.
    """
    pieces, repairs = _pieces(text)
    thoughts = [piece for piece in pieces if piece.kind == "think"]
    answers = [piece for piece in pieces if piece.kind == "answer"]
    inside = [] if answers or not thoughts else _answers_inside(text, thoughts[0])
    chosen = answers or inside
    outside = [piece for piece in pieces if not piece.kind and text[piece.start : piece.end].strip()]
    if any(not piece.closed for piece in (*thoughts, *chosen)):
        repairs.append("tag closed")
    if len(thoughts) > 1:
        repairs.append("second thinking removed")
    think = text[thoughts[0].start : thoughts[0].end].strip() if thoughts else None
    if not chosen:
        bare = " ".join(text[piece.start : piece.end].strip() for piece in outside)
        return Blocks(think, (bare,) if bare else (), False, False, False, tuple(repairs))
    first = chosen[0]
    if any(piece.start < first.start for piece in outside):
        repairs.append("text before the answer removed")
    return Blocks(
        think,
        tuple(text[piece.start : piece.end].strip() for piece in chosen),
        True,
        bool(inside) or bool(thoughts and first.start < thoughts[0].start),
        any(piece.start > first.start for piece in outside),
        tuple(repairs),
    )


def _pieces(text: str) -> tuple[list[_Piece], list[str]]:
    """Every block in order, with the text between them."""
    tags = list(_TAG.finditer(text))
    repairs = ["tag in capitals"] if any(tag[0] != tag[0].lower() for tag in tags) else []
    pieces: list[_Piece] = []
    seen: set[str] = set()
    kind, start = "", 0
    # A block that is closed further on may hold any tag; one that never is ends at the next block.
    closed_later = {"think": _last(tags, "</think>"), "answer": _last(tags, "</answer>")}
    for tag in tags:
        name, closes = tag[2].lower(), bool(tag[1])
        if not kind and closes:
            if name not in seen and "answer" not in seen:
                # The prompt may end with the opening tag: some chat templates do.
                pieces.append(_Piece(name, start, tag.start()))
                seen.add(name)
                repairs.append("opening tag added")
                start = tag.end()
            continue
        never_closed = bool(kind) and tag.start() > closed_later[kind]
        if closes and name == kind:
            pieces.append(_Piece(kind, start, tag.start()))
            kind, start = "", tag.end()
        elif not closes and (not kind or (never_closed and name != kind)):
            pieces.append(_Piece(kind, start, tag.start(), closed=not kind))
            kind, start = name, tag.end()
            seen.add(kind)
    pieces.append(_Piece(kind, start, len(text), closed=not kind))
    return pieces, repairs


def _last(tags: list[re.Match[str]], wanted: str) -> int:
    """Where that tag stands last; -1 where it never does."""
    return next((tag.start() for tag in reversed(tags) if tag[0].lower() == wanted), -1)


def _answers_inside(text: str, think: _Piece) -> list[_Piece]:
    """The answers within thinking, read where there is none outside it."""
    found: list[_Piece] = []
    start = -1
    for tag in _TAG.finditer(text, think.start, think.end):
        if tag[2].lower() == "answer" and (bool(tag[1]) is (start >= 0)):
            if start >= 0:
                found.append(_Piece("answer", start, tag.start()))
            start = -1 if start >= 0 else tag.end()
    if start >= 0:
        found.append(_Piece("answer", start, think.end, closed=False))
    return found
