"""What the watchdog writes: an alarm, once, and a hold of the exposure that only a person ends."""

from __future__ import annotations

from datetime import datetime

from launch.acts.writing import append_decided, still_open
from launch.alarms import WATCHDOG, exposure_at_stake
from launch.errors import RefusedError
from launch.events import AlarmRaised, ExposureHeld
from launch.ledger import Ledger
from launch.plan import Plan
from launch.state import LaunchState


def raise_alarm(ledger: Ledger, launch: str, *, what: str, detail: str, at: datetime, wall: datetime) -> AlarmRaised:
    """Writes an alarm; `what` names it. Raises `RefusedError` for one that is on the ledger."""

    def decide(plan: Plan, state: LaunchState) -> AlarmRaised:
        del plan
        still_open(state)
        if any(alarm.what == what for alarm in state.alarms):
            message = f"the alarm {what} is on the ledger already"
            raise RefusedError(message)
        return AlarmRaised(what=what, detail=detail)

    return append_decided(ledger, launch, decide, at, wall)


def hold_unwatched(
    ledger: Ledger, launch: str, *, what: str, detail: str, at: datetime, wall: datetime
) -> ExposureHeld:
    """Holds the exposure for an alarm that is not on the ledger yet, so that once released it is not held again for it.

    Raises `RefusedError` for an alarm that is, where the exposure is held already, and where none has begun to rise.
    """

    def decide(plan: Plan, state: LaunchState) -> ExposureHeld:
        still_open(state)
        if any(alarm.what == what for alarm in state.alarms):
            message = f"the alarm {what} is on the ledger already, and its hold was a person's to end"
            raise RefusedError(message)
        if state.exposure_hold is not None:
            message = f"the exposure is held already, by {state.exposure_hold.by}: {state.exposure_hold.reason}"
            raise RefusedError(message)
        if not exposure_at_stake(plan, state):
            message = "no exposure has begun to rise, or none can rise further"
            raise RefusedError(message)
        return ExposureHeld(by=WATCHDOG, reason=f"alarm {what}: {detail}")

    return append_decided(ledger, launch, decide, at, wall)
