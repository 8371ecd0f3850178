"""Bad input for every command: what is given, and what must be said of it.

The cases are the lines of ``commands.tsv``, whose files are those below. An `extract` that gives no task,
engine or run folder is given right ones. A fault in the last column says what the program does instead
today: the case is expected to fail until it is mended.
"""

import csv
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CASES", "Case", "prepare"]

GOLD = """\
1|t|Druga and rash.
1|a|Druga caused a rash in one patient.
1\t0\t5\tDruga\tChemical\tC1
1\t10\t14\trash\tDisease\tD1
1\tCID\tC1\tD1

"""
SCRIPT = (
    '{"contains": ["one JSON object"], "reply": {"Chemical": ["Druga"], "Disease": ["rash"]}}\n'
    '{"contains": ["First name:"], "reply": "~"}\n{"reply": "1", "logprobs": {"1": -0.1, "0": -3.0}}\n'
)
RELATION = {"type": "CID", "head": {"ids": ["C1"]}, "tail": {"ids": ["D1"]}}
PREDICTION = json.dumps({"id": "1", "relations": [RELATION], "mentions": []})
ODDS = {
    "id": "1",
    "concepts": [{"id": "c1", "names": ["druga"]}, {"id": "c2", "names": ["rash"]}],
    "candidates": [{"head": "c1", "tail": "c2", "relation": "CID", "log_odds": 1.0}],
}
HEAD = '[[head]]\nname = "h"\nkind = "spans"\nlabels = ["A"]\ntrain = [{ path = "none.pubtator" }]\n'
DEEP, LONG = "[" * 20_000, "9" * 5000


def model(digests: Mapping[str, str], encoder: str = "e") -> str:
    """A model.json without heads."""
    record = {"name": "m", "window": 9, "overlap": 1, "heads": [], "digests": digests}
    return json.dumps({**record, "encoder": encoder, "tokenizer": "t"})


FILES: Mapping[str, str | bytes] = {
    "gold.pubtator": GOLD,
    "script.jsonl": SCRIPT,
    "empty.txt": "",
    "blank.jsonl": "\n\n",
    "latin.txt": "Caf\xe9 and rash.".encode("latin-1"),
    "nul.txt": b"a\0b",
    "half.json": '{"documents": [{"id": "1"',
    "half.xml": "<collection><document><id>1</id>",
    "entity.xml": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><collection><document>&x;</document></collection>',
    "other.xml": "<html><body/></html>",
    "noise.bin": bytes(range(256)) * 4,
    "bad.jsonl": '{"id": "1", "text": "Druga"}\n{"id": 2.5, "text": "x"}\n',
    "twice.jsonl": '{"id": "1", "text": "Druga"}\n{"id": "1", "text": "Drugb"}\n',
    "outside.pubtator": GOLD + "2|t|A\n2\t5\t9\tbeta\tDisease\tD1\n",
    "untitled.pubtator": "1\t0\t5\tDruga\tChemical\tC1\n",
    "packed.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\0garbage",
    "part.parquet": b"PAR1garbagePAR1",
    "no-drug.jsonl": '{"title": "T", "abstract": "A", "disease": "b", "target": "[]"}\n',
    "lonely.ann": "T1\tA 0 1\tx\n",
    "p.jsonl": PREDICTION + "\n",
    "odds.jsonl": json.dumps(ODDS) + "\n",
    "no-concept-id.jsonl": json.dumps({**ODDS, "concepts": [{}]}) + "\n",
    "long-odds.jsonl": json.dumps(ODDS).replace("1.0", "9" * 400) + "\n",
    "unknown.jsonl": PREDICTION + '\n{"id": "77", "relations": []}\n',
    "repeated.jsonl": PREDICTION + "\n" + PREDICTION + "\n",
    "no-id.jsonl": '{"relations": []}\n',
    "no-relations.jsonl": '{"id": "1"}\n',
    "no-type.jsonl": '{"id": "1", "relations": [{"head": {}}], "mentions": [{"start": 0, "end": 99}]}\n',
    "broken.jsonl": PREDICTION + "\n{broken\n",
    "list.jsonl": "[1]\n",
    "nan.jsonl": '{"id": "1", "relations": [], "x": NaN}\n',
    "half-pair.jsonl": '{"id": "\\ud800", "relations": []}\n',
    "bad.toml": "window = \n",
    "deep.toml": f"x = {DEEP}\n",
    "long.toml": f"window = {LONG}\n",
    "nul.toml": 'schema = "\\u0000.toml"\n',
    "bytes.toml": b"\xff\xfe",
    "labels.toml": 'name = "s"\ntitle = "S"\nlabels = 5\n',
    "twice.toml": 'name = "s"\ntitle = "S"\n' + '[[labels]]\nname = "A"\ndescription = "a"\n' * 2,
    "deep.json": DEEP,
    "words.json": '{"pairs": {"CID": "high"}}',
    "no-reply.jsonl": '{"contains": ["x"]}\n',
    "bad-reply.jsonl": '{"reply": "0"}\nreply\n',
    "long-odds-script.jsonl": '{"reply": "1", "logprobs": {"1": %s}}\n' % ("9" * 400),
    "names.tsv": "D1\tA\tB\tC\n",
    "run/manifest.json": '{"fingerprint": "another", "identity": {"task": "relations"}}',
    "torn/manifest.json": '{"fingerprint": ',
    "deep/manifest.json": DEEP,
    "bare/predictions.jsonl": "{}\n",
    "mine/report.html": "not a report of this program",
    "model/model.json": model({}),
    "damaged/model.json": model({"e": "0" * 64, "t": "0" * 64}),
    "damaged/e": "x",
    "nul-model/model.json": model({"\0": "0" * 64, "t": "0" * 64}, encoder="\0"),
    "deep-policy/model.json": DEEP,
    "fake.gguf": "GGUF is not what this is",
    "fake.duckdb": "no base at all",
    "ids.txt": b"12\n\xff\n",
    "words.txt": "12\ntwelve\n",
    "train.toml": f'name = "a"\nencoder = "encoder"\n{HEAD}',
    "climbing.toml": f'name = "../../up"\nencoder = "encoder"\n{HEAD}',
    "headless.toml": 'name = "a"\nhead = []\n',
    "unknown.toml": 'name = "a"\nhead = []\ncolour = "red"\n',
    "judged.toml": '[[set]]\nfile = "blank.jsonl"\nsplits = ["dev"]\n',
    "mix-none.toml": '[[set]]\nfile = "none.jsonl"\n',
    "mix-blank.toml": '[[set]]\nfile = "blank.jsonl"\n',
    "stageless.toml": 'model = "m"\ntrain = ["none.jsonl"]\n',
    "two-stages.toml": 'model = "m"\ntrain = ["none.jsonl"]\n' + '[[stage]]\nname = "a"\n' * 2,
    "lost-data.toml": 'model = "m"\ntrain = ["none.jsonl"]\n[[stage]]\nname = "a"\n',
}
FOLDERS = ("nothing", "folder.toml")
RIGHT = {"--task": "mentions", "--engine": "scripted:script.jsonl", "--out": "out"}


def prepare(folder: Path) -> None:
    """Write the files that the cases name."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@dataclass(frozen=True)
class Case:
    """A command with something wrong: the words of its error, its exit code, and what it may write."""

    command: str
    what: str
    arguments: tuple[str, ...]
    words: str
    code: int = 2
    writes: str = ""
    fault: str = ""
    environment: tuple[str, str] = ("APOTHECARY_UNUSED", "")

    @property
    def line(self) -> list[str]:
        """The command line."""
        return [*self.command.split(), *self.arguments]


def _case(row: Mapping[str, str]) -> Case:
    given = row["arguments"].replace("LONG_NAME", "x" * 5000).replace("LONG_NUMBER", "9" * 30)
    arguments = shlex.split(given)
    for option, value in RIGHT.items() if row["command"] == "extract" else ():
        arguments += [] if option in arguments else [option, value]
    name, _, value = row["environment"].partition("=")
    environment = (name, value) if name else ("APOTHECARY_UNUSED", "")
    command, what, code = row["command"], row["what"], int(row["code"])
    return Case(command, what, tuple(arguments), row["words"], code, row["writes"], row["fault"], environment)


def _cases() -> tuple[Case, ...]:
    with Path(__file__).with_name("commands.tsv").open(encoding="utf-8", newline="") as stream:
        return tuple(map(_case, csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)))


CASES: tuple[Case, ...] = _cases()
