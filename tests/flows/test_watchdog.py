"""The watchdog on a Prefect server: what it finds and within what time, whom it reaches, and that it moves nothing.

As input: a launch on a ledger in memory whose runs have a state that a test sets, and a wall clock that goes from look to
look; no process is started. As output we check the ledger, the pager, and the runs of the launch.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from prefect import get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings
from prefect.states import Completed, Crashed, Running

from deployments.watchdog import Watchdog
from flows.runs import launch_tag, runs_with
from flows.stage import RunKind
from launch.events import AlarmRaised, ExposureHeld, LaunchClosed, Outcome
from launch.plan import FlowPhase
from launch.watch import LOOK
from tests.fakes.standing import BEGUN, Standing, Wall

pytestmark = pytest.mark.harness
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
HALF_A_MINUTE = 30 * SECOND
NO_SERVER = "http://127.0.0.1:9/api"


@dataclass
class Watched:
    """A launch, and a watchdog whose clock goes from look to look."""

    standing: Standing
    wall: Wall
    dog: Watchdog = field(init=False)

    def __post_init__(self) -> None:
        self.dog = Watchdog(self.standing.ledger, wall=self.wall, build=self.standing.build)

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.wall.now += LOOK
            await self.dog.look()
            await self.dog.told()

    async def look_until_alarm(self) -> timedelta:
        """The time from now until an alarm is on the ledger."""
        began = self.wall.now
        while not self.standing.records(AlarmRaised):
            assert self.wall.now - began < HALF_A_MINUTE, "no alarm within half a minute"
            await self.look()
        return self.wall.now - began

    @property
    def alarms(self) -> list[str]:
        return [record.event.what for record in self.standing.records(AlarmRaised)]


@pytest.fixture
def watched(registered: str, request: pytest.FixtureRequest) -> Watched:
    """A countdown at T-20m whose rollout has begun. Each test has a launch of its own on the shared server."""
    del registered
    wall = Wall()
    name = f"watchdog-{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"
    standing = Standing(name, wall=wall)
    standing.reach(FlowPhase.COUNTDOWN)
    standing.write(*BEGUN)
    return Watched(standing, wall)


async def run_of(watched: Watched, state: State[object], kind: RunKind = RunKind.COUNTDOWN) -> FlowRun:
    """A run of the launch that is in this state."""
    standing = watched.standing
    run = await standing.stage.runs.start(standing.id, kind, {"launch": standing.id}, key=f"{standing.id}/{kind}")
    await be(run, state)
    return run


async def be(run: FlowRun, state: State[object]) -> None:
    async with get_client() as client:
        await client.set_flow_run_state(run.id, state, force=True)


async def runs(watched: Watched) -> list[tuple[str, StateType | None]]:
    async with get_client() as client:
        found = await runs_with(client, [launch_tag(watched.standing.id)], list(StateType))
    return [(str(run.id), run.state_type) for run in found]


def test_a_run_that_lives_is_left_alone(watched: Watched) -> None:
    async def story() -> None:
        await run_of(watched, Running())
        await watched.look(12)

    asyncio.run(story())
    assert watched.alarms == []


@pytest.mark.parametrize("end", [Crashed(), Completed()], ids=["crashed", "ended too early"])
def test_a_phase_whose_run_died_is_found_held_and_paged_within_half_a_minute_and_nothing_moves(
    watched: Watched, end: State[object]
) -> None:
    async def story() -> None:
        run = await run_of(watched, Running())
        await watched.look(3)
        await be(run, end)
        before = await runs(watched)
        assert await watched.look_until_alarm() <= HALF_A_MINUTE
        await watched.look(6)
        assert await runs(watched) == before

    with temporary_settings({PREFECT_UI_URL: "http://prefect.example"}):
        asyncio.run(story())
    standing = watched.standing
    assert watched.alarms == ["countdown/process/1"]
    (held,) = standing.records(ExposureHeld)
    assert held.event.reason == "alarm countdown/process/1: countdown is under way and has no process"
    (page,) = standing.beeper.incidents.values()
    assert f"tminus rollback {standing.id} --by YOU --reason WHY, or http://prefect.example/deployments/" in page
    assert list(standing.room.posts.values()) == [page]


def test_a_phase_under_way_with_no_run_at_all_is_found(watched: Watched) -> None:
    assert asyncio.run(watched.look_until_alarm()) <= HALF_A_MINUTE
    assert watched.alarms == ["countdown/process/1"]


def test_a_phase_that_no_run_began_is_found(registered: str) -> None:
    del registered
    wall = Wall()
    standing = Standing("watchdog-not-begun", ahead=timedelta(days=2), wall=wall)
    watched = Watched(standing, wall)
    assert asyncio.run(watched.look_until_alarm()) <= HALF_A_MINUTE
    assert watched.alarms == ["phase/hardening"]


def test_a_living_run_that_asks_its_guards_no_more_is_found_within_half_a_minute_of_the_sample_that_did_not_come(
    registered: str,
) -> None:
    del registered
    wall = Wall()
    standing = Standing("watchdog-unasked", ahead=-10 * MINUTE, wall=wall)
    standing.write(*BEGUN)
    standing.reach(FlowPhase.STABILIZATION)
    watched = Watched(standing, wall)

    async def story() -> None:
        await run_of(watched, Running(), RunKind.STABILIZATION)
        every = 30 * SECOND
        await watched.look(every // LOOK - 1)
        assert watched.alarms == []
        assert await watched.look_until_alarm() <= LOOK + HALF_A_MINUTE

    asyncio.run(story())
    assert [alarm.rsplit("/", 1)[0] for alarm in watched.alarms] == ["stabilization/SampleGuards"]
    assert len(standing.records(ExposureHeld)) == 1


def test_a_server_that_does_not_answer_is_found_and_paged_with_what_was_taken_in_hand_before(watched: Watched) -> None:
    async def story() -> timedelta:
        await run_of(watched, Running())
        await watched.look()
        with temporary_settings({PREFECT_API_URL: NO_SERVER}):
            return await watched.look_until_alarm()

    assert asyncio.run(story()) <= HALF_A_MINUTE
    assert [alarm.rsplit("/", 1)[0] for alarm in watched.alarms] == ["countdown/server"]
    assert len(watched.standing.beeper.incidents) == 1
    assert len(watched.standing.records(ExposureHeld)) == 1


@asynccontextmanager
async def hanging(watched: Watched) -> AsyncIterator[None]:
    """Inside, the pager does not answer."""
    watched.standing.beeper.answers.clear()
    try:
        yield
    finally:
        watched.standing.beeper.answers.set()
        await watched.dog.told()


def test_a_pager_that_hangs_delays_no_look(watched: Watched) -> None:
    async def story() -> None:
        async with hanging(watched):
            for _ in range(8):
                watched.wall.now += LOOK
                await watched.dog.look()
            assert watched.alarms == ["countdown/process/1"]
            assert watched.standing.beeper.incidents == {}

    asyncio.run(story())
    assert len(watched.standing.beeper.incidents) == 1


def test_a_launch_that_is_over_is_not_looked_at(watched: Watched) -> None:
    watched.standing.write(LaunchClosed(outcome=Outcome.NO_GO))
    asyncio.run(watched.look(6))
    assert watched.alarms == []
