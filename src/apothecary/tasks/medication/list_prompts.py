"""How a language model is asked to edit a list, and what it may write.

The grammar of a request has only edits that its list allows: adding what is neither listed nor barred,
removing what is listed. Within several lines an edit may still be made twice, which a reader refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apothecary.messages import Decoding, Grammar, Message, Request
from apothecary.tasks.medication.edit_lines import NOTHING
from apothecary.tasks.medication.line_rewards import Mode
from apothecary.tasks.medication.list_state import ListState
from apothecary.tasks.medication.visit_text import VisitText
from apothecary.tasks.prompting import fill, load_prompt, prompt_digest

__all__ = ["LINES", "PROMPTS", "STEPS", "SYSTEM", "ListQuestion", "messages_of"]

_FOLDER = "apothecary.tasks.medication"
SYSTEM = load_prompt(_FOLDER, "system.txt")
_TEXTS: Mapping[Mode, str] = {
    "add": load_prompt(_FOLDER, "add.txt"),
    "remove": load_prompt(_FOLDER, "remove.txt"),
    "edit": load_prompt(_FOLDER, "edit.txt"),
}
STEPS: Mapping[Mode, str] = {mode: f"medication.{mode}" for mode in _TEXTS}
PROMPTS = {f"{name}.txt": prompt_digest(text) for name, text in (("system", SYSTEM), *_TEXTS.items())}
"""SHA-256 by file."""

LINES = 4
"""Edits of one turn, unless a user says otherwise."""
_EMPTY = "(no drug)"
_TOKENS_A_CHARACTER = 0.75
"""More than any tokenizer needs for the names of drugs, which are seldom words that it knows."""


@dataclass(frozen=True)
class ListQuestion:
    """What may be said of a list in one turn: `lines` lines at most."""

    vocabulary: Sequence[str]
    state: ListState
    mode: Mode
    lines: int = LINES

    def request(self, visit: VisitText) -> Request | None:
        """The question about the list of a visit; None where no edit is possible."""
        edits = self._edits()
        if not edits:
            return None
        longest = max(map(len, edits)) + 1
        tokens = int(_TOKENS_A_CHARACTER * longest * self._most(edits)) + 8
        listed = self.state.names(self.vocabulary)
        end = "stop" if self.mode == "edit" else NOTHING
        return Request(
            messages=messages_of(visit, listed, self.mode, self.lines),
            step=STEPS[self.mode],
            constraint=Grammar(_grammar(edits, end, self._most(edits), ends_lines=self.mode == "edit")),
            decoding=Decoding(max_new_tokens=tokens),
            soft_tokens=visit.soft_with(listed),
        )

    def _most(self, edits: Sequence[str]) -> int:
        budget = len(edits) if self.state.budget is None else self.state.budget
        return min(self.lines if self.mode == "edit" else budget, budget, len(edits))

    def _edits(self) -> list[str]:
        legal, size = self.state.legal(), self.state.size
        adds, removes = (
            # A name of several lines could not be told from several names.
            [name for name, may in zip(self.vocabulary, part, strict=True) if may and name.isprintable()]
            for part in (legal[:size], legal[size:-1])
        )
        if self.mode == "edit":
            return [f"add {name}" for name in adds] + [f"remove {name}" for name in removes]
        return adds if self.mode == "add" else removes


def messages_of(
    visit: VisitText, listed: Sequence[str], mode: Mode, lines: int = LINES
) -> tuple[Message, ...]:
    """The question about a list, without an answer; `lines` matters to the mode ``edit`` alone."""
    named = "\n".join(map(visit.named, listed)) or _EMPTY
    slots = {"visit": visit.text, "list": named, "lines": str(lines)}
    return (Message("system", SYSTEM), Message("user", fill(_TEXTS[mode], slots)))


def _grammar(edits: Sequence[str], end: str, most: int, *, ends_lines: bool) -> str:
    """GBNF of at most `most` edits, or the end alone; with `ends_lines` it may stand after edits, too."""
    # What follows a line is the next rule or nothing: the operator {0,n} is not known to every engine.
    rules = [f"root ::= {_literal(end)} | line1", f"edit ::= {' | '.join(map(_literal, edits))}"]
    for number in range(1, most + 1):
        following = [f"line{number + 1}"] if number < most else []
        following += [_literal(end)] if ends_lines else []
        rules.append(f"line{number} ::= edit" + (f' ("\\n" ({" | ".join(following)}))?' if following else ""))
    return "\n".join(rules)


def _literal(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'
