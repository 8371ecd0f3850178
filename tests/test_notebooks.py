"""The example notebooks show what running them shows, and the page on notebooks is true."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from apothecary.formats.frames import Table, to_arrow

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PAGE = ROOT / "docs" / "how-to" / "use-in-a-notebook.md"
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
MACHINE = re.compile(r"file://|[\s\"'=(](/(home|root|tmp|Users|usr|var|private|opt|mnt|work)/|[A-Z]:\\)")
NUMBER = re.compile(r"[-+]?\d+\.\d+")
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def texts(notebook: object) -> Iterator[str]:
    """What the cells of a notebook printed or showed as text."""
    for cell in notebook.cells:  # type: ignore[attr-defined]
        for output in cell.get("outputs", ()):
            yield output.get("text") or output["data"]["text/plain"]


def test_there_is_one_for_each_task() -> None:
    names = ["combinations", "conditions", "instruct", "medication", "relations"]
    assert [path.stem for path in NOTEBOOKS] == names


@each_notebook
def test_a_notebook_is_whole_and_was_run_in_its_order(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert len(notebook.cells) < 15
    assert sum(bool(cell.outputs) for cell in code) >= 3
    kinds = {output.output_type for cell in code for output in cell.outputs}
    assert kinds <= {"stream", "execute_result"}


@each_notebook
def test_a_notebook_is_small_and_names_no_machine(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text) < 100_000
    assert not MACHINE.search(text)
    first = nbformat.reads(text, as_version=4).cells[0].source
    assert "research tool, not medical advice" in " ".join(first.lower().split())


@each_notebook
def test_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    targets = [t for cell in cells if cell.cell_type == "markdown" for t in LINK.findall(cell.source)]
    assert targets
    assert [target for target in targets if not (FOLDER / target).exists()] == []


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebook_build", FOLDER / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(300)
@each_notebook
def test_running_a_notebook_shows_what_it_holds(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    held = list(texts(nbformat.read(path, as_version=4)))
    shown = list(texts(builder().executed(tmp_path / "examples" / "notebooks" / path.name)))
    assert [NUMBER.sub("#", text).split() for text in shown] == [
        NUMBER.sub("#", text).split() for text in held
    ]
    # Models round in other ways on other processors.
    numbers = [float(number) for text in shown for number in NUMBER.findall(text)]
    assert numbers == pytest.approx([float(n) for text in held for n in NUMBER.findall(text)], abs=0.05)


@pytest.mark.slow
def test_the_python_of_the_page_runs(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    code = "".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    names = {"Chemical": ["ziprasidone"], "Disease": ["schizophrenia"]}
    lines = [{"contains": ["one JSON object"], "reply": names}, {"contains": ["First name"], "reply": "~"}]
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"reply": "1"}]))
    environment = os.environ | {"APOTHECARY_ENGINE": f"scripted:{script}", "APOTHECARY_HOME": str(tmp_path)}
    check = "assert len(arguments) == 2 * len(relations) > 0"
    done = subprocess.run(
        [sys.executable, "-c", code + check], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("table", get_args(Table))
def test_the_page_names_the_columns_of_each_table(table: Table) -> None:
    columns = ", ".join(f"`{name}`" for name in to_arrow([], table).column_names)
    assert re.search(rf"^\| `{table}` \|[^|]+\| {columns} \|$", PAGE.read_text(), re.MULTILINE)
