"""A launch that loses its process after any one of its records goes on to the same end, without a repetition.

As input: what a process killed at that moment would have left behind, which is ledger, world and clock; all that it had
in mind is lost. `test_kill_nine` does the same to real processes at chosen moments.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from launch.ballots_file import Ballots
from launch.events import Decision, MessageSent, Outcome, RollbackClaimed
from tests.fakes.flown_launch import FlownLaunch
from tests.fakes.plans import T0, action, check, gate, guard, plan, procedure, telling
from tests.fakes.systems import Flags, Manner, Metrics, Outside

pytestmark = [
    pytest.mark.harness,
    pytest.mark.usefixtures("prefect_api"),
]

SECOND = timedelta(seconds=1)
WAR_ROOM = {"id": "war-room", "kind": "chat", "name": "War room", "integration": "slack", "system": "room"}
TOO_MANY_ERRORS = {
    "id": "too-many-errors", "tier": "immediate", "condition": "errors", "guards": ["errors"], "automatic": True,
}  # fmt: skip
FEW_PHASES = [
    {"id": "countdown", "title": "Countdown", "flow_phase": "countdown", "start": "T-60m", "end": "T0"},
    {"id": "watch", "title": "Watch", "flow_phase": "stabilization", "start": "T0", "end": "T+30m"},
    {"id": "review", "title": "Review", "flow_phase": "review", "start": "T+30m", "end": "T+2h"},
    {"id": "back", "title": "Back", "flow_phase": "rollback"},
]
WATCHING = guard("errors", sustained="1m", watched=[{"start": "T0", "end": "T+10m", "every": "1m"}])


def test_a_launch_killed_after_any_of_its_records_goes_on_to_the_same_end() -> None:
    """Every record once: whatever is lost in memory, nothing is asked of a person, applied or said a second time."""
    whole = _eventful()
    left = whole.fly_and_leave()
    said = sorted(event.key for event in whole.events(MessageSent))
    assert whole.state.outcome is Outcome.LIVE
    assert len(left) == len(whole.records) - 1 >= 20
    for launch in left[:-1]:
        where = f"killed after {launch.records[-1].event.kind}, record {len(launch.records)}"
        launch.fly()
        assert launch.state.outcome is Outcome.LIVE, where
        assert launch.outside.flags.turned == whole.outside.flags.turned, where
        assert set(launch.state.checkpoints) == set(whole.state.checkpoints), where
        assert sorted(launch.outside.room.posts) == sorted(whole.outside.room.posts), where
        assert sorted(event.key for event in launch.events(MessageSent)) == said, where
        assert {view.decision for view in launch.state.phases.values()} == {Decision.GO}, where


def test_a_rollback_killed_after_any_of_its_records_goes_on_to_the_same_end() -> None:
    whole = _taken_back()
    left = whole.fly_and_leave()
    first = next(record.sequence for record in whole.records if isinstance(record.event, RollbackClaimed))
    rolling_back = [launch for launch in left[:-1] if len(launch.records) >= first]
    assert len(rolling_back) >= 8
    for launch in rolling_back:
        where = f"killed after {launch.records[-1].event.kind}, record {len(launch.records)}"
        launch.fly()
        assert launch.state.outcome is Outcome.ROLLED_BACK, where
        assert launch.outside.flags.turned == whole.outside.flags.turned, where
        assert all(view.decision is not None for view in launch.state.phases.values()), where


def test_a_no_go_killed_after_any_of_its_records_goes_on_to_the_same_end() -> None:
    whole = FlownLaunch(
        plan(actions=[action("deploy")], gates=[gate("go", "T-2d", phase="hardening")]),
        ballots=Ballots.model_validate({"go": [{"person": "ana", "decision": "NO-GO", "reason": "no"}]}),
    )
    for launch in whole.fly_and_leave()[:-1]:
        where = f"killed after {launch.records[-1].event.kind}, record {len(launch.records)}"
        launch.fly()
        assert launch.state.outcome is Outcome.NO_GO, where
        assert launch.outside.flags.turned == [], where


def _eventful() -> FlownLaunch:
    """One of everything that a launch writes down, in as few records as that takes."""
    return FlownLaunch(
        plan(
            checks=[check("near", "T-45m", phase="countdown")],
            actions=[action("deploy"), telling("announce", "T-5m", after=["deploy"])],
            gates=[gate("go")],
            phases=FEW_PHASES,
            comms={"channels": [WAR_ROOM]},
            checkpoints=[{"id": "one-hour", "offset": "T+1h", "title": "One hour", "participants": ["sre"]}],
        ),
        outside=Outside(flags=Flags(manners={"deploy": Manner(takes=30 * SECOND)})),
    )


def _taken_back() -> FlownLaunch:
    return FlownLaunch(
        plan(
            actions=[action("first", "T-40m"), action("second", after=["first"])],
            guards=[WATCHING],
            triggers=[TOO_MANY_ERRORS],
            procedures=[procedure((), ())],
            phases=FEW_PHASES,
        ),
        outside=Outside(metrics=Metrics(jumps={T0: 12}), flags=Flags(manners={"first": Manner(takes=30 * SECOND)})),
    )
