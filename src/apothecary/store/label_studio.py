"""Documents as tasks of Label Studio, with what the base holds as predictions to confirm or correct.

Label Studio links two regions of a text; it has no relation of three, and no place for a verdict on a link.
So every relation is a region of its own, on its sentence, labelled with its type, and links lead from it to
its arguments, labelled with their roles:

    [Drug a]  [Drug b]  ...        regions of the control "mention"
    [NEG .................]        region of the control "statement"; its id is the key of the edge
       |-- drug --> [Drug a]       relations
       |-- drug --> [Drug b]
    accept | reject                "verdict", a choice of the region, left open for the reviewer

A statement whose relation has no evidence stands on the first mention of an argument; one that has neither is
left out and counted. Of several sentences the first is shown, of a mention in parts the first part.
Offsets are code points, as Label Studio stores them since 1.5
(https://github.com/HumanSignal/label-studio/pull/1559). The format is "Basic Label Studio JSON":
https://labelstud.io/guide/predictions.html; the labelling configuration is written beside.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

from apothecary.documents import Argument, Document, Relation, Span

__all__ = ["Drawn", "configuration", "drawn", "task_of", "write_tasks"]

MENTION, STATEMENT, VERDICT, TEXT = "mention", "statement", "verdict", "text"
Region = dict[str, object]


@dataclass(frozen=True)
class Drawn:
    """How a relation is shown: the stretch it stands on, and for each argument that is met the mention."""

    span: Span
    arguments: tuple[tuple[Argument, int], ...]


@dataclass
class _Labels:
    """The labels met so far, for the configuration."""

    mentions: dict[str, None] = field(default_factory=dict)
    statements: dict[str, None] = field(default_factory=dict)
    roles: dict[str, None] = field(default_factory=dict)


def drawn(document: Document, relation: Relation) -> Drawn | None:
    """Where a relation is shown; None when there is no place for it."""
    places = {concept.id: concept.mentions for concept in document.concepts}
    spans = sorted(each.span for each in relation.evidence)
    arguments = []
    for argument in relation.arguments:
        met = places.get(argument.concept, ())
        if not met:
            continue
        within = (
            place
            for place in met
            if spans and spans[0].start <= document.mentions[place].start < spans[0].end
        )
        arguments.append((argument, next(within, met[0])))
    if not spans and not arguments:
        return None
    return Drawn(spans[0] if spans else document.mentions[arguments[0][1]].spans[0], tuple(arguments))


def task_of(document: Document, source: str) -> dict[str, object]:
    """The task of a document; `source` is what its predictions are called."""
    regions: list[Region] = [
        _region(document, f"m{place}", MENTION, mention.spans[0], mention.type)
        for place, mention in enumerate(document.mentions)
    ]
    links: list[Region] = []
    for relation in document.relations:
        shown = drawn(document, relation)
        if shown is None:
            continue
        region = _region(document, relation.id, STATEMENT, shown.span, relation.type)
        told = ", ".join(f"{name} {value}" for name, value in relation.attributes.items())
        regions.append(region | {"meta": {"text": [told]}})
        links += [
            {
                "type": "relation",
                "from_id": relation.id,
                "to_id": f"m{place}",
                "direction": "right",
                "labels": [argument.role],
            }
            for argument, place in shown.arguments
        ]
    return {
        "data": {TEXT: document.text, "document": document.id},
        "predictions": [{"model_version": source, "result": [*regions, *links]}],
    }


def write_tasks(documents: Iterable[Document], path: Path, source: str) -> Counter[str]:
    """Write the tasks, and the configuration to ``NAME.config.xml`` beside. Counts what was written."""
    labels = _Labels()
    counts: Counter[str] = Counter({"tasks": 0, "statements": 0, "statements without a place": 0})
    separator = "[\n"
    with path.open("w", encoding="utf-8", newline="") as stream:
        for document in documents:
            stream.write(separator + json.dumps(task_of(document, source), ensure_ascii=False))
            separator = ",\n"
            shown = [each for each in document.relations if drawn(document, each)]
            placeless = len(document.relations) - len(shown)
            counts.update({"tasks": 1, "statements": len(shown), "statements without a place": placeless})
            labels.mentions |= dict.fromkeys(mention.type for mention in document.mentions)
            labels.statements |= dict.fromkeys(relation.type for relation in shown)
            labels.roles |= dict.fromkeys(each.role for relation in shown for each in relation.arguments)
        stream.write("\n]\n" if counts["tasks"] else "[]\n")
    text = configuration(labels.mentions, labels.statements, labels.roles)
    path.with_name(f"{path.stem}.config.xml").write_text(text, encoding="utf-8")
    return counts


def configuration(mentions: Iterable[str], statements: Iterable[str], roles: Iterable[str]) -> str:
    """The labelling configuration (XML) for these types of mentions, types of relations and roles."""
    return "\n".join(
        [
            "<View>",
            f'  <Labels name="{STATEMENT}" toName="{TEXT}">',
            *(f"    <Label value={quoteattr(each)}/>" for each in sorted(statements)),
            "  </Labels>",
            f'  <Labels name="{MENTION}" toName="{TEXT}">',
            *(f"    <Label value={quoteattr(each)}/>" for each in sorted(mentions)),
            "  </Labels>",
            "  <Relations>",
            *(f"    <Relation value={quoteattr(each)}/>" for each in sorted(roles)),
            "  </Relations>",
            f'  <Choices name="{VERDICT}" toName="{TEXT}" perRegion="true" choice="single"'
            f' visibleWhen="region-selected" whenTagName="{STATEMENT}">',
            '    <Choice value="accept"/>',
            '    <Choice value="reject"/>',
            "  </Choices>",
            f'  <Text name="{TEXT}" value="${TEXT}" granularity="word"/>',
            "</View>",
            "",
        ]
    )


def _region(document: Document, name: str, control: str, span: Span, label: str) -> Region:
    value: Mapping[str, object] = {
        "start": span.start,
        "end": span.end,
        "text": document.text[span.start : span.end],
        "labels": [label],
    }
    return {"id": name, "from_name": control, "to_name": TEXT, "type": "labels", "value": value}
