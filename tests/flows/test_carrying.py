"""Which phases are carried, asked of a Prefect server on which runs of every state exist.

As input: runs of the real deployments whose state a test sets as a worker would; no process is started.
"""

import asyncio
import hashlib
from datetime import datetime, timedelta

import pytest
from prefect import flow, get_client, tags
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import AwaitingRetry, Completed, Crashed, Pending, Running, Scheduled, Suspended

from flows.carrying import carried_phases
from flows.clocks import RealClock, machine_clock
from flows.runs import PrefectRuns, kind_tag, launch_tag
from flows.stage import RunKind
from launch.plan import FlowPhase
from tasks.watching import watch_guards

pytestmark = pytest.mark.harness
HOUR = timedelta(hours=1)


@pytest.fixture
def launch(registered: str, request: pytest.FixtureRequest) -> str:
    """Each test has a launch of its own on the shared server."""
    del registered
    return f"carrying-{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"


def lives(run: FlowRun) -> bool:
    """What a process table says of a living run: it is not lost."""
    del run
    return False


def dies(run: FlowRun) -> bool:
    """What a process table says of a run whose process was killed."""
    del run
    return True


async def carried(launch: str, state: State[object] | None, lost=lives, *, at: datetime | None = None):
    """What is carried when the countdown's run is in this state."""
    clock = RealClock()
    run = await PrefectRuns("cockpit", clock).start(
        launch, RunKind.COUNTDOWN, {"launch": launch}, key=f"{launch}/countdown", at=at
    )
    async with get_client() as client:
        if state is not None:
            await client.set_flow_run_state(run.id, state, force=True)
        return await carried_phases(client, launch, clock, lost)


@pytest.mark.parametrize(
    "state",
    [
        Running(),
        Suspended(timeout_seconds=3600, pause_key="phase-go-1-0"),
        Scheduled(scheduled_time=machine_clock() + HOUR),
    ],
    ids=["running", "waiting at a gate", "to begin later"],
)
def test_a_run_that_lives_or_waits_carries_its_phase(launch: str, state: State[object]) -> None:
    assert list(asyncio.run(carried(launch, state))) == [FlowPhase.COUNTDOWN]


@pytest.mark.parametrize(
    "state",
    [Crashed(), Completed(), AwaitingRetry(), Scheduled(scheduled_time=machine_clock() - HOUR), Pending()],
    ids=["crashed", "over", "to be started again", "late", "being started"],
)
def test_a_run_that_ended_or_has_no_process_yet_carries_nothing(launch: str, state: State[object]) -> None:
    assert asyncio.run(carried(launch, state)) == {}


def test_a_run_whose_process_is_gone_carries_nothing_before_the_server_knows_it(launch: str) -> None:
    assert asyncio.run(carried(launch, Running(), dies)) == {}


@flow(name="countdown", persist_result=False)
async def asking(launch: str) -> datetime:
    """Asks guards as a phase does; when that shows on the server, the moment it is taken for."""
    began = machine_clock()
    await watch_guards((), {}, began)
    async with get_client() as client, asyncio.timeout(60):
        while True:
            found = await carried_phases(client, launch, RealClock(), lives)
            if found[FlowPhase.COUNTDOWN] >= began:
                return found[FlowPhase.COUNTDOWN]
            await asyncio.sleep(0.05)


def test_a_run_that_asks_its_guards_is_known_by_when_it_last_did(launch: str) -> None:
    with tags(launch_tag(launch), kind_tag(RunKind.COUNTDOWN)):
        asked = asyncio.run(asking(launch))
    assert machine_clock() - HOUR < asked <= machine_clock()
