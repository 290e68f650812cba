"""What is due: one pure function from the plan, the launch's state and a moment to the next things to do.

Checks, effects, gates, guard samples, posts, deadlines and the end of a phase are all entries here; the conductor does
what is due and asks again. `Memory` is what one run may forget: losing it repeats a question, never an effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from launch import gates
from launch.effects import Restore
from launch.events import Decision, GuardState
from launch.moments import format_offset
from launch.plan import Action, Cadence, Check, Checkpoint, Gate, Guard, Mode, OnNoGo, Plan, SuccessCriterion, Trigger
from launch.plan.execution import ActionRole
from launch.plan.schedule import FlowPhase
from launch.rollback import UndoStep, production_changed, withdrawals
from launch.state import LaunchState
from launch.verdicts import Verdict


@dataclass(frozen=True)
class AskCheck:
    """Put an automated check's probes to its systems and judge."""

    check: Check


@dataclass(frozen=True)
class AskPeople:
    """Ask the roles that may vouch for these checks."""

    checks: tuple[Check, ...]


@dataclass(frozen=True)
class DoEffect:
    """Begin an effect, or look again at one under way. `undo` is set where a recorded state is put back."""

    id: str
    action: Action
    undo: UndoStep | None = None


@dataclass(frozen=True)
class OpenGate:
    """Open a gate (again) and ask its seats."""

    gate: Gate
    opening: int
    because: str = ""


@dataclass(frozen=True)
class SettleGate:
    """Write down a gate's decision, or its new deadline."""

    gate: Gate
    ruling: gates.GateRuling


@dataclass(frozen=True)
class SampleGuards:
    """Evaluate these guards on their series."""

    guards: tuple[Guard, ...]


@dataclass(frozen=True)
class PostUpdate:
    """Post a cadence's message; `key` names the tick."""

    cadence: Cadence
    key: str


@dataclass(frozen=True)
class FireTrigger:
    """A trigger's condition holds: write it down."""

    trigger: Trigger
    because: str


@dataclass(frozen=True)
class StartRollback:
    """Call the rollback flow here and now."""

    trigger: str
    tier: str
    because: str


@dataclass(frozen=True)
class MeasureCriterion:
    """Measure a success criterion."""

    criterion: SuccessCriterion


@dataclass(frozen=True)
class GoLive:
    """Everything up to T0 is done: the product is live."""


@dataclass(frozen=True)
class EndScope:
    """The phase or checkpoint is over."""

    decision: Decision
    reason: str = ""
    missed: tuple[str, ...] = ()


Due = (
    AskCheck
    | AskPeople
    | DoEffect
    | OpenGate
    | SettleGate
    | SampleGuards
    | PostUpdate
    | FireTrigger
    | StartRollback
    | MeasureCriterion
    | GoLive
    | EndScope
)


@dataclass
class Memory:
    """What a run remembers between two looks: when it last looked at an effect, sampled a guard, asked for vouching.

    `applied` holds effects this very run applied: one under way that is not among them was left by a dead run.
    """

    looked: dict[str, datetime] = field(default_factory=dict)
    sampled: dict[str, datetime] = field(default_factory=dict)
    asked_people: set[str] = field(default_factory=set)
    applied: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Agenda:
    """Things due now (run side by side, recorded in this order), the next moment, and the gate that is waited for."""

    due: tuple[Due, ...]
    next: datetime | None = None
    waiting_for: Gate | None = None


@dataclass(frozen=True)
class Scope:
    """Whose agenda: a phase of the launch, or one checkpoint."""

    phase: FlowPhase | None = None
    checkpoint: str | None = None


def moment_of(state: LaunchState, offset: timedelta) -> datetime:
    """When an offset is: up to T0 from the planned T0, after it from the actual go-live (once there is one)."""
    t0 = state.t0
    if t0 is None:
        message = "a launch that was not opened has no moments"
        raise ValueError(message)
    return (state.live_at or t0) + offset if offset > timedelta(0) else t0 + offset


def phase_start(plan: Plan, state: LaunchState, phase: FlowPhase) -> datetime | None:
    """When the flow of a phase starts; None for a phase the plan does not have."""
    starts = [one.start for one in plan.phases if one.flow_phase is phase and one.start is not None]
    return moment_of(state, min(starts)) if starts else None


def phase_end(plan: Plan, state: LaunchState, phase: FlowPhase) -> datetime | None:
    """When the last stage of a phase ends by the plan."""
    ends = [one.end for one in plan.phases if one.flow_phase is phase and one.end is not None]
    return moment_of(state, max(ends)) if ends else None


def agenda(plan: Plan, state: LaunchState, now: datetime, scope: Scope, memory: Memory) -> Agenda:
    """What is due at `now` in this scope. Nothing due and no next moment means: over, or waiting for a person."""
    return _Agenda(plan, state, now, scope, memory).build()


class _Agenda:
    """One look at one moment. Collects what is due and every future moment it meets on the way."""

    def __init__(self, plan: Plan, state: LaunchState, now: datetime, scope: Scope, memory: Memory) -> None:
        self.plan, self.state, self.now, self.scope, self.memory = plan, state, now, scope, memory
        self.future: list[datetime] = []
        self.open_work = False
        self.stages = {one.id for one in plan.phases if one.flow_phase is scope.phase}
        self.at_checkpoint = {check for point in plan.checkpoints for check in point.criteria}
        self.at_checkpoint |= {action for point in plan.checkpoints for action in point.actions}

    def build(self) -> Agenda:
        if self._over():
            return Agenda(())
        if self.scope.checkpoint is not None:
            point = next(one for one in self.plan.checkpoints if one.id == self.scope.checkpoint)
            return self._checkpoint(point)
        return self._phase()

    # --- a phase ---------------------------------------------------------------------------------------------------

    def _phase(self) -> Agenda:
        urgent = list(self._rollbacks())
        if urgent:
            return Agenda(tuple(urgent[:1]))
        due: list[Due] = list(self._triggers())
        due += self._guards()
        due += self._settlements()
        stopped = self._no_go()
        if stopped is not None:
            due += self._withdraw()
            return self._agenda(due or [EndScope(Decision.NO_GO, stopped)])
        barrier = self._barrier()
        due += self._effects(barrier)
        due += self._checks(barrier)
        due += self._attestations(barrier)
        due += self._criteria()
        due += self._gate_openings(busy=bool(due))
        due += self._updates()
        if not due and not self.open_work:
            due += self._finish()
        return self._agenda(due)

    def _agenda(self, due: list[Due]) -> Agenda:
        waiting = next((gate for gate in self._gates() if self.state.gate(gate.id).open), None)
        later = [moment for moment in self.future if moment > self.now]
        return Agenda(tuple(due), min(later) if later else None, waiting)

    def _over(self) -> bool:
        if self.state.outcome is not None:
            return True
        if self.scope.checkpoint is not None:
            return self.scope.checkpoint in self.state.checkpoints
        return self.scope.phase is not None and self.state.phase(self.scope.phase).decision is not None

    def _in_phase(self, phase: str, item: str) -> bool:
        return phase in self.stages and item not in self.at_checkpoint

    def _gates(self) -> list[Gate]:
        """The phase's own gates by time, then those that a trigger opened."""
        own = [gate for gate in self.plan.gates if gate.phase in self.stages and gate.offset is not None]
        own.sort(key=lambda gate: gate.offset or timedelta(0))
        decided_at = {trigger.decided_at for trigger in self.plan.rollback.triggers}
        called = [gate for gate in self.plan.gates if gate.id in decided_at and self.state.gate(gate.id).opening]
        return own + [gate for gate in called if gate not in own]

    def _barrier(self) -> timedelta | None:
        """Offset of the first own gate that has not said GO: later items of the phase wait for it."""
        waiting = [
            gate.offset
            for gate in self._gates()
            if gate.offset is not None
            and gate.phase in self.stages
            and self.state.gate(gate.id).decision is not Decision.GO
        ]
        return min(waiting) if waiting else None

    def _reached(self, offset: timedelta | None, barrier: timedelta | None) -> bool:
        """Whether an item's moment has come; notes it as future work otherwise."""
        if offset is None:
            return False
        moment = moment_of(self.state, offset)
        if barrier is not None and offset > barrier:
            self.open_work = True
            return False
        if moment > self.now:
            self.open_work = True
            self.future.append(moment)
            return False
        return True

    # --- effects -----------------------------------------------------------------------------------------------------

    def _effects(self, barrier: timedelta | None) -> Iterator[Due]:
        for action in self.plan.actions:
            if not self._in_phase(action.phase, action.id) or action.role is ActionRole.ALTERNATIVE:
                continue
            yield from self._effect(action, barrier)

    def _effect(self, action: Action, barrier: timedelta | None) -> Iterator[Due]:
        effect = self.state.effect(action.id)
        if effect.done or self._exhausted(action):
            return
        if effect.under_way:
            yield from self._look(action, action.id)
            return
        if not self._reached(action.offset, barrier) or self._blocked(action):
            return
        self.open_work = True
        if effect.finished_at is not None and effect.finished_at + action.poll > self.now:
            self.future.append(effect.finished_at + action.poll)
            return
        if self.state.hold is None and all(self.state.effect(one).done for one in action.after):
            yield DoEffect(action.id, action)

    def _look(self, action: Action, key: str, undo: UndoStep | None = None) -> Iterator[Due]:
        self.open_work = True
        looked = self.memory.looked.get(key)
        again = looked + action.poll if looked is not None else self.now
        if again <= self.now:
            yield DoEffect(key, action, undo)
        else:
            self.future.append(again)

    def _exhausted(self, action: Action, key: str | None = None) -> bool:
        effect = self.state.effect(key or action.id)
        return effect.result is not None and not effect.done and effect.attempt >= action.attempts

    def _blocked(self, action: Action) -> bool:
        """Whether something it waits for has failed for good."""
        actions = {one.id: one for one in self.plan.actions}
        return any(self._exhausted(actions[one]) or self._blocked(actions[one]) for one in action.after)

    def _withdraw(self) -> list[Due]:
        actions = {action.id: action for action in self.plan.actions}
        return [
            DoEffect(step.id, actions[step.action], step)
            for step in withdrawals(self.plan, self.state)
            if not self.state.effect(step.id).done and not self._exhausted(actions[step.action], step.id)
        ]

    # --- checks ------------------------------------------------------------------------------------------------------

    def _checks(self, barrier: timedelta | None) -> Iterator[Due]:
        for check in self.plan.checks:
            if check.mode is not Mode.ATTESTED and self._in_phase(check.phase, check.id):
                yield from self._check(check, barrier)

    def _check(self, check: Check, barrier: timedelta | None) -> Iterator[Due]:
        answers = self.state.check(check.id)
        if answers.judged_at is not None:
            yield from self._again(check)
        elif self._reached(check.offset, barrier) and not self._waits_in_vain(check):
            self.open_work = True
            if check.action is None or self.state.effect(check.action).done:
                yield AskCheck(check)

    def _again(self, check: Check) -> Iterator[Due]:
        answers = self.state.check(check.id)
        if answers.judged_at is None:
            return
        stale = answers.verdict is Verdict.PASS and self._stale(check, answers.judged_at)
        retry = answers.verdict is not Verdict.PASS and answers.asked <= self.plan.recheck.times
        if stale:
            yield AskCheck(check)
        elif retry:
            self.open_work = True
            again = answers.judged_at + self.plan.recheck.every
            if again <= self.now:
                yield AskCheck(check)
            else:
                self.future.append(again)

    def _stale(self, check: Check, judged_at: datetime) -> bool:
        """Older than it may be, at a gate of this phase that is about to open."""
        if check.fresh_for is None or self.now < judged_at + check.fresh_for:
            return False
        return any(
            not self.state.gate(gate.id).opening
            and gate.offset is not None
            and moment_of(self.state, gate.offset) <= self.now
            for gate in self._gates()
        )

    def _waits_in_vain(self, check: Check) -> bool:
        action = next((one for one in self.plan.actions if one.id == check.action), None)
        return action is not None and (self._exhausted(action) or self._blocked(action))

    def _attestations(self, barrier: timedelta | None) -> Iterator[Due]:
        asked = []
        for check in self.plan.checks:
            if check.mode is Mode.AUTOMATED or not self._in_phase(check.phase, check.id):
                continue
            if self.state.check(check.id).attested is not None or check.id in self.memory.asked_people:
                continue
            open_before = self.open_work
            if self._reached(check.offset, barrier):
                asked.append(check)
            self.open_work = open_before
        if asked:
            yield AskPeople(tuple(asked))

    # --- gates -------------------------------------------------------------------------------------------------------

    def _gate_openings(self, *, busy: bool) -> Iterator[Due]:
        for gate in self._gates():
            current = self.state.gate(gate.id)
            reopen = current.decision is Decision.HOLD and self.state.hold is None
            if gate.phase not in self.stages or gate.offset is None or (current.opening and not reopen):
                continue
            moment = moment_of(self.state, gate.offset)
            if moment > self.now:
                self.future.append(moment)
                self.open_work = True
                return
            if busy or self.state.hold is not None or self._unsettled(gate):
                self.open_work = True
                return
            yield OpenGate(gate, current.opening + 1)
            return

    def _unsettled(self, gate: Gate) -> bool:
        """Whether an effect that the gate stands on is still under way or about to begin."""
        for action in self.plan.actions:
            if action.offset is None or gate.offset is None or action.offset > gate.offset:
                continue
            if not self._in_phase(action.phase, action.id) or action.role is ActionRole.ALTERNATIVE:
                continue
            effect = self.state.effect(action.id)
            if not effect.done and not self._exhausted(action) and not self._blocked(action):
                return True
        return False

    def _settlements(self) -> Iterator[Due]:
        for gate in self._gates():
            current = self.state.gate(gate.id)
            if not current.open:
                continue
            self.open_work = True
            ruling = gates.rule(gate, current, gates.unmet(self.plan, self.state, gate, self.now), self.now)
            if ruling.decision is not None or ruling.extended_to is not None:
                yield SettleGate(gate, ruling)
            elif current.deadline is not None:
                self.future.append(current.deadline)

    def _no_go(self) -> str | None:
        for gate in self._gates():
            current = self.state.gate(gate.id)
            if current.decision is Decision.NO_GO and gate.phase in self.stages:
                return f"{gate.name}: NO-GO ({current.reason})"
        return None

    # --- guards, triggers, rollback ----------------------------------------------------------------------------------

    def _guards(self) -> Iterator[Due]:
        due = []
        if self.scope.phase not in {FlowPhase.STABILIZATION, FlowPhase.COUNTDOWN}:
            return
        start, end = self._span()
        for guard in self.plan.thresholds:
            ticks = [self._tick(one.start, one.end, one.every, start, end) for one in guard.watched]
            latest = max((last for last, _ in ticks if last is not None), default=None)
            self.future += [following for _, following in ticks if following is not None]
            sampled = self.memory.sampled.get(guard.id)
            if latest is not None and (sampled is None or sampled < latest):
                due.append(guard)
        if due:
            yield SampleGuards(tuple(due))

    def _span(self) -> tuple[datetime, datetime]:
        phase = self.scope.phase or FlowPhase.STABILIZATION
        start = phase_start(self.plan, self.state, phase) or self.now
        end = phase_end(self.plan, self.state, phase) or self.now
        return start, end

    def _tick(
        self, start: timedelta, end: timedelta, every: timedelta, since: datetime, until: datetime
    ) -> tuple[datetime | None, datetime | None]:
        """The latest tick of a repeating thing at or before now, and the next one, within this phase's span."""
        first, last = moment_of(self.state, start), min(moment_of(self.state, end), until)
        first = first if first >= since else first + every * -((first - since) // every)
        if first > last:
            return None, None
        if first > self.now:
            return None, first
        count = min((self.now - first) // every, (last - first) // every)
        latest, following = first + every * count, first + every * (count + 1)
        return latest, following if following <= last else None

    def _triggers(self) -> Iterator[Due]:
        if self.state.rollback is not None or not production_changed(self.plan, self.state):
            return
        for trigger in self.plan.rollback.triggers:
            because = self._breach(trigger)
            fired = self.state.triggers.get(trigger.id)
            if because is None:
                continue
            text, since = because
            if fired is None or fired < since:
                yield FireTrigger(trigger, text)
        yield from self._trigger_gates()

    def _breach(self, trigger: Trigger) -> tuple[str, datetime] | None:
        for name in trigger.guards:
            view = self.state.guards.get(name)
            if view is not None and view.state is GuardState.FIRING and view.changed_at is not None:
                return f"guard {name} fires at {view.value:g}" if view.value is not None else name, view.changed_at
        for name in trigger.checks:
            answers = self.state.check(name)
            if answers.verdict is Verdict.FAIL and answers.judged_at is not None:
                return f"check {name} failed: {answers.sentence}", answers.judged_at
        return None

    def _trigger_gates(self) -> Iterator[Due]:
        opened: set[str] = set()
        for trigger in self.plan.rollback.triggers:
            fired = self.state.triggers.get(trigger.id)
            gate = next((one for one in self.plan.gates if one.id == trigger.decided_at), None)
            if fired is None or gate is None or gate.id in opened:
                continue
            current = self.state.gate(gate.id)
            if not current.open and (current.opened_at is None or current.opened_at < fired):
                opened.add(gate.id)
                window = trigger.decision_window or gate.window
                timed = gate.model_copy(update={"window": window})
                yield OpenGate(timed, current.opening + 1, self.state.trigger_reasons[trigger.id])

    def _rollbacks(self) -> Iterator[Due]:
        if self.state.rollback is not None:
            if self.state.rollback.ended_at is None:
                yield StartRollback(self.state.rollback.trigger, self.state.rollback.tier, "a rollback was begun")
            else:
                yield EndScope(Decision.NO_GO, "rolled back")
            return
        for trigger in self.plan.rollback.triggers:
            fired = self.state.triggers.get(trigger.id)
            if fired is None:
                continue
            reason = self.state.trigger_reasons[trigger.id]
            if trigger.automatic:
                yield StartRollback(trigger.id, trigger.tier.value, reason)
            current = self.state.gate(trigger.decided_at or "")
            said_no = current.decision is Decision.NO_GO and current.decided_at is not None
            if said_no and current.decided_at is not None and current.decided_at >= fired:
                yield StartRollback(trigger.id, trigger.tier.value, f"{reason}; {current.reason}")
        yield from self._gate_rollbacks()

    def _gate_rollbacks(self) -> Iterator[Due]:
        if not production_changed(self.plan, self.state):
            return
        for gate in self._gates():
            current = self.state.gate(gate.id)
            if current.decision is Decision.NO_GO and gate.phase in self.stages and gate.on_no_go is not OnNoGo.HOLD:
                yield StartRollback(gate.id, "urgent", f"{gate.name} said NO-GO: {current.reason}")

    # --- posts, criteria, the end -----------------------------------------------------------------------------------

    def _updates(self) -> Iterator[Due]:
        start, end = self._span()
        for cadence in self.plan.comms.cadences:
            if cadence.every is None or cadence.start is None or cadence.end is None:
                continue
            latest, following = self._tick(cadence.start, cadence.end, cadence.every, start, end)
            if following is not None and following < end:
                self.future.append(following)
            if latest is None or latest == end or self.state.t0 is None:
                continue
            key = f"{cadence.id}@{format_offset(latest - (self.state.live_at or self.state.t0))}"
            if key not in self.state.messages:
                yield PostUpdate(cadence, key)

    def _criteria(self) -> Iterator[Due]:
        if self.scope.phase is not FlowPhase.REVIEW:
            return
        start = phase_start(self.plan, self.state, FlowPhase.REVIEW) or self.now
        for criterion in self.plan.success_criteria:
            moment = max(moment_of(self.state, criterion.measured_at), start)
            if criterion.id in self.state.criteria:
                continue
            if moment <= self.now:
                yield MeasureCriterion(criterion)
            else:
                self.open_work = True
                self.future.append(moment)

    def _finish(self) -> list[Due]:  # noqa: PLR0911  one line for each way a phase ends
        phase = self.scope.phase
        if phase is FlowPhase.COUNTDOWN:
            failed = self._failed_change()
            if failed:
                return [StartRollback("captain", "urgent", f"{failed} failed, so the product cannot go live")]
            if self.state.live_at is None:
                return [GoLive()]
            return [EndScope(Decision.GO)]
        if phase is None:
            return []
        end = phase_end(self.plan, self.state, phase)
        if phase is FlowPhase.REVIEW:
            return self._close_review(end)
        if end is not None and end > self.now and phase is FlowPhase.STABILIZATION:
            self.future.append(end)
            return []
        return [EndScope(Decision.GO)]

    def _close_review(self, end: datetime | None) -> list[Due]:
        if end is not None and end > self.now:
            self.future.append(end)
            return []
        late = [point for point in self.plan.checkpoints if point.id not in self.state.checkpoints]
        if late:
            self.future.append(self.now + timedelta(minutes=1))
            return []
        return [EndScope(Decision.GO)]

    def _failed_change(self) -> str | None:
        """A production change of this phase that will not come any more, with nobody left to be asked."""
        for action in self.plan.actions:
            if (
                self._in_phase(action.phase, action.id)
                and action.role is ActionRole.CHANGES
                and (self._exhausted(action) or self._blocked(action))
            ):
                return action.id
        return None

    # --- a checkpoint ------------------------------------------------------------------------------------------------

    def _checkpoint(self, point: Checkpoint) -> Agenda:
        moment = moment_of(self.state, point.offset)
        if self.state.rollback is not None:
            return Agenda((EndScope(Decision.NO_GO, "rolled back", point.criteria),))
        if moment > self.now:
            return Agenda((), moment)
        due: list[Due] = []
        for action in self.plan.actions:
            if action.id in point.actions:
                due += self._effect(action.model_copy(update={"offset": point.offset}), None)
        checks = [check for check in self.plan.checks if check.id in point.criteria]
        for check in checks:
            if check.mode is not Mode.ATTESTED:
                due += self._check(check.model_copy(update={"offset": point.offset}), None)
        people = [
            check
            for check in checks
            if check.mode is not Mode.AUTOMATED
            and self.state.check(check.id).attested is None
            and check.id not in self.memory.asked_people
        ]
        if people:
            due.append(AskPeople(tuple(people)))
        if not due and not self.open_work:
            due += self._close_checkpoint(point, checks, moment)
        return self._agenda(due)

    def _close_checkpoint(self, point: Checkpoint, checks: list[Check], moment: datetime) -> list[Due]:
        missed = tuple(
            check.id
            for check in checks
            if gates.standing(check, self.state.check(check.id), self.now)
            not in {gates.CheckStanding.PASSED, gates.CheckStanding.WAIVED}
        )
        deadline = moment + max(point.duration or timedelta(0), timedelta(hours=1))
        if any(self._awaits_person(check) for check in checks) and self.now < deadline:
            self.future.append(deadline)
            return []
        return [EndScope(Decision.GO, missed=missed)]

    def _awaits_person(self, check: Check) -> bool:
        return check.mode is not Mode.AUTOMATED and self.state.check(check.id).attested is None


def is_restore(action: Action) -> bool:
    """Whether an action only puts back what another one changed."""
    return isinstance(action.effect, Restore)
