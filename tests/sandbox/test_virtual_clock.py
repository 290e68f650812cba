"""The rehearsal's clock: who waits is played in order, and nobody keeps it from ending."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sandbox.virtual_clock import VirtualClock

START = datetime(2026, 12, 7, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def ticking(prepare: Callable[[VirtualClock], None]) -> VirtualClock:
    """A clock on which one player waits for every next minute, for ever."""
    clock = VirtualClock(START)

    async def play() -> None:
        while True:
            await clock.until(clock.now() + MINUTE)

    async def run() -> None:
        prepare(clock)
        clock.enter("ticking", START, play)
        await clock.run()

    asyncio.run(run())
    return clock


def test_it_stops_at_a_moment_and_says_so() -> None:
    clock = ticking(lambda clock: clock.stop_at(START + 5 * MINUTE))
    assert clock.now() == START + 5 * MINUTE
    assert clock.stopped


def test_it_ends_at_its_horizon_which_may_move_on_when_it_is_reached() -> None:
    said: list[datetime] = []

    def horizon(clock: VirtualClock) -> datetime:
        said.append(clock.now())
        return START + (5 if len(said) == 1 else 8) * MINUTE

    clock = ticking(lambda clock: clock.end_at(lambda: horizon(clock)))
    assert clock.now() == START + 8 * MINUTE
    assert not clock.stopped
    assert said == [START, START + 5 * MINUTE, START + 8 * MINUTE]


def test_the_earlier_of_both_ends_it() -> None:
    def prepare(clock: VirtualClock) -> None:
        clock.stop_at(START + 3 * MINUTE)
        clock.end_at(lambda: START + 5 * MINUTE)

    clock = ticking(prepare)
    assert clock.now() == START + 3 * MINUTE
    assert clock.stopped
