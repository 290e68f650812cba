"""`plans/teei-csr.yaml` holds every id of its runbook, and every figure and moment as the runbook prints it.

`tests/data/teei-csr-ids.json` and `teei-csr-figures.json` list them as they were read from the runbook.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from launch.moments import format_duration, format_offset, parse_duration, parse_offset
from launch.plan import Plan, Threshold
from launch.plan_file import load_plan
from launch.plan_ids import ids_by_kind

_ROOT = Path(__file__).parents[2]
_DATA = _ROOT / "tests" / "data"

IDS = TypeAdapter(dict[str, list[str]]).validate_json((_DATA / "teei-csr-ids.json").read_text())
FIGURES = json.loads((_DATA / "teei-csr-figures.json").read_text())
MEANS_CLOCK = {"T-18h": "T-13h", "T-15h": "T-10h"}
"""Printed labels of the eve that contradict the clock times beside them, and the moments of those clock times."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan((_ROOT / "plans" / "teei-csr.yaml").read_text()).plan


@pytest.mark.parametrize("kind", IDS)
def test_every_id_of_the_runbook_is_in_the_plan_and_no_other(plan: Plan, kind: str) -> None:
    found = ids_by_kind(plan)[kind]
    assert sorted(found) == sorted(IDS[kind])


def test_every_threshold_of_a_check_is_as_printed(plan: Plan) -> None:
    found = {one.id: _written(one.thresholds) for one in plan.checks if one.thresholds}
    assert found == {name: _spelled(limits) for name, limits in FIGURES["thresholds"]["checks"].items()}


def test_every_threshold_of_a_criterion_is_as_printed(plan: Plan) -> None:
    found = {one.id: _written(one.thresholds) for one in plan.success_criteria if one.thresholds}
    assert found == {name: _spelled(limits) for name, limits in FIGURES["thresholds"]["success_criteria"].items()}


def test_every_guard_is_as_printed(plan: Plan) -> None:
    found = {
        guard.id: [f"{guard.metric} {guard.comparator.value} {guard.value} {guard.unit}".rstrip()]
        for guard in plan.thresholds
    }
    assert found == FIGURES["thresholds"]["guards"]
    assert {guard.id: guard.window for guard in plan.thresholds} == FIGURES["windows"]


@pytest.mark.parametrize("kind", ["checks", "actions", "gates", "reports"])
def test_every_moment_is_as_printed_or_keeps_the_printed_label(plan: Plan, kind: str) -> None:
    found = {one.id: one.printed or _label(one.offset) for one in getattr(plan, kind)}
    assert found == {name: _normal(text, found[name]) for name, text in FIGURES["offsets"][kind].items()}


@pytest.mark.parametrize("kind", ["checkpoints", "drills"])
def test_every_moment_with_one_reading_is_as_printed(plan: Plan, kind: str) -> None:
    found = {one.id: _label(one.offset) for one in getattr(plan, kind)}
    assert found == {name: _normal(text) for name, text in FIGURES["offsets"][kind].items()}


def test_every_line_of_the_timeline_has_the_printed_clock_and_moment(plan: Plan) -> None:
    assert {line.id: line.clock for line in plan.timeline} == FIGURES["clocks"]
    eve = next(phase for phase in plan.phases if phase.id == "launch-eve")
    for line in plan.timeline:
        printed = FIGURES["offsets"]["timeline"][line.id]
        if printed in MEANS_CLOCK:
            assert eve.start is not None
            assert eve.end is not None
            assert eve.start <= line.offset <= eve.end, line.id
        else:
            assert line.offset == parse_offset(printed), line.id


def test_the_two_labels_that_contradict_their_clock_are_read_by_the_clock(plan: Plan) -> None:
    anchors = {anchor.label: anchor.offset for anchor in plan.launch_time.anchors}
    assert {label: anchors[label] for label in MEANS_CLOCK} == {
        label: parse_offset(offset) for label, offset in MEANS_CLOCK.items()
    }


def test_every_measurement_of_a_criterion_is_at_the_printed_moment(plan: Plan) -> None:
    printed = FIGURES["offsets"]["success_criteria"]
    assert {one.id: _label(one.measured_at) for one in plan.success_criteria} == {
        name: _normal(MEANS_CLOCK.get(text, text)) for name, text in printed.items()
    }


def test_every_stretch_of_monitoring_is_as_printed(plan: Plan) -> None:
    printed = FIGURES["offsets"]["monitoring"]
    found = {one.id: [_label(one.start), _label(one.end)] for one in plan.monitoring}
    assert found == {name: [_normal(MEANS_CLOCK.get(text, text)) for text in ends] for name, ends in printed.items()}


def test_every_interval_and_response_time_is_as_printed(plan: Plan) -> None:
    printed = FIGURES["durations"]
    found: dict[str, dict[str, object]] = {
        "cadences": {one.id: one.every_note or one.every for one in plan.comms.cadences},
        "timers": {one.id: one.after_note or one.after for one in plan.comms.timers},
        "escalation": {one.id: one.within for one in plan.comms.escalation},
        "monitoring": {one.id: one.every_note or one.every for one in plan.monitoring},
        "actions": {one.id: one.duration_note or one.duration for one in plan.actions},
        "triggers": {one.id: one.window_note or one.decision_window for one in plan.rollback.triggers},
        "rollback_steps": {
            f"{procedure.id}/step-{step.n}": step.duration
            for procedure in plan.rollback.procedures
            for step in procedure.steps
        },
    }
    for kind, values in found.items():
        for name, value in values.items():
            text = printed[kind][name]
            assert value == (parse_duration(text) if isinstance(value, timedelta) else text), f"{kind} {name}"


def _written(limits: Iterable[Threshold]) -> list[str]:
    """As the list of figures writes it: `metric comparator value unit for window`."""
    return [
        f"{one.metric} {one.comparator.value} {one.value} {one.unit}".rstrip()
        + (f" for {format_duration(one.window)}" if one.window else "")
        for one in limits
    ]


def _spelled(limits: Iterable[str]) -> list[str]:
    """The printed limits, their windows spelled as `format_duration` does (`24h` is `1d`)."""
    parts = [limit.partition(" for ") for limit in limits]
    return [limit + (f" for {format_duration(parse_duration(window))}" if window else "") for limit, _, window in parts]


def _label(offset: timedelta | None) -> str:
    return "on-trigger" if offset is None else format_offset(offset)


def _normal(text: str, kept: str = "") -> str:
    """The printed label as it stands where the plan keeps it so, else spelled as `format_offset` does."""
    return text if text in {kept, "on-trigger"} else format_offset(parse_offset(text))
