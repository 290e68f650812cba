"""Entries of the agenda, what a run may forget between two looks, and when moments are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from launch import gates
from launch.events import Decision
from launch.plan import Action, Cadence, Check, Gate, Guard, Plan, SuccessCriterion, Trigger
from launch.plan.rollback import Tier
from launch.plan.schedule import FlowPhase
from launch.rollback import UndoPlan, UndoStep
from launch.state import LaunchState


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
class CallSeats:
    """Give the seats of an open gate their forms and call them; repeated by every run that finds the gate open."""

    gate: Gate
    opening: int


@dataclass(frozen=True)
class AnnounceDecision:
    """Tell the war room what a gate decided, whoever wrote the decision down."""

    gate: Gate
    opening: int
    key: str


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
class PromoteTrigger:
    """An undecided trigger becomes one of a graver tier: write it down."""

    trigger: Trigger
    tier: Tier
    because: str


@dataclass(frozen=True)
class ClearTrigger:
    """A trigger's condition is gone before anybody decided: write it down."""

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
    | CallSeats
    | AnnounceDecision
    | SettleGate
    | SampleGuards
    | PostUpdate
    | FireTrigger
    | PromoteTrigger
    | ClearTrigger
    | StartRollback
    | MeasureCriterion
    | GoLive
    | EndScope
)


@dataclass
class Memory:
    """What a run remembers between two looks: when it last looked at an effect, sampled a guard, asked for vouching.

    `applied` holds effects this very run applied: one under way that is not among them was left by a dead run.
    `undo` keeps what a rollback worked out, by its procedure and what was touched.
    """

    looked: dict[str, datetime] = field(default_factory=dict)
    sampled: dict[str, datetime] = field(default_factory=dict)
    asked_people: set[str] = field(default_factory=set)
    applied: set[str] = field(default_factory=set)
    undo: dict[tuple[str, frozenset[str]], UndoPlan] = field(default_factory=dict)


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
