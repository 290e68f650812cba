"""`kill -9` at each step of each strategy: it goes on at the exposure that runs, holds whole, and repeats no effect.

As input: the rollouts of four runbooks on the sandbox's wire (flag percentage, cut-over, blue-green, mesh weights), and at
each of their steps five places where the process dies: when the change is begun, when it is done and nobody knows, at the
first look, in the middle of the hold, and when the next step is allowed. TEEI's rolling update is `test_kill_nine.py`.
As output we check the ledger, and at the sandbox's own records what reached the routers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from launch.ballots_file import Ballots
from launch.events import EffectBegun, EffectFinished, EffectResult, ExposureSeen, Outcome, RunTakenUp, StepAdvanced
from launch.ledger import verify_chain
from launch.plan import RolloutStep
from tests.fakes.runbooks import held_shortly, rehearsable
from tests.flows.crashing_launch import LAUNCH, CrashingLaunch
from tests.flows.kills import Kill

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]

T0 = datetime(2026, 12, 1, 9, tzinfo=UTC)
STRATEGIES = {
    "statusboard-v2": "flag-percentage",
    "production-launch": "cut-over",
    "erpgo": "blue-green",
    "media-gateway": "mesh-weights",
}
KILLS_OF_A_STEP = 5


@pytest.fixture(scope="module", params=STRATEGIES)
def stepped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, prefect_api: str
) -> Iterator[CrashingLaunch]:
    """A launch whose process was killed five times at each step of its rollout."""
    plan = held_shortly(rehearsable(request.param), longest=timedelta(minutes=20), then=timedelta(minutes=10))
    assert plan.rollout.strategy == STRATEGIES[request.param]
    launch = CrashingLaunch(plan, tmp_path_factory.mktemp(request.param), prefect_api, T0, Ballots())
    try:
        launch.start()
        for step in plan.rollout.steps:
            die_at(launch, step)
        assert launch.run() == 0
        yield launch
    finally:
        launch.stop()


def die_at(launch: CrashingLaunch, step: RolloutStep) -> None:
    change, step_number = step.actions[0], str(step.n)
    assert step.minimum_hold is not None
    launch.die(
        Kill("written", "effect-begun", change),
        Kill("after", "apply", change),
        Kill("written", "exposure-seen", step_number),
    )
    launch.die(
        Kill("waited", at=launch.now + step.minimum_hold / 2),
        Kill("written", "step-advanced", step_number),
    )


def held(launch: CrashingLaunch) -> Sequence[timedelta]:
    """How long each step was held, from when it was first seen to hold until the next was allowed."""
    entered: dict[int, datetime] = {}
    left: dict[int, datetime] = {}
    for record in launch.records:
        match record.event:
            case ExposureSeen(step=step, holds=True):
                entered.setdefault(step, record.at)
            case StepAdvanced(step=step):
                left[step] = record.at
    return [left[step] - entered[step] for step in sorted(entered)]


def changes(launch: CrashingLaunch) -> set[str]:
    return {action for step in launch.plan.rollout.steps for action in step.actions}


def test_it_goes_live_all_the_same(stepped: CrashingLaunch) -> None:
    assert stepped.state.outcome is Outcome.LIVE
    verify_chain(LAUNCH, stepped.records)


def test_every_process_that_died_was_followed_by_one_that_took_over(stepped: CrashingLaunch) -> None:
    assert len(stepped.events(RunTakenUp)) >= KILLS_OF_A_STEP * len(stepped.plan.rollout.steps)


def test_every_step_is_taken_once_in_order_and_held_as_long_as_planned(stepped: CrashingLaunch) -> None:
    steps = stepped.plan.rollout.steps
    assert [event.step for event in stepped.events(StepAdvanced)] == [step.n for step in steps]
    for step, duration in zip(steps, held(stepped), strict=True):
        assert step.minimum_hold is not None
        assert duration >= step.minimum_hold, f"step {step.n}"


def test_the_exposure_never_falls(stepped: CrashingLaunch) -> None:
    seen = [event.percent for event in stepped.events(ExposureSeen) if event.holds]
    assert seen == sorted(seen)
    assert seen[-1] == 100


def test_every_change_begins_once_and_ends_applied(stepped: CrashingLaunch) -> None:
    begun = Counter(event.action for event in stepped.events(EffectBegun))
    finished = {event.action: event.result for event in stepped.events(EffectFinished)}
    assert {action: begun[action] for action in changes(stepped)} == dict.fromkeys(changes(stepped), 1)
    assert {finished[action] for action in changes(stepped)} == {EffectResult.APPLIED}


def test_no_change_of_the_exposure_reaches_a_system_twice(stepped: CrashingLaunch) -> None:
    assert stepped.repeated("prometheus ", "slack ") == {}
