"""The ``apothecary`` command: lists the verbs and turns every error into one line and an exit code.

Exit codes: 0 complete, 1 finished with failed items, 2 wrong use or unreadable input, 3 stopped by a
budget, 130 interrupted (everything finished so far is kept).
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from apothecary import __version__
from apothecary.cli import extract, models, score
from apothecary.errors import ApothecaryError, BudgetExhausted

__all__ = ["app", "run"]

app = typer.Typer(
    name="apothecary",
    help="Drug knowledge from biomedical literature. A research tool, not medical advice.",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("extract")(extract.extract)
app.command("score")(score.score)
app.add_typer(models.app, name="models")

DEBUG_HELP = "On an error show the Python traceback too; it may quote the texts that were read."


def _version(asked: bool) -> None:
    if asked:
        print(f"apothecary {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Drug knowledge from biomedical literature. A research tool, not medical advice."""


def run() -> None:
    """The entry point: run a command and leave with its exit code."""
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        code = app(arguments, standalone_mode=False) or 0
        sys.stdout.flush()
    except ApothecaryError as error:
        code = _fail(error, 3 if isinstance(error, BudgetExhausted) else 2, debug=debug)
    except TyperException as error:
        code = _fail(error, 2, debug=debug)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        # The reader of our output (head, less) has left: no fault, but nothing more can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        # A fault of our own. Its text may quote what was read, so only its kind is shown.
        if debug:
            raise
        print(
            f"error: unexpected {type(error).__name__} (--debug shows where; please report it)",
            file=sys.stderr,
        )
        code = 2
    sys.exit(code)


def _fail(error: Exception, code: int, *, debug: bool) -> int:
    if debug:
        raise error
    text = error.format_message() if isinstance(error, TyperException) else str(error)
    print(f"error: {' '.join(text.split())}", file=sys.stderr)
    return code
