"""What a language model is asked about one sentence: the same messages for training, traces and extraction.

The paragraph comes first and the sentence with its drugs last, so that all sentences of a text share all
but the end. Wording and headings are our own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from apothecary.messages import Message
from apothecary.tasks.combinations.examples import Example
from apothecary.tasks.combinations.labels import label_set
from apothecary.tasks.prompting import document_messages, fill, load_prompt

__all__ = ["PROMPTS", "SECTIONS", "messages", "sections_of"]

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "drugcomb": (
        "Clinical setting",
        "Candidate drugs and regimen",
        "Joint use and its outcome",
        "What to extract",
    ),
    "ddi": (
        "Pharmacological setting",
        "Candidate drugs and pairs",
        "Interaction and its kind",
        "What to extract",
    ),
}
"""The headings of a chain of reasoning by set of labels, each on a line of its own behind its number."""

_FOLDER = "apothecary.tasks.combinations"
PROMPTS = {
    f"{name}.txt": load_prompt(_FOLDER, f"{name}.txt")
    for name in (
        *("drugcomb", "ddi", "context", "answer", "reason", "target", "drugs"),
        *("brief_answer", "brief_reason"),
    )
}
_WHAT = {"drugcomb": "drug combinations", "ddi": "drug interactions"}
_HEADING = re.compile(r"^[ \t]*\[([1-9])\][^\n]*", re.MULTILINE)


def messages(
    example: Example, *, reasoning: bool, drugs_given: bool, context: bool, brief: bool = False
) -> tuple[Message, ...]:
    """The chat of one question.

    A `brief` one explains neither the types nor the form of the answer: for models trained on such.

    With `reasoning` a chain under `SECTIONS` is asked for before the answer; with `drugs_given` the drugs
    of the sentence are listed; with `context` the paragraph is shown, where there is one. The paragraph is
    shown as the example has it, however long.
    """
    labels = label_set(example.corpus)
    paragraph = example.paragraph if context and example.paragraph.strip() else ""
    alone = paragraph.strip() in ("", example.sentence.strip())
    slots = {
        "types": "\n".join(f"- {name}: {meaning}" for name, meaning in labels.types.items()),
        "context": "" if alone else PROMPTS["context.txt"].rstrip() + " ",
        "what": _WHAT[labels.name],
        "first": next(iter(labels.types)),
        "none": labels.none,
        "sections": "\n".join(f"[{number}] {name}" for number, name in enumerate(SECTIONS[labels.name], 1)),
        "sentence": example.sentence,
        "drugs": "; ".join(example.drugs),
    }
    kind = "reason.txt" if reasoning else "answer.txt"
    texts = [
        *([] if alone else [PROMPTS["target.txt"]]),
        *([PROMPTS["drugs.txt"]] if drugs_given and example.drugs else []),
    ]
    if brief:
        parts = [*texts, PROMPTS[f"brief_{kind}"]]
    else:
        parts = [PROMPTS[f"{labels.name}.txt"], PROMPTS[kind], *texts]
    question = "\n".join(fill(part, slots, where=f"example {example.id}") for part in parts)
    return document_messages(example.sentence if alone else paragraph, question)


def sections_of(think: str) -> Mapping[str, str]:
    """A chain of reasoning by the numbers of its headings; of equal numbers the first counts."""
    found: dict[str, str] = {}
    places = list(_HEADING.finditer(think))
    ends = [place.start() for place in places[1:]] + [len(think)]
    for place, end in zip(places, ends, strict=False):
        found.setdefault(place[1], think[place.end() : end].strip())
    return found
