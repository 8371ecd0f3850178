"""Every parser of what a model or a server says, by name: text in, a value out."""

import json
from collections.abc import Callable, Mapping, Sequence

import httpx2

from apothecary.documents import Document
from apothecary.engines.chat import Dialect, read_reply
from apothecary.engines.http import Connection, Patience, quiet_seconds, reason_of
from apothecary.engines.http_probe import probe
from apothecary.engines.wire import reply_from_json
from apothecary.errors import ApothecaryError
from apothecary.formats.records import from_record
from apothecary.messages import Choices, Constraint, JsonSchema, Message, Outcome, Reply, Request
from apothecary.tasks import catalog
from apothecary.tasks.answers import choice_answer, json_answer, line_answer, split_thinking
from apothecary.tasks.flow import Extraction
from apothecary.tasks.relations.clusters import concepts_of, group_by_rule
from apothecary.tasks.relations.steps import NAMES, PAIRS, NamePair, Pair
from apothecary.tasks.relations.together import NAMES_TOGETHER, PAIRS_TOGETHER
from apothecary.tasks.relations.whole import whole_step
from apothecary.tasks.scenarios_draft import Wish
from apothecary.tasks.scenarios_model import read_draft
from apothecary.tasks.schema import load_schema
from apothecary.tasks.tagging import tagging_step, windows

__all__ = ["CONSTRAINTS", "DOCUMENT", "PARSERS", "SEEDS", "answered", "extracted", "probed", "steps"]

DOCUMENT = Document("d1", "Druga caused a rash in one patient (FEV). Drugb did not. A fever (FEV) followed.")
_SCHEMA, _ = load_schema("cdr")
_LABELS = {"Chemical": ["Druga", "Drugb"], "Disease": ["rash", "fever"]}
CONSTRAINTS: Mapping[str, Constraint | None] = {
    "free": None,
    "codes": Choices(("0", "1", "10", "=", "~")),
    "schema": JsonSchema('{"type": "object", "properties": {"a": {"type": "array"}}, "required": ["a"]}'),
    "number": JsonSchema('{"type": "number", "multipleOf": 0.01, "maximum": 5}'),
}


def answered(body: object, constraint: Constraint | None) -> Reply:
    """What the chat engine reads in a response. Raises AnswerError or EngineError."""
    request = Request((Message("user", "q"),), "t.s", constraint=constraint, want_logprobs=True)
    return read_reply(body, request, Dialect(), 0.1)


def probed(text: bytes, status: int = 200) -> Dialect:
    """What opening a server finds that always answers so. Raises EngineError."""
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status, content=text))
    patience = Patience(attempts=1, seconds=5.0, first_pause=0.0)
    with httpx2.Client(transport=transport) as client:
        return probe(client, Connection("http://127.0.0.1:9/v1", "m", patience=patience))


_WISH = Wish("CID", "Chemical", "Disease", verbs=("cause",))


def steps() -> dict[str, Callable[[Reply], object]]:
    """The parsers of the tasks' steps, about a small document."""
    mentions = extraction_of({"one JSON object": json.dumps(_LABELS)}, "mentions")
    names = [group_by_rule(mentions, mentions.mentions, kind) for kind in ("Chemical", "Disease")]
    concepts, _ = concepts_of(mentions.mentions, names, {})
    head, tail = (next(c for c in concepts if c.type == kind) for kind in ("Chemical", "Disease"))
    (window,) = windows(DOCUMENT, _SCHEMA.labels, 6000)
    pair = Pair(mentions, mentions.text, _SCHEMA.templates[0], head, tail)
    two = NamePair(mentions, mentions.text, "Chemical", "Druga", "Drugb")
    tag = tagging_step("mentions.tag")
    return {
        "mentions": lambda reply: tag.parse(reply, window),
        "names": lambda reply: NAMES.parse(reply, two),
        "pairs": lambda reply: PAIRS.parse(reply, pair),
        "names together": lambda reply: NAMES_TOGETHER.parse(reply, [two, two]),
        "pairs together": lambda reply: PAIRS_TOGETHER.parse(reply, [pair, pair]),
        "whole": lambda reply: whole_step(_SCHEMA).parse(reply, window),
        "scenarios": lambda reply: read_draft(reply, _WISH),
    }


def extraction_of(replies: Mapping[str, str], task: str) -> Document:
    """The document that a task makes of replies, each to the prompts that hold its key."""

    def reply(request: Request) -> Outcome:
        prompt = request.messages[-1].content
        return Reply(next((text for key, text in replies.items() if key in prompt), ""))

    record = _drive(task, reply).record
    return from_record(record or {}, where="extraction")


def extracted(task: str, replies: Sequence[Reply]) -> Extraction:
    """A document through a task that gets these replies, whatever it asks, over and over."""
    position = iter(range(1_000_000))
    return _drive(task, lambda request: replies[next(position) % len(replies)])


def _drive(task: str, answer: Callable[[Request], Outcome]) -> Extraction:
    settings: dict[str, object] = {"vocabulary": "none"} if task == "relations" else {}
    flow = catalog.load(task).prepare(settings, {}).flows["extract"](DOCUMENT)
    try:
        requests = next(flow)
        while True:
            requests = flow.send([answer(request) for request in requests])
    except StopIteration as finished:
        extraction: Extraction = finished.value
        return extraction


def _choice(text: str) -> object:
    return choice_answer(text, ("0", "1", "=", "~"))


def _any_response(text: str) -> object:
    """A body as the engine reads it: JSON of a message, else JSON whose message has this content."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or "choices" not in body:
        body = {"choices": [{"message": {"content": text}}], "usage": {"prompt_tokens": -1}}
    return [_or_error(body, constraint) for constraint in CONSTRAINTS.values()]


def _or_error(body: object, constraint: Constraint | None) -> object:
    try:
        return answered(body, constraint)
    except ApothecaryError as error:
        return error


PARSERS: Mapping[str, Callable[[str], object]] = {
    "JSON answer": json_answer,
    "choice": _choice,
    "lines": line_answer,
    "thinking": split_thinking,
    "stored reply": reply_from_json,
    "response": _any_response,
    "reason": lambda text: reason_of(text.encode("utf-8", "surrogatepass")),
    "retry-after": lambda text: quiet_seconds({"retry-after": text}),
    **{name: lambda text, parse=parse: parse(Reply(text)) for name, parse in steps().items()},  # type: ignore[misc]
}
"""Each gives a value or raises an ApothecaryError, whatever the text."""

SEEDS: tuple[str, ...] = (
    json.dumps(_LABELS),
    f"<think>Which?</think>```json\n{json.dumps(_LABELS)},\n```",
    '{"Chemical": ["Druga", "Dru',
    '{"Chemical": [1, -2.5], "Disease": 3}',
    "Answer: 0",
    "1. Druga\n- Drugb\nnone",
    '{"text": "0", "value": {"spans": [{"start": 0, "end": 5, "label": "Chemical", "probability": 0.5}]}}',
    '{"text": "0", "logprobs": {"0": -0.1}, "usage": {"prompt_tokens": 5}, "finish": "stop"}',
    json.dumps(
        {
            "choices": [
                {
                    "message": {"role": "assistant", "content": "0", "reasoning_content": "So?"},
                    "finish_reason": "stop",
                    "logprobs": {
                        "content": [{"token": "0", "top_logprobs": [{"token": "0", "logprob": -0.1}]}]
                    },
                }
            ],
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 3},
            },
        }
    ),
    '{"error": {"message": "This model\'s maximum context length is 5 tokens", "code": 400}}',
)
