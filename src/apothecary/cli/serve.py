"""``apothecary serve``: the operations of the command line over HTTP, or as tools of a language model."""

from __future__ import annotations

import importlib.util
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from apothecary.errors import UsageError

if TYPE_CHECKING:
    from apothecary.service.serving import Serving

__all__ = ["serve"]

PORT = 8765
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _bytes(value: str) -> int:
    found = re.fullmatch(r"(\d{1,12})([kmg]?)b?", value.strip().lower())
    if found is None or not int(found[1]):
        raise typer.BadParameter(f"'{value}' is no size: 10M, 500k")
    return int(found[1]) * _UNITS[found[2]]


def serve(
    host: Annotated[str, typer.Option(help="Where to listen; other machines need a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = PORT,
    token: Annotated[
        str,
        typer.Option(
            envvar="APOTHECARY_TOKEN",
            help="What a request must bear; better set as a variable, as others see the commands that run.",
            show_default=False,
        ),
    ] = "",
    store: Annotated[
        Path | None, typer.Option(help="The knowledge base of queries.", metavar="FILE.duckdb")
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(help="The policy that lists come from: its folder or its name.", metavar="NAME"),
    ] = None,
    interactions: Annotated[
        list[Path] | None,
        typer.Option(help="Which drugs interact, as for recommend; may be repeated.", metavar="FILE"),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Who answers, as for extract.")] = None,
    jobs: Annotated[
        Path | None, typer.Option(help="Folder of jobs [default: jobs in APOTHECARY_HOME].", metavar="DIR")
    ] = None,
    max_body: Annotated[
        int, typer.Option(parser=_bytes, help="The most that a request may hold.", metavar="SIZE")
    ] = "10M",  # type: ignore[assignment]  # Typer parses the default, too.
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Be a server of MCP on standard input and output instead.")
    ] = False,
) -> None:
    """Serve extract, score, query and recommend: REST with a description at /v1/openapi.json, or MCP."""
    _demand(("mcp",) if mcp else ("fastapi", "uvicorn"), "mcp" if mcp else "serve")
    from apothecary.engines.home import home_folder
    from apothecary.service.serving import Serving, check_serving

    serving = Serving(
        jobs=jobs or home_folder() / "jobs",
        engine=engine,
        store=store,
        policy=policy,
        interactions=tuple(interactions or ()),
        host=host,
        token=token.strip(),
        most_bytes=max_body,
    )
    check_serving(serving)
    if mcp:
        from apothecary.service.mcp import create_mcp

        create_mcp(serving).run("stdio")
    else:
        _listen(serving, port)


def _demand(modules: tuple[str, ...], extra: str) -> None:
    missing = [name for name in (*modules, "duckdb") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed", hint=f"pip install 'apothecary[{extra}]'")


def _listen(serving: Serving, port: int) -> None:
    import uvicorn

    from apothecary.hosts import listening_socket, url_of
    from apothecary.service.app import create_app, performer
    from apothecary.service.jobs import opened_jobs

    with (
        listening_socket(serving.host, port) as listening,
        opened_jobs(serving.jobs, performer(serving), waiting=serving.waiting) as jobs,
    ):
        print(
            f"{url_of(serving.host, listening)}/v1/openapi.json describes what is served; Ctrl-C ends it",
            flush=True,
        )
        print(f"jobs: {serving.jobs}", file=sys.stderr, flush=True)
        # As Ctrl-C: the job at work is put aside before the process ends.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        app = create_app(serving, jobs)
        # The guard writes the log: that of uvicorn would quote addresses, and texts in errors.
        config = uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=3, server_header=False
        )
        uvicorn.Server(config).run(sockets=[listening])
