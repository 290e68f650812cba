"""What a launch should have done by now: a moment that has come, is due, and that nobody does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from launch.agenda import (
    AskCheck,
    AskPeople,
    CallSeats,
    DoEffect,
    Due,
    MeasureCriterion,
    Memory,
    ReadExposure,
    SampleGuards,
    Scope,
    agenda,
    moment_of,
    phase_start,
)
from launch.events import Decision
from launch.moments import format_duration
from launch.plan import FlowPhase, Plan
from launch.rollback import procedure_of
from launch.rolling_back import rollback_agenda
from launch.state import LaunchState
from launch.steps import current_step, guards_of
from launch.watch import Overdue

Carried = Mapping[FlowPhase, datetime]
"""Phases that have a process, or wait for their moment without one; by each, when it last asked its guards or began."""
_WATCHING = (FlowPhase.COUNTDOWN, FlowPhase.STABILIZATION)
"""Phases whose runs ask the guards."""
_FORWARD = (
    FlowPhase.HARDENING,
    FlowPhase.EVE,
    FlowPhase.COUNTDOWN,
    FlowPhase.STABILIZATION,
    FlowPhase.REVIEW,
)


def overdue(plan: Plan, state: LaunchState, now: datetime, carried: Carried | None = None) -> list[Overdue]:
    """Everything due at `now` that a living run does within seconds; see `Watch` for the rest.

    By the ledger alone, unless it is known which phases are carried: then one that is not is told as such, and so are
    guards that nobody asks, which leave no event while nothing changes.
    """
    if state.outcome is not None or state.t0 is None:
        return []
    if state.rollback is not None:
        return _of_rollback(plan, state, now)
    found = []
    for phase in _to_run(plan, state, now):
        if state.phase(phase).started_at is None:
            found.append(_missing(phase))
        elif carried is not None and phase not in carried:
            found.append(_abandoned(state, phase))
        else:
            found += _undone(plan, state, now, phase, carried[phase] if carried is not None else None)
    return found + _checkpoints(plan, state, now)


def out_of_sight(plan: Plan, state: LaunchState, now: datetime, since: datetime) -> list[Overdue]:
    """Phases that watch the product and may have lost their process, while no server says so: `since` is wall time."""
    if state.outcome is not None or state.t0 is None or state.rollback is not None:
        return []
    return [
        Overdue(
            what=f"{phase.value}/server/{_instant(since)}",
            detail=f"the Prefect server does not answer, and nobody knows whether {phase.value} has a process",
            unwatched=True,
        )
        for phase in _to_run(plan, state, now)
        if phase in _WATCHING
    ]


def _to_run(plan: Plan, state: LaunchState, now: datetime) -> Iterator[FlowPhase]:
    """Phases whose moment has come, that may begin, and that have not ended."""
    for phase in _FORWARD:
        start = phase_start(plan, state, phase)
        if start is None or start > now or state.phase(phase).decision is not None:
            continue
        if _may_start(plan, state, phase):
            yield phase


def _undone(plan: Plan, state: LaunchState, now: datetime, phase: FlowPhase, asked: datetime | None) -> list[Overdue]:
    """What a phase under way has not done, although whoever carries it asked its guards as late as `asked`."""
    memory = _remembered(plan, state, asked) if asked is not None else Memory()
    look = agenda(plan, state, now, Scope(phase=phase), memory)
    found = [*_unsampled(plan, state, now, phase)]
    found += [_named(phase.value, due, state) for due in look.due if not _patient(state, due, now)]
    if asked is not None and any(_asks(due, memory) for due in look.due):
        found.append(_unasked(phase, asked))
    if not any(gate.open for gate in state.gates.values()):
        return found
    return [one.model_copy(update={"takes": one.takes + _WAKING_TAKES}) for one in found]


_WAKING_TAKES = timedelta(seconds=20)
"""A run that waits at a gate is woken for whatever is due: two processes start for it, one after the other."""


def _missing(phase: FlowPhase) -> Overdue:
    detail = f"{phase.value} should run and has not begun"
    return Overdue(what=f"phase/{phase.value}", detail=detail, unwatched=phase in _WATCHING)


def _abandoned(state: LaunchState, phase: FlowPhase) -> Overdue:
    """A phase under way that nobody carries. Each run that took it up may be lost, and is told, once."""
    runs = len(state.phase(phase).runs)
    detail = f"{phase.value} is under way and has no process"
    return Overdue(what=f"{phase.value}/process/{runs}", detail=detail, unwatched=phase in _WATCHING)


def _remembered(plan: Plan, state: LaunchState, asked: datetime) -> Memory:
    """What the living run remembers of guards outside the current step, whose samples are events of their own."""
    step = current_step(plan, state)
    sampled = {guard.id for guard in guards_of(plan, step)} if step is not None else set()
    return Memory(sampled={guard.id: asked for guard in plan.thresholds if guard.id not in sampled})


def _asks(due: Due, memory: Memory) -> bool:
    return isinstance(due, SampleGuards) and any(guard.id in memory.sampled for guard in due.guards)


def _unasked(phase: FlowPhase, asked: datetime) -> Overdue:
    detail = f"{phase.value}: the guards were last asked at {asked:%H:%M:%S} and nobody asks them"
    return Overdue(what=f"{phase.value}/SampleGuards/{_instant(asked)}", detail=detail, unwatched=True)


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _unsampled(plan: Plan, state: LaunchState, now: datetime, phase: FlowPhase) -> list[Overdue]:
    """The step that is entered and whose guards nobody looks at: whoever lives samples it at every interval."""
    step = current_step(plan, state)
    view = state.step(step.n) if step is not None else None
    if step is None or view is None or view.entered_at is None or not guards_of(plan, step):
        return []
    if phase not in _WATCHING:
        return []
    last = max(view.entered_at, view.sampled_at or view.entered_at)
    if now <= last + plan.rollout.every:
        return []
    detail = (
        f"step {step.n} is held and was last sampled at {last:%H:%M:%S}; every {format_duration(plan.rollout.every)}"
    )
    # Named by the sample that did not come: when they stop again, that is another alarm.
    what = f"{phase.value}/SampleStep/step-{step.n}/{view.samples + 1}"
    return [Overdue(what=what, detail=detail, unwatched=True)]


def _may_start(plan: Plan, state: LaunchState, phase: FlowPhase) -> bool:
    present = {one.flow_phase for one in plan.phases}
    before = [one for one in _FORWARD[: _FORWARD.index(phase)] if one in present]
    return not before or state.phase(before[-1]).decision is Decision.GO


def _patient(state: LaunchState, due: Due, now: datetime) -> bool:
    """Due by the ledger, but maybe on its way: a form that is out, a sample that moved nothing, an effect under way."""
    if isinstance(due, AskPeople | CallSeats | SampleGuards | ReadExposure):
        return True
    if isinstance(due, DoEffect):
        begun = state.effect(due.id).begun_at
        return state.effect(due.id).under_way and begun is not None and now < begun + due.action.within
    return False


def _named(where: str, due: object, state: LaunchState) -> Overdue:
    kind = type(due).__name__
    carried = (
        getattr(due, name) for name in ("id", "check", "gate", "trigger", "criterion", "range") if hasattr(due, name)
    )
    item = next(carried, "")
    name = str(getattr(item, "id", item))
    told = f"{where}: {VERBS[kind]} {name}".rstrip()
    attempt = state.effect(name).attempt if isinstance(due, DoEffect) else state.check(name).asked
    return Overdue(
        what=f"{where}/{kind}/{name}".rstrip("/"),
        detail=f"{told} is due and nobody does it",
        attempt=attempt,
        line=f"{where}/{kind}",
        takes=_QUESTION_TAKES if isinstance(due, AskCheck | MeasureCriterion) else timedelta(0),
    )


_QUESTION_TAKES = timedelta(seconds=60)
"""A system that hangs is asked four times, ten seconds each, with 14 to 21 seconds between."""


VERBS: Mapping[str, str] = {
    "AnnounceDecision": "telling the decision of gate",
    "AskAboutRange": "asking people about",
    "AskCheck": "asking",
    "AskPeople": "asking people to vouch",
    "CallSeats": "calling the seats",
    "SampleGuards": "sampling the guards",
    "ReadExposure": "reading back the exposure",
    "DoEffect": "doing",
    "OpenGate": "opening gate",
    "SettleGate": "settling gate",
    "PostUpdate": "posting the update",
    "FireTrigger": "firing trigger",
    "PromoteTrigger": "promoting trigger",
    "ClearTrigger": "clearing trigger",
    "StartRollback": "starting the rollback",
    "MeasureCriterion": "measuring",
    "TakeSnapshot": "recording what is there before the first change",
    "SampleStep": "sampling the step",
    "AdvanceStep": "advancing the step",
    "HoldStep": "holding the step",
    "GoLive": "going live",
    "EndScope": "ending the phase",
    "SkipUndo": "leaving what cannot be undone now",
    "Restored": "saying that service is restored",
    "EndRollback": "ending the rollback",
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
