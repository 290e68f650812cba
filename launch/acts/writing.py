"""How an act is written: decided on what the ledger says now, and decided again when somebody wrote meanwhile."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from launch.errors import RefusedError
from launch.events import (
    AnyEvent,
    LaunchOpened,
)
from launch.ledger import ConflictError, Ledger, Record
from launch.plan import Check, Plan
from launch.state import LaunchState, fold

TRIES = 20
"""How often an act is decided again because somebody else wrote first."""

Act = TypeVar("Act", bound=AnyEvent)


def plan_of(records: Sequence[Record]) -> Plan:
    """The plan a launch was opened with, read back from its first record."""
    opened = records[0].event
    if not isinstance(opened, LaunchOpened):
        message = "the ledger of this launch does not begin with its opening"
        raise RefusedError(message)
    return _plan(opened.plan_text)


@lru_cache(maxsize=8)
def _plan(text: str) -> Plan:
    """A plan does not change while its launch lasts, and validating it costs as much as a hundred decisions."""
    return Plan.model_validate_json(text)


def append_decided(
    ledger: Ledger,
    launch: str,
    decide: Callable[[Plan, LaunchState], Act],
    at: datetime,
    wall: datetime,
) -> Act:
    """Decides on what the ledger says now and writes; decides again when somebody wrote meanwhile."""
    for _ in range(TRIES):
        records = ledger.records(launch)
        state = fold(records)
        event = decide(plan_of(records), state)
        try:
            ledger.append(launch, event, at=at, wall=wall, expected=state.sequence)
        except ConflictError:
            continue
        return event
    message = f"the ledger of {launch} is being written by too many at once; try again"
    raise RefusedError(message)


def still_open(state: LaunchState) -> None:
    if state.outcome is not None:
        message = f"the launch is over: {state.outcome.value}"
        raise RefusedError(message)


def known(plan: Plan, person: str) -> None:
    if person not in {one.id for one in plan.people}:
        known = ", ".join(one.id for one in plan.people)
        message = f"{person!r} is nobody of the plan; it has {known}"
        raise RefusedError(message)


def holds_role(plan: Plan, person: str, roles: tuple[str, ...], act: str) -> None:
    known(plan, person)
    held = next(one.roles for one in plan.people if one.id == person)
    if not set(held) & set(roles):
        message = f"{person} may not {act}; that takes one of {', '.join(sorted(roles))}"
        raise RefusedError(message)


def check_of(plan: Plan, check: str) -> Check:
    item = next((one for one in plan.checks if one.id == check), None)
    if item is None:
        near = difflib.get_close_matches(check, [one.id for one in plan.checks], n=1)
        message = f"the plan has no check {check!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        raise RefusedError(message)
    return item
