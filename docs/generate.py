"""Write the pages that are made from the program: docs/cli.md.

python docs/generate.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parent / "cli.md"
COMMANDS = [
    [],
    ["extract"],
    ["score"],
    ["stats"],
    ["fit"],
    ["models"],
    ["models", "list"],
    ["models", "pull"],
    ["models", "show"],
    ["models", "verify"],
    ["fetch"],
    ["scenarios"],
    ["scenarios", "lint"],
    ["scenarios", "draft"],
    ["scenarios", "ablate"],
    ["scenarios", "leaks"],
    ["traces"],
    ["train"],
    ["train", "pocket"],
    ["train", "sft"],
    ["train", "stages"],
    ["train", "grpo"],
    ["train", "recommender"],
    ["train", "stepwise"],
    ["adapters"],
    ["adapters", "merge"],
    ["adapters", "export"],
    ["visits"],
    ["visits", "import"],
    ["visits", "stats"],
    ["visits", "lists"],
    ["recommend"],
    ["instruct"],
    ["instruct", "catalogue"],
    ["instruct", "build"],
    ["instruct", "mix"],
    ["instruct", "show"],
    ["instruct", "evaluate"],
    ["instruct", "export"],
]
HEAD = """\
# The command line

Written by `make docs` from the program itself.
"""


PROGRAM = """
import json, sys
from apothecary.cli.main import main
sys.argv = ["apothecary"]
for command in json.load(sys.stdin):
    print(end="\\f")
    main([*command, "--help"])
"""


def page() -> str:
    """The page: the help of every command, wrapped at 100 columns."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps(COMMANDS),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "100", "TERMINAL_WIDTH": "100"},
    )
    told = zip(COMMANDS, done.stdout.split("\f")[1:], strict=True)
    return "\n".join([HEAD, *(section(command, help_text) for command, help_text in told)])


def section(command: list[str], help_text: str) -> str:
    """One command with its help text."""
    return f"## {' '.join(['apothecary', *command])}\n\n```\n{help_text.strip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
