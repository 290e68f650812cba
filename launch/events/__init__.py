"""Everything a launch can know, as events of its ledger. The names are past tense: an event is a fact, never a wish."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter

from launch.events.base import Event
from launch.events.deciding import (
    BallotCast,
    BallotRefused,
    GateDecided,
    GateExtended,
    GateOpened,
    ResumedWithoutBallot,
)
from launch.events.exposing import (
    ExposureHeld,
    ExposureReleased,
    ExposureSeen,
    SnapshotTaken,
    StepAdvanced,
    StepHeld,
    StepSampled,
)
from launch.events.launching import (
    AlarmRaised,
    CheckpointEnded,
    ClockSet,
    CriterionMeasured,
    HoldLifted,
    HoldPlaced,
    LaunchClosed,
    LaunchOpened,
    PhaseEnded,
    PhaseStarted,
    RunTakenUp,
    T0Slipped,
    WentLive,
)
from launch.events.taking_back import RollbackClaimed, RollbackEnded, ServiceRestored, UndoSkipped
from launch.events.watching import (
    BaselineRecorded,
    GuardChanged,
    MetricsSeen,
    RangeUnanswered,
    TriggerCleared,
    TriggerFired,
    TriggerPromoted,
)
from launch.events.working import (
    CheckAttested,
    CheckJudged,
    CheckWaived,
    EffectBegun,
    EffectFinished,
    MessageFailed,
    MessageSent,
)
from launch.words import Decision, EffectResult, GuardState, Outcome

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
    | RangeUnanswered
    | ResumedWithoutBallot
    | GateDecided
    | GuardChanged
    | MetricsSeen
    | BaselineRecorded
    | TriggerFired
    | TriggerCleared
    | TriggerPromoted
    | SnapshotTaken
    | ExposureSeen
    | StepSampled
    | StepHeld
    | StepAdvanced
    | ExposureHeld
    | ExposureReleased
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

__all__ = [
    "EVENT",
    "AlarmRaised",
    "AnyEvent",
    "BallotCast",
    "BallotRefused",
    "BaselineRecorded",
    "CheckAttested",
    "CheckJudged",
    "CheckWaived",
    "CheckpointEnded",
    "ClockSet",
    "CriterionMeasured",
    "Decision",
    "EffectBegun",
    "EffectFinished",
    "EffectResult",
    "Event",
    "ExposureHeld",
    "ExposureReleased",
    "ExposureSeen",
    "GateDecided",
    "GateExtended",
    "GateOpened",
    "GuardChanged",
    "GuardState",
    "HoldLifted",
    "HoldPlaced",
    "LaunchClosed",
    "LaunchOpened",
    "MessageFailed",
    "MessageSent",
    "MetricsSeen",
    "Outcome",
    "PhaseEnded",
    "PhaseStarted",
    "RangeUnanswered",
    "ResumedWithoutBallot",
    "RollbackClaimed",
    "RollbackEnded",
    "RunTakenUp",
    "ServiceRestored",
    "SnapshotTaken",
    "StepAdvanced",
    "StepHeld",
    "StepSampled",
    "T0Slipped",
    "TriggerCleared",
    "TriggerFired",
    "TriggerPromoted",
    "UndoSkipped",
    "WentLive",
]
