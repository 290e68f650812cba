"""What a launch knows at one point: its ledger's records folded into one view. The only reader of event kinds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import singledispatchmethod

from launch import events
from launch.events import Outcome
from launch.ledger import Record
from launch.plan.schedule import FlowPhase
from launch.views import (
    CheckState,
    ClockAnchor,
    EffectState,
    GateState,
    GuardView,
    PhaseState,
    RollbackState,
    StepState,
    TriggerState,
)

__all__ = [
    "CheckState",
    "ClockAnchor",
    "EffectState",
    "GateState",
    "GuardView",
    "LaunchState",
    "PhaseState",
    "RollbackState",
    "StepState",
    "TriggerState",
    "fold",
]


class LaunchState:
    """Built by applying records in order; `sequence` is the last one seen. Read it; only `apply` changes it."""

    def __init__(self) -> None:
        self.launch = ""
        self.sequence = 0
        self.last_at: datetime | None = None
        self.opened: events.LaunchOpened | None = None
        self.opened_at: datetime | None = None
        self.t0: datetime | None = None
        self.planned_t0: datetime | None = None
        self.live_at: datetime | None = None
        self.hold: events.HoldPlaced | None = None
        self.clock: ClockAnchor | None = None
        self.checks: dict[str, CheckState] = {}
        self.effects: dict[str, EffectState] = {}
        self.gates: dict[str, GateState] = {}
        self.phases: dict[FlowPhase, PhaseState] = {}
        self.guards: dict[str, GuardView] = {}
        self.baselines: dict[str, events.BaselineRecorded] = {}
        self.unanswered: dict[str, events.RangeUnanswered] = {}
        self.triggers: dict[str, TriggerState] = {}
        self.snapshot: events.SnapshotTaken | None = None
        self.snapshot_at: datetime | None = None
        self.steps: dict[int, StepState] = {}
        self.exposure_hold: events.ExposureHeld | None = None
        self.released_at: datetime | None = None
        self.messages: dict[str, str] = {}
        self.checkpoints: dict[str, datetime] = {}
        self.criteria: dict[str, events.CriterionMeasured] = {}
        self.alarms: list[events.AlarmRaised] = []
        self.rollback: RollbackState | None = None
        self.outcome: Outcome | None = None
        self.outcome_reason = ""

    def apply(self, record: Record) -> None:
        """Takes the next record into the view."""
        self.launch = record.launch
        self.sequence = record.sequence
        self.last_at = record.at
        self._take(record.event, record.at)

    def check(self, check: str) -> CheckState:
        """Answers to a check so far; empty if it was never asked."""
        return self.checks.get(check) or CheckState()

    def effect(self, action: str) -> EffectState:
        """How far an action is; untouched if it never began."""
        return self.effects.get(action) or EffectState()

    def gate(self, gate: str) -> GateState:
        """The gate's newest opening; never opened if it has none."""
        return self.gates.get(gate) or GateState()

    def step(self, n: int) -> StepState:
        """A step of the rollout so far; not entered if it never held."""
        return self.steps.get(n) or StepState()

    def phase(self, phase: FlowPhase) -> PhaseState:
        """The phase so far."""
        return self.phases.get(phase) or PhaseState()

    def _answers(self, check: str) -> list[CheckState]:
        """Where an answer is kept: with all of them, and with those since the rollback was claimed."""
        kept = [self.checks] if self.rollback is None else [self.checks, self.rollback.answers]
        return [answers.setdefault(check, CheckState()) for answers in kept]

    @singledispatchmethod
    def _take(self, event: events.Event, at: datetime) -> None:
        """Events that only the report reads change nothing here."""

    @_take.register
    def _(self, event: events.LaunchOpened, at: datetime) -> None:
        self.opened, self.opened_at, self.t0, self.planned_t0 = event, at, event.t0, event.t0

    @_take.register
    def _(self, event: events.ClockSet, at: datetime) -> None:
        self.clock = ClockAnchor(event.wall, event.at, event.speed)

    @_take.register
    def _(self, event: events.T0Slipped, at: datetime) -> None:
        self.t0 = event.t0

    @_take.register
    def _(self, event: events.HoldPlaced, at: datetime) -> None:
        self.hold = event

    @_take.register
    def _(self, event: events.HoldLifted, at: datetime) -> None:
        self.hold, self.released_at = None, at

    @_take.register
    def _(self, event: events.PhaseStarted, at: datetime) -> None:
        self.phases[event.phase] = PhaseState(started_at=at, runs=[event.run])

    @_take.register
    def _(self, event: events.RunTakenUp, at: datetime) -> None:
        self.phases.setdefault(event.phase, PhaseState(started_at=at)).runs.append(event.run)

    @_take.register
    def _(self, event: events.PhaseEnded, at: datetime) -> None:
        phase = self.phases.setdefault(event.phase, PhaseState(started_at=at))
        phase.ended_at, phase.decision, phase.reason = at, event.decision, event.reason

    @_take.register
    def _(self, event: events.CheckJudged, at: datetime) -> None:
        for check in self._answers(event.check):
            check.verdict, check.sentence, check.judged_at = event.verdict, event.sentence, at
            check.asked += 1

    @_take.register
    def _(self, event: events.CheckAttested, at: datetime) -> None:
        for check in self._answers(event.check):
            check.attested, check.attested_by, check.attested_at = event.verdict, event.person, at
            check.evidence = event.evidence

    @_take.register
    def _(self, event: events.CheckWaived, at: datetime) -> None:
        for check in self._answers(event.check):
            check.waived_until, check.waived_by = event.until, event.person

    @_take.register
    def _(self, event: events.EffectBegun, at: datetime) -> None:
        effect = self.effects.setdefault(event.action, EffectState())
        if effect.first_begun_at is None:
            effect.first_begun_at, effect.before = at, event.before
        effect.attempt, effect.key, effect.begun_at = event.attempt, event.key, at
        effect.result, effect.finished_at = None, None

    @_take.register
    def _(self, event: events.EffectFinished, at: datetime) -> None:
        effect = self.effects.setdefault(event.action, EffectState())
        effect.attempt, effect.result = event.attempt, event.result
        effect.detail, effect.finished_at, effect.outputs = event.detail, at, event.outputs

    @_take.register
    def _(self, event: events.GateOpened, at: datetime) -> None:
        self.gates[event.gate] = GateState(
            opening=event.opening,
            opened_at=at,
            deadline=event.deadline,
            evidence_hash=event.evidence_hash,
        )

    @_take.register
    def _(self, event: events.GateExtended, at: datetime) -> None:
        gate = self.gates[event.gate]
        gate.extensions += gate.deadline is None or event.deadline > gate.deadline
        gate.deadline = event.deadline

    @_take.register
    def _(self, event: events.BallotCast, at: datetime) -> None:
        gate = self.gates[event.gate]
        gate.ballots[event.person] = event
        gate.order = [person for person in gate.order if person != event.person] + [event.person]

    @_take.register
    def _(self, event: events.ResumedWithoutBallot, at: datetime) -> None:
        self.gates[event.gate].resumed_without_ballot += 1

    @_take.register
    def _(self, event: events.GateDecided, at: datetime) -> None:
        gate = self.gates.setdefault(event.gate, GateState(opening=event.opening, opened_at=at))
        gate.decision, gate.decided_at, gate.reason = event.decision, at, event.reason

    @_take.register
    def _(self, event: events.GuardChanged, at: datetime) -> None:
        self.guards[event.guard] = GuardView(event.state, event.value, event.since, at)
        if event.state is not events.GuardState.FIRING:
            self.unanswered = {name: one for name, one in self.unanswered.items() if one.guard != event.guard}

    @_take.register
    def _(self, event: events.TriggerFired, at: datetime) -> None:
        self.triggers[event.trigger] = TriggerState(at, event.because, by=event.by)

    @_take.register
    def _(self, event: events.TriggerCleared, at: datetime) -> None:
        self.triggers.pop(event.trigger, None)

    @_take.register
    def _(self, event: events.TriggerPromoted, at: datetime) -> None:
        trigger = self.triggers.get(event.trigger)
        if trigger is not None:
            trigger.tier, trigger.promoted_at = event.tier, at

    @_take.register
    def _(self, event: events.RangeUnanswered, at: datetime) -> None:
        self.unanswered[event.range] = event

    @_take.register
    def _(self, event: events.BaselineRecorded, at: datetime) -> None:
        self.baselines[event.guard] = event

    @_take.register
    def _(self, event: events.SnapshotTaken, at: datetime) -> None:
        """A later record adds what was missing; what was recorded first stays, it is from before the change."""
        known = self.snapshot
        states = event.states | known.states if known is not None else event.states
        readings = event.readings | known.readings if known is not None else event.readings
        missing = (known.missing if known is not None else {}) | event.missing
        missing = {name: why for name, why in missing.items() if name not in states and name not in readings}
        self.snapshot = event.model_copy(update={"states": states, "readings": readings, "missing": missing})
        self.snapshot_at = at

    @_take.register
    def _(self, event: events.ExposureSeen, at: datetime) -> None:
        step = self.steps.setdefault(event.step, StepState())
        if not event.holds:
            step.entered_at, step.clean = None, 0
        elif step.entered_at is None:
            step.entered_at, step.clean = at, 0
        step.seen, step.seen_at = event, at

    @_take.register
    def _(self, event: events.StepSampled, at: datetime) -> None:
        step = self.steps.setdefault(event.step, StepState())
        step.samples, step.sampled_at, step.why = step.samples + 1, at, event.why
        step.values = event.values
        step.clean = step.clean + 1 if event.clean else 0

    @_take.register
    def _(self, event: events.StepHeld, at: datetime) -> None:
        step = self.steps.setdefault(event.step, StepState())
        step.held, step.held_at = event.reason, at

    @_take.register
    def _(self, event: events.StepAdvanced, at: datetime) -> None:
        step = self.steps.setdefault(event.step, StepState())
        step.advanced_at, step.advanced_by, step.held = at, event.by, ""

    @_take.register
    def _(self, event: events.ExposureHeld, at: datetime) -> None:
        self.exposure_hold = event

    @_take.register
    def _(self, event: events.ExposureReleased, at: datetime) -> None:
        self.exposure_hold, self.released_at = None, at

    @_take.register
    def _(self, event: events.MessageSent, at: datetime) -> None:
        self.messages[event.key] = event.link

    @_take.register
    def _(self, event: events.MessageFailed, at: datetime) -> None:
        self.messages.setdefault(event.key, "")

    @_take.register
    def _(self, event: events.WentLive, at: datetime) -> None:
        self.live_at = at

    @_take.register
    def _(self, event: events.CheckpointEnded, at: datetime) -> None:
        self.checkpoints[event.checkpoint] = at

    @_take.register
    def _(self, event: events.CriterionMeasured, at: datetime) -> None:
        self.criteria[event.criterion] = event

    @_take.register
    def _(self, event: events.AlarmRaised, at: datetime) -> None:
        self.alarms.append(event)

    @_take.register
    def _(self, event: events.RollbackClaimed, at: datetime) -> None:
        if self.rollback is None:
            self.rollback = RollbackState(event.trigger, event.tier, event.by, event.run, at, event.procedure)
        else:
            self.rollback.run = event.run

    @_take.register
    def _(self, event: events.UndoSkipped, at: datetime) -> None:
        if self.rollback is not None:
            self.rollback.skipped[event.action] = event

    @_take.register
    def _(self, event: events.ServiceRestored, at: datetime) -> None:
        if self.rollback is not None:
            self.rollback.restored_at, self.rollback.failed = at, event.failed

    @_take.register
    def _(self, event: events.RollbackEnded, at: datetime) -> None:
        if self.rollback is not None:
            self.rollback.ended_at, self.rollback.outcome = at, event.outcome
            self.rollback.residue = event.residue

    @_take.register
    def _(self, event: events.LaunchClosed, at: datetime) -> None:
        self.outcome, self.outcome_reason = event.outcome, event.reason


def fold(records: Iterable[Record]) -> LaunchState:
    """The view after these records, in order."""
    state = LaunchState()
    for record in records:
        state.apply(record)
    return state
