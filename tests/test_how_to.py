"""Every page under docs/how-to is rehearsed: its files go into a copy of the package, its check is run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "how-to").glob("add-*.md"))
BLOCK = re.compile(
    r"^```\w+ (file=(?P<path>\S+)|(?P<check>check))\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL
)
LINES_OF_A_PAGE = 140


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_following_the_page_works(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    checks = []
    for block in BLOCK.finditer(page.read_text()):
        if block["check"]:
            checks.append(block["body"])
            continue
        path = tmp_path / block["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["body"])
    assert checks, "the page has no check"
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "APOTHECARY_HOME": str(tmp_path / "home"),
    }
    for check in checks:
        done = subprocess.run(
            ["sh", "-e", "-c", check],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_a_page(page: Path) -> None:
    assert page.read_text().count("\n") <= LINES_OF_A_PAGE
    assert page.name in (ROOT / "CONTRIBUTING.md").read_text()


def test_all_four_pages_are_there() -> None:
    assert [page.stem for page in PAGES] == ["add-a-corpus", "add-a-metric", "add-a-task", "add-an-engine"]


SCHEMA_PAGE = ROOT / "docs" / "how-to" / "write-a-schema.md"


def test_following_the_page_on_schemas_works(tmp_path: Path) -> None:
    checks = [block["body"] for block in BLOCK.finditer(SCHEMA_PAGE.read_text())]
    assert len(checks) == 4
    (tmp_path / "abstracts").mkdir()
    (tmp_path / "abstracts" / "1.txt").write_text("Zincol silences ABC1 in mice.")
    for name, title in (("gold", "Zincol and ABC1"), ("other", "Sage and mice")):
        (tmp_path / f"{name}.pubtator").write_text(
            f"{name}|t|{title}\n{name}|a|.\n{name}\t0\t4\t{title[:4]}\tChemical\n\n"
        )
    (tmp_path / "names.txt").write_text("mint\n")
    named = {"contains": ["JSON object"], "reply": {"Chemical": ["Zincol"], "Gene": ["ABC1"]}}
    lines = [json.dumps(line) + "\n" for line in (named, {"reply": "1"})]
    (tmp_path / "script.jsonl").write_text("".join(lines))
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "APOTHECARY_HOME": str(tmp_path / "home"),
        "ENGINE": "scripted:script.jsonl",
    }
    done = subprocess.run(
        ["sh", "-e", "-c", "".join(checks)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "runs" / "mine" / "predictions.jsonl").read_text())
    assert [relation["type"] for relation in record["relations"]] == ["INHIBITS"]
