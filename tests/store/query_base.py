"""A base made of runs, small enough to know what every question must find."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apothecary.store.build import BuildOptions, build
from tests.store.base_runs import Record, run_folder

__all__ = ["SENTENCE", "asked_base", "build_again"]

SENTENCE = "Zincol plus mirtal helped 40 women with gout."
TEXT = f"{SENTENCE} Zincol was given at 75 mg/m2, and at 3 mg for asthma."
_IDS = {"zincol": "D000001", "gout": "D000009"}
_DISEASES = ("gout", "asthma")


def asked_base(folder: Path) -> Path:
    """Zincol and mirtal help by document 1 (gout in the sentence) and 2 (gout elsewhere), not by 3; 4 is
    retracted, 5 Chinese. A run of conditions read document 1, and document 6 without any sentence."""
    joint = [
        _record("1", TEXT, "POS", ("zincol", "mirtal"), quote=SENTENCE, confidence=0.9),
        _record("2", "Zincol and mirtal met. Gout was rare.", "POS", ("zincol", "mirtal"), confidence=0.6),
        _record("3", "Zincol and mirtal did nothing.", "POS", ("zincol", "mirtal"), polarity="negated"),
        _record("4", "Zincol and solvane for gout.", "POS", ("zincol", "solvane")),
        _record("5", "Mirtal 联合顺铂 and solvane harmed.", "NEG", ("mirtal", "solvane")),
    ]
    joint[3]["attributes"] = {"retracted": "true"}
    of_gout = _record("1", TEXT, "therapeutic", ("zincol", "gout"), quote=SENTENCE)
    of_asthma = _record("1", TEXT, "therapeutic", ("zincol", "asthma"))
    of_gout["relations"] = [*_list(of_gout["relations"]), *_list(of_asthma["relations"])]
    _list(of_gout["relations"])[1]["id"] = "r2"
    of_gout["conditions"] = [
        _condition("Dosage", "75 mg/m2", "r1"),
        _condition("Gender", "women", "r1"),
        _condition("Dosage", "3 mg", "r2"),
    ]
    silent = _record("6", "Nothing here. Zincol eased asthma.", "therapeutic", ("zincol", "asthma"), quote="")
    run_folder(folder / "joint", joint, task="combinations")
    run_folder(folder / "limits", [of_gout, silent], task="conditions")
    return build_again(folder)


def build_again(folder: Path) -> Path:
    """Bring the base to what its run folders say now."""
    options = BuildOptions(vocabulary="none")
    return build([folder / "joint", folder / "limits"], folder / "kb.duckdb", options).store


def _record(
    identity: str,
    text: str,
    type: str,
    names: Sequence[str],
    *,
    quote: str | None = None,
    polarity: str = "asserted",
    confidence: float = 0.8,
) -> Record:
    """A document with every mention of every name, and one relation between `names`."""
    known = ("zincol", "mirtal", "solvane", *_DISEASES)
    folded = text.lower()
    held = [name for name in known if name in folded]
    places = [(folded.index(name, at), name) for name in held for at in _starts(folded, name)]
    quote = text if quote is None else quote
    start = text.find(quote)
    evidence = [{"start": start, "end": start + len(quote), "quote": quote}] if quote else []
    roles = ["disease" if name in _DISEASES else "drug" for name in names]
    return {
        "id": identity,
        "text": text,
        "mentions": [
            {"start": at, "end": at + len(name), "type": "Disease" if name in _DISEASES else "Drug"}
            for at, name in places
        ],
        "concepts": [
            {
                "id": name,
                "type": "Disease" if name in _DISEASES else "Drug",
                "mentions": [place for place, (_, other) in enumerate(places) if other == name],
                "names": [name],
                "ids": [_IDS[name]] if name in _IDS else [],
            }
            for name in held
        ],
        "relations": [
            {
                "id": "r1",
                "type": type,
                "arguments": [{"role": role, "concept": n} for role, n in zip(roles, names, strict=True)],
                "evidence": evidence,
                "confidence": confidence,
                "status": {"polarity": polarity, "setting": "human"},
            }
        ],
    }


def _starts(text: str, name: str) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(name, at)]


def _condition(type: str, words: str, relation: str) -> Record:
    start = TEXT.index(words)
    return {"type": type, "start": start, "end": start + len(words), "text": words, "relation": relation}


def _list(value: object) -> list[Record]:
    assert isinstance(value, list)
    return value
