"""The real and the compressed clock, with a wall that only moves when somebody sleeps."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from flows.clocks import CompressedClock, RealClock, clock_of, start_compressed
from launch.events import ClockSet, Decision, GateOpened, HoldPlaced, PhaseEnded, PhaseStarted
from launch.ledger import Ledger
from launch.plan import FlowPhase
from tests.fakes import plans
from tests.fakes.agenda_player import LAUNCH, Player
from tests.fakes.plans import T0

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SPEED = 3600.0


class Wall:
    """A wall clock for tests: sleeping is what moves it; `then` happens during the next sleep."""

    def __init__(self, start: datetime) -> None:
        self.instant = start
        self.slept: list[float] = []
        self.then: Callable[[], None] | None = None

    def __call__(self) -> datetime:
        return self.instant

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.instant += timedelta(seconds=seconds)
        if self.then is not None:
            happens, self.then = self.then, None
            happens()


@pytest.fixture
def wall() -> Wall:
    return Wall(T0 - 8 * DAY)


@pytest.fixture
def ledger(wall: Wall) -> Ledger:
    return Player(plans.plan(), now=wall.instant).ledger


def compressed(ledger: Ledger, wall: Wall, phase: FlowPhase | None = None) -> CompressedClock:
    if not anchors(ledger):
        start_compressed(ledger, LAUNCH, SPEED, wall())
    return CompressedClock(ledger, LAUNCH, phase=phase, wall=wall, sleep=wall.sleep)


def anchors(ledger: Ledger) -> list[ClockSet]:
    return [record.event for record in ledger.records(LAUNCH) if isinstance(record.event, ClockSet)]


def begin(ledger: Ledger, phase: FlowPhase, wall: Wall) -> None:
    ledger.append(LAUNCH, PhaseStarted(phase=phase), at=wall(), wall=wall())


def test_the_real_clock_sleeps_in_slices_so_that_the_ledger_is_looked_at_again(wall: Wall) -> None:
    clock = RealClock(wall, wall.sleep)
    asyncio.run(clock.until(wall() + HOUR))
    assert wall.slept == [2.0]
    asyncio.run(clock.until(wall() + timedelta(milliseconds=300)))
    assert wall.slept[1] == pytest.approx(0.3)
    asyncio.run(clock.until(wall() - HOUR))
    assert wall.slept[2] == 0.0


def test_the_real_clock_keeps_a_process_for_two_minutes(wall: Wall) -> None:
    clock = RealClock(wall, wall.sleep)
    assert clock.holds_process(wall() + 2 * MINUTE)
    assert not clock.holds_process(wall() + 2 * MINUTE + SECOND)


def test_a_launch_without_an_anchor_runs_on_the_real_clock(ledger: Ledger) -> None:
    assert isinstance(clock_of(ledger, LAUNCH), RealClock)


def test_an_hour_is_a_second_while_nothing_happens(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    target = clock.now() + HOUR
    asyncio.run(clock.until(target))
    assert clock.now() >= target
    assert sum(wall.slept) == pytest.approx(1.0, abs=0.01)


def test_it_arrives_at_natural_speed(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    asyncio.run(clock.until(clock.now() + HOUR))
    shown = clock.now()
    wall.instant += SECOND
    assert clock.now() - shown == SECOND


def test_every_process_reads_the_same_moment_from_the_ledger(ledger: Ledger, wall: Wall) -> None:
    first, second = compressed(ledger, wall), compressed(ledger, wall)
    asyncio.run(first.until(first.now() + HOUR))
    wall.instant += 3 * SECOND
    assert first.now() == second.now()


def test_it_stops_being_fast_when_somebody_writes(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    target = clock.now() + 20 * HOUR

    def hold() -> None:
        ledger.append(LAUNCH, HoldPlaced(by="ana", reason="wait"), at=wall(), wall=wall())

    wall.then = hold
    asyncio.run(clock.until(target))
    assert clock.now() < target
    assert len(wall.slept) == 1
    shown = clock.now()
    wall.instant += SECOND
    assert clock.now() - shown == SECOND


def test_an_open_gate_keeps_natural_speed(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    opened = GateOpened(gate="go", plan_hash="", evidence_hash="", deadline=T0)
    ledger.append(LAUNCH, opened, at=clock.now(), wall=wall())
    asyncio.run(clock.until(clock.now() + 10 * SECOND))
    assert sum(wall.slept) == pytest.approx(10.0)


def test_a_run_that_waits_for_its_turn_does_not_set_the_clock_of_the_phase_under_way(
    ledger: Ledger,
    wall: Wall,
) -> None:
    begin(ledger, FlowPhase.HARDENING, wall)
    waiting = compressed(ledger, wall, FlowPhase.EVE)
    written = len(anchors(ledger))
    assert not waiting.holds_process(waiting.now() + 30 * DAY)
    assert len(anchors(ledger)) == written
    working = compressed(ledger, wall, FlowPhase.HARDENING)
    assert not working.holds_process(working.now() + 30 * DAY)
    assert len(anchors(ledger)) == written + 2


def test_a_process_is_kept_for_two_minutes_of_wall_time(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    assert clock.holds_process(clock.now() + 119 * HOUR)
    assert not clock.holds_process(clock.now() + 121 * HOUR)


def test_an_earlier_arrival_stays_in_force(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    clock.hurry(clock.now() + 2 * HOUR)
    written = len(anchors(ledger))
    clock.hurry(clock.now() + 3 * HOUR)
    assert len(anchors(ledger)) == written


def test_the_speed_is_written_once(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    written = len(anchors(ledger))
    clock.pace(1.0)
    assert len(anchors(ledger)) == written
    clock.pace(60.0)
    clock.pace(60.0)
    assert len(anchors(ledger)) == written + 1


def test_a_moment_becomes_the_wall_instant_at_which_it_can_come_first(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    assert clock.soonest(clock.now() + HOUR) == wall() + SECOND
    assert clock.comes(clock.now() + HOUR) == wall() + HOUR
    assert clock.soonest(clock.now() - HOUR) == wall()


def test_the_clock_is_free_again_when_the_phase_has_ended(ledger: Ledger, wall: Wall) -> None:
    begin(ledger, FlowPhase.HARDENING, wall)
    clock = compressed(ledger, wall, FlowPhase.EVE)
    target = clock.now() + HOUR
    asyncio.run(clock.until(clock.now() + SECOND))
    ended = PhaseEnded(phase=FlowPhase.HARDENING, decision=Decision.GO)
    ledger.append(LAUNCH, ended, at=clock.now(), wall=wall())
    asyncio.run(clock.until(target))
    assert sum(wall.slept) == pytest.approx(2.0, abs=0.05)


def test_the_clock_is_fast_again_when_a_stop_is_over(ledger: Ledger, wall: Wall) -> None:
    clock = compressed(ledger, wall)
    asyncio.run(clock.until(T0 - 7 * DAY))
    before = sum(wall.slept)
    asyncio.run(clock.until(T0 - 6 * DAY))
    assert sum(wall.slept) - before == pytest.approx(20 + 24, abs=2.5)
