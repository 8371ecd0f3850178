"""An invented corpus and schema for ablations: one scenario harms, one is idle, the others are needed.

Each document holds one chemical and one disease. In a third of them the chemical brings the disease on (the
gold relation), in a third it relieves it, in a third both are only named. The script is right about
every document whose scenario is there, save that "named" is answered for the last third: a false positive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apothecary.documents import Document
from apothecary.engines.scripted import read_script
from apothecary.formats.pubtator import read
from apothecary.messages import Done, Engine, EngineInfo, Outcome, Request, nothing
from apothecary.runs.ablation import Ablation, AblationOptions
from apothecary.tasks.ablation import PruneOptions
from apothecary.tasks.catalog import load
from apothecary.tasks.relations.ablation import ABLATION

__all__ = ["QUICK", "SCHEMA", "Asked", "documents", "plan", "pubtator", "write_script"]

CAUSES, NAMED, RARE = "It brings the disease on.", "It is named with it.", "It came with a comet."
TREATS, UNRELATED = "It relieves the disease.", "Nothing is said."
SCENARIOS = [
    ("causes", "positive", CAUSES, "1"),
    ("named", "positive", NAMED, "2"),
    ("rare", "positive", RARE, "5"),
    ("treats", "negative", TREATS, "6"),
    ("unrelated", "negative", UNRELATED, "0"),
]
SCHEMA = """\
name = "toy"
title = "Toy"

[[labels]]
name = "Chemical"
description = "a chemical"

[[labels]]
name = "Disease"
description = "a disease"

[[templates]]
name = "induce"
head = "Chemical"
tail = "Disease"
requirement = "Choose what fits:"
""" + "".join(
    f'\n[[templates.scenarios]]\nid = "{name}"\npolarity = "{polarity}"\nprinciple = 4\ntext = "{text}"\n'
    f'code = "{code}"\n' + ('relations = ["CID"]\n' if polarity == "positive" else "")
    for name, polarity, text, code in SCENARIOS
)
LINES: list[dict[str, object]] = [
    {"contains": ["brought on", CAUSES], "reply": "1"},
    {"contains": ["brought on"], "reply": "0"},
    {"contains": ["relieved", TREATS], "reply": "6"},
    {"contains": ["relieved"], "reply": "1"},
    {"contains": ["stood beside", NAMED], "reply": "2"},
    {"contains": ["stood beside", UNRELATED], "reply": "0"},
    {"reply": "1"},
]
VERBS = ("brought on", "relieved", "stood beside")
QUICK = AblationOptions(PruneOptions(resamples=20))


def pubtator(number: int) -> str:
    """So many documents, a third of each kind, with their mentions and relations."""
    blocks = []
    for index in range(number):
        verb = VERBS[index % 3]
        text = f"Druga {verb} rash in case {index}."
        start = text.index("rash")
        lines = [
            f"{index}|t|{text}",
            f"{index}|a|",
            f"{index}\t0\t5\tDruga\tChemical\tC1",
            f"{index}\t{start}\t{start + 4}\trash\tDisease\tD1",
            *([f"{index}\tCID\tC1\tD1"] if index % 3 == 0 else []),
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n\n"


def write_script(path: Path, lines: Sequence[Mapping[str, object]] = LINES) -> Path:
    """A script that answers the questions about these documents."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def documents(folder: Path, number: int = 60) -> list[Document]:
    """The documents, read from a file that is written first."""
    path = folder / "gold.pubtator"
    path.write_text(pubtator(number))
    return [each for each in read(path) if isinstance(each, Document)]


@dataclass(frozen=True)
class Asked:
    """An engine that writes down every question before it passes it on."""

    inner: Engine
    log: Path

    @property
    def info(self) -> EngineInfo:
        """That of the engine inside."""
        return self.inner.info

    def answer(self, requests: Sequence[Request], done: Done = nothing) -> Sequence[Outcome]:
        """Note the last message of each request, then answer."""
        with self.log.open("a") as stream:
            stream.writelines(
                json.dumps([each.content for each in request.messages]) + "\n" for request in requests
            )
        return self.inner.answer(requests, done)

    def close(self) -> None:
        """Close the engine inside."""
        self.inner.close()


def plan(folder: Path, engine: Engine | None = None, options: AblationOptions = QUICK) -> Ablation:
    """An ablation of the toy schema in a folder, by the script unless another engine is given."""
    schema = folder / "toy.toml"
    schema.write_text(SCHEMA)
    task, chosen = load("relations"), engine or read_script(write_script(folder / "script.jsonl"))
    return Ablation(
        task=task,
        ablatable=ABLATION,
        settings={"schema": str(schema), "oracle_mentions": True},
        engines=dict.fromkeys(task.steps, chosen.info),
        engine=chosen,
        documents=documents(folder),
        folder=folder / "out",
        identity={"task": "relations"},
        options=options,
    )
