"""The rules of the house, as far as a program can hold them: levels, cycles, sizes, names, docstrings."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "apothecary"
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
LEVELS = [
    {"errors", "documents", "examples", "visits", "messages", "markup"},
    {"formats", "corpora", "vocab", "align", "metrics", "networks", "engines", "adapters"},
    {"tasks"},
    {"runs", "training", "store"},
    {"api", "knowledge", "review", "service", "scale"},
    {"cli"},
    {"__main__"},
]
SAME_LEVEL = {
    "corpora": {"formats", "vocab", "align"},
    "engines": {"networks"},
    "adapters": {"networks"},
    "service": {"api", "knowledge"},
    "review": {"knowledge"},
}
NOT_FOR_TASKS = {"engines", "adapters"}
FORBIDDEN = {"utils", "util", "common", "helpers", "misc", "core", "base"}


def part_of(module: str) -> str:
    """apothecary.engines.cache -> engines; the package itself -> ''."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def level_of(part: str) -> int:
    return next(index for index, level in enumerate(LEVELS) if part in level)


def imports_of(path: Path) -> Iterator[str]:
    """Modules of our own that a file imports anywhere, those under TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("apothecary"):
            yield from (deepest(node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("apothecary"))


def deepest(module: str, name: str) -> str:
    path = PACKAGE.parent / Path(*module.split("."), name)
    return f"{module}.{name}" if path.with_suffix(".py").exists() or path.is_dir() else module


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_downwards_only(path: Path) -> None:
    here = part_of(name_of(path))
    for module in imports_of(path):
        there = part_of(module)
        if not here or not there or here == there:
            continue
        assert level_of(there) <= level_of(here), f"{here} imports {module}"
        if level_of(there) == level_of(here) > 0:
            assert there in SAME_LEVEL.get(here, set()), f"{here} imports its sibling {module}"
        assert not (here == "tasks" and there in NOT_FOR_TASKS), f"a task imports {module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_task_can_be_deleted_as_one_folder(path: Path) -> None:
    own = name_of(path).split(".")[:3]
    if part_of(name_of(path)) == "cli":
        return
    for module in imports_of(path):
        parts = module.split(".")
        is_folder = len(parts) > 2 and (PACKAGE / "tasks" / parts[2]).is_dir()
        assert not (parts[1:2] == ["tasks"] and is_folder and parts[:3] != own), f"imports {module}"


def test_there_are_no_import_cycles() -> None:
    graph = {name_of(path): set(imports_of(path)) for path in FILES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for below in graph.get(module, set()):
                visit(below, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 400
    assert path.stem not in FORBIDDEN
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # Typer reads the options of a command from its signature: a long list is no long function.
            first = node.body[0].lineno if part_of(name_of(path)) == "cli" else node.lineno
            assert (node.end_lineno or 0) - first < 60, f"{node.name} is too long"
            parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            own = [p for p in parameters if p.arg not in ("self", "cls")]
            assert len(own) <= 7 or part_of(name_of(path)) == "cli", f"{node.name} has too many parameters"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_public_names_have_docstrings_and_imports_stand_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module has no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node) or is_nested(tree, node), f"{node.name} has no docstring"
        if isinstance(node, ast.FunctionDef) and part_of(name_of(path)) != "cli":
            inner = [n for n in ast.walk(node) if isinstance(n, ast.ImportFrom) and n.module]
            assert not any((n.module or "").startswith("apothecary") for n in inner), "deferred import"


def is_nested(tree: ast.Module, wanted: ast.AST) -> bool:
    """A function inside a function speaks to its own function only."""
    outer = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    return any(wanted in ast.walk(n) and wanted is not n for n in outer)


def test_the_rules_can_fail() -> None:
    assert all(level_of(a) < level_of(b) for a, b in pairwise(["errors", "engines", "tasks", "runs"]))
    assert deepest("apothecary.tasks", "flow") == "apothecary.tasks.flow"
