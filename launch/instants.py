"""Instants as people type them: always with a zone, because a launch has people in several."""

from __future__ import annotations

from datetime import UTC, datetime

from launch.errors import PlanError


def parse_instant(text: str, *, name: str = "T0") -> datetime:
    """`2026-12-07T07:00Z` or `2026-12-07 08:00+01:00`, in UTC. Raises `PlanError` for anything without a zone."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError as error:
        problem = f"{name} {text!r} is not a date and time; write for instance 2026-12-07T07:00Z"
        raise PlanError(problem) from error
    if instant.tzinfo is None:
        problem = f"{name} {text!r} has no zone; write for instance {instant.isoformat(timespec='minutes')}Z"
        raise PlanError(problem)
    return instant.astimezone(UTC)
