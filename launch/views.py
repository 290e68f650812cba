"""Parts of the view on a launch, one for each kind of item. `launch.state` builds them from events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from launch import events
from launch.events import Decision, EffectResult, GuardState, Outcome
from launch.plan.rollback import Tier
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
    outputs: dict[str, str] = field(default_factory=dict)

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
    procedure: str = ""
    answers: dict[str, CheckState] = field(default_factory=dict)
    """Answers since the claim: what was found before is nothing that a step may stand on."""
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


@dataclass
class StepState:
    """One step of the rollout. Its hold counts from `entered_at`; drift of the live exposure ends it."""

    entered_at: datetime | None = None
    seen: events.ExposureSeen | None = None
    seen_at: datetime | None = None
    samples: int = 0
    clean: int = 0
    """Clean samples in a row up to the newest one."""
    sampled_at: datetime | None = None
    values: dict[str, float | None] = field(default_factory=dict)
    """By guard, what the newest sample read."""
    why: str = ""
    held: str = ""
    held_at: datetime | None = None
    advanced_at: datetime | None = None
    advanced_by: str = ""


@dataclass
class TriggerState:
    """A trigger that fired: since when, why, the tier it was promoted to (None: its own), who reported it.

    `by` is empty for what was measured.
    """

    fired_at: datetime
    because: str
    tier: Tier | None = None
    promoted_at: datetime | None = None
    by: str = ""
