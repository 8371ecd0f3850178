"""Finding mentions: one question per window of text, every answer located in the whole document.

Source: Zhao et al. 2025, stage I a. Departures:
1. One question covers a window of whole sentences (an abstract is one window), not one sentence.
2. The answer is one JSON object by label instead of ``type|name`` lines, so it can be constrained.
3. A name is searched in the whole document, beyond exact matches, and each place says how it was
   found; what is not found is reported. The release searched one sentence and dropped the rest.
4. A short form that the text defines is what its long form is (see `short_forms`).
5. No include lists, no skip lists, no words that discard a line: those were taken from scored text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apothecary.align.locate import locate
from apothecary.align.sentences import sentences
from apothecary.documents import Document, Mention, Span, Unlocated
from apothecary.errors import AnswerError
from apothecary.messages import Decoding, JsonSchema, Reply, Request, TaggedSpans, TagSpans
from apothecary.tasks.answers import json_answer
from apothecary.tasks.flow import Parsed, Step
from apothecary.tasks.prompting import document_messages, fill, load_prompt
from apothecary.tasks.schema import Label
from apothecary.tasks.short_forms import with_short_forms

__all__ = ["PROMPT", "Located", "Tagged", "Window", "located", "rehearsed", "tagging_step", "windows"]

PROMPT = load_prompt("apothecary.tasks", "mentions.txt")

NAME_LIMIT = 120
"""Characters of a name; the longest of CDR's training part has 105."""
NAMES_PER_LABEL = 40
"""Names of one label in a window; the most in an abstract of CDR's training part are 22."""


@dataclass(frozen=True)
class Window:
    """A stretch of a document that one question covers, and the labels to look for."""

    document: Document
    span: Span
    labels: tuple[Label, ...]

    @property
    def text(self) -> str:
        """The slice of the document."""
        return self.document.text[self.span.start : self.span.end]


@dataclass(frozen=True)
class Tagged:
    """A name under a label. `span` is set when the engine gave offsets (into the document)."""

    name: str
    label: str
    span: Span | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class Located:
    """Mentions of the wanted labels in order of appearance, and the names that are not in the text."""

    mentions: tuple[Mention, ...]
    unlocated: tuple[Unlocated, ...]


def windows(document: Document, labels: Sequence[Label], limit: int) -> list[Window]:
    """Whole sentences, together at most `limit` characters where a sentence allows; none for blank text."""
    spans: list[Span] = []
    for sentence in sentences(document.text):
        if spans and sentence.end - spans[-1].start <= limit:
            spans[-1] = Span(spans[-1].start, sentence.end)
        else:
            spans.extend(_pieces(sentence, limit))
    if len(spans) == 1:
        # The whole text, blanks included: then this question shares its prefix with all that follow.
        spans = [Span(0, len(document.text))]
    return [Window(document, span, tuple(labels)) for span in spans]


def _pieces(sentence: Span, limit: int) -> Iterable[Span]:
    # A "sentence" longer than the limit is a table or a text without full stops: cut it hard.
    return [
        Span(start, min(start + limit, sentence.end)) for start in range(sentence.start, sentence.end, limit)
    ]


def tagging_step(name: str) -> Step[Window, tuple[Tagged, ...]]:
    """The step that asks for the names in a window, under the step name of the task that uses it."""

    def prompt(window: Window) -> Request:
        labels = "\n".join(f"- {label.name}: {label.description}" for label in window.labels)
        form = json.dumps({label.name: ["..."] for label in window.labels}, ensure_ascii=False)
        question = fill(PROMPT, {"labels": labels, "form": form})
        # In CDR's training part the names of an abstract take at most .44 of its length as JSON, about
        # one token for five characters of text: more than that is a weak model rambling.
        limit = 64 + len(window.text) // 5
        return Request(
            messages=document_messages(window.text, question),
            step=name,
            # Decoys keep a language model from forcing names under the wanted labels; a tagger needs none.
            input=TagSpans(window.text, tuple(label.name for label in window.labels if not label.decoy)),
            constraint=JsonSchema(_json_schema(window.labels)),
            decoding=Decoding(max_new_tokens=limit),
        )

    return Step(name, prompt, _parse, _render)


def _json_schema(labels: Sequence[Label]) -> str:
    names = {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": NAME_LIMIT},
        "maxItems": NAMES_PER_LABEL,
    }
    schema = {
        "type": "object",
        "properties": {label.name: names for label in labels},
        "required": [label.name for label in labels],
        "additionalProperties": False,
    }
    return json.dumps(schema, ensure_ascii=False)


def _parse(reply: Reply, window: Window) -> Parsed[tuple[Tagged, ...]]:
    if isinstance(reply.value, TaggedSpans):
        return Parsed(tuple(_from_spans(reply.value, window)))
    parsed = json_answer(reply.text)
    if not isinstance(parsed.value, dict):
        raise AnswerError("the reply is not a JSON object by label")
    known = {label.name.casefold(): label.name for label in window.labels}
    repairs = list(parsed.repairs)
    tagged: dict[tuple[str, str], Tagged] = {}
    for key, names in parsed.value.items():
        label = known.get(str(key).strip().casefold())
        if label is None or not isinstance(names, list):
            repairs.append("unknown label ignored" if label is None else "label without a list ignored")
            continue
        # No more than the schema allows: each name is searched in the whole text.
        if len(names) > NAMES_PER_LABEL:
            repairs.append("names beyond the limit ignored")
        for name in names[:NAMES_PER_LABEL]:
            if isinstance(name, str) and name.strip():
                tagged.setdefault((label, name.strip()), Tagged(name.strip(), label))
            else:
                repairs.append("entry that is no name ignored")
    if not any(str(key).strip().casefold() in known for key in parsed.value):
        # No label at all is no answer, which is not the same as an answer without names.
        raise AnswerError("the reply holds none of the labels")
    return Parsed(tuple(tagged.values()), tuple(dict.fromkeys(repairs)))


def _from_spans(value: TaggedSpans, window: Window) -> Iterable[Tagged]:
    for span in value.spans:
        start, end = window.span.start + span.start, window.span.start + span.end
        yield Tagged(window.document.text[start:end], span.label, Span(start, end), span.probability)


def _render(tagged: tuple[Tagged, ...], window: Window) -> str:
    by_label: dict[str, list[str]] = {label.name: [] for label in window.labels}
    for item in tagged:
        if item.name not in by_label[item.label]:
            by_label[item.label].append(item.name)
    return json.dumps(by_label, ensure_ascii=False)


def rehearsed(request: Request, labels: Sequence[Label]) -> Reply:
    """A made-up reply of typical size, for dry runs: some words of the text under the wanted labels."""
    text = request.input.text if isinstance(request.input, TagSpans) else ""
    words = list(dict.fromkeys(re.findall(r"[^\W\d_]{5,}", text)))
    # One concept in 400 characters for each label gives about the pairs of an abstract of CDR (10.5).
    share = max(1, round(len(text) / 400))
    by_label: dict[str, list[str]] = {label.name: [] for label in labels}
    for position, label in enumerate(label for label in labels if not label.decoy):
        by_label[label.name] = words[position * share : (position + 1) * share]
    return Reply(json.dumps(by_label, ensure_ascii=False))


def located(document: Document, tagged: Iterable[Tagged], labels: Sequence[Label]) -> Located:
    """Every place of every wanted name and of its short form; the first claim to a place counts."""
    wanted = {label.name for label in labels if not label.decoy}
    mentions: dict[tuple[int, int], Mention] = {}
    unlocated: dict[tuple[str, str], Unlocated] = {}
    seen: set[tuple[str, str]] = set()
    for item in tagged:
        if item.label not in wanted or (item.span is None and (item.label, item.name) in seen):
            continue
        seen.add((item.label, item.name))
        places = _places(document, item)
        if not places:
            reason = "not in the text"
            unlocated.setdefault((item.label, item.name), Unlocated(item.name, item.label, reason))
        for mention in places:
            mentions.setdefault((mention.start, mention.end), mention)
    return Located(with_short_forms(document, list(mentions.values())), tuple(unlocated.values()))


def _places(document: Document, item: Tagged) -> list[Mention]:
    if item.span is not None:
        return [Mention((item.span,), item.name, item.label, confidence=item.confidence)]
    return [
        Mention(
            (place.span,),
            document.text[place.span.start : place.span.end],
            item.label,
            alignment=place.alignment,
        )
        for place in locate(item.name, document.text)
    ]
