"""The ``apothecary`` command: lists the verbs and turns every error into one line and an exit code.

Exit codes: 0 complete, 1 finished with failed items, 2 wrong use or unreadable input, 3 stopped by a
budget, 130 interrupted (everything finished so far is kept).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from apothecary import __version__
from apothecary.cli import (
    ablate,
    adapters,
    extract,
    fetch,
    fit,
    instruct,
    instruct_evaluate,
    instruct_mix,
    instruct_show,
    models,
    recommend,
    review,
    scenarios,
    score,
    serve,
    stats,
    store,
    store_export,
    store_query,
    traces,
    train,
    train_grpo,
    train_recommender,
    train_sft,
    train_stages,
    train_stepwise,
    visit_lists,
    visits,
)
from apothecary.errors import ApothecaryError, BudgetExhausted, UsageError

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="apothecary",
    help="Drug knowledge from biomedical literature. A research tool, not medical advice.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("extract")(extract.extract)
app.command("fetch")(fetch.fetch)
app.command("score")(score.score)
app.command("stats")(stats.stats)
app.command("fit")(fit.fit)
scenarios.app.command("ablate")(ablate.ablate)
app.add_typer(scenarios.app, name="scenarios")
app.command("traces")(traces.traces)
app.add_typer(models.app, name="models")
train.app.command("sft")(train_sft.train_sft)
train.app.command("grpo")(train_grpo.train_grpo)
train.app.command("stages")(train_stages.train_stages)
train.app.command("recommender")(train_recommender.train_recommender)
train.app.command("stepwise")(train_stepwise.train_stepwise)
app.add_typer(train.app, name="train")
app.add_typer(adapters.app, name="adapters")
visits.app.command("lists")(visit_lists.lists)
app.add_typer(visits.app, name="visits")
app.command("recommend")(recommend.recommend)
instruct.app.command("mix")(instruct_mix.mix)
instruct.app.command("show")(instruct_show.show)
instruct.app.command("evaluate")(instruct_evaluate.evaluate)
instruct.app.command("export")(instruct_evaluate.export)
app.add_typer(instruct.app, name="instruct")
store.app.command("query")(store_query.query)
store.app.command("export")(store_export.export)
store.app.command("import-reviewed")(store_export.import_reviewed)
store.app.command("interactions")(store_export.interactions)
app.add_typer(store.app, name="store")
app.add_typer(review.app, name="review")
app.command("serve")(serve.serve)


# To build all commands takes longer than to find most of what can be wrong with a command line.
_command_of = cache(get_command)


def _version(asked: bool) -> None:
    if asked:
        print(f"apothecary {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the Python traceback of an error; it may quote your texts.")
    ] = False,
) -> None:
    """Drug knowledge from biomedical literature. A research tool, not medical advice."""


def run() -> None:
    """The entry point: run a command and leave with its exit code."""
    _occupy_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # The name of a file may hold bytes that are no text: they are shown as escapes.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))


def _occupy_closed_streams() -> None:
    """Give a closed standard stream the null device: else the next file that is opened takes its place."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
            setattr(sys, name, os.fdopen(descriptor, mode))


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; with ``--debug`` exceptions pass through."""
    debug = "--debug" in arguments
    if debug:
        print("note: a traceback may quote your texts; read it before you pass it on", file=sys.stderr)
    try:
        code = _command_of(app)([each for each in arguments if each != "--debug"], standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except ApothecaryError as error:
        return _fail(error, 3 if isinstance(error, BudgetExhausted) else 2, debug=debug)
    except TyperException as error:
        return _fail(error, 2, debug=debug)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has left: no fault, but nothing more can be written.
        _write_nothing_more()
        return 0
    except OSError as error:
        # A full disk, mostly. Standard output may stand on it too.
        _write_nothing_more()
        told = UsageError(error.strerror or type(error).__name__, where=str(error.filename or ""))
        return _fail(told, 2, debug=debug)
    except Exception as error:
        # A fault of our own. Its text may quote what was read, so only its kind is shown.
        if debug:
            raise
        print(
            f"error: unexpected {type(error).__name__} (--debug shows where; please report it)",
            file=sys.stderr,
        )
        return 2


def _write_nothing_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: Exception, code: int, *, debug: bool) -> int:
    if debug:
        raise error
    text = error.format_message() if isinstance(error, TyperException) else str(error)
    print(f"error: {' '.join(text.split())}", file=sys.stderr)
    return code
