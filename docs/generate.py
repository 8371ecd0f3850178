"""Write the pages that are made from the program: docs/cli.md.

python docs/generate.py
"""

from __future__ import annotations

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


def page() -> str:
    """The page: the help of every command."""
    return "\n".join([HEAD, *(section(command) for command in COMMANDS)])


def section(command: list[str]) -> str:
    """One command with its help text, wrapped at 100 columns."""
    program = "from apothecary.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", program, *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "100", "TERMINAL_WIDTH": "100"},
    )
    name = " ".join(["apothecary", *command])
    help_text = done.stdout.replace("Usage: -c", "Usage: apothecary").strip()
    return f"## {name}\n\n```\n{help_text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
