"""Every rollback trigger of the five runbooks, set off by a fault in a rehearsal: the flows, the blocks, the wire.

As input: `tests/data/faults/`. As output we check the ledger: who was asked and for how long, who decided, how the
launch ended, and how soon the way back began and service was restored, on the launch clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.prefect_server import RehearsalServer
from console.rehearsal import Rehearsed, Request, default_t0, rehearse_on
from console.rehearsal_summary import summary
from launch.ballots_file import Ballots, PlannedBallot
from launch.events import BallotCast, GateOpened, Outcome, RollbackClaimed, TriggerFired
from launch.ledger import Record, verify_chain
from launch.plan import Gate, Plan
from launch.plan_file import plan_hash
from launch.release import Release
from sandbox.faults import parse_fault
from tests.fakes.runbooks import RUNBOOKS, Rehearsal, Told, deciding_gate, faults_of, rehearsable, told_of

pytestmark = [pytest.mark.harness, pytest.mark.integration, pytest.mark.usefixtures("prefect_api")]

TODAY = datetime(2026, 12, 1, 8, tzinfo=UTC)
CASES = [(runbook, one) for runbook in RUNBOOKS for one in faults_of(runbook).rehearsals]
A_LOOK = timedelta(seconds=10)


def test_no_trigger_is_forgotten() -> None:
    for runbook, told in RUNBOOKS.items():
        rehearsed = {one.trigger for one in faults_of(runbook).rehearsals}
        assert rehearsed == {one.trigger for one in told}


@pytest.mark.parametrize(
    ("runbook", "case"), CASES, ids=[f"{runbook} {one.trigger} {one.guard}" for runbook, one in CASES]
)
def test_a_fault_sets_it_off_and_the_launch_goes_back_as_the_runbook_says(
    runbook: str, case: Rehearsal, prefect_server: RehearsalServer, tmp_path: Path
) -> None:
    told, plan = told_of(runbook, case), rehearsable(runbook, whole=case.whole)
    gate = None if case.at_once else deciding_gate(plan, told)
    rehearsed = play(plan, case, no_go(plan, gate), prefect_server, tmp_path)
    verify_chain(rehearsed.launch, rehearsed.records)
    assert told.trigger in [one.id for one in plan.rollback.triggers if case.guard in one.guards]
    fired = at(rehearsed, TriggerFired, trigger=told.trigger)
    assert fired == [case.fires]
    if told.never:
        assert rehearsed.state.outcome is Outcome.LIVE
        assert at(rehearsed, RollbackClaimed) == []
        return
    assert asked(rehearsed, gate) == expected(plan, case, told, gate)
    procedure = told.procedure or plan.rollback.procedures[0].id
    claims = [
        (one.event.trigger, one.event.tier, one.event.procedure)
        for one in rehearsed.records
        if isinstance(one.event, RollbackClaimed)
    ]
    assert claims == [(told.trigger, told.tier, procedure)]
    decided = case.fires + told.evaluation
    assert at(rehearsed, RollbackClaimed) == [decided]
    assert (rehearsed.state.outcome, rehearsed.state.outcome_reason) == (Outcome.ROLLED_BACK, "")
    back = summary(rehearsed)["rollback"]
    assert isinstance(back, dict)
    assert back["procedure"] == procedure
    assert timedelta(seconds=float(str(back["first_action_seconds"]))) - told.evaluation <= A_LOOK
    budget = faults_of(runbook).restored.get(procedure)
    if budget is not None:
        assert timedelta(seconds=float(str(back["claim_to_restored_seconds"]))) <= budget


def play(plan: Plan, case: Rehearsal, ballots: Ballots, server: RehearsalServer, directory: Path) -> Rehearsed:
    versions = {one.id: one.version for one in plan.rollout.services if one.version}
    request = Request(
        plan=plan,
        plan_hash=plan_hash(plan),
        plan_path="",
        ledger_url=f"sqlite:///{directory}/ledger.db",
        release=Release(version=next(iter(versions.values())), services=versions),
        t0=default_t0(plan, TODAY),
        ballots=ballots,
        faults=[parse_fault(one) for one in case.faults],
    )
    return rehearse_on(request, server, lambda _record: None)


def no_go(plan: Plan, gate: Gate | None) -> Ballots:
    """Whoever decides the trigger says NO-GO; everywhere else everybody says GO."""
    if gate is None:
        return Ballots()
    holders = (next(one.id for one in plan.people if seat.role in one.roles) for seat in gate.seats)
    cast = [PlannedBallot(person=one, decision="NO-GO", reason="users are hurt") for one in holders]
    return Ballots.model_validate({gate.id: [one.model_dump() for one in cast]})


def asked(rehearsed: Rehearsed, gate: Gate | None) -> list[tuple[timedelta, timedelta, set[str]]]:
    """The openings of a trigger's gate: when, for how long, and whose NO-GO came."""
    if gate is None:
        return []
    votes = {
        one.event.seat
        for one in rehearsed.records
        if isinstance(one.event, BallotCast) and one.event.gate == gate.id and one.event.decision == "NO-GO"
    }
    return [
        (since_t0(rehearsed, one), one.event.deadline - one.at, votes)
        for one in rehearsed.records
        if isinstance(one.event, GateOpened) and one.event.gate == gate.id and one.event.deadline is not None
    ]


def expected(
    plan: Plan, case: Rehearsal, told: Told, gate: Gate | None
) -> list[tuple[timedelta, timedelta | None, set[str]]]:
    del plan
    return [] if gate is None else [(case.fires + told.evaluation, told.window, set(told.who))]


def at(rehearsed: Rehearsed, kind: type, **fields: object) -> list[timedelta]:
    return [
        since_t0(rehearsed, one)
        for one in rehearsed.records
        if isinstance(one.event, kind) and all(getattr(one.event, name) == value for name, value in fields.items())
    ]


def since_t0(rehearsed: Rehearsed, record: Record) -> timedelta:
    t0 = rehearsed.state.t0
    assert t0 is not None
    return record.at - t0
