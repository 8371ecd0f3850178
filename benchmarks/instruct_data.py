"""What the instruction benchmark learns from, and what it is judged by: small, drawn by a seed.

Of each set in `PARTS` so many examples are learnt from and `JUDGED` others judge; only what fits
`LONGEST` tokens in the wording of the mixture is drawn, so that a CPU can train on it. Where a set has both a
training and a development part here, they stay apart; where there is one part only, a number made of the seed
and an example's id says on which side it stands (of pairs: its first text, which may stand in several).
Documents of the list of held-out ids are dropped while the sets are built, and whatever is the same as a text
that judges is dropped by the mixture.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from apothecary.corpora.held_out import HeldOut
from apothecary.corpora.instruct_build import build
from apothecary.corpora.instruct_sets import named_sets
from apothecary.errors import DataError
from apothecary.examples import Sourced, TaskName, TextPair
from apothecary.formats.example_rows import read, write
from apothecary.messages import Message
from apothecary.tasks.instruct_records import instructions
from apothecary.tasks.instruct_templates import chance
from apothecary.training.base_model import load_base
from apothecary.training.chat_data import Conversation, Template
from apothecary.training.mixture import SFT, mix
from apothecary.training.mixture_counts import Mixed
from apothecary.training.mixture_settings import check_mixture_settings
from benchmarks.pocket_figures import DATA, SEED

__all__ = ["LONGEST", "MODEL", "PARTS", "SUITE", "SftFile", "make_data"]

MODEL = "smollm2-135m-instruct"
LONGEST = 400
"""Tokens of a conversation, question and answer."""
JUDGED = 40
ANSWER = 128
"""Tokens of a reply, at most."""
JUDGED_SHARE = 0.3
"""Of a set that has one part only."""
SUITE, MIXTURE = "suite.toml", "mixture.toml"
SftFile = Path("mixed") / SFT


@dataclass(frozen=True)
class Drawn:
    """Of which set and task how many examples are learnt from; `split_by` says that it has one part only."""

    dataset: str
    task: TaskName
    learnt: int
    one_part: bool = False

    @property
    def name(self) -> str:
        """Its name in the suite and the name of its file."""
        return f"{self.dataset}-{self.task}"


PARTS = (
    Drawn("ddi2013", "mentions", 150),
    Drawn("cdr", "mentions", 50),
    Drawn("ncbi_disease", "mentions", 50),
    Drawn("cmeee", "mentions", 60, one_part=True),
    Drawn("ddi2013", "relations", 150),
    Drawn("scicite", "classification", 200),
    Drawn("chemprot", "classification", 60),
    Drawn("kuake_qic", "classification", 80),
    Drawn("chip_ctc", "classification", 30, one_part=True),
    Drawn("mqp", "text_pairs", 300, one_part=True),
    Drawn("chip_sts", "text_pairs", 120, one_part=True),
    Drawn("pubmedqa", "choice", 80, one_part=True),
    # Questions of a test part: nothing here may learn from them, and nothing does.
    Drawn("medqa", "choice", 0),
    Drawn("bentsao", "generation", 240, one_part=True),
    Drawn("toyhom", "generation", 40, one_part=True),
)


def make_data(work: Path, rows: int | None = None) -> Mixed:
    """Write the drawn sets, the mixture and the suite below `work`; `rows` of each set at most, for a trial.

    Raises ApothecaryError.
    """
    sets = named_sets(dict.fromkeys(part.dataset for part in PARTS))
    held_out = HeldOut.read(DATA / "held_out.tsv")
    accepted = [each.name for each in sets]
    built = build(sets, DATA, work / "built", accepted=accepted, held_out=held_out)
    if built.failed:
        raise DataError(f"sets that cannot be read: {', '.join(built.failed)}", where=str(DATA))
    base = load_base(MODEL)
    template = Template(base.tokenizer, MODEL)
    (work / "sets").mkdir(exist_ok=True)
    for part in PARTS:
        learnt, judged = part.learnt, JUDGED
        if rows is not None:
            learnt, judged = min(learnt, rows), rows
        with (work / "sets" / f"{part.name}.jsonl").open("w", encoding="utf-8") as stream:
            write(_drawn(part, work, template, {"train": learnt, "dev": judged}), stream)
    files = [{"file": f"{part.name}.jsonl"} for part in PARTS if part.learnt]
    against = [{"file": f"{part.name}.jsonl"} for part in PARTS if not part.learnt]
    mixture = {"seed": SEED, "held_out": str(DATA / "held_out.tsv"), "set": files, "against": against}
    (work / MIXTURE).write_text(_toml(mixture), encoding="utf-8")
    tested = [{"name": part.name, "file": f"{part.name}.jsonl", "split": "dev"} for part in PARTS]
    suite = {"seed": SEED, "items": JUDGED, "max_new_tokens": ANSWER, "set": tested}
    (work / SUITE).write_text(_toml(suite), encoding="utf-8")
    return mix(check_mixture_settings(mixture, MIXTURE), work / "sets", work / "mixed")


def _drawn(part: Drawn, work: Path, template: Template, wanted: dict[str, int]) -> Iterator[Sourced]:
    """So many of each side, those of the smallest numbers, among what is short enough."""
    examples = [each for each in _examples(part, work) if wanted[each.split]]
    for each in sorted(examples, key=lambda each: chance(SEED, "draw", part.name, each.example.id)):
        if wanted[each.split] and _length(each, template) <= LONGEST:
            wanted[each.split] -= 1
            yield each


def _examples(part: Drawn, work: Path) -> Iterator[Sourced]:
    for each in read(work / "built" / f"{part.dataset}.jsonl"):
        if isinstance(each, DataError) or each.task != part.task:
            continue
        if part.one_part:
            example = each.example
            key = example.first if isinstance(example, TextPair) else example.id
            side = chance(SEED, "side", part.dataset, key)
            yield replace(each, split="dev" if side < JUDGED_SHARE else "train")
        elif each.split in ("train", "dev"):
            yield each


def _length(sourced: Sourced, template: Template) -> int:
    """Tokens of its conversation; more than any bound where it cannot be asked."""
    try:
        (instruction,) = instructions(sourced, SEED)
    except DataError:
        return LONGEST + 1
    (turn,) = instruction.conversation
    prompt = (Message("user", turn.asked),)
    return template.encode(Conversation("", prompt, turn.answered, {})).length


def _toml(table: dict[str, object]) -> str:
    """A table of plain values and lists of such tables; a JSON string is one of TOML, too."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, list)]
    for key, value in table.items():
        for each in value if isinstance(value, list) else ():
            lines += ["", f"[[{key}]]", *(f"{name} = {json.dumps(each[name])}" for name in each)]
    return "\n".join(lines) + "\n"
