"""The review as a server on this machine: finds or builds the base, fills the queue, serves the pages."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from apothecary.errors import UsageError
from apothecary.formats.lines import printable
from apothecary.hosts import is_loopback_host, listening_socket, url_of
from apothecary.review.app import create_app
from apothecary.review.desk import Desk
from apothecary.review.session import Keeper
from apothecary.store.build import build
from apothecary.store.opening import opened, store_path

__all__ = ["ReviewOptions", "base_of", "review"]


@dataclass(frozen=True)
class ReviewOptions:
    """How a review is served.

    `reviewer` comes in without giving a name (where no token is asked for). `host` and `port` are what the
    server binds to (0: a free port); another host than this machine needs a `token`. `blind` hides what
    others decided until one has decided oneself.
    """

    reviewer: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    blind: bool = False


def base_of(path: Path, say: Callable[[str], None] = lambda line: None) -> Path:
    """The base at a path: itself, the one in a folder, or for a run folder one that is built there.

    A run that has gone on since is taken in again. Raises UsageError where there is none of these.
    """
    store = store_path(path)
    if (path / "manifest.json").is_file():
        built = build([path], path / "kb.duckdb")
        for problem in built.problems:
            say(f"warning: {problem}")
        return path / "kb.duckdb"
    if not store.is_file():
        raise UsageError(
            "neither a knowledge base nor a run folder",
            where=printable(path),
            hint="make one: apothecary store build, or apothecary extract",
        )
    return store


def review(
    path: Path,
    options: ReviewOptions | None = None,
    *,
    say: Callable[[str], None] = lambda line: None,
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until interrupted; then what was decided is put into the base.

    `say` gets lines that tell how it goes, `on_ready` the address when it can be opened. Raises UsageError
    for a host that others can reach without a token, and for a port that is taken.
    """
    options = options or ReviewOptions()
    if not is_loopback_host(options.host) and not options.token:
        raise UsageError(
            "others can reach this address: they need a token",
            where=f"--host {options.host}",
            hint=f"--token {secrets.token_urlsafe(9)}, or APOTHECARY_TOKEN",
        )
    _serve(base_of(path, say), options, say, on_ready)


def _serve(
    store: Path, options: ReviewOptions, say: Callable[[str], None], on_ready: Callable[[str], None]
) -> None:
    # Before a log of decisions is made beside it.
    with opened(store):
        pass
    desk = Desk(store, blind=options.blind)
    desk.fill()
    say(f"{desk.queue.total():,} items in {store}")
    app = create_app(desk, Keeper(options.token), host=options.host, reviewer=options.reviewer)
    with listening_socket(options.host, options.port) as listening:
        on_ready(f"{url_of(options.host, listening)}/")
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
