"""`kill -9` of the process that runs a launch: started again it goes on from the ledger to the same end.

As input: the TEEI plan, the whole sandbox on the wire, and two lists of moments. As output we check the ledger, and at
the sandbox's own records that nothing was done twice. A process kills itself at its moment, or is killed by the
sandbox with its request carried out and the answer withheld, so no moment is a matter of luck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from launch.acts import cast_ballot, hold, lift
from launch.ballots_file import Ballots
from launch.events import (
    BallotCast,
    Decision,
    EffectBegun,
    EffectFinished,
    EffectResult,
    GateDecided,
    LaunchClosed,
    MessageSent,
    Outcome,
    PhaseEnded,
    RollbackClaimed,
    RunTakenUp,
    WentLive,
)
from launch.ledger import verify_chain
from launch.plan import FlowPhase
from sandbox.faults import parse_fault
from tests.fakes.runbooks import rehearsable
from tests.flows.crashing_launch import LAUNCH, CrashingLaunch
from tests.flows.kills import Kill

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

T0 = datetime(2026, 11, 23, 7, tzinfo=UTC)
GATE = "go-no-go-final"
HELD = T0 - timedelta(minutes=44)
ASKED = T0 - timedelta(minutes=4)

BEFORE_THE_HOLD = (
    Kill("written", "ballot-cast", "go-no-go-eve", nth=3),
    Kill("written", "phase-started", "countdown"),
    Kill("written", "effect-begun", "backup-database"),
    Kill("before", "apply", "backup-database"),
    Kill("answered", "statuspage", "PATCH"),
    Kill("written", "check-judged", nth=3),
    Kill("before", "post"),
    Kill("after", "post"),
)
IN_THE_HOLD = Kill("waited", at=HELD)
AFTER_THE_HOLD = (
    Kill("after", "apply", "deploy-microservices"),
    Kill("after", "observe", "deploy-microservices", nth=2),
    Kill("before", "apply", "run-migrations"),
    Kill("after", "apply", "run-migrations"),
    Kill("answered", "cdn", "POST"),
    Kill("after", "apply", "swap-cdn-origin"),
    Kill("answered", "slack", "POST /slack/api/chat.postMessage"),
    Kill("written", "gate-opened", GATE),
)
AT_THE_GATE = Kill("waited", at=ASKED)
TO_THE_END = (
    Kill("written", "gate-decided", GATE),
    Kill("before", "apply", "disable-maintenance-mode"),
    Kill("after", "apply", "announce-live-slack"),
    Kill("written", "went-live"),
    Kill("written", "phase-ended", "countdown"),
    Kill("written", "phase-ended", "review"),
)
IN_THE_ROLLBACK = (
    Kill("written", "rollback-claimed"),
    Kill("after", "restore", "rb-swap-cdn-origin"),
    Kill("before", "restore", "rb-deploy-previous"),
    Kill("after", "observe_restored", "rb-deploy-previous", nth=2),
    Kill("written", "service-restored"),
    Kill("written", "rollback-ended"),
)

QUESTIONS = (
    "slack POST /slack/api/conversations.list",
    "slack POST /slack/api/conversations.history",
    "slack POST /slack/api/pins.list",
    "slack POST /slack/api/chat.getPermalink",
    "prometheus ",
    "analytics ",
    # A suite that is asked for again under the same id is the same run.
    "journeys POST /journeys/runs",
    "site POST /site/api/v1/",
    "site PUT /site/api/v1/users/smoke/",
    "site PATCH /site/api/v1/tenants/pilot-1/settings",
    "site POST /site/cockpit/",
)
"""Requests that no effect makes: questions put as POST, and what a smoke suite does when its check is asked again."""


@pytest.fixture(scope="module")
def gone_live(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Iterator[CrashingLaunch]:
    """A launch whose processes were killed at every moment up to its end. The captain's seat votes between two."""
    absent = Ballots.model_validate({GATE: [{"person": "sven-sre", "decision": "ABSENT"}]})
    launch = CrashingLaunch(rehearsable("teei-csr"), tmp_path_factory.mktemp("killed"), prefect_api, T0, absent)
    try:
        launch.start()
        launch.die(*BEFORE_THE_HOLD)
        act = {"person": "sven-sre", "at": launch.now, "wall": launch.now}
        hold(launch.ledger, LAUNCH, reason="the bridge is down", **act)
        launch.die(IN_THE_HOLD)
        lift(launch.ledger, LAUNCH, **(act | {"at": launch.now}))
        launch.die(*AFTER_THE_HOLD, AT_THE_GATE)
        cast_ballot(
            launch.ledger, LAUNCH, gate=GATE, opening=1, seat="sre-lead", person="sven-sre", decision="GO",
            at=launch.now, wall=launch.now,
        )  # fmt: skip
        launch.die(*TO_THE_END)
        assert launch.run() == 0
        yield launch
    finally:
        launch.stop()


@pytest.fixture(scope="module")
def taken_back(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Iterator[CrashingLaunch]:
    """A launch that breaks after T0, and whose processes were killed while they rolled it back."""
    launch = CrashingLaunch(rehearsable("teei-csr"), tmp_path_factory.mktemp("taken-back"), prefect_api, T0, Ballots())
    launch.town.inject(parse_fault("error-rate@T+5m=8%"))
    try:
        launch.start()
        launch.die(*IN_THE_ROLLBACK)
        assert launch.run() == 0
        yield launch
    finally:
        launch.stop()


def _begun(launch: CrashingLaunch) -> Counter[str]:
    return Counter(event.action for event in launch.events(EffectBegun))


def test_killed_at_every_moment_it_goes_live_all_the_same(gone_live: CrashingLaunch) -> None:
    lives = [record.at for record in gone_live.records if isinstance(record.event, WentLive)]
    assert lives == [T0]
    assert gone_live.state.outcome is Outcome.LIVE


def test_every_process_that_died_was_followed_by_one_that_took_its_phase_up(gone_live: CrashingLaunch) -> None:
    taken_up = [event for event in gone_live.events(RunTakenUp) if event.phase is FlowPhase.COUNTDOWN]
    countdown = [*BEFORE_THE_HOLD[1:], IN_THE_HOLD, *AFTER_THE_HOLD, AT_THE_GATE, *TO_THE_END[:-1]]
    assert len(taken_up) == len(countdown) >= 20


def test_no_phase_is_left_without_its_end(gone_live: CrashingLaunch) -> None:
    ended = [(event.phase, event.decision) for event in gone_live.events(PhaseEnded)]
    assert sorted(ended) == sorted((phase, Decision.GO) for phase in FlowPhase if phase is not FlowPhase.ROLLBACK)


def test_every_effect_begins_once_and_ends_applied(gone_live: CrashingLaunch) -> None:
    assert set(_begun(gone_live).values()) == {1}
    finished = {event.action: event.result for event in gone_live.events(EffectFinished)}
    assert len(finished) == len(gone_live.events(EffectFinished))
    found = {action for action, result in finished.items() if result is EffectResult.ALREADY}
    assert found == {"send-onboarding-emails"}, "the queue of the eve had sent them"
    assert {action: result for action, result in finished.items() if action not in found} == dict.fromkeys(
        _begun(gone_live),
        EffectResult.APPLIED,
    )


def test_no_request_that_changes_something_reaches_a_vendor_twice(gone_live: CrashingLaunch) -> None:
    repeated = gone_live.repeated(*QUESTIONS)
    purges = [times for (mount, _, _), times in repeated.items() if mount == "cdn"]
    assert purges == [3], "the eve's, the countdown's, and the countdown's again: Cloudflare keeps no key to know it by"
    assert [line for line in repeated if line[0] != "cdn"] == []
    banner = [line for (mount, line, _) in gone_live.wire.seen if mount == "site" and line.endswith("/maintenance")]
    assert len(banner) == 2, "shown once and taken away once"


def test_the_cluster_was_changed_once(gone_live: CrashingLaunch) -> None:
    services = gone_live.cluster.versions()
    assert {service: gone_live.generation(service) for service in services} == dict.fromkeys(services, 2)
    assert len(gone_live.jobs()) == 1, "the migration"


def test_the_account_was_changed_once(gone_live: CrashingLaunch) -> None:
    assert len(gone_live.snapshots()) == 1
    assert len(gone_live.invalidations()) == 2, "the eve's and the countdown's"


def test_no_ballot_is_lost_or_asked_for_twice(gone_live: CrashingLaunch) -> None:
    cast = Counter((event.gate, event.person) for event in gone_live.events(BallotCast))
    assert set(cast.values()) == {1}
    seats = Counter({gate.id: sum(seat.count for seat in gate.seats) for gate in gone_live.plan.gates})
    decided = [event.gate for event in gone_live.events(GateDecided)]
    assert Counter(gate for gate, _ in cast) == Counter({gate: seats[gate] for gate in decided})
    assert len(decided) == len(set(decided)) == 4


def test_nothing_is_said_twice(gone_live: CrashingLaunch) -> None:
    keys = Counter(event.key for event in gone_live.events(MessageSent))
    assert set(keys.values()) == {1}
    posted = [body for (mount, line, body) in gone_live.wire.seen if mount == "slack" and line.endswith("postMessage")]
    assert len(posted) == len(set(posted)) >= 20


def test_every_checkpoint_is_held(gone_live: CrashingLaunch) -> None:
    assert set(gone_live.state.checkpoints) == {point.id for point in gone_live.plan.checkpoints}


def test_the_chain_holds_over_every_break(gone_live: CrashingLaunch, taken_back: CrashingLaunch) -> None:
    verify_chain(LAUNCH, gone_live.records)
    verify_chain(LAUNCH, taken_back.records)


def test_a_rollback_killed_at_every_moment_rolls_back_all_the_same(taken_back: CrashingLaunch) -> None:
    assert taken_back.state.outcome is Outcome.ROLLED_BACK
    assert [event.outcome for event in taken_back.events(LaunchClosed)] == [Outcome.ROLLED_BACK]
    claims = [event.trigger for event in taken_back.events(RollbackClaimed)]
    assert len(claims) == len(IN_THE_ROLLBACK), "each process but the last, which only closes the launch"
    assert set(claims) == {"trg-error-rate"}


def test_every_undo_begins_once(taken_back: CrashingLaunch) -> None:
    assert set(_begun(taken_back).values()) == {1}
    services = taken_back.cluster.versions()
    assert {service: taken_back.generation(service) for service in services} == dict.fromkeys(services, 3)
    banner, rest = [], []
    for (mount, line, _), times in taken_back.repeated(*QUESTIONS).items():
        (banner if line.endswith("/maintenance") else rest).append((mount, times))
    assert banner == [("site", 2), ("site", 2)], "on and off by the launch, and by the undo of each"
    assert [mount for mount, _ in rest if mount != "cdn"] == []


def test_a_rolled_back_launch_leaves_no_phase_open(taken_back: CrashingLaunch) -> None:
    started = {phase for phase, view in taken_back.state.phases.items() if view.started_at is not None}
    ended = {phase for phase, view in taken_back.state.phases.items() if view.decision is not None}
    assert started == ended
