"""How many requests are in flight, and how often one is tried again."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apothecary.engines.pace import FIRST_PAUSE, LONGEST_PAUSE, Pace, Retries, pause_before


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Crowd:
    """Takes turns, and notes how many were in flight at once."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.now = self.most = 0

    async def turn(self, work: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)) -> float:
        async with self.pace.turn() as sent:
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await work()
            finally:
                self.now -= 1
            return sent


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.lists(st.sampled_from(["good", "complaint", ""]), max_size=40))
def test_no_more_are_in_flight_than_the_limit_allows(most: int, events: list[str]) -> None:
    clock = Clock()
    pace = Pace(most, clock=clock)
    crowd = Crowd(pace)

    async def one(event: str) -> None:
        clock.now += 1
        assert crowd.now <= most
        await asyncio.sleep(0)
        if event == "good":
            pace.good()
        elif event:
            pace.complaint(clock.now)
        assert 1 <= pace.limit <= most

    async def main() -> None:
        await asyncio.gather(*(crowd.turn(lambda e=event: one(e)) for event in events))  # type: ignore[misc]

    asyncio.run(main())
    assert crowd.now == 0
    assert crowd.most <= min(8, most) or "good" in events


def test_success_lets_more_in_flight_up_to_the_most() -> None:
    pace = Pace(20, clock=Clock())
    crowd = Crowd(pace)

    async def work() -> None:
        await asyncio.sleep(0)
        pace.good()

    async def main() -> None:
        await asyncio.gather(*(crowd.turn(work) for _ in range(600)))

    asyncio.run(main())
    assert pace.limit == crowd.most == 20


def test_a_burst_of_complaints_halves_once() -> None:
    clock = Clock()
    pace = Pace(8, clock=clock)
    clock.now = 5.0
    for sent in (1.0, 2.0, 5.0, 3.0):
        pace.complaint(sent)
    assert pace.limit == 4
    clock.now = 9.0
    pace.complaint(6.0)
    assert pace.limit == 2


def test_the_limit_never_falls_below_one() -> None:
    clock = Clock()
    pace = Pace(8, clock=clock)
    for _ in range(10):
        clock.now += 1
        pace.complaint(clock.now)
    assert pace.limit == 1


def test_a_server_that_wants_rest_gets_it_from_all() -> None:
    pace = Pace(4, clock=time.monotonic)

    async def main() -> list[float]:
        pace.rest(0.1)
        return await asyncio.gather(*(Crowd(pace).turn() for _ in range(10)))

    start = time.monotonic()
    assert min(asyncio.run(main())) >= start + 0.1


def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    pace = Pace(4, clock=time.monotonic)
    start = time.monotonic()
    pace.rest(0.1)
    pace.rest(0.01)
    assert asyncio.run(Crowd(pace).turn()) >= start + 0.1


def test_turns_are_taken_in_order() -> None:
    pace = Pace(1, clock=Clock())
    order: list[int] = []

    async def one(number: int) -> None:
        async with pace.turn():
            order.append(number)

    async def main() -> None:
        await asyncio.gather(*(one(number) for number in range(20)))

    asyncio.run(main())
    assert order == list(range(20))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_cancelled_turns_leave_their_places_to_others(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - to be repeated
    pace = Pace(2, clock=Clock())
    crowd = Crowd(pace)

    async def main() -> None:
        tasks = [asyncio.create_task(crowd.turn()) for _ in range(12)]
        for task in draw.sample(tasks, 8):
            task.cancel()
            for _ in range(draw.randint(0, 2)):
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(1), pace.turn(), pace.turn():
            pass

    asyncio.run(main())
    assert crowd.most <= 2


def test_thousands_may_wait() -> None:
    pace = Pace(8, clock=Clock())

    async def main() -> None:
        await asyncio.gather(*(Crowd(pace).turn() for _ in range(5000)))

    start = time.process_time()
    asyncio.run(main())
    assert time.process_time() - start < 3


def test_retries_run_dry_and_are_earned_back() -> None:
    retries = Retries(spare=2.0, share=0.5)
    assert [retries.spend() for _ in range(3)] == [True, True, False]
    retries.earn()
    assert not retries.spend()
    retries.earn()
    assert retries.spend()


@given(st.integers(1, 1000), st.floats(0.001, 2.0), st.integers())
def test_pauses_double_within_bounds(attempt: int, first: float, seed: int) -> None:
    pause = pause_before(attempt, random.Random(seed), first)  # noqa: S311 - to be repeated
    longest = min(LONGEST_PAUSE, first * 2.0 ** min(attempt - 1, 20))
    assert longest / 2 <= pause <= longest


def test_the_first_pause_is_half_a_second_at_most() -> None:
    assert pause_before(1, random.Random(0)) == pytest.approx(FIRST_PAUSE, rel=0.5)  # noqa: S311
