"""What requests and answers hold: the source of the OpenAPI description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from apothecary.runs.policies import RecommendOptions
from apothecary.tasks import catalog
from apothecary.tasks.schema import schema_names

__all__ = [
    "MOST_CHARACTERS",
    "SCORED",
    "Asked",
    "ErrorBody",
    "ExtractJob",
    "ExtractRequest",
    "ExtractResult",
    "Health",
    "InlineDocument",
    "JobRequest",
    "QueryJob",
    "QueryRequest",
    "RecommendJob",
    "RecommendRequest",
    "RecommendResult",
    "Refusal",
    "SchemaName",
    "ScoreJob",
    "ScoreRequest",
    "ScoreResult",
    "ScoredName",
    "TaskInfo",
    "TaskName",
    "Tasks",
    "VisitInput",
]

MOST_ITEMS, MOST_CHARACTERS = 1000, 200_000
SCORED = tuple(sorted({*catalog.names(), RecommendOptions(()).task}))
Row = dict[str, object]


def _one_of(names: Sequence[str]) -> Callable[[str], str]:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"is none of {', '.join(names)}")
        return name

    return check


# The names are those of folders and files: no type can list them.
TaskName = Annotated[
    str, AfterValidator(_one_of(catalog.names())), Field(json_schema_extra={"enum": list(catalog.names())})
]
ScoredName = Annotated[str, AfterValidator(_one_of(SCORED)), Field(json_schema_extra={"enum": list(SCORED)})]
SchemaName = Annotated[
    str, AfterValidator(_one_of(schema_names())), Field(json_schema_extra={"enum": list(schema_names())})
]
Words = Annotated[str, Field(max_length=MOST_CHARACTERS)]


class _Closed(BaseModel):
    """A misspelt field is an error, not a default."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ErrorBody(BaseModel):
    """Where it is wrong, what is wrong, what to do ("" where there is nothing to say)."""

    where: str
    what: str
    hint: str


class Refusal(BaseModel):
    """Every answer that is no success."""

    error: ErrorBody


class Health(BaseModel):
    """The server answers."""

    status: Literal["ok"]
    version: str


class TaskInfo(BaseModel):
    """A task of `extract`, and the schemas it can be asked with (none: it has no schema)."""

    name: str
    schemas: list[str]


class Tasks(BaseModel):
    """What this server can be asked for."""

    extract: list[TaskInfo]
    score: list[str]
    query: bool = Field(description="whether it has a knowledge base")
    recommend: bool = Field(description="whether it has a policy")


class InlineDocument(BaseModel):
    """A text, or the package's record of one, with mentions, relations and whatever else it holds.

    `text`, or `title` and `abstract`; a record of conditions names `drug` and `disease`.
    """

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    id: str = Field(min_length=1, max_length=200)
    text: Words | None = None
    title: Words | None = None
    abstract: Words | None = None


class ExtractRequest(_Closed):
    """Documents, and what to extract from them. A few are answered at once, more become a job."""

    model_config = ConfigDict(populate_by_name=True)

    task: TaskName
    schema_name: SchemaName | None = Field(None, alias="schema")
    oracle_mentions: bool = Field(False, description="take mentions and concepts from the records")
    documents: list[InlineDocument] = Field(min_length=1, max_length=MOST_ITEMS)


class ExtractResult(BaseModel):
    """The records of a run and its problems, as in `predictions.jsonl` and `errors.jsonl`."""

    status: Literal["complete", "incomplete"]
    documents: int
    failed: int
    fingerprint: str = Field(description="of all that determines these records")
    records: list[Row]
    problems: list[Row]


class ScoreRequest(_Closed):
    """Gold and predictions, as rows of the files that `apothecary score` reads."""

    gold: list[Row] = Field(min_length=1, max_length=MOST_ITEMS)
    predictions: list[Row] = Field(max_length=MOST_ITEMS)
    broader: Literal["keep", "drop"] = "keep"
    excuse_broader: bool = False
    resamples: int = Field(1000, ge=1, le=10_000)
    seed: int = Field(0, ge=0, le=2**31 - 1)


class ScoreResult(BaseModel):
    """The figures of a task, by its own rules."""

    task: str
    scores: Row


class VisitInput(BaseModel):
    """A visit as `recommend` reads it: codes of diagnoses, drugs of earlier visits, allergies and so on."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)

    visit_id: str = Field(min_length=1, max_length=200)


class RecommendRequest(_Closed):
    """Visits that need a list. A few are answered at once, more become a job."""

    visits: list[VisitInput] = Field(min_length=1, max_length=MOST_ITEMS)
    safety: float | None = Field(None, ge=0, le=1000, description="weight of interactions")
    exclude: list[str] = Field(default=[], max_length=1000, description="drugs or classes never recommended")


class RecommendResult(BaseModel):
    """A list for every visit, each drug with its reasons."""

    status: Literal["complete", "incomplete"]
    visits: int
    failed: int
    note: str
    remarks: dict[str, int]
    warnings: list[str]
    scores: Row | None
    lists: list[Row]
    problems: list[Row]


Name = Annotated[str, Field(min_length=1, max_length=1000, pattern=r"\S")]
# Four lists of these stay below what a question may name in all.
Names = Annotated[list[Name], Field(max_length=12)]
Phrase = Annotated[str, Field(max_length=1000)]


class QueryRequest(_Closed):
    """A question to the knowledge base; all of it must hold. Each of the lists holds names or CURIEs.

    `condition` is a type of conditions or words in one, `text` free words of a document that states the edge.
    """

    drugs: Names = []
    diseases: Names = []
    genes: Names = []
    concepts: Names = []
    task: Phrase = ""
    type: Phrase = ""
    condition: Phrase = ""
    text: Phrase = ""
    min_belief: float = Field(0.0, ge=0, le=1)
    limit: int = Field(50, ge=0, le=1000)
    offset: int = Field(0, ge=0, le=2**31 - 1)


class ExtractJob(_Closed):
    """`extract` as a job."""

    operation: Literal["extract"]
    request: ExtractRequest


class ScoreJob(_Closed):
    """`score` as a job."""

    operation: Literal["score"]
    task: ScoredName
    request: ScoreRequest


class RecommendJob(_Closed):
    """`recommend` as a job."""

    operation: Literal["recommend"]
    request: RecommendRequest


class QueryJob(_Closed):
    """`query` as a job."""

    operation: Literal["query"]
    request: QueryRequest


Asked = ExtractJob | ScoreJob | RecommendJob | QueryJob
JobRequest = Annotated[Asked, Field(discriminator="operation")]
