"""Documents are true: examples run, links lead somewhere, generated pages are up to date."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md")])
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_first_example_of_the_readme_runs(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert example
    names = {"Chemical": ["Phenobarbital", "heparin", "lithium"], "Disease": ["dyskinesia", "tremor"]}
    lines = [{"contains": ["one JSON object"], "reply": names}, {"contains": ["First name"], "reply": "~"}]
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in [*lines, {"reply": "1"}]))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = os.environ | {"APOTHECARY_ENGINE": f"scripted:{script}", "APOTHECARY_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", example[1]], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(example[1].splitlines()) <= 7


def test_the_tree_of_the_readme_names_every_part_of_the_package() -> None:
    tree = (
        (ROOT / "README.md").read_text().partition("## The tree")[2].partition("```\n")[2].partition("```")[0]
    )
    package = ROOT / "src" / "apothecary"
    parts = [f"{path.parent.name}/" for path in package.glob("*/__init__.py")]
    modules = [path.name for path in package.glob("*.py") if not path.name.startswith("__")]
    assert {*parts, *modules} <= set(tree.split())


def test_the_command_line_page_is_up_to_date() -> None:
    path = ROOT / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "cli.md").read_text() == module.page(), "run make docs"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from apothecary.cli.main import main; main(['--help']);"
        "heavy = {'numpy', 'pydantic', 'httpx2', 'torch', 'xllamacpp', 'rapidfuzz'} & set(sys.modules);"
        "sys.exit(f'imports {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import apothecary; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    foreign = {name.split(".")[0] for name in done.stdout.split()} - set(sys.stdlib_module_names)
    assert foreign == {"apothecary"}


def test_public_names_are_what_they_say() -> None:
    import apothecary

    for name in apothecary.__all__:
        assert getattr(apothecary, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        _ = apothecary.nope


def test_changelog_lines_are_sentences_for_users() -> None:
    entries = re.findall(
        r"^- (.+?)(?=^- |^#|\Z)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert entries
    assert all(len(entry.split()) <= 35 and entry.strip().endswith(".") for entry in entries)
