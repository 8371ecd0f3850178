"""Tools of a language model (MCP, over standard input and output): extract from a text, ask the base.

What they answer is shorter than over HTTP: names and quotes instead of offsets, as a model reads them.
An empty argument counts as one that was not given, since models fill in all they are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, BeforeValidator, Field

from apothecary import __version__
from apothecary.documents import Document
from apothecary.errors import ApothecaryError
from apothecary.formats.records import from_record
from apothecary.runs.folder import read_lines
from apothecary.service.models import (
    MOST_CHARACTERS,
    ExtractRequest,
    InlineDocument,
    QueryRequest,
    SchemaName,
    TaskName,
)
from apothecary.service.refusals import fault, refusal, say_error, say_fault
from apothecary.service.serving import Serving
from apothecary.service.work import PREDICTIONS, RUN, answer_to, run_extract
from apothecary.store.query import Found

__all__ = ["Extracted", "create_mcp"]

T = TypeVar("T")
MOST_EDGES = 50
ABOUT = (
    "Drug knowledge from biomedical literature: relations of drugs, diseases and genes, drug combinations, "
    "and the conditions under which they hold, each with the sentence it rests on. "
    "A research tool, not medical advice."
)


def _or(default: object) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value in ("", None) else value)


def _given_list(value: object) -> object:
    if isinstance(value, str):
        value = [value]
    return [each for each in value if each != ""] if isinstance(value, list) else value or []


Names = Annotated[list[str], BeforeValidator(_given_list)]


class Named(BaseModel):
    """An argument of a relation."""

    role: str
    names: list[str]
    ids: list[str]


class Finding(BaseModel):
    """A relation or a combination that a text states."""

    type: str
    arguments: list[Named]
    confidence: float | None
    evidence: list[str] = Field(description="sentences of the text")


class Stretch(BaseModel):
    """A mention or a condition: its words and what they are."""

    type: str
    text: str


class Extracted(BaseModel):
    """What a text says."""

    relations: list[Finding]
    conditions: list[Stretch]
    mentions: list[Stretch]


def create_mcp(serving: Serving) -> MCPServer[object]:
    """The tools, as a server of MCP: `extract`, and `query` where there is a knowledge base."""
    # Its log says no more than what fails: at the level of information it would quote.
    server: MCPServer[object] = MCPServer(
        "apothecary", instructions=ABOUT, version=__version__, log_level="ERROR"
    )

    @server.tool()
    def extract(
        text: Annotated[
            str, Field(description="an abstract or a passage", min_length=1, max_length=MOST_CHARACTERS)
        ],
        task: Annotated[TaskName, _or("relations"), Field(description="what to extract")] = "relations",
        schema: Annotated[
            SchemaName | None,
            _or(None),
            Field(description="labels and relation types, for mentions and relations [default: cdr]"),
        ] = None,
    ) -> Extracted:
        """Extract mentions, relations, drug combinations or conditions from a text, with evidence."""
        document = InlineDocument(id="text", text=text)
        asked = ExtractRequest(task=task, documents=[document], schema_name=schema)
        return _told(lambda place: _extracted(asked, place, serving))

    if serving.store is None:
        return server

    @server.tool()
    def query(
        drugs: Annotated[Names, Field(description="names or ids, all of them arguments")] = [],  # noqa: B006
        diseases: Annotated[Names, Field(description="names or ids")] = [],  # noqa: B006
        genes: Annotated[Names, Field(description="names or ids")] = [],  # noqa: B006
        type: Annotated[str, Field(description="of the relation, such as CID or POS")] = "",
        condition: Annotated[str, Field(description="a type of conditions, or words in one")] = "",
        text: Annotated[str, Field(description="words that a document must hold")] = "",
        limit: Annotated[int, _or(10), Field(ge=1, le=MOST_EDGES)] = 10,
    ) -> Found:
        """Ask the knowledge base which relations hold, how sure, under which conditions, and who says so."""
        asked = QueryRequest(
            drugs=drugs,
            diseases=diseases,
            genes=genes,
            type=type,
            condition=condition,
            text=text,
            limit=limit,
        )
        return _told(lambda place: answer_to(asked, serving))

    return server


def _told(work: Callable[[Path], T]) -> T:
    """What a piece of work gives. Raises ToolError, which the model reads."""
    with TemporaryDirectory(prefix="apothecary-") as place:
        try:
            return work(Path(place))
        except ApothecaryError as error:
            say_error(error)
            told = refusal(error, Path(place))
        except Exception as error:
            say_fault(error)
            told = fault()
    hint = f" ({told['hint']})" if told["hint"] else ""
    raise ToolError(f"{told['what']}{hint}")


def _extracted(asked: ExtractRequest, place: Path, serving: Serving) -> Extracted:
    run_extract(asked, place, serving, lambda done, failed: None, serving.seconds)
    documents = [from_record(row, where=PREDICTIONS) for row in read_lines(place / RUN / PREDICTIONS)]
    return Extracted(
        relations=[each for document in documents for each in _findings(document)],
        conditions=[Stretch(type=c.type, text=c.text) for d in documents for c in d.conditions],
        mentions=[Stretch(type=m.type, text=m.text) for d in documents for m in d.mentions],
    )


def _findings(document: Document) -> list[Finding]:
    found = []
    for relation in document.relations:
        concepts = [(each.role, document.concept(each.concept)) for each in relation.arguments]
        found.append(
            Finding(
                type=relation.type,
                arguments=[Named(role=r, names=list(c.names), ids=list(c.ids)) for r, c in concepts],
                confidence=relation.confidence,
                evidence=[each.quote for each in relation.evidence],
            )
        )
    return found
