"""The tools of a language model, called by the client of MCP itself."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from mcp import Client
from mcp.types import CallToolResult, Tool

from apothecary.service.mcp import create_mcp
from tests.service.served import TEXT, base_of, scripted


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APOTHECARY_HOME", str(tmp_path / "home"))


def call(folder: Path, arguments: dict[str, object], tool: str = "extract") -> CallToolResult:
    base = folder / "kb.duckdb"
    serving = replace(scripted(folder), store=base if base.exists() else None)

    async def called() -> CallToolResult:
        async with Client(create_mcp(serving)) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(called())


def tools(folder: Path) -> list[Tool]:
    async def listed() -> list[Tool]:
        async with Client(create_mcp(scripted(folder))) as client:
            return list((await client.list_tools()).tools)

    return asyncio.run(listed())


def test_the_tools_say_what_they_take(tmp_path: Path) -> None:
    (tool,) = tools(tmp_path)
    properties = tool.input_schema["properties"]
    assert (tool.name, tool.input_schema["required"]) == ("extract", ["text"])
    assert all(each["description"] for each in properties.values())
    assert "relations" in properties["task"]["enum"]


@pytest.mark.parametrize("more", [{}, {"task": "", "schema": ""}, {"schema": None}])
def test_an_empty_argument_is_as_one_that_was_not_given(tmp_path: Path, more: dict[str, object]) -> None:
    found = call(tmp_path, {"text": TEXT, **more}).structured_content
    assert found is not None
    (relation,) = found["relations"]
    assert [each["names"] for each in relation["arguments"]] == [["Druga"], ["rash"]]
    assert relation["evidence"] == [TEXT]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [({"text": ""}, "at least 1 character"), ({"text": TEXT, "task": "x"}, "is none of combinations")],
)
def test_a_wrong_argument_is_told_to_the_model(
    tmp_path: Path, arguments: dict[str, object], told: str
) -> None:
    answer = call(tmp_path, arguments)
    assert answer.is_error
    assert told in str(answer.content)


def test_the_base_is_asked_and_empty_lists_and_names_do_not_count(tmp_path: Path) -> None:
    base_of(tmp_path)
    empty: dict[str, object] = {
        "drugs": "Druga",
        "diseases": [""],
        "genes": None,
        "type": "",
        "text": "",
        "limit": "",
    }
    found = call(tmp_path, empty, "query").structured_content
    assert found is not None
    assert [edge["evidence"][0]["quote"] for edge in found["edges"]] == [TEXT]
    assert call(tmp_path, {"drugs": ["drugz"]}, "query").is_error
