"""Everything a launch can know, as events of its ledger. The names are past tense: an event is a fact, never a wish."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, TypeAdapter

from launch.model import Id, Model
from launch.plan.schedule import FlowPhase
from launch.ports import State
from launch.release import Release
from launch.verdicts import Verdict
from launch.words import Decision as Decision  # noqa: PLC0414  events are imported with their words
from launch.words import EffectResult as EffectResult  # noqa: PLC0414  events are imported with their words
from launch.words import GuardState as GuardState  # noqa: PLC0414  events are imported with their words
from launch.words import Outcome as Outcome  # noqa: PLC0414  events are imported with their words


class Event(Model):
    """Base of every event. `volatile` names fields that differ between equal runs: they stay out of the event hash."""

    volatile: ClassVar[frozenset[str]] = frozenset()


class LaunchOpened(Event):
    """The first event: plan and its hash, release, T0, environment."""

    volatile = frozenset({"t0", "plan_text", "opened_by"})

    kind: Literal["launch-opened"] = "launch-opened"
    product: Id
    plan_hash: str
    plan_path: str = ""
    plan_text: str
    release: Release
    t0: datetime
    environment: Id
    opened_by: str


class ClockSet(Event):
    """A compressed clock was anchored: at wall time `wall` the launch clock shows `at` and runs `speed` times fast."""

    volatile = frozenset({"wall", "at", "speed"})

    kind: Literal["clock-set"] = "clock-set"
    wall: datetime
    at: datetime
    speed: float = Field(gt=0)


class T0Slipped(Event):
    """T0 moved; every offset before go-live counts from the new one."""

    volatile = frozenset({"t0"})

    kind: Literal["t0-slipped"] = "t0-slipped"
    t0: datetime
    by: str
    reason: str


class HoldPlaced(Event):
    """The launch is held: no effect begins and no gate opens until it is lifted. Checks and guards go on."""

    kind: Literal["hold-placed"] = "hold-placed"
    by: str
    reason: str


class HoldLifted(Event):
    """The hold is over."""

    kind: Literal["hold-lifted"] = "hold-lifted"
    by: str
    reason: str = ""


class PhaseStarted(Event):
    """A phase began, or a new run took it up (`attempt` above 1)."""

    volatile = frozenset({"run"})

    kind: Literal["phase-started"] = "phase-started"
    phase: FlowPhase
    run: str = ""


class PhaseEnded(Event):
    """A phase ended. GO lets the next one start (STOP rule)."""

    kind: Literal["phase-ended"] = "phase-ended"
    phase: FlowPhase
    decision: Decision
    reason: str = ""


class RunTakenUp(Event):
    """A new run went on where an earlier run of the same phase stopped."""

    volatile = frozenset({"run"})

    kind: Literal["run-taken-up"] = "run-taken-up"
    phase: FlowPhase
    run: str = ""


class CheckJudged(Event):
    """A check was asked and judged."""

    volatile = frozenset({"sentence", "measured"})

    kind: Literal["check-judged"] = "check-judged"
    check: Id
    verdict: Verdict
    sentence: str
    measured: dict[str, JsonValue] = Field(default_factory=dict)


class CheckAttested(Event):
    """A named person vouched for a check, or against it."""

    kind: Literal["check-attested"] = "check-attested"
    check: Id
    person: Id
    verdict: Verdict
    evidence: str = ""


class CheckWaived(Event):
    """A check that did not pass is covered until `until`; its verdict stays what it is."""

    volatile = frozenset({"until"})

    kind: Literal["check-waived"] = "check-waived"
    check: Id
    person: Id
    reason: str
    until: datetime


class EffectBegun(Event):
    """An effect is about to be applied; `before` is what was there, and what an undo puts back."""

    volatile = frozenset({"before", "key"})

    kind: Literal["effect-begun"] = "effect-begun"
    action: Id
    attempt: int
    key: str
    before: State = Field(default_factory=dict)


class EffectFinished(Event):
    """An effect ended: the desired state was found (`already`), reached (`applied`), not reached, or is unknown."""

    volatile = frozenset({"detail"})

    kind: Literal["effect-finished"] = "effect-finished"
    action: Id
    attempt: int
    result: EffectResult
    detail: str = ""


class GateOpened(Event):
    """A gate asks its seats; ballots are bound to the plan and to the evidence on show."""

    volatile = frozenset({"plan_hash", "evidence_hash", "deadline"})

    kind: Literal["gate-opened"] = "gate-opened"
    gate: Id
    opening: int = 1
    plan_hash: str
    evidence_hash: str
    deadline: datetime
    because: str = ""


class GateExtended(Event):
    """An undecided gate got a new deadline."""

    volatile = frozenset({"deadline"})

    kind: Literal["gate-extended"] = "gate-extended"
    gate: Id
    deadline: datetime


class BallotCast(Event):
    """A valid ballot of a person with a seat."""

    volatile = frozenset({"evidence_hash", "run"})

    kind: Literal["ballot-cast"] = "ballot-cast"
    gate: Id
    opening: int = 1
    seat: Id
    person: Id
    decision: Decision
    reason: str = ""
    proof: str = ""
    evidence_hash: str = ""
    run: str = ""


class BallotRefused(Event):
    """A ballot that counts for nothing, and why."""

    volatile = frozenset({"run"})

    kind: Literal["ballot-refused"] = "ballot-refused"
    gate: Id
    person: str
    decision: str
    reason: str
    run: str = ""


class ResumedWithoutBallot(Event):
    """Somebody resumed a run that waits for ballots; nothing changed."""

    volatile = frozenset({"run"})

    kind: Literal["resumed-without-ballot"] = "resumed-without-ballot"
    gate: Id
    run: str = ""


class GateDecided(Event):
    """The gate's decision, and what led to it."""

    kind: Literal["gate-decided"] = "gate-decided"
    gate: Id
    opening: int = 1
    decision: Decision
    reason: str


class GuardChanged(Event):
    """A guard changed its state; the newest sample and the query moved it."""

    kind: Literal["guard-changed"] = "guard-changed"
    guard: Id
    state: GuardState
    value: float | None = None
    since: datetime | None = None
    query: str = ""

    volatile = frozenset({"since"})


class MetricsSeen(Event):
    """Values of guards at one moment, for status lines and the report."""

    kind: Literal["metrics-seen"] = "metrics-seen"
    values: dict[str, float | None]


class TriggerFired(Event):
    """A rollback trigger's condition holds."""

    kind: Literal["trigger-fired"] = "trigger-fired"
    trigger: Id
    because: str


class MessageSent(Event):
    """Words went out."""

    volatile = frozenset({"link", "text"})

    kind: Literal["message-sent"] = "message-sent"
    key: str
    channel: Id
    subject: str = ""
    text: str = ""
    link: str = ""


class MessageFailed(Event):
    """Words did not go out on this channel; nothing waited for them."""

    volatile = frozenset({"why"})

    kind: Literal["message-failed"] = "message-failed"
    key: str
    channel: Id
    why: str


class WentLive(Event):
    """The product is live for its users; offsets after T0 count from here."""

    kind: Literal["went-live"] = "went-live"


class CheckpointEnded(Event):
    """A checkpoint was held; `missed` names criteria that did not pass."""

    kind: Literal["checkpoint-ended"] = "checkpoint-ended"
    checkpoint: Id
    missed: tuple[Id, ...] = ()


class CriterionMeasured(Event):
    """A success criterion was measured."""

    volatile = frozenset({"sentence"})

    kind: Literal["criterion-measured"] = "criterion-measured"
    criterion: Id
    verdict: Verdict
    sentence: str


class RollbackClaimed(Event):
    """A run took the rollback upon itself."""

    volatile = frozenset({"run"})

    kind: Literal["rollback-claimed"] = "rollback-claimed"
    trigger: str
    tier: str
    by: str
    reason: str = ""
    run: str = ""


class UndoSkipped(Event):
    """Nothing was undone for this action, and why (kept on purpose, impossible, never applied)."""

    kind: Literal["undo-skipped"] = "undo-skipped"
    action: Id
    why: str
    residue: bool


class ServiceRestored(Event):
    """The rollback's verification is through: service is what it was before, or `failed` names what is not."""

    kind: Literal["service-restored"] = "service-restored"
    failed: tuple[Id, ...] = ()


class RollbackEnded(Event):
    """The rollback is over, with exactly what could not be undone."""

    kind: Literal["rollback-ended"] = "rollback-ended"
    outcome: Outcome
    residue: tuple[str, ...] = ()


class AlarmRaised(Event):
    """The watchdog found the launch standing still (a dead run, an overdue moment) and paged."""

    volatile = frozenset({"detail"})

    kind: Literal["alarm-raised"] = "alarm-raised"
    what: str
    detail: str


class LaunchClosed(Event):
    """The last event."""

    kind: Literal["launch-closed"] = "launch-closed"
    outcome: Outcome
    reason: str = ""


AnyEvent = Annotated[
    LaunchOpened
    | ClockSet
    | T0Slipped
    | HoldPlaced
    | HoldLifted
    | PhaseStarted
    | PhaseEnded
    | RunTakenUp
    | CheckJudged
    | CheckAttested
    | CheckWaived
    | EffectBegun
    | EffectFinished
    | GateOpened
    | GateExtended
    | BallotCast
    | BallotRefused
    | ResumedWithoutBallot
    | GateDecided
    | GuardChanged
    | MetricsSeen
    | TriggerFired
    | MessageSent
    | MessageFailed
    | WentLive
    | CheckpointEnded
    | CriterionMeasured
    | RollbackClaimed
    | UndoSkipped
    | ServiceRestored
    | RollbackEnded
    | AlarmRaised
    | LaunchClosed,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
