"""The question by which a model proposes more scenarios for a draft, and how its reply is read.

What comes back is text that somebody has to check: it gets ids that say so (see `with_scenarios`).
"""

from __future__ import annotations

import json

from apothecary.errors import AnswerError
from apothecary.messages import Decoding, JsonSchema, Message, Reply, Request
from apothecary.tasks.answers import json_answer
from apothecary.tasks.flow import Parsed, Step
from apothecary.tasks.prompting import fill, load_prompt
from apothecary.tasks.scenarios_draft import CODES, Wish
from apothecary.tasks.scenarios_lint import LONGEST_SCENARIO, PLACEHOLDER
from apothecary.tasks.schema import Scenario

__all__ = ["DRAFT", "draft_request", "read_draft"]

PROMPT = load_prompt("apothecary.tasks", "scenarios.txt")
MOST = 5
"""Statements of each polarity: with those of the rules they fit the codes of one character."""
SHORTEST = 10
POLARITIES = ("positive", "negative")
# What a reply does not say: synonyms (4) are what is asked for first, what looks alike (9) is the widest.
PRINCIPLES = {"positive": 4, "negative": 9}


def draft_request(wish: Wish) -> Request:
    """Ask for statements that mean the relation, and statements that are taken for it."""
    form = {polarity: [{"text": "...", "principle": PRINCIPLES[polarity]}] for polarity in POLARITIES}
    slots = {
        "relation": wish.relation,
        "head": wish.head,
        "tail": wish.tail,
        "definition": wish.definition or "as the verbs say",
        "verbs": ", ".join(wish.verbs),
        "head_name": _side(wish, 0),
        "tail_name": _side(wish, 1),
        "most": str(MOST),
        "form": json.dumps(form),
    }
    return Request(
        messages=(Message("user", fill(PROMPT, slots)),),
        step="scenarios.draft",
        constraint=JsonSchema(_json_schema()),
        decoding=Decoding(max_new_tokens=1200),
    )


def read_draft(reply: Reply, wish: Wish) -> Parsed[tuple[Scenario, ...]]:
    """The scenarios of a reply, positive ones first, with codes of their own.

    What is no statement, too long, holds braces or repeats is left out, as a repair. Raises AnswerError
    when nothing is left.
    """
    parsed = json_answer(reply.text)
    if not isinstance(parsed.value, dict):
        raise AnswerError("the reply is not a JSON object of statements")
    repairs = list(parsed.repairs)
    found: dict[str, tuple[str, str, int]] = {}
    for polarity in POLARITIES:
        rows = parsed.value.get(polarity, [])
        for row in rows[:MOST] if isinstance(rows, list) else []:
            text, principle = _statement(row, polarity)
            if text is None or text.casefold() in found:
                repairs.append("statement that cannot be used ignored")
            else:
                found[text.casefold()] = (polarity, text, principle)
    if not found:
        raise AnswerError("the reply holds no statement that can be used")
    scenarios = tuple(
        Scenario(
            id=f"model-{position}",
            polarity="positive" if polarity == "positive" else "negative",
            principle=principle,
            text=text,
            code=CODES[position - 1],
            relations=(wish.relation,) if polarity == "positive" else (),
        )
        for position, (polarity, text, principle) in enumerate(found.values(), start=1)
    )
    return Parsed(scenarios, tuple(dict.fromkeys(repairs)))


def _render(scenarios: tuple[Scenario, ...], wish: Wish) -> str:
    rows: dict[str, list[dict[str, object]]] = {polarity: [] for polarity in POLARITIES}
    for each in scenarios:
        rows[each.polarity].append({"text": each.text, "principle": each.principle})
    return json.dumps(rows, ensure_ascii=False)


DRAFT: Step[Wish, tuple[Scenario, ...]] = Step("scenarios.draft", draft_request, read_draft, _render)


def _statement(row: object, polarity: str) -> tuple[str | None, int]:
    """The text of a row, or None, and its principle: that of the reply where it fits the polarity."""
    text = row.get("text") if isinstance(row, dict) else row
    principle = row.get("principle") if isinstance(row, dict) else None
    allowed = (4, 5) if polarity == "positive" else (6, 7, 8, 9)
    kept = principle if isinstance(principle, int) and principle in allowed else PRINCIPLES[polarity]
    if not isinstance(text, str):
        return None, kept
    text = " ".join(text.split())
    usable = SHORTEST <= len(text) <= LONGEST_SCENARIO and text.isprintable()
    return (text if usable and not PLACEHOLDER.search(text) else None), kept


def _side(wish: Wish, position: int) -> str:
    name = (wish.head, wish.tail)[position].lower()
    return f"the {name}" if wish.head != wish.tail else f"the {('first', 'second')[position]} {name}"


def _json_schema() -> str:
    def rows(principles: list[int]) -> dict[str, object]:
        statement = {
            "type": "object",
            "properties": {
                "text": {"type": "string", "minLength": SHORTEST, "maxLength": LONGEST_SCENARIO},
                "principle": {"type": "integer", "enum": principles},
            },
            "required": ["text", "principle"],
            "additionalProperties": False,
        }
        return {"type": "array", "items": statement, "maxItems": MOST}

    properties = {"positive": rows([4, 5]), "negative": rows([6, 7, 8, 9])}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(POLARITIES),
        "additionalProperties": False,
    }
    return json.dumps(schema)
