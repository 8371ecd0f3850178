"""Synthetic run folders for the benchmark of the knowledge base: invented names, drawn by a seed.

A document names four drugs and two diseases, some of them with ids, in six sentences, and a run says four
things of it. Names are drawn as in literature: few are met often, most seldom.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

__all__ = ["RELATIONS_A_DOCUMENT", "write_run"]

RELATIONS_A_DOCUMENT = 4
_SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ka",
    "le",
    "mi",
    "no",
    "pu",
    "ra",
    "se",
    "ti",
    "vo",
    "xu",
    "za",
    "bri",
)
_ENGINE = {"name": "invented", "digest": "0" * 64, "adapter": ""}


def write_run(folder: Path, documents: int, seed: int, *, first: int = 0) -> Path:
    """A whole run of relations over that many documents, numbered from `first`."""
    folder.mkdir(parents=True)
    identity = {
        "task": "relations",
        "version": "0",
        "settings": {"schema": "chemdisgene", "seed": seed, "first": first},
        "engines": {"relations.pairs": _ENGINE},
    }
    manifest = {
        "status": "complete",
        "task": "relations",
        "identity": identity,
        "fingerprint": hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T01:00:00+00:00",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with (folder / "predictions.jsonl").open("w") as stream:
        stream.writelines(f"{json.dumps(record)}\n" for record in _records(documents, seed, first))
    return folder


def _records(documents: int, seed: int, first: int) -> Iterator[dict[str, object]]:
    drugs, diseases = _names(20_000, "drug", "ine"), _names(8_000, "disease", "itis")
    for number in range(first, first + documents):
        yield _record(number, random.Random(f"{seed} {number}"), drugs, diseases)


def _names(count: int, salt: str, ending: str) -> list[str]:
    chance = random.Random(salt)
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(2, 4))) + ending] = None
    return list(found)


def _record(number: int, chance: random.Random, drugs: list[str], diseases: list[str]) -> dict[str, object]:
    places = [
        *_drawn(chance, len(drugs), 4),
        *(len(drugs) + place for place in _drawn(chance, len(diseases), 2)),
    ]
    named = [
        (drugs[each], "Chemical") if each < len(drugs) else (diseases[each - len(drugs)], "Disease")
        for each in places
    ]
    text, mentions, sentences = "", list[dict[str, object]](), list[tuple[int, int]]()
    of_concept: list[list[int]] = [[] for _ in named]
    for turn in range(6):
        begin = len(text)
        for place in (turn % 4, 4 + turn % 2):
            text += "In this trial " if len(text) == begin else " was given to patients who had "
            name, kind = named[place]
            of_concept[place].append(len(mentions))
            mentions.append(
                {
                    "start": len(text),
                    "end": len(text) + len(name),
                    "text": name,
                    "type": kind,
                    "confidence": 0.9,
                }
            )
            text += name
        text += ", and most of them were better after six weeks of it. "
        sentences.append((begin, len(text) - 1))
    concepts = [
        {"id": f"c{place}", "type": kind, "mentions": of_concept[place], "names": [name]}
        # Every third name is one that no id is known of, and every tenth mention of another goes without.
        | (
            {}
            if places[place] % 3 == 0 or chance.random() < 0.1
            else {"ids": [f"D{100_000 + places[place]}"]}
        )
        for place, (name, kind) in enumerate(named)
    ]
    relations = [
        {
            "id": f"r{turn}",
            "type": "chem_disease:therapeutic" if chance.random() < 0.9 else "chem_disease:marker/mechanism",
            "arguments": [
                {"role": "head", "concept": f"c{turn % 4}"},
                {"role": "tail", "concept": f"c{4 + turn % 2}"},
            ],
            "evidence": [{"start": begin, "end": end, "quote": text[begin:end]}],
            "confidence": round(chance.uniform(0.3, 1), 3),
        }
        for turn, (begin, end) in enumerate(sentences[:RELATIONS_A_DOCUMENT])
    ]
    return {
        "id": str(10_000_000 + number),
        "text": text,
        "passages": [],
        "mentions": mentions,
        "concepts": concepts,
        "relations": relations,
    }


def _drawn(chance: random.Random, size: int, count: int) -> list[int]:
    """Different places, the first more often than the last."""
    found: dict[int, None] = {}
    while len(found) < count:
        found[int(size * chance.random() ** 3)] = None
    return list(found)
