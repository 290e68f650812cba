"""What the Prefect UI shows of a launch: a phase's checklist, a gate's summary, the progress of the rollout."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from prefect import get_client
from prefect.artifacts import (
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)
from prefect.client.schemas.actions import ArtifactUpdate

from flows.forms import gate_words
from flows.plots import as_markdown, plot
from launch import gates
from launch.course import course_of
from launch.drill_figures import DrillFigures, drill_rows, drill_words
from launch.exposure import live_exposure
from launch.ledger import Record
from launch.moments import clock_label, format_offset
from launch.plan import Check, FlowPhase, Gate, Mode, Plan
from launch.plan.execution import ActionRole
from launch.state import LaunchState

Row = dict[str, str]


async def show_checklist(
    plan: Plan,
    state: LaunchState,
    phase: FlowPhase,
    now: datetime,
    shown: UUID | None = None,
) -> UUID:
    """Creates the table of a phase's checks and actions, or renews the one that is shown, so that links to it stay."""
    rows = [dict(row) for row in checklist(plan, state, phase, now)]
    passed = sum(row["state"] in {"pass", "done"} for row in rows)
    words = f"{plan.product.name}, {phase.value}: {passed} of {len(rows)} done. {_clock(state, now)}"
    if shown is not None:
        async with get_client() as client:
            await client.update_artifact(shown, ArtifactUpdate(data=json.dumps(rows), description=words))
        return shown
    return await acreate_table_artifact(rows, key=f"{phase.value}-{state.launch}".lower(), description=words)


async def show_gate(plan: Plan, state: LaunchState, gate: Gate, now: datetime) -> None:
    """Creates or renews the markdown summary of a gate."""
    text = gate_summary(plan, state, gate, now)
    await acreate_markdown_artifact(text, key=f"{gate.id}-{state.launch}".lower(), description=gate.name)


async def show_rollout(plan: Plan, state: LaunchState, shown: UUID | None = None) -> UUID:
    """Creates the progress bar of the rollout, or renews the one that is shown."""
    words = f"{plan.product.name}: production changes that hold"
    key = f"rollout-{state.launch}".lower()
    if shown is not None:
        await aupdate_progress_artifact(shown, rollout_percent(plan, state))
        return shown
    return await acreate_progress_artifact(rollout_percent(plan, state), key=key, description=words)


def checklist(plan: Plan, state: LaunchState, phase: FlowPhase, now: datetime) -> list[Row]:
    """One row for each action and check of a phase, in the order of their moments; an action stands before its check.

    The UI cuts the table off on the right: what was seen comes before what was asked.
    """
    stages = {one.id for one in plan.phases if one.flow_phase is phase}
    found = [
        (action.offset, _action_row(action.id, action.what, action.offset is not None, state))
        for action in plan.actions
        if action.phase in stages and action.role is not ActionRole.ALTERNATIVE
    ] + [(check.offset, _check_row(check, state, now)) for check in plan.checks if check.phase in stages]
    found.sort(key=lambda one: (one[0] is None, one[0]))
    return [{"when": format_offset(offset) if offset is not None else "on trigger"} | row for offset, row in found]


def gate_summary(plan: Plan, state: LaunchState, gate: Gate, now: datetime) -> str:
    """The decision if there is one, else what it waits for; then what every ballot decides on."""
    current = state.gate(gate.id)
    if current.decision is not None:
        head = f"# {gate.name}: {current.decision.value}\n\n{current.reason}\n\n"
    elif current.open:
        head = f"# {gate.name}: open\n\nWaiting for {', '.join(gates.missing_seats(gate, current)) or 'criteria'}.\n\n"
    else:
        head = f"# {gate.name}: not open yet\n\n"
    body = gate_words(plan, state, gate, now=now).split("\n", 1)[1]
    return head + body.lstrip("\n")


def rollout_percent(plan: Plan, state: LaunchState) -> float:
    """The share of users read back, else the highest step whose actions are done, else the share of changes."""
    live = live_exposure(state)
    if live is not None:
        return live
    reached = [
        step.percent
        for step in plan.rollout.steps
        if step.percent is not None and step.actions and all(state.effect(one).done for one in step.actions)
    ]
    if reached:
        return max(reached)
    changes = [action.id for action in plan.actions if action.role is ActionRole.CHANGES]
    done = sum(state.effect(action).done for action in changes)
    return round(100 * done / len(changes), 1) if changes else 0.0


def _check_row(check: Check, state: LaunchState, now: datetime) -> Row:
    answers = state.check(check.id)
    standing = gates.standing(check, answers, now)
    told = answers.verdict or answers.attested
    shown = "waived" if standing is gates.CheckStanding.WAIVED else told.value if told else "not yet"
    if check.mode is Mode.BOTH and shown == "pass" and standing is not gates.CheckStanding.PASSED:
        shown = "half: needs both"
    who = f"{answers.attested_by}: {answers.evidence}".rstrip(": ") if answers.attested_by else ""
    return {"id": check.id, "state": shown, "seen": answers.sentence or who, "what": check.what}


def _action_row(action: str, what: str, planned: bool, state: LaunchState) -> Row:  # noqa: FBT001  one word of a row
    effect = state.effect(action)
    if effect.done:
        shown = "done"
    elif effect.under_way:
        shown = "under way"
    else:
        shown = effect.result.value if effect.result else "not yet" if planned else "on trigger"
    return {"id": action, "state": shown, "seen": effect.detail, "what": what}


def _clock(state: LaunchState, now: datetime) -> str:
    return f"As of {clock_label(state.live_at or state.t0, now)}." if state.t0 else ""


async def show_course(plan: Plan, records: Sequence[Record]) -> None:
    """Creates or renews the picture of exposure and guards over time, where there is something to draw."""
    course = course_of(records)
    if not course.drawn:
        return
    picture = await asyncio.to_thread(plot, course, ZoneInfo(plan.launch_time.timezone))
    text = as_markdown(picture, f"exposure and guards of {course.launch}")
    await acreate_markdown_artifact(text, key=f"course-{course.launch}".lower(), description="Exposure and guards")


async def show_drill(figures: DrillFigures) -> None:
    """Creates the table of a drill's steps, with its result above."""
    await acreate_table_artifact(
        [dict(row) for row in drill_rows(figures)],
        key=f"drill-{figures.launch}".lower(),
        description=drill_words(figures),
    )
