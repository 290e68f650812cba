"""The watchdog's judgement: a moment that has come, is due, and that nobody does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from launch.agenda import (
    AskPeople,
    CallSeats,
    DoEffect,
    Due,
    Memory,
    SampleGuards,
    Scope,
    agenda,
    moment_of,
    phase_start,
)
from launch.events import Decision
from launch.model import Model
from launch.plan import FlowPhase, Plan
from launch.rollback import procedure_of
from launch.rolling_back import rollback_agenda
from launch.state import LaunchState

PATIENCE = timedelta(seconds=30)
_FORWARD = (
    FlowPhase.HARDENING,
    FlowPhase.EVE,
    FlowPhase.COUNTDOWN,
    FlowPhase.STABILIZATION,
    FlowPhase.REVIEW,
)


class Overdue(Model):
    """Something a launch should have done: `what` names it (one alarm each), `detail` is the sentence for the pager.

    `attempt` tells a first try from the next: a check that is asked again is not the one that was due before.
    """

    what: str
    detail: str
    attempt: int = 0


def overdue(plan: Plan, state: LaunchState, now: datetime) -> list[Overdue]:
    """Everything due at `now` by the ledger alone. A living run does it within seconds; see `Watch` for the rest."""
    if state.outcome is not None or state.t0 is None:
        return []
    if state.rollback is not None:
        return _of_rollback(plan, state, now)
    found = []
    for phase in _FORWARD:
        start = phase_start(plan, state, phase)
        if start is None or start > now or state.phase(phase).decision is not None:
            continue
        if not _may_start(plan, state, phase):
            continue
        if state.phase(phase).started_at is None:
            found.append(Overdue(what=f"phase/{phase.value}", detail=f"{phase.value} should run and has not begun"))
            continue
        look = agenda(plan, state, now, Scope(phase=phase), Memory())
        found += [_named(phase.value, due, state) for due in look.due if not _patient(state, due, now)]
    return found + _checkpoints(plan, state, now)


class Watch:
    """Tells what has been due for longer than `patience` of wall time.

    Wall time, not launch time: on a compressed clock an hour is a second, and starting a process still takes ten.
    """

    def __init__(self, patience: timedelta = PATIENCE) -> None:
        self._patience = patience
        self._since: dict[tuple[str, int], datetime] = {}

    def look(self, found: Sequence[Overdue], wall: datetime) -> list[Overdue]:
        """What to raise an alarm for now. What is not found at one look begins anew."""
        self._since = {(one.what, one.attempt): self._since.get((one.what, one.attempt), wall) for one in found}
        return [one for one in found if wall - self._since[one.what, one.attempt] > self._patience]


def _may_start(plan: Plan, state: LaunchState, phase: FlowPhase) -> bool:
    present = {one.flow_phase for one in plan.phases}
    before = [one for one in _FORWARD[: _FORWARD.index(phase)] if one in present]
    return not before or state.phase(before[-1]).decision is Decision.GO


def _patient(state: LaunchState, due: Due, now: datetime) -> bool:
    """Due by the ledger, but maybe on its way: a form that is out, a sample that moved nothing, an effect under way."""
    if isinstance(due, AskPeople | CallSeats | SampleGuards):
        return True
    if isinstance(due, DoEffect):
        begun = state.effect(due.id).begun_at
        return state.effect(due.id).under_way and begun is not None and now < begun + due.action.within
    return False


def _named(where: str, due: object, state: LaunchState) -> Overdue:
    kind = type(due).__name__
    carried = (getattr(due, name) for name in ("id", "check", "gate", "trigger", "criterion") if hasattr(due, name))
    item = next(carried, "")
    name = str(getattr(item, "id", item))
    told = f"{where}: {_VERBS.get(kind, kind)} {name}".rstrip()
    attempt = state.effect(name).attempt if isinstance(due, DoEffect) else state.check(name).asked
    return Overdue(
        what=f"{where}/{kind}/{name}".rstrip("/"),
        detail=f"{told} is due and nobody does it",
        attempt=attempt,
    )


_VERBS = {
    "AskCheck": "asking",
    "DoEffect": "doing",
    "OpenGate": "opening gate",
    "SettleGate": "settling gate",
    "SampleGuards": "sampling the guards",
    "PostUpdate": "posting the update",
    "FireTrigger": "firing trigger",
    "PromoteTrigger": "promoting trigger",
    "ClearTrigger": "clearing trigger",
    "StartRollback": "starting the rollback",
    "MeasureCriterion": "measuring",
    "GoLive": "going live",
    "EndScope": "ending the phase",
}


def _checkpoints(plan: Plan, state: LaunchState, now: datetime) -> list[Overdue]:
    if state.live_at is None:
        return []
    late = [point for point in plan.checkpoints if point.id not in state.checkpoints]
    return [
        Overdue(what=f"checkpoint/{point.id}", detail=f"{point.id} should have been held and was not")
        for point in late
        if moment_of(state, point.offset) + _CHECKPOINT_TAKES < now
    ]


_CHECKPOINT_TAKES = timedelta(hours=2)
"""A checkpoint waits up to an hour for people, and its checks take their time."""


def _of_rollback(plan: Plan, state: LaunchState, now: datetime) -> list[Overdue]:
    rollback = state.rollback
    procedure = procedure_of(plan, rollback.trigger, rollback.procedure) if rollback is not None else None
    if rollback is None or rollback.ended_at is not None or procedure is None:
        return []
    look = rollback_agenda(plan, state, now, procedure, Memory())
    on_its_way = DoEffect | AskPeople | CallSeats
    waiting = [due for due in look.due if not (isinstance(due, on_its_way) and _patient(state, due, now))]
    return [_named("rollback", due, state) for due in waiting]
