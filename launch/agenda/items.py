"""Entries of the agenda, what a run may forget between two looks, and when moments are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from launch import gates
from launch.events import Decision
from launch.guards import Range
from launch.plan import Action, Cadence, Check, Gate, Guard, RolloutStep, Snapshot, SuccessCriterion, Trigger
from launch.plan.rollback import Tier
from launch.plan.schedule import FlowPhase
from launch.rollback import UndoPlan, UndoStep


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
class AskAboutRange:
    """A guard fires in a range of its metric to which the plan has no response: ask people; with `hold`, stay there."""

    range: Range
    guard: str
    value: float | None
    hold: bool


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
class TakeSnapshot:
    """Record what the targets of these actions are, and what else the plan wants recorded, before the first change."""

    actions: tuple[Action, ...]
    items: tuple[Snapshot, ...] = ()


@dataclass(frozen=True)
class ReadExposure:
    """Read back what really runs of a step: its actions are looked at, whatever the ledger remembers."""

    step: RolloutStep
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class SampleStep:
    """Write down whether every guard of the step is clear, all of them having just been evaluated."""

    step: RolloutStep
    clean: bool
    values: tuple[tuple[str, float | None], ...] = ()
    why: str = ""


@dataclass(frozen=True)
class AdvanceStep:
    """Leave a step upward. Ruled on the ledger as it was at `sequence`: if somebody wrote since, it is ruled again."""

    step: RolloutStep
    by: str
    reason: str
    sequence: int


@dataclass(frozen=True)
class HoldStep:
    """Write down why a step stays at its exposure; once for each reason."""

    step: RolloutStep
    reason: str


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
    | AskAboutRange
    | PromoteTrigger
    | ClearTrigger
    | StartRollback
    | MeasureCriterion
    | TakeSnapshot
    | ReadExposure
    | SampleStep
    | AdvanceStep
    | HoldStep
    | GoLive
    | EndScope
)


def speaks(due: object) -> bool:
    """Whether a due thing only tells people something: then no work has to wait for it."""
    match due:
        case DoEffect():
            return due.action.speaks
        case PostUpdate() | AnnounceDecision() | AskPeople() | CallSeats():
            return True
        case _:
            return False


@dataclass
class Memory:
    """What a run remembers between two looks: when it last looked at an effect, sampled a guard, asked for vouching.

    `applied` holds effects this very run applied: one under way that is not among them was left by a dead run. `values`
    are the newest values of sampled guards; `read` says when a step's exposure was last read back with success.
    `undo` keeps what a rollback worked out, by its procedure and what was touched.
    """

    looked: dict[str, datetime] = field(default_factory=dict)
    sampled: dict[str, datetime] = field(default_factory=dict)
    asked_people: set[str] = field(default_factory=set)
    applied: set[str] = field(default_factory=set)
    values: dict[str, float | None] = field(default_factory=dict)
    read: dict[int, datetime] = field(default_factory=dict)
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
