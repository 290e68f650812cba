"""The few words that events, decisions and people share."""

from __future__ import annotations

from enum import StrEnum


class Decision(StrEnum):
    """What a gate, or a ballot, says."""

    GO = "GO"
    NO_GO = "NO-GO"
    HOLD = "HOLD"
    ABSTAIN = "ABSTAIN"


class Outcome(StrEnum):
    """How a launch ends."""

    LIVE = "live"
    NO_GO = "no-go"
    ROLLED_BACK = "rolled-back"
    PARTIAL = "partial"


class EffectResult(StrEnum):
    """How one effect ended."""

    ALREADY = "already"
    APPLIED = "applied"
    FAILED = "failed"
    UNKNOWN = "unknown"


class GuardState(StrEnum):
    """What a guard says about its series."""

    CLEAR = "clear"
    PENDING = "pending"
    FIRING = "firing"
    NO_DATA = "no-data"
