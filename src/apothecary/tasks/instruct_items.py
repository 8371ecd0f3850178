# ruff: noqa: RUF001, RUF002 (full-width characters are those of the answers)
"""Items of an answer line: what is written between separators, and how it is told from them.

An item is written as it is, or as a JSON string where it holds anything that the reader takes for more than a
letter: a separator, a bracket, a colon, a quote, a line break, decoration at an end, or a word that means
"nothing". The reader takes more than the writer gives: full-width separators and brackets, commas where
there is no semicolon, typographic quotes, markdown.
"""

from __future__ import annotations

import json
import re

from apothecary.errors import AnswerError

__all__ = ["NOTHING", "grouped", "is_nothing", "nothing", "pieces", "quoted", "split_items", "unquoted"]

NOTHING = {"en": "none", "zh": "无"}
"""What stands for an empty answer."""
_NOTHING_WORDS = frozenset(
    (
        *("none", "nothing", "null", "n/a", "none found", "none of these", "none of the above"),
        *("无", "没有", "空", "暂无", "不存在", "未发现", "未提及", "以上都不是", "都不是", "无相关内容"),
    )
)
_PROSE_NOTHING = re.compile(
    r"(?:none\b|there (?:is|are|was|were) no\b|no \w+(?: \w+){0,4} (?:is|are|was|were|found|mentioned)\b"
    r"|(?:文中|文本中|该文本|原文)?(?:没有|未(?:发现|提及|提到|找到|出现|见)|不存在|无相关|不包含))",
    re.IGNORECASE,
)
_SPECIAL = re.compile(
    r'[;；，、:：|\\\[\]［］【】"“”„「」『』\x00-\x1f\x7f\x85\u2028\u2029]|,(?=[\s"]|\Z)|\*\*'
)
_EDGE = re.compile(r"[\s'‘*_`]|[.。]")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_PAIRS = (
    ("“", "”"),
    ("「", "」"),
    ("『", "』"),
    ("‘", "’"),
    ("'", "'"),
    ("**", "**"),
    ("`", "`"),
    ("*", "*"),
    ("_", "_"),
)
_OPEN = {"square": "[【［", "round": "(（"}
_CLOSE = {"square": "]】］", "round": ")）"}
_BEGINS = frozenset(";；,，、:：|[【［(（")
"""After these an item begins, so that a quote there is one."""


def quoted(text: str, also: str = "") -> str:
    """An item as it is written: bare, or as a JSON string. `also` are characters that count as special here.

    >>> print(quoted("aspirin"), quoted("1,2-dichloroethane"), quoted("a; b"), quoted('5" tube'))
    aspirin 1,2-dichloroethane "a; b" "5\\" tube"
    """
    plain = (
        text
        and not _SPECIAL.search(text)
        and not _EDGE.match(text)
        and not _EDGE.match(text[-1])
        and not any(character in text for character in also)
        and text.casefold() not in _NOTHING_WORDS
    )
    return text if plain else json.dumps(text, ensure_ascii=False)


def unquoted(piece: str) -> str:
    """The item that a piece between separators stands for: the inverse of `quoted`, and of decoration."""
    text = piece.strip()
    if _STRING.fullmatch(text):
        return _of_json(text)
    text = text.rstrip(".。").strip() if len(text) > 1 else text
    for left, right in _PAIRS:
        if len(text) > len(left) + len(right) and text.startswith(left) and text.endswith(right):
            text = text[len(left) : len(text) - len(right)].strip()
    return _of_json(text) if _STRING.fullmatch(text) else text


def _of_json(text: str) -> str:
    try:
        value = json.loads(text, strict=False)
    except ValueError:
        return text[1:-1]
    # Half of a surrogate pair, which a reply may spell as an escape, can be written nowhere.
    return str(value).encode("utf-8", "replace").decode("utf-8")


def split_items(line: str) -> list[str]:
    """The items of a line: between semicolons, or between commas where there is no semicolon.

    >>> split_items('aspirin; "a; b"；x'), split_items("阿司匹林、布洛芬"), split_items("1,2-xylene, water")
    (['aspirin', 'a; b', 'x'], ['阿司匹林', '布洛芬'], ['1,2-xylene', 'water'])
    """
    found = pieces(line, ";；")
    if len(found) == 1:
        found = pieces(line, ",，、")
    return [piece for piece in (unquoted(each) for each in found) if piece]


def pieces(line: str, separators: str) -> list[str]:
    """What stands between separators outside JSON strings; a comma needs a blank or a quote behind it."""
    found: list[str] = []
    start = index = 0
    begins = True
    while index < len(line):
        character = line[index]
        if begins and character == '"' and (end := _string_end(line, index)):
            index, begins = end, False
            continue
        if character in separators and (character != "," or _parts(line, index)):
            found.append(line[start:index])
            start, begins = index + 1, True
        elif not character.isspace():
            begins = character in _BEGINS
        index += 1
    found.append(line[start:])
    return found


def grouped(line: str, kind: str) -> list[str]:
    """The inner texts of bracket pairs of a kind, "square" or "round"; brackets within them stay.

    Raises AnswerError for a bracket that is never closed: the reply was cut off.
    """
    opening, closing = _OPEN[kind], _CLOSE[kind]
    found: list[str] = []
    depth = start = index = 0
    begins = False
    while index < len(line):
        character = line[index]
        if begins and depth and character == '"' and (end := _string_end(line, index)):
            index, begins = end, False
            continue
        if character in opening:
            start = start if depth else index + 1
            depth += 1
        elif character in closing and depth:
            depth -= 1
            if not depth:
                found.append(line[start:index])
        if not character.isspace():
            begins = character in _BEGINS
        index += 1
    if depth:
        raise AnswerError("a bracket is never closed", hint="the reply was cut off")
    return found


def nothing(language: str) -> str:
    """The word for an empty answer in a language."""
    return NOTHING[language]


def is_nothing(text: str, *, prose: bool = False) -> bool:
    """Does a reply say that there is nothing? With `prose`, a sentence that says so counts too.

    >>> is_nothing("None."), is_nothing("无。"), is_nothing("There are no drugs."), is_nothing('"none"')
    (True, True, False, False)
    """
    bare = text.strip().strip("*_`.。!！ ").casefold()
    if bare in _NOTHING_WORDS:
        return True
    return prose and "\n" not in text.strip() and bool(_PROSE_NOTHING.match(bare))


def _string_end(line: str, index: int) -> int:
    """One past a JSON string that begins here and fills its item; 0 where there is none."""
    match = _STRING.match(line, index)
    if not match:
        return 0
    rest = line[match.end() : match.end() + 8].lstrip()
    # An item that only begins with a quoted word is no JSON string.
    return match.end() if not rest or rest[0] in ";；,，、:：|]】］)）*" else 0


def _parts(line: str, index: int) -> bool:
    return index + 1 == len(line) or line[index + 1].isspace() or line[index + 1] == '"'
