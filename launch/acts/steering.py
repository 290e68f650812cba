"""Holding a launch or its exposure, and moving its T0."""

from __future__ import annotations

from datetime import datetime

from launch.acts.writing import append_decided, known, still_open
from launch.errors import RefusedError
from launch.events import (
    ExposureHeld,
    ExposureReleased,
    HoldLifted,
    HoldPlaced,
    T0Slipped,
)
from launch.ledger import Ledger
from launch.plan import Plan
from launch.state import LaunchState
from launch.steps import current_step, steps_of


def hold(ledger: Ledger, launch: str, *, person: str, reason: str, at: datetime, wall: datetime) -> HoldPlaced:
    """Holds the launch: no effect begins and no gate opens. Raises `RefusedError`."""

    def decide(plan: Plan, state: LaunchState) -> HoldPlaced:
        still_open(state)
        known(plan, person)
        if state.hold is not None:
            message = f"the launch is held already, by {state.hold.by}: {state.hold.reason}"
            raise RefusedError(message)
        if not reason.strip():
            message = "a hold needs a reason"
            raise RefusedError(message)
        return HoldPlaced(by=person, reason=reason)

    return append_decided(ledger, launch, decide, at, wall)


def lift(ledger: Ledger, launch: str, *, person: str, reason: str = "", at: datetime, wall: datetime) -> HoldLifted:
    """Ends the hold. Raises `RefusedError`."""

    def decide(plan: Plan, state: LaunchState) -> HoldLifted:
        still_open(state)
        known(plan, person)
        if state.hold is None:
            message = "the launch is not held"
            raise RefusedError(message)
        return HoldLifted(by=person, reason=reason)

    return append_decided(ledger, launch, decide, at, wall)


def hold_exposure(
    ledger: Ledger, launch: str, *, person: str, reason: str, at: datetime, wall: datetime
) -> ExposureHeld:
    """Holds the exposure where it is: checks, guards and other work go on. Raises `RefusedError`."""

    def decide(plan: Plan, state: LaunchState) -> ExposureHeld:
        still_open(state)
        known(plan, person)
        if current_step(plan, state) is None:
            why = "every step of it has advanced" if steps_of(plan) else "the plan's rollout has no step with actions"
            message = f"there is no rollout to hold: {why}"
            raise RefusedError(message)
        if state.exposure_hold is not None:
            message = f"the exposure is held already, by {state.exposure_hold.by}: {state.exposure_hold.reason}"
            raise RefusedError(message)
        if not reason.strip():
            message = "a hold needs a reason"
            raise RefusedError(message)
        return ExposureHeld(by=person, reason=reason)

    return append_decided(ledger, launch, decide, at, wall)


def release_exposure(
    ledger: Ledger, launch: str, *, person: str, reason: str = "", at: datetime, wall: datetime
) -> ExposureReleased:
    """Lets the rollout go on from the exposure it was held at. Raises `RefusedError`."""

    def decide(plan: Plan, state: LaunchState) -> ExposureReleased:
        still_open(state)
        known(plan, person)
        if state.exposure_hold is None:
            message = "the exposure is not held"
            raise RefusedError(message)
        return ExposureReleased(by=person, reason=reason)

    return append_decided(ledger, launch, decide, at, wall)


def slip(
    ledger: Ledger,
    launch: str,
    *,
    t0: datetime,
    person: str,
    reason: str,
    at: datetime,
    wall: datetime,
) -> T0Slipped:
    """Moves T0. Raises `RefusedError` after go-live, for a T0 in the past or without a zone."""

    def decide(plan: Plan, state: LaunchState) -> T0Slipped:
        still_open(state)
        known(plan, person)
        if state.live_at is not None:
            message = "the product is live; T0 cannot move any more"
            raise RefusedError(message)
        if t0.tzinfo is None or t0 <= at:
            message = f"the new T0 {t0.isoformat()} must have a zone and lie in the future"
            raise RefusedError(message)
        if not reason.strip():
            message = "slipping T0 needs a reason"
            raise RefusedError(message)
        return T0Slipped(t0=t0, by=person, reason=reason)

    return append_decided(ledger, launch, decide, at, wall)
