"""The timeline: absolute time, slack and the critical path."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from launch.errors import PlanError
from launch.instants import parse_instant
from launch.plan import Plan
from launch.plan_file import load_plan
from launch.timeline import Moment, timeline

T0 = datetime(2026, 12, 7, 6, 0, tzinfo=UTC)  # a Monday, 07:00 in Berlin


@pytest.fixture(scope="module")
def plan(small_plan: Path) -> Plan:
    return load_plan(small_plan.read_text()).plan


def moments(plan: Plan, t0: datetime = T0) -> dict[str, Moment]:
    return {one.id: one for one in timeline(plan, t0).moments}


def changed(small_plan: Path, *edits: tuple[str, str]) -> Plan:
    text = small_plan.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    return load_plan(text).plan


def test_every_moment_is_in_utc_and_in_the_plans_zone(plan: Plan) -> None:
    found = moments(plan)
    assert found["replica-near"].at == T0 - timedelta(days=2)
    assert found["replica-near"].local == "Sat 2026-12-05 07:00"
    assert found["deploy"].ends == T0 - timedelta(minutes=20)
    assert found["hardening"].duration == timedelta(days=6)
    assert [one.at for one in timeline(plan, T0).moments] == sorted(one.at for one in timeline(plan, T0).moments)


def test_offsets_are_spans_of_time_also_when_the_clocks_change(plan: Plan) -> None:
    # Berlin leaves summer time on 25 October 2026 at 01:00 UTC.
    t0 = datetime(2026, 10, 26, 6, 0, tzinfo=UTC)
    assert moments(plan, t0)["replica-near"].local == "Sat 2026-10-24 08:00"


def test_items_on_a_trigger_have_no_moment(plan: Plan) -> None:
    assert not {"rb-deploy", "back"} & set(moments(plan))


def test_slack_is_how_much_later_it_may_end_without_moving_t0(plan: Plan) -> None:
    found = moments(plan)
    assert found["announce"].slack == timedelta(minutes=5)
    # The gate before it may use its whole window of 15 minutes, to T-25m; deploying takes 10 more, to T-15m.
    assert found["deploy"].slack == timedelta(minutes=15)
    assert found["go"].slack == timedelta(minutes=15)


def test_the_critical_path_is_what_t0_hangs_on(plan: Plan) -> None:
    result = timeline(plan, T0)
    assert result.critical_path == ("go", "deploy", "announce")
    assert [one.id for one in result.moments if one.critical] == ["go", "deploy", "announce"]


def test_a_plan_that_is_too_tight_says_what_comes_too_late(small_plan: Path) -> None:
    plan = changed(small_plan, ("duration: 10m", "duration: 45m"))
    assert moments(plan)["deploy"].slack == -timedelta(minutes=20)
    # Deploying may begin at T-25m, when the gate's window ends, and takes 45 minutes.
    assert timeline(plan, T0).remarks == ("if everything takes as long as planned, announce ends 20m too late for T0",)


def test_what_begins_at_t0_may_take_its_time(small_plan: Path) -> None:
    plan = changed(small_plan, ("offset: T-5m", "offset: T0\n    duration: 1h"))
    assert timeline(plan, T0).remarks == ()
    assert timeline(plan, T0).critical_path == ("go", "deploy")


def test_an_unusual_t0_is_remarked(plan: Plan) -> None:
    assert timeline(plan, T0).remarks == ()
    assert timeline(plan, T0 + timedelta(days=1, hours=1)).remarks == (
        "T0 is a Tuesday; the plan expects a Monday",
        "T0 is at 08:00 Europe/Berlin; the plan expects 07:00",
    )


def test_a_plan_without_actions_has_no_critical_path(small_plan: Path) -> None:
    plan = changed(small_plan)
    bare = plan.model_copy(update={"actions": (), "gates": ()})
    assert timeline(bare, T0).critical_path == ()


@pytest.mark.parametrize("text", ["2026-12-07T06:00Z", "2026-12-07 07:00+01:00", " 2026-12-07T06:00:00+00:00 "])
def test_an_instant_has_a_zone(text: str) -> None:
    assert parse_instant(text) == T0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("monday", "T0 'monday' is not a date and time; write for instance 2026-12-07T07:00Z"),
        ("2026-12-07T07:00", "T0 '2026-12-07T07:00' has no zone; write for instance 2026-12-07T07:00Z"),
        ("", "T0 '' is not a date and time"),
    ],
)
def test_an_instant_that_is_none_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(PlanError, match=sentence):
        parse_instant(text)
