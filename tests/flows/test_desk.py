"""Ballots and attestations on a real Prefect API: a run for each seat, suspended on its own form, and what wakes whom.

As input, runs that are resumed the way the UI does it; as output, the ledger and the states of the runs. No worker: the
test plays each run in its own process through Prefect's engine, as a worker's child would.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect import Flow, flow, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.states import AwaitingRetry
from pydantic import JsonValue

from flows.attest import attest
from flows.ballot import ballot
from flows.clocks import RealClock, machine_clock
from flows.desk import PrefectPeople
from flows.recover import recover
from flows.runs import PrefectRuns, gate_tag, kind_tag, launch_tag
from flows.stage import RunKind, Stage, on_stage, staged
from flows.wake import wake
from launch import acts
from launch.acts import plan_of
from launch.events import (
    AlarmRaised,
    AnyEvent,
    BallotCast,
    BallotRefused,
    CheckAttested,
    Decision,
    GateDecided,
    GateExtended,
    GateOpened,
    ResumedWithoutBallot,
)
from launch.ledger import Ledger
from launch.plan import Gate, Plan
from launch.release import Release
from launch.state import LaunchState, fold
from tests.fakes import plans
from tests.fakes.memory_ledger import MemoryLedger

pytestmark = pytest.mark.harness

GATE = "go-no-go"
SEATS = {"captain": "ana", "sre": "ben", "support": "cleo", "lead": "dan", "qa": "eve"}
HOUR = timedelta(hours=1)


@flow(name="hardening", persist_result=False)
async def phase_at_gate(launch: str) -> None:
    """Stands for a phase's conductor: waits for the gate as long as it is open."""
    stage = staged()
    assert stage is not None
    gate, current = the_gate(stage.ledger, launch), state_of(stage.ledger, launch).gate(GATE)
    if current.open and current.deadline is not None:
        await stage.people.wait_for_gate(launch, gate, current.opening, current.deadline)


FLOWS: dict[str, Flow[..., Any]] = {"ballot": ballot, "attest": attest, "wake": wake, "hardening": phase_at_gate}


@pytest.fixture
def stage(registered: str, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """An open launch of a plan with a gate of five seats and two checks that people vouch for."""
    del registered
    ledger, clock = MemoryLedger(), RealClock()
    runs = PrefectRuns("cockpit", clock)
    stage = Stage(
        ledger=ledger,
        clock=clock,
        wall=machine_clock,
        systems=lambda plan, environment: {},
        people=PrefectPeople(ledger, clock, machine_clock, runs),
        runs=runs,
    )
    t0 = machine_clock() + HOUR
    # Each test has a launch of its own: idempotency keys outlive a test on the shared server.
    acts.open_launch(
        ledger, name_of(request), plan=the_plan(), plan_hash="hash", plan_path="", release=Release(version="v2"),
        t0=t0, environment="sandbox", opened_by="ana", at=machine_clock(), wall=machine_clock(),
    )  # fmt: skip
    with on_stage(stage):
        yield stage


@pytest.fixture
def launch(request: pytest.FixtureRequest) -> str:
    return name_of(request)


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


def name_of(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).replace("_", "-").replace("[", "-").replace("]", "")[-70:]


def the_plan() -> Plan:
    return plans.plan(
        people={person: (role,) for role, person in SEATS.items()},
        roles=[{"id": role, "title": role.title()} for role in SEATS],
        gates=[
            plans.gate(
                GATE,
                "T-2d",
                phase="hardening",
                criteria=[],
                seats=[{"role": r, "signs": r == "captain"} for r in SEATS],
            ),
        ],
        checks=[plans.check("briefed", mode="attested"), plans.check("insured", mode="attested")],
    )


def the_gate(ledger: Ledger, launch: str) -> Gate:
    return next(gate for gate in plan_of(ledger.records(launch)).gates if gate.id == GATE)


def state_of(ledger: Ledger, launch: str) -> LaunchState:
    return fold(ledger.records(launch))


def events_of(stage: Stage, launch: str) -> list[AnyEvent]:
    return [record.event for record in stage.ledger.records(launch)]


def kinds(stage: Stage, launch: str, kind: type[AnyEvent]) -> list[AnyEvent]:
    return [event for event in events_of(stage, launch) if isinstance(event, kind)]


def open_gate(stage: Stage, launch: str, deadline: datetime | None = None) -> None:
    opened = GateOpened(
        gate=GATE,
        plan_hash="hash",
        evidence_hash="abc",
        deadline=deadline or machine_clock() + HOUR / 2,
    )
    stage.ledger.append(launch, opened, at=machine_clock(), wall=machine_clock())


def ask(stage: Stage, launch: str, client: SyncPrefectClient) -> dict[str, FlowRun]:
    """Opens the gate and its forms; the ballot runs by seat, each played up to its form."""
    open_gate(stage, launch)
    gate = the_gate(stage.ledger, launch)
    asyncio.run(stage.people.ask_for_ballots(launch, the_plan(), gate, 1, machine_clock() + HOUR))
    found = {str(run.parameters["seat"]): run for run in runs_of(client, launch, RunKind.BALLOT)}
    for run in found.values():
        play(client, run)
    return found


def runs_of(client: SyncPrefectClient, launch: str, kind: RunKind) -> list[FlowRun]:
    tags = FlowRunFilterTags(all_=[launch_tag(launch), kind_tag(kind)])
    return client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=tags))


def play(client: SyncPrefectClient, run: FlowRun) -> FlowRun:
    """Runs a flow run until it ends or suspends, through Prefect's engine; the run as it is then."""
    kind = next(tag.removeprefix("kind:") for tag in run.tags if tag.startswith("kind:"))
    with warnings.catch_warnings():
        # The engine leaves its connections open when a run suspends: a worker's child ends there.
        warnings.simplefilter("ignore", ResourceWarning)
        with contextlib.suppress(Pause):
            ended = run_flow(FLOWS[kind], flow_run=client.read_flow_run(run.id), parameters=run.parameters)
            if inspect.iscoroutine(ended):
                asyncio.run(ended)
        gc.collect()
    return client.read_flow_run(run.id)


def press(client: SyncPrefectClient, run: FlowRun, **fields: JsonValue) -> SetStateStatus:
    """What the Resume button of the UI does."""
    return client.resume_flow_run(run.id, run_input=fields).status


def state_name(client: SyncPrefectClient, run: FlowRun) -> str | None:
    return client.read_flow_run(run.id).state_name


def start_phase(stage: Stage, launch: str, client: SyncPrefectClient) -> FlowRun:
    """A phase run that waits at the open gate."""
    run = asyncio.run(stage.runs.schedule(launch, RunKind.HARDENING, machine_clock(), key=f"{launch}/hardening"))
    return play(client, client.read_flow_run(UUID(run)))


# --- ballots ----------------------------------------------------------------------------------------------------------


def test_each_seat_gets_a_run_of_its_own_suspended_on_its_form(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    found = ask(stage, launch, client)
    assert set(found) == set(SEATS)
    assert {state_name(client, run) for run in found.values()} == {"Suspended"}
    assert found["sre"].name == f"ballot {GATE} sre {launch}"
    assert gate_tag(GATE, 1) in found["sre"].tags


def test_asking_twice_makes_no_second_form(stage: Stage, launch: str, client: SyncPrefectClient) -> None:
    ask(stage, launch, client)
    gate = the_gate(stage.ledger, launch)
    asyncio.run(stage.people.ask_for_ballots(launch, the_plan(), gate, 1, machine_clock() + HOUR))
    assert len(runs_of(client, launch, RunKind.BALLOT)) == len(SEATS)


def test_five_seats_pressed_before_any_is_read_lose_no_ballot_and_wake_the_phase(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    forms = ask(stage, launch, client)
    phase = start_phase(stage, launch, client)
    assert phase.state_name == "Suspended"
    for seat, run in forms.items():
        assert press(client, run, person=SEATS[seat], decision="GO") is SetStateStatus.ACCEPT
    for run in forms.values():
        play(client, run)
    assert len(kinds(stage, launch, BallotCast)) == len(SEATS)
    assert [event.decision for event in kinds(stage, launch, GateDecided)] == [Decision.GO]  # type: ignore[union-attr]
    assert state_name(client, phase) == "Resuming"
    assert [run.state_name for run in runs_of(client, launch, RunKind.WAKE)] == ["Cancelled"]
    assert play(client, phase).state_name == "Completed"
    assert kinds(stage, launch, ResumedWithoutBallot) == []


def test_a_no_go_of_the_signing_seat_decides_and_takes_the_other_forms_away(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    forms = ask(stage, launch, client)
    press(client, forms["captain"], person="ana", decision="NO-GO", reason="the freeze is not lifted")
    play(client, forms["captain"])
    assert state_of(stage.ledger, launch).gate(GATE).decision is Decision.NO_GO
    assert {state_name(client, forms[seat]) for seat in SEATS if seat != "captain"} == {"Cancelled"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"person": "nobody", "decision": "GO"}, "nobody of the plan"),
        ({"person": "ben", "decision": "GO"}, "does not hold the role"),
        ({"person": "ana", "decision": "NO-GO"}, "needs a reason"),
    ],
)
def test_a_ballot_that_does_not_count_is_written_down_and_the_form_comes_again(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
    fields: dict[str, JsonValue],
    why: str,
) -> None:
    form = ask(stage, launch, client)["captain"]
    assert press(client, form, **fields) is SetStateStatus.ACCEPT
    assert play(client, form).state_name == "Suspended"
    (refused,) = kinds(stage, launch, BallotRefused)
    assert isinstance(refused, BallotRefused)
    assert why in refused.reason
    assert kinds(stage, launch, BallotCast) == []
    stored = client.filter_flow_run_input(form.id, key_prefix="suspended-ballot-2", limit=10, exclude_keys=set())
    assert any(why in one.value for one in stored)
    press(client, form, person="ana", decision="GO")
    assert play(client, form).state_name == "Go"


@pytest.mark.parametrize("fields", [{}, {"person": "", "decision": "GO"}, {"person": "ana", "decision": "MAYBE"}])
def test_a_resume_without_a_ballot_is_refused_by_prefect_and_the_form_stays(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
    fields: dict[str, JsonValue],
) -> None:
    form = ask(stage, launch, client)["captain"]
    assert press(client, form, **fields) is SetStateStatus.REJECT
    assert state_name(client, form) == "Suspended"


def test_a_ballot_run_killed_after_writing_counts_its_ballot_once(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    form = ask(stage, launch, client)["sre"]
    press(client, form, person="ben", decision="GO")
    acts.cast_ballot(
        stage.ledger, launch, gate=GATE, opening=1, seat="sre", person="ben", decision="GO", at=machine_clock(),
        wall=machine_clock(), run=str(form.id),
    )  # fmt: skip
    assert play(client, form).state_name == "Go"
    assert len(kinds(stage, launch, BallotCast)) == 1


def test_a_form_whose_process_died_before_its_fields_were_stored_comes_again(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    form = ask(stage, launch, client)["sre"]
    client.delete_flow_run_input(form.id, "suspended-ballot-1-1-schema")
    assert press(client, form, person="ben", decision="GO") is SetStateStatus.REJECT
    client.set_flow_run_state(form.id, AwaitingRetry(), force=True)
    assert play(client, form).state_name == "Suspended"
    assert press(client, form, person="ben", decision="GO") is SetStateStatus.ACCEPT
    assert play(client, form).state_name == "Go"


def test_a_form_pressed_after_the_decision_casts_nothing(stage: Stage, launch: str, client: SyncPrefectClient) -> None:
    form = ask(stage, launch, client)["sre"]
    press(client, form, person="ben", decision="GO")
    decided = GateDecided(gate=GATE, decision=Decision.NO_GO, reason="late")
    stage.ledger.append(launch, decided, at=machine_clock(), wall=machine_clock())
    assert play(client, form).state_name == "NotNeeded"
    assert kinds(stage, launch, BallotCast) == []


# --- the phase that waits ---------------------------------------------------------------------------------------------


def test_while_guards_are_due_every_few_seconds_the_phase_keeps_its_process(stage: Stage, launch: str) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    now = machine_clock()
    clock = RealClock(wall=lambda: now, sleep=sleep)
    people = PrefectPeople(stage.ledger, clock, machine_clock, PrefectRuns("cockpit", clock))
    open_gate(stage, launch)
    asyncio.run(people.wait_for_gate(launch, the_gate(stage.ledger, launch), 1, now + timedelta(seconds=15)))
    assert slept == [2.0]


def test_a_phase_resumed_by_hand_waits_again_under_a_new_key_and_it_is_written_down(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    ask(stage, launch, client)
    phase = start_phase(stage, launch, client)
    assert client.resume_flow_run(phase.id).status is SetStateStatus.ACCEPT
    again = play(client, phase)
    assert again.state_name == "Suspended"
    assert again.state is not None
    assert again.state.state_details.pause_key == f"phase-{GATE}-1-1"
    assert kinds(stage, launch, ResumedWithoutBallot) == [ResumedWithoutBallot(gate=GATE, run=str(phase.id))]
    assert state_of(stage.ledger, launch).gate(GATE).decision is None


def test_the_deadline_wakes_the_phase_and_takes_the_forms_away(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    forms = ask(stage, launch, client)
    phase = start_phase(stage, launch, client)
    (waking,) = runs_of(client, launch, RunKind.WAKE)
    assert waking.expected_start_time is not None
    brought_forward = GateExtended(gate=GATE, deadline=machine_clock())
    stage.ledger.append(launch, brought_forward, at=machine_clock(), wall=machine_clock())
    client.set_flow_run_state(waking.id, AwaitingRetry(scheduled_time=machine_clock()), force=True)
    play(client, waking)
    assert state_of(stage.ledger, launch).gate(GATE).decision is Decision.NO_GO
    assert {state_name(client, form) for form in forms.values()} == {"Cancelled"}
    assert play(client, phase).state_name == "Completed"
    assert kinds(stage, launch, ResumedWithoutBallot) == []


def test_forms_and_wake_ups_of_a_gate_that_has_decided_are_put_away(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    forms = ask(stage, launch, client)
    start_phase(stage, launch, client)
    for _ in range(2):
        asyncio.run(stage.people.put_forms_away(launch, the_gate(stage.ledger, launch), 1))
        assert {state_name(client, form) for form in forms.values()} == {"Cancelled"}
        assert [run.state_name for run in runs_of(client, launch, RunKind.WAKE)] == ["Cancelled"]


# --- attestations -----------------------------------------------------------------------------------------------------


def test_what_people_vouch_for_is_asked_once_for_each_set_of_roles(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    checks = the_plan().checks
    asyncio.run(stage.people.ask_for_attestations(launch, the_plan(), checks))
    asyncio.run(stage.people.ask_for_attestations(launch, the_plan(), checks[:1]))
    (form,) = runs_of(client, launch, RunKind.ATTEST)
    assert form.parameters["checks"] == ["briefed", "insured"]
    assert form.name == f"attest T-2d captain {launch}"


def test_an_attestation_form_comes_again_until_everything_is_answered(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    asyncio.run(stage.people.ask_for_attestations(launch, the_plan(), the_plan().checks))
    (form,) = runs_of(client, launch, RunKind.ATTEST)
    play(client, form)
    assert press(client, form, person="ana", check_briefed="pass") is SetStateStatus.ACCEPT
    assert play(client, form).state_name == "Suspended"
    press(client, form, person="ana", check_insured="fail")
    assert play(client, form).state_name == "Suspended"
    press(client, form, person="ana", check_insured="fail", evidence="the policy has lapsed")
    assert play(client, form).state_name == "Completed"
    written = [(event.check, event.verdict.value) for event in kinds(stage, launch, CheckAttested)]  # type: ignore[union-attr]
    assert written == [("briefed", "pass"), ("insured", "fail")]


# --- recovery ---------------------------------------------------------------------------------------------------------


def test_a_dead_phase_goes_on_as_a_new_run_three_times_and_then_somebody_is_paged(
    stage: Stage,
    launch: str,
    client: SyncPrefectClient,
) -> None:
    run = asyncio.run(stage.runs.schedule(launch, RunKind.HARDENING, machine_clock(), key=f"{launch}/hardening"))
    for attempt in range(2, 5):
        asyncio.run(recover.fn(run=run))
        asyncio.run(recover.fn(run=run))
        again = [one for one in runs_of(client, launch, RunKind.HARDENING) if f"attempt:{attempt}" in one.tags]
        assert len(again) == 1, "two calls for one dead run start it once"
        run = str(again[0].id)
    assert kinds(stage, launch, AlarmRaised) == []
    asyncio.run(recover.fn(run=run, reason="killed"))
    asyncio.run(recover.fn(run=run, reason="killed"))
    (alarm,) = kinds(stage, launch, AlarmRaised)
    assert isinstance(alarm, AlarmRaised)
    assert "4 times" in alarm.detail
    assert runs_of(client, launch, RunKind.ROLLBACK) == []


def test_a_dead_form_goes_on_in_the_same_run(stage: Stage, launch: str, client: SyncPrefectClient) -> None:
    form = ask(stage, launch, client)["sre"]
    press(client, form, person="ben", decision="GO")
    asyncio.run(recover.fn(run=str(form.id)))
    assert play(client, form).state_name == "Go"
    assert len(runs_of(client, launch, RunKind.BALLOT)) == len(SEATS)
