"""The watched and the unwatched path: a countdown whose worker is killed at T-20m, on everything that runs a launch.

As input: `tminus up` (Prefect server, PostgreSQL, sandbox, watchdog), a worker of the test's own, a plan of one page on
a clock that runs fast while nothing happens. As output we check the ledger, what Prefect says of the runs, and at the
sandbox what reached the flag service and the pager. Every wait is for a condition.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from blocks.flags import FeatureFlags
from flows.recover import RESTARTS
from flows.stage import RunKind
from launch.events import AlarmRaised, CheckJudged, EffectBegun, ExposureHeld, Outcome, PhaseEnded, RunTakenUp, WentLive
from launch.ledger import verify_chain
from launch.ports import Occasion
from launch.probes.web_edges import FlagStates
from launch.release import Release
from tests.deployments.machine import Machine, WatchedLaunch, soon

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
PROCESSING = 10 * SECOND
"""From T0 to the event that says so: one look at the agenda and one commit, on a busy machine."""
ONCE = {"expose-pilots": 1, "expose-everybody": 1, "tell-everybody": 1}
"""Every effect of the plan, each begun once."""


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    # Not below pytest's own directory: as root, PostgreSQL runs as a user who may not enter it.
    directory = Path(tempfile.mkdtemp(prefix="tminus-watched-"))
    directory.chmod(0o755)
    machine = Machine(directory)
    try:
        machine.start()
        yield machine
    finally:
        machine.stop()
        shutil.rmtree(directory)


@pytest.fixture
def launch(machine: Machine) -> Iterator[WatchedLaunch]:
    """A launch whose countdown has exposed the product to its pilots and waits for T-5m."""
    launch = WatchedLaunch(machine)
    machine.start_worker()
    try:
        launch.open()
        launch.reaches(-25 * MINUTE)
        soon(lambda: launch.events(CheckJudged), "the pilots see it")
        yield launch
    finally:
        launch.close()


def exposure(launch: WatchedLaunch) -> str:
    """Whom the flag serves, asked of the flag service itself."""
    flags = FeatureFlags.model_validate(launch.machine.sandbox_block("feature-flags/sandbox-flags"))
    now = launch.clock.now()
    occasion = Occasion(
        launch=launch.id, now=now, t0=launch.t0, went_live=None, release=Release(version="v2.5.0"), key=""
    )
    asked = FlagStates(ask="flag-states", of="flags", flags={"exposure": "gen-reports-beta"})
    return str(flags.answer(asked, occasion).values["exposure"].value)


def pages(launch: WatchedLaunch) -> list[str]:
    """Titles of the incidents of this launch, asked of the pager itself."""
    pager = launch.machine.sandbox_block("pagerduty/sandbox-pagerduty")
    answer = httpx.get(
        f"{pager['base_url']}/incidents",
        params={"limit": 100},
        headers={"Authorization": f"Token token={pager['token']}"},
    )
    return [one["title"] for one in answer.json()["incidents"] if launch.id in one["incident_key"]]


def begun(launch: WatchedLaunch) -> Counter[str]:
    return Counter(event.action for event in launch.events(EffectBegun))


def test_killed_at_t_minus_20_and_started_again_at_t_minus_18_it_goes_live_at_t0(
    launch: WatchedLaunch, machine: Machine
) -> None:
    launch.reaches(-20 * MINUTE)
    machine.kill_worker()
    (dead,) = launch.runs(RunKind.COUNTDOWN)
    assert dict(begun(launch)) == {"expose-pilots": 1}
    launch.reaches(-18 * MINUTE)
    machine.start_worker()
    soon(lambda: launch.events(WentLive), "it goes live")
    (live,) = [record.at for record in launch.records if isinstance(record.event, WentLive)]
    assert timedelta(0) <= live - launch.t0 <= PROCESSING
    assert exposure(launch) == "on"
    soon(lambda: launch.events(PhaseEnded), "the countdown ends")
    assert dict(begun(launch)) == ONCE
    first, second = launch.runs(RunKind.COUNTDOWN)
    assert first.id == dead.id
    assert [event.run for event in launch.events(RunTakenUp)] == [str(second.id)]
    verify_chain(launch.id, launch.records)


def test_killed_for_good_it_is_found_and_paged_and_nothing_advances_until_the_worker_is_back(
    launch: WatchedLaunch, machine: Machine
) -> None:
    launch.reaches(-20 * MINUTE)
    machine.kill_worker()
    (dead,) = launch.runs(RunKind.COUNTDOWN)
    soon(launch.countdown_crashed, "its run is found without a process")
    soon(lambda: pages(launch), "somebody is paged")
    launch.hurries_to(5 * MINUTE)
    assert [event.what for event in launch.events(AlarmRaised)] == ["countdown/process/1"]
    (page,) = pages(launch)
    assert "countdown is under way and has no process. Nothing advances meanwhile" in page
    assert f"tminus rollback {launch.id} --by YOU --reason WHY, or {machine.settings.ui}/deployments/" in page
    assert not launch.events(ExposureHeld), "no step of a rollout has begun: the plan has none"
    assert exposure(launch) == "pilot-only"
    assert dict(begun(launch)) == {"expose-pilots": 1}
    assert not launch.events(WentLive)
    assert [run.id for run in launch.runs(RunKind.COUNTDOWN)] == [dead.id]
    assert not launch.running()
    machine.start_worker()
    soon(lambda: launch.events(WentLive), "it goes live late")
    assert exposure(launch) == "on"
    soon(lambda: launch.events(PhaseEnded), "the countdown ends")
    assert dict(begun(launch)) == ONCE
    machine.tminus("rollback", launch.id, "--by", "ana", "--reason", "it was too late for today")
    soon(lambda: launch.state.outcome, "the captain's word takes it back")
    assert launch.state.outcome is Outcome.ROLLED_BACK
    assert exposure(launch) == "off"
    verify_chain(launch.id, launch.records)


def test_a_run_that_dies_again_and_again_is_started_three_times_then_paged_and_taken_back(
    launch: WatchedLaunch, machine: Machine
) -> None:
    for attempt in range(1, RESTARTS + 2):
        machine.kill_runs()
        soon(launch.countdown_crashed, "the worker sees its run die")
        if attempt <= RESTARTS:
            soon(lambda: len(launch.events(RunTakenUp)) == attempt, "another run takes the countdown up")  # noqa: B023
    soon(lambda: launch.state.outcome, "it is taken back")
    assert launch.state.outcome is Outcome.ROLLED_BACK
    soon(lambda: [page for page in pages(launch) if "ended 4 times before its time" in page], "somebody is paged")
    assert [event.what for event in launch.events(AlarmRaised)].count("run/countdown") == 1
    assert exposure(launch) == "off"
    verify_chain(launch.id, launch.records)
