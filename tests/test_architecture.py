"""The rules of the house, as far as a program can hold them: levels, cycles, sizes, names, docstrings."""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "apothecary"
LEVELS = [
    {"errors", "documents", "examples", "visits", "messages", "markup", "hosts"},
    {"formats", "corpora", "vocab", "align", "metrics", "networks", "engines", "adapters"},
    {"tasks"},
    {"runs", "training", "store"},
    {"api", "instruct", "knowledge", "review", "service", "scale"},
    {"cli"},
    {"__main__"},
]
SAME_LEVEL = {
    "corpora": {"formats", "vocab", "align"},
    "engines": {"networks"},
    "adapters": {"networks"},
    "service": {"api"},
}
NOT_FOR_TASKS = {"engines", "adapters"}
FORBIDDEN = {"utils", "util", "common", "helpers", "misc", "core", "base"}


class Module(NamedTuple):
    """A file of the package: all its nodes, and those inside its functions."""

    name: str
    text: str
    nodes: tuple[ast.AST, ...]
    inner: frozenset[ast.AST]


def module_of(name: str, text: str) -> Module:
    nodes = tuple(ast.walk(ast.parse(text)))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    return Module(name, text, nodes, frozenset(n for f in functions for n in ast.walk(f) if n is not f))


@cache
def modules() -> dict[str, Module]:
    return {name_of(path): module_of(name_of(path), path.read_text()) for path in PACKAGE.rglob("*.py")}


def part_of(module: str) -> str:
    """apothecary.engines.cache -> engines; the package itself -> ''."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def level_of(part: str) -> int:
    return next(index for index, level in enumerate(LEVELS) if part in level)


def imports_of(module: Module) -> Iterator[str]:
    """Modules of our own that a file imports anywhere, those under TYPE_CHECKING included."""
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("apothecary"):
            yield from (deepest(node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("apothecary"))


@cache
def deepest(module: str, name: str) -> str:
    path = PACKAGE.parent / Path(*module.split("."), name)
    return f"{module}.{name}" if path.with_suffix(".py").exists() or path.is_dir() else module


def wrong_levels(module: Module) -> Iterator[str]:
    here = part_of(module.name)
    for name in imports_of(module):
        there = part_of(name)
        if not here or not there or here == there:
            continue
        if level_of(there) > level_of(here):
            yield f"imports {name}"
        if level_of(there) == level_of(here) > 0 and there not in SAME_LEVEL.get(here, set()):
            yield f"imports its sibling {name}"
        if here == "tasks" and there in NOT_FOR_TASKS:
            yield f"a task imports {name}"


def tasks_by_name(module: Module) -> Iterator[str]:
    for name in imports_of(module) if part_of(module.name) != "cli" else ():
        parts = name.split(".")
        is_folder = len(parts) > 2 and (PACKAGE / "tasks" / parts[2]).is_dir()
        if parts[1:2] == ["tasks"] and is_folder and parts[:3] != module.name.split(".")[:3]:
            yield f"imports {name}"


def bad_sizes(module: Module) -> Iterator[str]:
    cli = part_of(module.name) == "cli"
    if module.text.count("\n") > 400 or module.name.split(".")[-1] in FORBIDDEN:
        yield "is too long, or its name says nothing"
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # Typer reads the options of a command from its signature: a long list is no long function.
            if (node.end_lineno or 0) - (node.body[0].lineno if cli else node.lineno) >= 60:
                yield f"{node.name} is too long"
            parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if not cli and sum(each.arg not in ("self", "cls") for each in parameters) > 7:
                yield f"{node.name} has too many parameters"


def nothing_said(module: Module) -> Iterator[str]:
    for node in module.nodes:
        # A function inside a function speaks to its own function only.
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and node not in module.inner:
            name = "the module" if isinstance(node, ast.Module) else node.name
            if not name.startswith("_") and not ast.get_docstring(node):
                yield f"{name} has no docstring"


def late_imports(module: Module) -> Iterator[str]:
    for node in module.inner if part_of(module.name) != "cli" else ():
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("apothecary"):
            yield f"imports {node.module} in a function"


# Each with a module that breaks it.
RULES: dict[Callable[[Module], Iterator[str]], str] = {
    wrong_levels: "from apothecary.tasks import flow",
    tasks_by_name: "from apothecary.tasks.relations import task",
    bad_sizes: "def f(a, b, c, d, e, f, g, h): ...",
    nothing_said: "class A: '''Said.'''\ndef b(): ...\n",
    late_imports: "def f():\n    from apothecary import errors",
}


@pytest.mark.parametrize("rule", RULES)
def test_every_module_keeps_the_rule_against(rule: Callable[[Module], Iterator[str]]) -> None:
    assert list(rule(module_of("apothecary.engines.x", RULES[rule])))
    faults = [f"{name}: {fault}" for name, module in modules().items() for fault in rule(module)]
    assert not faults, "\n".join(faults)


def test_there_are_no_import_cycles() -> None:
    graph = {name: set(imports_of(module)) for name, module in modules().items()}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for below in graph.get(module, set()):
                visit(below, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_the_rules_can_fail() -> None:
    assert all(level_of(a) < level_of(b) for a, b in pairwise(["errors", "engines", "tasks", "runs"]))
    assert deepest("apothecary.tasks", "flow") == "apothecary.tasks.flow"
    assert "apothecary.tasks.flow" in modules()
