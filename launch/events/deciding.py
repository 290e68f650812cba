"""Gates, their ballots and decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from launch.events.base import Event
from launch.model import Id
from launch.words import Decision


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
