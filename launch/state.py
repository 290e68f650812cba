"""What a launch knows at one point: its ledger's records folded into one view. The only reader of event kinds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import singledispatchmethod

from launch import events
from launch.events import Decision, EffectResult, GuardState, Outcome
from launch.ledger import Record
from launch.plan.schedule import FlowPhase
from launch.ports import State
from launch.verdicts import Verdict


@dataclass
class CheckState:
    """Answers to one check so far."""

    verdict: Verdict | None = None
    sentence: str = ""
    judged_at: datetime | None = None
    asked: int = 0
    attested: Verdict | None = None
    attested_by: str = ""
    attested_at: datetime | None = None
    evidence: str = ""
    waived_until: datetime | None = None
    waived_by: str = ""


@dataclass
class EffectState:
    """How far one action (or its undo) has come."""

    attempt: int = 0
    key: str = ""
    before: State = field(default_factory=dict)
    first_begun_at: datetime | None = None
    begun_at: datetime | None = None
    finished_at: datetime | None = None
    result: EffectResult | None = None
    detail: str = ""

    @property
    def under_way(self) -> bool:
        """Begun and not finished: observed again first after a crash."""
        return self.begun_at is not None and self.result is None

    @property
    def done(self) -> bool:
        """The desired state holds."""
        return self.result in {EffectResult.ALREADY, EffectResult.APPLIED}

    def exhausted(self, attempts: int) -> bool:
        """It did not come to hold and is not tried again; what may have happened unseen (an e-mail) never is."""
        if self.result is None or self.done:
            return False
        return self.attempt >= attempts or self.result is EffectResult.UNKNOWN

    @property
    def touched(self) -> bool:
        """It was begun at least once, so something may have been changed by it: there is something to undo.

        That its state was later found to hold already does not take this back: an earlier attempt may have done it.
        """
        return self.begun_at is not None


@dataclass
class GateState:
    """One gate's newest opening."""

    opening: int = 0
    opened_at: datetime | None = None
    deadline: datetime | None = None
    evidence_hash: str = ""
    extensions: int = 0
    ballots: dict[str, events.BallotCast] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    resumed_without_ballot: int = 0
    decision: Decision | None = None
    decided_at: datetime | None = None
    reason: str = ""

    @property
    def open(self) -> bool:
        """Asking its seats now."""
        return self.opened_at is not None and self.decision is None


@dataclass
class PhaseState:
    """One phase of the launch."""

    started_at: datetime | None = None
    ended_at: datetime | None = None
    decision: Decision | None = None
    reason: str = ""
    runs: list[str] = field(default_factory=list)


@dataclass
class GuardView:
    """The newest state of one guard."""

    state: GuardState = GuardState.CLEAR
    value: float | None = None
    since: datetime | None = None
    changed_at: datetime | None = None


@dataclass
class RollbackState:
    """The rollback, once somebody claimed it."""

    trigger: str
    tier: str
    by: str
    run: str
    claimed_at: datetime
    skipped: dict[str, events.UndoSkipped] = field(default_factory=dict)
    restored_at: datetime | None = None
    failed: tuple[str, ...] = ()
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    residue: tuple[str, ...] = ()


@dataclass
class ClockAnchor:
    """Where a compressed clock was last set."""

    wall: datetime
    at: datetime
    speed: float


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
        self.triggers: dict[str, datetime] = {}
        self.trigger_reasons: dict[str, str] = {}
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

    def phase(self, phase: FlowPhase) -> PhaseState:
        """The phase so far."""
        return self.phases.get(phase) or PhaseState()

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
        self.hold = None

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
        check = self.checks.setdefault(event.check, CheckState())
        check.verdict, check.sentence, check.judged_at = event.verdict, event.sentence, at
        check.asked += 1

    @_take.register
    def _(self, event: events.CheckAttested, at: datetime) -> None:
        check = self.checks.setdefault(event.check, CheckState())
        check.attested, check.attested_by, check.attested_at = event.verdict, event.person, at
        check.evidence = event.evidence

    @_take.register
    def _(self, event: events.CheckWaived, at: datetime) -> None:
        check = self.checks.setdefault(event.check, CheckState())
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
        effect.detail, effect.finished_at = event.detail, at

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
        gate.deadline = event.deadline
        gate.extensions += 1

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

    @_take.register
    def _(self, event: events.TriggerFired, at: datetime) -> None:
        self.triggers[event.trigger] = at
        self.trigger_reasons[event.trigger] = event.because

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
            self.rollback = RollbackState(event.trigger, event.tier, event.by, event.run, at)
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
