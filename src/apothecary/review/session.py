"""Who is at the page: a signed cookie, a token where one is asked for, and a word that every form must bring.

The secret is made when the server starts: cookies of an earlier one are worth nothing. Nothing is kept here.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import json
import secrets
from dataclasses import dataclass

from apothecary.hosts import is_loopback_host

__all__ = ["COOKIE", "Keeper", "Session", "is_our_host"]

COOKIE = "apothecary-review"
MAX_COOKIE = 2_000


@dataclass(frozen=True)
class Session:
    """One browser: its id, the name its reviewer gave ("": none yet), and whether it may come in."""

    id: str
    reviewer: str = ""
    trusted: bool = False

    @property
    def known(self) -> bool:
        """Whether its reviewer has signed in."""
        return self.trusted and bool(self.reviewer)


class Keeper:
    """Signs cookies and forms. `token` is what a reviewer must know to come in ("": nothing)."""

    def __init__(self, token: str = "") -> None:
        self._secret = secrets.token_bytes(32)
        self._token = token

    @property
    def asks(self) -> bool:
        """Whether a token is asked for."""
        return bool(self._token)

    def fresh(self, reviewer: str = "") -> Session:
        """A session for a browser that has none."""
        return Session(secrets.token_urlsafe(12), "" if self.asks else reviewer, not self.asks)

    def cookie(self, session: Session) -> str:
        """A session as the value of a cookie."""
        body = json.dumps([session.id, session.reviewer, session.trusted])
        text = base64.urlsafe_b64encode(body.encode()).decode()
        return f"{text}.{self._sign(f'cookie {text}')}"

    def session(self, cookie: str) -> Session | None:
        """The session of a cookie; None for one that is not ours."""
        text, _, signature = cookie[:MAX_COOKIE].partition(".")
        if not _same(signature, self._sign(f"cookie {text}")):
            return None
        identity, reviewer, trusted = json.loads(base64.urlsafe_b64decode(text))
        return Session(identity, reviewer, trusted)

    def word(self, session: Session) -> str:
        """What the forms of a session bring with them."""
        return self._sign(f"form {session.id}")

    def is_word(self, session: Session, given: str) -> bool:
        """Whether a form comes from a page of this session."""
        return _same(given, self.word(session))

    def is_token(self, given: str) -> bool:
        """Whether it is the token, compared in constant time."""
        return not self.asks or _same(given, self._token)

    def _sign(self, text: str) -> str:
        return hmac.new(self._secret, text.encode("utf-8", "replace"), "sha256").hexdigest()


def is_our_host(given: str, bound: str) -> bool:
    """Whether a Host header names this server: a page elsewhere that lets its name point here does not.

    An address stands for itself; a name must be the one that was bound, or ``localhost`` on this machine.
    """
    name = given.rsplit(":", 1)[0] if not given.endswith("]") else given
    name = name.strip("[]").casefold()
    if name == bound.casefold():
        return True
    if is_loopback_host(bound):
        return is_loopback_host(name)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
