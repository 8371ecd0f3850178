"""Invented records for the report: hostile text, overlaps, split and non-BMP mentions, n-ary relations."""

from collections.abc import Mapping, Sequence

from apothecary.runs.report import ReportInput

__all__ = ["HOSTILE", "TEXT", "reasoning", "record", "report"]

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><!--\u2028&amp;"
TEXT = (
    "Foovirin and \U0001d6fd-blockers after acute renal failure.\n"
    "Foovirin caused severe lupus nephritis in two patients, and Bazolol with \U0001d6fd-blockers "
    f"was given for acute and chronic renal failure. {HOSTILE} Bazolol did not cause a rash."
)
TITLE_END = TEXT.index("\n")


def mention(text: str, kind: str, *, after: int = 0) -> dict[str, object]:
    start = TEXT.index(text, after)
    return {"start": start, "end": start + len(text), "text": text, "type": kind}


def split_mention() -> dict[str, object]:
    """Acute ... renal failure, around "and chronic"."""
    first, second = TEXT.index("acute and"), TEXT.rindex("renal failure")
    spans = [[first, first + len("acute")], [second, second + len("renal failure")]]
    ends = {"start": first, "end": second + len("renal failure")}
    return {
        **ends,
        "spans": spans,
        "text": "acute renal failure",
        "type": "Disease",
        "alignment": "normalised",
    }


def concept(name: str, kind: str, names: Sequence[str], mentions: Sequence[int]) -> dict[str, object]:
    return {"id": name, "type": kind, "names": list(names), "mentions": list(mentions)}


def relations() -> list[dict[str, object]]:
    sentence = TEXT[TITLE_END + 1 : TEXT.index(", and Bazolol")]
    ends = [{"role": "head", "concept": "c1"}, {"role": "tail", "concept": "c2"}]
    binary: dict[str, object] = {
        "id": "r1",
        "type": "CID",
        "arguments": ends,
        "status": {"polarity": "asserted", "setting": "human"},
        "confidence": 0.75,
        "evidence": [{"start": TITLE_END + 1, "end": TITLE_END + 1 + len(sentence), "quote": sentence}],
        "origin": {"engine": "e", "step": "s", "answer": "A", "scenarios": ["causes"], "log_odds": 1.1},
    }
    drugs = [{"role": "drug", "concept": name} for name in ("c1", "c4", "c5")]
    ternary: dict[str, object] = {"id": "r2", "type": "COMBINES", "arguments": drugs, "confidence": 0.3}
    unlinked: dict[str, object] = {"type": "CID", "head": {"texts": ["quuxin"]}, "tail": {"texts": ["rash"]}}
    return [binary, ternary, unlinked]


def reasoning() -> list[dict[str, object]]:
    """Chains about two sentences: a whole one with hostile parts, and one without sections."""
    start, end = TITLE_END + 1, TEXT.index(" Bazolol did not")
    headings = [
        f"[{number}] {name}" for number, name in enumerate(("Setting", "Drugs", HOSTILE, "Result"), 1)
    ]
    sections = {str(number): f"- point {number}\n- {HOSTILE}" for number in range(1, 5)}
    think = "\n\n".join(
        f"{heading}\n{text}" for heading, text in zip(headings, sections.values(), strict=True)
    )
    first: dict[str, object] = {
        "sentence": [start, end],
        "think": f"Let me see.\n{think}",
        "sections": sections,
    }
    return [first, {"sentence": [end + 1, len(TEXT)], "think": "No drug helps.", "sections": {}}]


def record(name: str = "1") -> dict[str, object]:
    """One document with everything that a record may hold."""
    start, at = TITLE_END + 1, TEXT.index("two patients")
    lupus = mention("lupus nephritis", "Disease")
    nephritis = mention("nephritis", "Disease")
    chronic = mention("chronic renal failure", "Disease")
    blockers = "\U0001d6fd-blockers"
    found = [mention("Foovirin", "Drug"), mention("Foovirin", "Drug", after=start), lupus, nephritis, chronic]
    found += [split_mention(), mention("Bazolol", "Drug"), mention(blockers, "Drug", after=start)]
    concepts = [
        concept("c1", "Drug", ["Foovirin"], [0, 1]),
        concept("c2", "Disease", ["lupus nephritis"], [2]),
        concept("c3", "Disease", ["nephritis", HOSTILE], [3]) | {"broader_than": ["c2"]},
        concept("c4", "Drug", ["Bazolol"], [6]),
        concept("c5", "Drug", [blockers], [7]),
        concept("c6", "Disease", ["acute renal failure"], [5]) | {"ids": ["D058186"]},
    ]
    return {
        "id": name,
        "text": TEXT,
        "passages": [
            {"section": "title", "start": 0, "end": TITLE_END},
            {"section": HOSTILE, "start": start, "end": len(TEXT)},
        ],
        "mentions": found,
        "concepts": concepts,
        "relations": relations(),
        "candidates": [{"head": "c4", "tail": "c2", "template": "induce", "answer": "B", "log_odds": -2.0}],
        "unlocated": [{"text": HOSTILE, "type": "Disease", "reason": "not in the text"}],
        "conflicts": [{"kind": "direction", "text": "both ways accepted"}],
        "repairs": [{"step": "s", "repair": "closed a bracket"}],
        "reasoning": reasoning(),
        "conditions": [
            {"type": HOSTILE, "text": "two patients", "relation": "r1", "start": at, "end": at + 12},
        ],
    }


def gold() -> dict[str, object]:
    """What annotators of document 1 might have said: one relation that is found, one that is missed."""
    names = {"D1": "foovirin", "D2": "Lupus nephritis", "D3": "bazolol", "D4": "\U0001d6fd-blockers"}
    ends = [{"role": "head", "concept": "D1"}, {"role": "tail", "concept": "D2"}]
    missed = [{"role": "head", "concept": "D3"}, {"role": "tail", "concept": "D2"}]
    return {
        "concepts": [{"id": key, "names": [name], "ids": [key]} for key, name in names.items()],
        "relations": [{"type": "CID", "arguments": ends}, {"type": "CID", "arguments": missed}],
    }


def report(records: Sequence[Mapping[str, object]], *, errors: int = 1) -> ReportInput:
    interval = {"f1": {"value": 0.667, "low": 0.4, "high": 0.9}}
    micro = {"tp": 1, "fp": 1, "fn": 0, "precision": 0.5, "recall": 1.0, "f1": 0.667, "interval": interval}
    spent = {"calls": 2, "cache_hits": 1, "prompt_tokens": 10, "cached_tokens": 5, "seconds": 0.5}
    problem = {"id": "1", "step": "s", "kind": "AnswerError", "message": "no", "raw": HOSTILE}
    return ReportInput(
        title=f"toy {HOSTILE}",
        manifest={"status": "complete", "task": "relations", "identity": {"engines": {"s": {"name": "e"}}}},
        ledger={"documents": 1, **spent, "steps": {"s": spent}},
        predictions=records,
        errors=[problem] * errors,
        gold={"1": gold()},
        scores={"evaluators": {"concept": {"micro": micro, "by_type": {"CID": micro}}}},
    )
