"""Opening a launch."""

from __future__ import annotations

from datetime import datetime

from launch.errors import RefusedError
from launch.events import (
    LaunchOpened,
)
from launch.ledger import Ledger
from launch.plan import Plan
from launch.release import Release


def open_launch(
    ledger: Ledger,
    launch: str,
    *,
    plan: Plan,
    plan_hash: str,
    plan_path: str,
    release: Release,
    t0: datetime,
    environment: str,
    opened_by: str,
    at: datetime,
    wall: datetime,
) -> LaunchOpened:
    """Opens a launch. Raises `RefusedError` (T0 past, unknown service or environment) or `AlreadyOpenError`."""
    if t0.tzinfo is None:
        message = f"T0 {t0.isoformat()} has no zone; write for instance {t0.isoformat()}+00:00"
        raise RefusedError(message)
    if t0 <= at:
        message = f"T0 {t0.isoformat()} is in the past; it is now {at.isoformat(timespec='seconds')}"
        raise RefusedError(message)
    unknown = sorted(set(release.services) - {service.id for service in plan.rollout.services})
    if unknown:
        known = ", ".join(service.id for service in plan.rollout.services)
        message = f"the release names service {unknown[0]!r}, which the plan does not have; it has {known}"
        raise RefusedError(message)
    if environment not in {one.id for one in plan.environments}:
        known = ", ".join(one.id for one in plan.environments)
        message = f"the plan has no environment {environment!r}; it has {known}"
        raise RefusedError(message)
    event = LaunchOpened(
        product=plan.product.id,
        plan_hash=plan_hash,
        plan_path=plan_path,
        plan_text=plan.model_dump_json(by_alias=True),
        release=release,
        t0=t0,
        environment=environment,
        opened_by=opened_by,
    )
    ledger.append(launch, event, at=at, wall=wall, expected=0)
    return event
