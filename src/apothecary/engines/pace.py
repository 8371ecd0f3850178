"""How many requests a server gets at once, and how often one is tried again."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["FIRST_PAUSE", "Pace", "Retries", "pause_before"]

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class Pace:
    """As many requests in flight as the server takes without complaint; one event loop only.

    Additive increase, multiplicative decrease (Chiu and Jain 1989): each good answer adds a share of
    one, a complaint halves. Complaints about requests that were sent before the last halving count with
    it. A server may also name the seconds it wants to be left alone: then all requests wait.
    """

    def __init__(self, most: int, *, clock: Callable[[], float]) -> None:
        self.limit = float(min(8, most))
        self.most = most
        self._clock = clock
        self._in_flight = 0
        self._halved = -1.0
        self._quiet_until = 0.0
        # First come, first served. Not asyncio.Condition: with thousands waiting, to wake all of them for
        # each place takes longer than the answers do, and to wake one can lose it when that is cancelled.
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Wait for a place; the time at which it was given."""
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._admit()
        try:
            await place
            while (left := self._quiet_until - self._clock()) > 0:
                await asyncio.sleep(left)
            yield self._clock()
        finally:
            # Cancelled while waiting, it never had a place.
            if not place.cancelled():
                self._in_flight -= 1
            self._admit()

    def _admit(self) -> None:
        while self._waiting and self._in_flight < max(1, int(self.limit)):
            place = self._waiting.popleft()
            if not place.cancelled():
                self._in_flight += 1
                place.set_result(None)

    def good(self) -> None:
        """An answer came."""
        self.limit = min(float(self.most), self.limit + 1.0 / self.limit)

    def complaint(self, sent: float) -> None:
        """The server is overloaded, as a request sent at that time has shown."""
        if sent > self._halved:
            self.limit = max(1.0, self.limit / 2)
            self._halved = self._clock()

    def rest(self, seconds: float) -> None:
        """Send nothing for so many seconds from now."""
        self._quiet_until = max(self._quiet_until, self._clock() + seconds)


@dataclass
class Retries:
    """A budget over all requests: a server that fails everything is not asked many times over.

    Each answered request earns `share` of a retry; `spare` are there from the start.
    """

    spare: float = 50.0
    share: float = 0.2

    def earn(self) -> None:
        """A request was answered."""
        self.spare = min(500.0, self.spare + self.share)

    def spend(self) -> bool:
        """Take one retry; False when none is left."""
        if self.spare < 1.0:
            return False
        self.spare -= 1.0
        return True


def pause_before(attempt: int, rng: random.Random, first: float = FIRST_PAUSE) -> float:
    """Seconds before the given retry (1 is the first): doubled each time, spread at random over its half."""
    longest = min(LONGEST_PAUSE, first * 2.0 ** (attempt - 1))
    return longest * rng.uniform(0.5, 1.0)
