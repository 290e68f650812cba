"""Where a launch stands at one moment: the clock, phases, gates, guards, what comes next and what blocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from launch import gates
from launch.calendar import moment_of
from launch.events import Decision, GuardState
from launch.exposure import hold_left, live_exposure, rule
from launch.model import Model
from launch.moments import Duration, clock_label, format_duration
from launch.plan import ActionRole, Mode, Plan
from launch.snapshot import unrecorded
from launch.state import LaunchState, StepState
from launch.steps import current_step

_UPCOMING = 6


class PhaseLine(Model):
    """One phase: waiting, running, or how it ended."""

    phase: str
    standing: str
    started: datetime | None = None
    ended: datetime | None = None
    reason: str = ""


class GateLine(Model):
    """One gate. While it is open: the seats it waits for and the criteria that are not met."""

    id: str
    standing: str
    deadline: datetime | None = None
    ballots: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()


class GuardLine(Model):
    """One guard that was evaluated."""

    id: str
    state: str
    value: float | None = None


class ServiceLine(Model):
    """A service of the rollout: its version, how far its change is, and what share of its users has it.

    `exposure` is the rollout's, read back last: what moves it moves all services whose change holds.
    """

    id: str
    version: str
    standing: str
    exposure: float | None = None


class StepLine(Model):
    """The step of the rollout that is entered, or comes next. `exposure` is what was read back last."""

    n: int
    target: str
    percent: float | None = None
    exposure: float | None = None
    entered: datetime | None = None
    hold_left: Duration
    clean: int
    clean_needed: int
    held: str = ""


class Upcoming(Model):
    """Something that will happen."""

    kind: str
    id: str
    at: datetime
    clock: str


class Status(Model):
    """A launch at one moment of its clock."""

    launch: str
    product: str
    release: str
    environment: str
    now: datetime
    t0: datetime
    clock: str
    held: str = ""
    exposure_held: str = ""
    outcome: str = ""
    phases: tuple[PhaseLine, ...]
    checks: dict[str, int]
    gates: tuple[GateLine, ...]
    guards: tuple[GuardLine, ...]
    step: StepLine | None = None
    services: tuple[ServiceLine, ...] = ()
    next: tuple[Upcoming, ...]
    blocks: tuple[str, ...]


def status(plan: Plan, state: LaunchState, now: datetime) -> Status:
    """The view at `now` (launch clock). Raises `ValueError` for a launch that was not opened."""
    if state.opened is None or state.t0 is None:
        message = "a launch that was not opened has no status"
        raise ValueError(message)
    origin = state.live_at or state.t0
    return Status(
        launch=state.launch,
        product=plan.product.name,
        release=state.opened.release.version,
        environment=state.opened.environment,
        now=now,
        t0=state.t0,
        clock=clock_label(origin, now),
        held=f"{state.hold.by}: {state.hold.reason}" if state.hold else "",
        exposure_held=f"{state.exposure_hold.by}: {state.exposure_hold.reason}" if state.exposure_hold else "",
        outcome=state.outcome.value if state.outcome else "",
        phases=tuple(_phases(plan, state)),
        checks=_counts(plan, state, now),
        gates=tuple(_gate_lines(plan, state, now)),
        guards=tuple(_guards(state)),
        step=_step(plan, state, now) if not state.outcome else None,
        services=tuple(_services(plan, state)) if not state.outcome and state.rollback is None else (),
        next=tuple(sorted(_upcoming(plan, state, now), key=lambda one: one.at)[:_UPCOMING])
        if not state.outcome
        else (),
        blocks=tuple(_blocks(plan, state, now)) if not state.outcome else (),
    )


def _phases(plan: Plan, state: LaunchState) -> Iterator[PhaseLine]:
    for flow_phase in dict.fromkeys(phase.flow_phase for phase in plan.phases):
        phase = state.phase(flow_phase)
        standing = phase.decision.value if phase.decision else "running" if phase.started_at else "waiting"
        yield PhaseLine(
            phase=flow_phase.value,
            standing=standing,
            started=phase.started_at,
            ended=phase.ended_at,
            reason=phase.reason,
        )


def _counts(plan: Plan, state: LaunchState, now: datetime) -> dict[str, int]:
    counts: dict[str, int] = {}
    for check in plan.checks:
        answers = state.check(check.id)
        asked = answers.verdict is not None or answers.attested is not None
        standing = gates.standing(check, answers, now)
        name = standing.value if asked or standing is not gates.CheckStanding.MISSING else "not asked"
        counts[name] = counts.get(name, 0) + 1
    return counts


def _gate_lines(plan: Plan, state: LaunchState, now: datetime) -> Iterator[GateLine]:
    for gate in plan.gates:
        current = state.gate(gate.id)
        ballots = tuple(f"{one.person} {one.decision.value}" for one in current.ballots.values())
        standing = current.decision.value if current.decision else "open" if current.open else "waiting"
        yield GateLine(
            id=gate.id,
            standing=standing,
            deadline=current.deadline if current.open else None,
            ballots=ballots,
            missing=tuple(gates.missing_seats(gate, current)) if current.open else (),
            unmet=tuple(gates.unmet(plan, state, gate, now)) if current.open else (),
        )


def _guards(state: LaunchState) -> Iterator[GuardLine]:
    """Each guard with its newest value: that of the step's newest sample, where it changed no state since."""
    sampled = [view for view in state.steps.values() if view.sampled_at is not None]
    newest = max(sampled, key=lambda view: (view.sampled_at, view.samples), default=StepState())
    for key, one in state.guards.items():
        fresh = newest.sampled_at is not None and (one.changed_at is None or newest.sampled_at > one.changed_at)
        value = newest.values.get(key, one.value) if fresh else one.value
        yield GuardLine(id=key, state=one.state.value, value=value)


def _services(plan: Plan, state: LaunchState) -> Iterator[ServiceLine]:
    """The services of the rollout in the order of the plan. Without a change of its own, one goes with the rollout."""
    versions = state.opened.release.services if state.opened is not None else {}
    for service in plan.rollout.services:
        changes = [state.effect(one.id) for one in plan.actions if one.service == service.id]
        done, touched = all(one.done for one in changes), any(one.touched for one in changes)
        failed = any(one.result is not None and not one.done for one in changes)
        standing = "failed" if failed else "changed" if done else "changing" if touched else "waiting"
        yield ServiceLine(
            id=service.id,
            version=versions.get(service.id, service.version),
            standing=standing if changes else "",
            exposure=live_exposure(state) if done else None,
        )


def _step(plan: Plan, state: LaunchState, now: datetime) -> StepLine | None:
    step = current_step(plan, state)
    if step is None:
        return None
    view = state.step(step.n)
    return StepLine(
        n=step.n,
        target=step.target,
        percent=step.percent,
        exposure=live_exposure(state),
        entered=view.entered_at,
        hold_left=hold_left(state, step, now),
        clean=view.clean,
        clean_needed=step.clean_samples,
        held=rule(plan, state, step, now).held,
    )


def _upcoming(plan: Plan, state: LaunchState, now: datetime) -> Iterator[Upcoming]:
    """What has a moment, has not happened yet, and will."""
    origin = state.live_at or state.t0
    waiting = [("check", one.id, one.offset) for one in plan.checks if one.mode is not Mode.ATTESTED]
    waiting += [("action", one.id, one.offset) for one in plan.actions if one.role is not ActionRole.ALTERNATIVE]
    waiting += [("gate", one.id, one.offset) for one in plan.gates]
    waiting += [("checkpoint", one.id, one.offset) for one in plan.checkpoints]
    for kind, name, offset in waiting:
        if offset is not None and origin is not None and moment_of(state, offset) > now:
            moment = moment_of(state, offset)
            yield Upcoming(kind=kind, id=name, at=moment, clock=clock_label(origin, moment))


def _blocks(plan: Plan, state: LaunchState, now: datetime) -> Iterator[str]:
    """Everything that keeps the launch from going on, in words."""
    if state.hold is not None:
        yield f"held by {state.hold.by}: {state.hold.reason}"
    if state.rollback is not None and state.rollback.ended_at is None:
        yield f"it is being rolled back ({state.rollback.trigger}, by {state.rollback.by})"
    for flow_phase, phase in state.phases.items():
        if phase.decision is Decision.NO_GO:
            yield f"phase {flow_phase.value} ended NO-GO: {phase.reason or 'no reason recorded'}"
    step = _step(plan, state, now)
    if step is not None and step.held:
        yield f"step {step.n} ({step.target}) stays: {step.held}"
    elif state.exposure_hold is not None:
        yield f"exposure held by {state.exposure_hold.by}: {state.exposure_hold.reason}"
    yield from _unrecorded(plan, state)
    for gate in plan.gates:
        current = state.gate(gate.id)
        if current.open and current.deadline is not None:
            left = format_duration(max(current.deadline - now, now - now))
            yield f"gate {gate.id} is open, {left} left"
            yield from (f"gate {gate.id} waits for a ballot of {seat}" for seat in gates.missing_seats(gate, current))
            yield from (f"gate {gate.id}: {sentence}" for sentence in gates.unmet(plan, state, gate, now))
        elif current.decision in {Decision.NO_GO, Decision.HOLD}:
            yield f"gate {gate.id} decided {current.decision.value}: {current.reason}"
    yield from (f"guard {key} is firing" for key, one in state.guards.items() if one.state is GuardState.FIRING)
    yield from (f"alarm: {alarm.what}: {alarm.detail}" for alarm in state.alarms)


def _unrecorded(plan: Plan, state: LaunchState) -> Iterator[str]:
    for action in plan.actions:
        why = unrecorded(state, action)
        if why:
            yield f"{action.id} does not begin: {why}"
