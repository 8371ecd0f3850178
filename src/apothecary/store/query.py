"""Questions to a knowledge base: which statements, how sure, under which conditions, and who says so.

A question names concepts (by name or CURIE) and bounds. What it finds are edges, each with its arguments,
its belief, the conditions told beside it and the sentences it rests on. However much is found, the number
of SQL statements is the same.

Drugs that are asked for must be arguments of an edge. A disease, a gene or another concept may also be
named by the documents that state the edge, where the edge itself has no argument of its kind: a combination
of drugs names no disease, but its sentence or its abstract does. `Context` says which of the two it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from apothecary import ADVICE, markup
from apothecary.errors import UsageError
from apothecary.store.edge_rows import EdgeRow
from apothecary.store.query_conditions import Limit, conditions_of
from apothecary.store.query_match import WORDS, Group, Wanted, among, matching_edges
from apothecary.store.query_names import Asked, Named, concepts_named
from apothecary.store.query_says import Evidence, Place, Said, said_of
from apothecary.store.search import documents_with

if TYPE_CHECKING:
    import duckdb

__all__ = ["Edge", "Filled", "Found", "Question", "ask"]

MOST_EDGES = 1000
MOST_STATEMENTS = 100
MOST_NAMES = 50
LONGEST = 1000


@dataclass(frozen=True)
class Question:
    """What is asked. All of it must hold; an empty question asks for all edges.

    Each of `drugs`, `diseases`, `genes` and `concepts` (of any kind) is a name or a CURIE. `type` is that of
    the edge (POS), `condition` a type of conditions (Age) or words in one; `text` is free words that a
    document which states the edge must hold. Edges come by belief, then by number of documents.
    """

    drugs: tuple[str, ...] = ()
    diseases: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()
    task: str = ""
    type: str = ""
    condition: str = ""
    text: str = ""
    min_belief: float = 0.0
    limit: int = 50
    offset: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for a value out of bounds."""
        if not 0 <= self.min_belief <= 1:
            raise UsageError("is not from 0 to 1", where="min_belief")
        if not 0 <= self.limit <= MOST_EDGES:
            raise UsageError(f"is not from 0 to {MOST_EDGES}", where="limit", hint="page on by offset")
        if not 0 <= self.offset < 2**31:
            raise UsageError("is negative or too large", where="offset")
        named = {
            "drugs": self.drugs,
            "diseases": self.diseases,
            "genes": self.genes,
            "concepts": self.concepts,
        }
        if sum(map(len, named.values())) > MOST_NAMES:
            raise UsageError(f"names more than {MOST_NAMES} concepts", where="question")
        single = {"task": self.task, "type": self.type, "condition": self.condition, "text": self.text}
        values = [(where, value) for where, each in named.items() for value in each]
        for where, value in [*values, *single.items()]:
            if len(value) > LONGEST:
                raise UsageError(f"is longer than {LONGEST} characters", where=where)
            if any("\ud800" <= each <= "\udfff" for each in value):
                raise UsageError("holds half a character (a lone surrogate)", where=where)
        for where, value in values:
            if not value.strip():
                raise UsageError("a name is empty", where=where)


@dataclass(frozen=True)
class Filled:
    """An argument of an edge: the concept in a role, by its commonest name."""

    role: str
    concept: str
    kind: str
    name: str


@dataclass(frozen=True)
class Context:
    """How the documents of an edge name what was asked for and is no argument: where at best, and how many
    of them in their text."""

    asked: str
    place: Place
    documents: int


@dataclass(frozen=True)
class Edge(EdgeRow):
    """One statement, assembled from all documents that make it.

    `context` tells how concepts that were asked for and are no arguments are named. `evidence` are the
    surest of `statements` statements, those that name what was asked first.
    """

    arguments: tuple[Filled, ...]
    context: tuple[Context, ...]
    conditions: tuple[Limit, ...]
    statements: int
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Found:
    """The answer: `total` edges fit, `edges` are those from `offset` on. `names` says how names were read."""

    question: Question
    names: tuple[Named, ...]
    notes: tuple[str, ...]
    total: int
    edges: tuple[Edge, ...]

    def to_record(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)

    def _repr_html_(self) -> str:
        first = self.question.offset + 1
        told = f"{self.total:,} edges fit; {len(self.edges)} from number {first} on. {ADVICE}"
        return markup.fragment(
            markup.line(told),
            *map(markup.line, self.notes),
            markup.table(_SHOWN, [_row(each) for each in self.edges]),
        )

    def _repr_pretty_(self, printer: markup.Printer, cycle: bool) -> None:
        rows = [f"{each.belief:.2f} {each.type}: {_told(each, ', ')}" for each in self.edges]
        printer.text("\n".join((f"{self.total:,} edges fit. {ADVICE}", *rows)))


_SHOWN = ("belief", "type", "arguments", "documents", "conditions", "evidence")


def _row(edge: Edge) -> tuple[str, ...]:
    against = f", {edge.against} against" if edge.against else ""
    return (
        f"{edge.belief:.2f}",
        edge.type,
        _told(edge, "\n"),
        f"{edge.documents}{against}",
        "\n".join(f"{each.type}: {each.text}" for each in edge.conditions),
        "\n".join(f"{each.quote} ({each.document})" for each in edge.evidence),
    )


def _told(edge: Edge, between: str) -> str:
    return between.join(f"{each.role} {each.name or each.concept}" for each in edge.arguments)


# Roles stand in order of their names; a reader wants the drug before its disease.
_ARGUMENTS = """
SELECT edge, role, concept, kind, name FROM edge_arguments LEFT JOIN concepts USING (concept)
WHERE edge IN {edges} ORDER BY edge, role NOT IN ('head', 'drug'), position
"""
_KNOWN = "SELECT DISTINCT task, type FROM edges"


def ask(connection: duckdb.DuckDBPyConnection, question: Question, *, evidence: int = 5) -> Found:
    """The edges that fit a question, with the sentences of at most `evidence` statements each.

    Raises UsageError for a name, type or task that the base does not know, RunError when the index for free
    words cannot be brought up to date.
    """
    if not 1 <= evidence <= MOST_STATEMENTS:
        raise UsageError(f"is not from 1 to {MOST_STATEMENTS}", where="evidence")
    _check_type(connection, question)
    names = concepts_named(
        connection,
        [
            *(Asked(text, "drug") for text in question.drugs),
            *(Asked(text, "disease") for text in question.diseases),
            *(Asked(text, "gene") for text in question.genes),
            *(Asked(text, "") for text in question.concepts),
        ],
    )
    groups = [Group(each.asked, each.kind, each.concepts, around=each.kind != "drug") for each in names]
    notes = [_shared(each) for each in names if len(each.concepts) > 1]
    if question.text.strip():
        hits = documents_with(connection, question.text)
        groups.append(Group(question.text, WORDS, documents=hits.documents))
        notes += hits.notes
    wanted = Wanted(tuple(groups), question.task, question.type, question.condition, question.min_belief)
    total, rows = matching_edges(connection, wanted, question.limit, question.offset)
    keys = [row.edge for row in rows]
    if not keys:
        return Found(question, names, tuple(notes), total, ())
    arguments = _arguments(connection, keys)
    said = said_of(connection, keys, groups, evidence)
    stated = [(key, document) for key in keys for document in said[key].documents]
    limits = conditions_of(connection, stated, groups)
    edges = tuple(
        _edge(row, arguments[row.edge], groups, said[row.edge], limits.get(row.edge, ())) for row in rows
    )
    return Found(question, names, tuple(notes), total, edges)


def _edge(
    row: EdgeRow,
    arguments: tuple[Filled, ...],
    groups: Sequence[Group],
    said: Said,
    limits: tuple[Limit, ...],
) -> Edge:
    own = {each.concept for each in arguments}
    context = []
    for number, group in enumerate(groups):
        if own.isdisjoint(group.concepts):
            # It fits, so something names it; where no text does, another statement about a document does.
            place, documents = said.places.get(number, ("statement", 0))
            context.append(Context(group.asked, place, documents))
    return Edge(
        **asdict(row),
        arguments=arguments,
        context=tuple(context),
        conditions=limits,
        statements=said.statements,
        evidence=said.evidence,
    )


def _arguments(connection: duckdb.DuckDBPyConnection, edges: Sequence[str]) -> dict[str, tuple[Filled, ...]]:
    here, values = among("edges", edges)
    rows = connection.execute(_ARGUMENTS.format(edges=here), values).fetchall()
    return {
        edge: tuple(Filled(*row[1:]) for row in own) for edge, own in groupby(rows, lambda row: str(row[0]))
    }


def _check_type(connection: duckdb.DuckDBPyConnection, question: Question) -> None:
    if not question.task and not question.type:
        return
    known = connection.execute(_KNOWN).fetchall()
    for where, value, place in (("task", question.task, 0), ("type", question.type, 1)):
        names = sorted({str(row[place]) for row in known})
        if value and value not in names:
            raise UsageError(
                f"the base has no edge of {where} '{value}'", where=where, hint=f"it has {', '.join(names)}"
            )


def _shared(named: Named) -> str:
    each = ", ".join(f"{name} ({concept})" for concept, name in zip(named.concepts, named.names, strict=True))
    return f"'{named.asked}' names {len(named.concepts)} concepts, any of which may be meant: {each}"
