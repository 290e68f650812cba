"""What is due: one pure function from the plan, the launch's state and a moment to the next things to do.

Checks, effects, gates, guard samples, posts, deadlines and the end of a phase are all entries here; the conductor does
what is due and asks again. `Memory` is what one run may forget: losing it repeats a question, never an effect.
"""

from __future__ import annotations

from datetime import datetime

from launch.agenda.items import (
    AdvanceStep,
    Agenda,
    AnnounceDecision,
    AskAboutRange,
    AskCheck,
    AskPeople,
    CallSeats,
    ClearTrigger,
    DoEffect,
    Due,
    EndScope,
    FireTrigger,
    GoLive,
    HoldStep,
    MeasureCriterion,
    Memory,
    OpenGate,
    PostUpdate,
    PromoteTrigger,
    ReadExposure,
    SampleGuards,
    SampleStep,
    Scope,
    SettleGate,
    StartRollback,
    TakeSnapshot,
    speaks,
)
from launch.agenda.whole import Whole
from launch.calendar import moment_of, phase_end, phase_start
from launch.plan import Plan
from launch.state import LaunchState

__all__ = [
    "AdvanceStep",
    "Agenda",
    "AnnounceDecision",
    "AskAboutRange",
    "AskCheck",
    "AskPeople",
    "CallSeats",
    "ClearTrigger",
    "DoEffect",
    "Due",
    "EndScope",
    "FireTrigger",
    "GoLive",
    "HoldStep",
    "MeasureCriterion",
    "Memory",
    "OpenGate",
    "PostUpdate",
    "PromoteTrigger",
    "ReadExposure",
    "SampleGuards",
    "SampleStep",
    "Scope",
    "SettleGate",
    "StartRollback",
    "TakeSnapshot",
    "agenda",
    "moment_of",
    "phase_end",
    "phase_start",
    "speaks",
]


def agenda(plan: Plan, state: LaunchState, now: datetime, scope: Scope, memory: Memory) -> Agenda:
    """What is due at `now` in this scope. Nothing due and no next moment means: over, or waiting for a person."""
    return Whole(plan, state, now, scope, memory).build()
