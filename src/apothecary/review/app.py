"""The pages and what they do: a queue, an item, agreement. Every address works without JavaScript.

Nothing is fetched from anywhere, and nothing that was read is markup here: templates escape all of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp

from apothecary.errors import ApothecaryError, RunError, UsageError
from apothecary.review.agreement import agreement_of
from apothecary.review.changing import form_of
from apothecary.review.desk import Desk
from apothecary.review.guard import Guard, read_form
from apothecary.review.items import shown
from apothecary.review.queue import Item, View, is_order, is_state
from apothecary.review.session import COOKIE, Keeper, Session
from apothecary.store.decisions import MAX_NAME, is_action

__all__ = ["create_app"]

Fields = Annotated[dict[str, Sequence[str]], Depends(read_form)]
STATIC = {
    "report.css": ("apothecary.runs", "assets", "text/css"),
    "render.js": ("apothecary.runs", "assets", "text/javascript"),
    "review.css": ("apothecary.review", "static", "text/css"),
    "review.js": ("apothecary.review", "static", "text/javascript"),
    "htmx.min.js": ("apothecary.review", "static", "text/javascript"),
}


def create_app(desk: Desk, keeper: Keeper, *, host: str = "127.0.0.1", reviewer: str = "") -> ASGIApp:
    """The application over a desk. `host` is what it is bound to, `reviewer` who comes in without a name.

    When it ends, what was decided is put into the base.
    """

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        try:
            await run_in_threadpool(desk.put)
        except ApothecaryError as error:
            print(f"warning: the decisions are kept, but not yet in the base: {error}", file=sys.stderr)
        desk.close()

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=living)
    pages = _Pages(desk, keeper, reviewer)
    for path, page in (
        ("/", pages.start),
        ("/sign-in", pages.sign_in),
        ("/queue", pages.queue),
        ("/next", pages.next),
        ("/items/{key}", pages.item),
        ("/agreement", pages.agreement),
        ("/static/{name}", pages.static),
        ("/favicon.ico", pages.icon),
    ):
        app.add_api_route(path, page, methods=["GET"], response_model=None)
    for path, act in (
        ("/sign-in", pages.enter),
        ("/sign-out", pages.leave),
        ("/items/{key}", pages.decide),
        ("/undo", pages.undo),
        ("/put", pages.put),
        ("/fill", pages.fill),
    ):
        app.add_api_route(path, act, methods=["POST"], response_model=None)
    app.add_exception_handler(ApothecaryError, pages.failed)
    app.add_exception_handler(HTTPException, pages.failed)
    app.add_exception_handler(RequestValidationError, pages.failed)
    return Guard(app, host)


class _Pages:
    def __init__(self, desk: Desk, keeper: Keeper, reviewer: str) -> None:
        self._desk = desk
        self._keeper = keeper
        self._reviewer = reviewer
        environment = Environment(
            loader=PackageLoader("apothecary.review"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {"shown": shown, "record": _as_json}
        environment.globals |= {"base": desk.store.name, "longest_name": MAX_NAME}
        self._templates = Jinja2Templates(env=environment)

    # --- pages ---

    def start(self) -> Response:
        """The address of the server itself."""
        return _to("/queue")

    def sign_in(self, request: Request) -> Response:
        """Ask for a name, and for the token."""
        return self._page(request, self._session(request), "sign_in.html", asks=self._keeper.asks)

    def queue(self, request: Request, after: str = "") -> Response:
        """One page of items, from after the key `after`."""
        session, view = self._known(request), _view(request)
        queue = self._desk.queue
        page = queue.page(view, session.reviewer, after)
        return self._page(
            request,
            session,
            "queue.html",
            view=view,
            page=page,
            after=after,
            types=queue.types(),
            total=queue.total(),
            decided=queue.decided(session.reviewer),
            stale=self._desk.pending(),
        )

    def next(self, request: Request) -> Response:
        """The first open item of a view."""
        session, view = self._known(request), _view(request)
        page = self._desk.queue.page(view, session.reviewer, size=1)
        return _to(_item_address(page.items[0], view) if page.items else f"/queue?{view.query()}")

    def item(self, request: Request, key: str) -> Response:
        """One item, with all that can be done about it."""
        session, view = self._known(request), _view(request)
        item = self._item(key)
        detail = self._desk.detail(item)
        if detail is None:
            raise HTTPException(404, "The base no longer has this item: take the items anew.")
        queue = self._desk.queue
        standing = self._desk.standing(item, session.reviewer)
        return self._page(
            request,
            session,
            "item.html",
            view=view,
            item=item,
            detail=detail,
            standing=standing,
            form=form_of(standing.own.change if standing.own else None, item.type, detail),
            types=queue.types(),
            total=queue.total(),
            decided=queue.decided(session.reviewer),
            before=queue.preceding(view, session.reviewer, item),
            after=queue.following(view, session.reviewer, item),
        )

    def agreement(self, request: Request) -> Response:
        """How far everyone has come, and how far they agree."""
        session = self._known(request)
        found = agreement_of(self._desk.queue.verdicts())
        return self._page(
            request,
            session,
            "agreement.html",
            found=found,
            total=self._desk.queue.total(),
            blind=self._desk.blind,
        )

    def static(self, name: str) -> Response:
        """One of our own style sheets and scripts."""
        if name not in STATIC:
            raise HTTPException(404, "There is no such page.")
        package, folder, kind = STATIC[name]
        body = files(package).joinpath(folder, name).read_bytes()
        return Response(body, media_type=kind, headers={"cache-control": "max-age=300"})

    def icon(self) -> Response:
        """What browsers ask for unasked."""
        return Response(status_code=204, headers={"cache-control": "max-age=86400"})

    # --- actions ---

    def enter(self, request: Request, fields: Fields) -> Response:
        """Take a name, and the token."""
        session = self._checked(request, fields)
        name = " ".join(_field(fields, "name").split())
        asks, right = self._keeper.asks, self._keeper.is_token(_field(fields, "token"))
        if not right or not name or len(name) > MAX_NAME or not name.isprintable():
            fault = "" if right else "That is not the token."
            fault = fault or f"A name has 1 to {MAX_NAME} printable characters."
            return self._page(request, session, "sign_in.html", 403, asks=asks, fault=fault)
        # A new id, so that a cookie planted before is worth nothing.
        return self._with_cookie(_to("/queue"), Session(self._keeper.fresh().id, name, True))

    def leave(self, request: Request, fields: Fields) -> Response:
        """Forget who it was."""
        self._checked(request, fields)
        answer = _to("/sign-in")
        answer.delete_cookie(COOKIE)
        return answer

    def decide(self, request: Request, key: str, fields: Fields) -> Response:
        """What a form says about an item; on to the next one."""
        session = self._known(request, fields)
        view, item = _view(request), self._item(key)
        # Where to go is asked first: a decided item has left the view.
        following = self._desk.queue.following(view, session.reviewer, item)
        action = _field(fields, "action")
        here = _item_address(item, view)
        if action == "skip":
            self._desk.queue.skip(session.reviewer, key)
        elif action == "note":
            own = self._desk.standing(item, session.reviewer).own
            if own is None:
                raise UsageError("a note goes with a decision: accept, reject or edit", where="note")
            self._desk.note(own, _field(fields, "note"))
            return _to(here)
        elif is_action(action):
            self._desk.decide(item, action, session.reviewer, fields)
        else:
            raise UsageError("accept, reject, edit, undo, note and skip are what there is", where="action")
        if action in ("undo", "edit"):
            return _to(here)
        return _to(_item_address(following, view) if following else f"/queue?{view.query()}")

    def undo(self, request: Request, fields: Fields) -> Response:
        """Take back the last decision that this reviewer stands by, wherever it was made."""
        session, view = self._known(request, fields), _view(request)
        last = self._desk.log.last_of(session.reviewer)
        if last is None:
            raise UsageError("there is no decision to undo", where="undo")
        key = self._desk.undo(last)
        return _to(f"/items/{key}?{view.query()}")

    def put(self, request: Request, fields: Fields) -> Response:
        """Bring the decisions into the base."""
        session = self._known(request, fields)
        count = self._desk.put()
        said = f"{count:,} edges of the base follow the decisions." if count else "The base was up to date."
        return self._page(request, session, "message.html", title="Put into the base", message=said, hint="")

    def fill(self, request: Request, fields: Fields) -> Response:
        """Take the items anew."""
        self._known(request, fields)
        self._desk.fill()
        return _to("/queue")

    # --- what they share ---

    def failed(self, request: Request, error: Exception) -> Response:
        """A page that says what went wrong, and nothing of what was read."""
        status, title, hint = 400, "This request makes no sense here.", ""
        if isinstance(error, _SignInFirst):
            return _to("/sign-in")
        if isinstance(error, HTTPException):
            status, title = error.status_code, str(error.detail)
        elif isinstance(error, ApothecaryError):
            status = 503 if isinstance(error, RunError) else 400
            title, hint = f"{error.where}: {error.message}" if error.where else error.message, error.hint
        session = self._session(request)
        return self._page(
            request, session, "message.html", status, title="That did not work", message=title, hint=hint
        )

    def _item(self, key: str) -> Item:
        item = self._desk.queue.item(key)
        if item is None:
            raise HTTPException(404, "There is no such item.")
        return item

    def _session(self, request: Request) -> Session:
        return self._keeper.session(request.cookies.get(COOKIE, "")) or self._keeper.fresh(self._reviewer)

    def _known(self, request: Request, fields: Mapping[str, Sequence[str]] | None = None) -> Session:
        """The session of a reviewer who has signed in; of a form also that it comes from our page."""
        session = self._session(request) if fields is None else self._checked(request, fields)
        if not session.known:
            raise _SignInFirst
        return session

    def _checked(self, request: Request, fields: Mapping[str, Sequence[str]]) -> Session:
        session = self._keeper.session(request.cookies.get(COOKIE, ""))
        if session is None or not self._keeper.is_word(session, _field(fields, "word")):
            raise HTTPException(403, "This form is not of a page of this session: open the page again.")
        return session

    def _page(
        self, request: Request, session: Session, name: str, status: int = 200, **values: object
    ) -> Response:
        told = {"session": session, "word": self._keeper.word(session), "fault": "", **values}
        # A lone surrogate has no UTF-8 form; one character stays one character.
        body = self._templates.get_template(name).render(told).encode("utf-8", "replace")
        answer = Response(body, status, media_type="text/html; charset=utf-8")
        answer.headers["cache-control"] = "no-store"
        return self._with_cookie(answer, session)

    def _with_cookie(self, answer: Response, session: Session) -> Response:
        answer.set_cookie(COOKIE, self._keeper.cookie(session), httponly=True, samesite="strict", path="/")
        return answer


class _SignInFirst(ApothecaryError):
    """Nobody has signed in."""

    def __init__(self) -> None:
        super().__init__("sign in first")


def _view(request: Request) -> View:
    """The view that an address asks for; what is not known counts as not said."""
    given = {name: value.replace("\0", "") for name, value in request.query_params.items()}
    order, state = given.get("order", ""), given.get("state", "")
    return View(
        order=order if is_order(order) else "unsure",
        state=state if is_state(state) else "open",
        type=given.get("type", "")[:200],
        document=given.get("document", "")[:200],
        text=given.get("q", "")[:200],
    )


def _item_address(item: Item, view: View) -> str:
    return f"/items/{item.key}?{view.query()}"


def _to(address: str) -> Response:
    return RedirectResponse(address.rstrip("?"), status_code=303)


def _field(fields: Mapping[str, Sequence[str]], name: str) -> str:
    values = fields.get(name, ())
    return values[0] if values else ""


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True)
