"""The course of a launch as series: what is drawn comes from the records alone."""

from datetime import datetime, timedelta

from launch import acts, events
from launch.course import GuardCourse, Moment, Point, course_of
from launch.events import AnyEvent, GuardState
from launch.release import Release
from tests.fakes import plans
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.plans import T0

PLAN = plans.plan(guards=[plans.guard("errors"), plans.guard("silent")])


def at(minute: int) -> datetime:
    return T0 + timedelta(minutes=minute)


def records(*written: tuple[int, AnyEvent]) -> list:
    ledger = MemoryLedger()
    acts.open_launch(
        ledger, "cockpit-1", plan=PLAN, plan_hash="hash", plan_path="", release=Release(version="v1"), t0=T0,
        environment="sandbox", opened_by="ana", at=at(-60), wall=at(-60),
    )  # fmt: skip
    for minute, event in written:
        ledger.append("cockpit-1", event, at=at(minute), wall=at(minute))
    return list(ledger.records("cockpit-1"))


def fired(state: GuardState, value: float | None, minute: int) -> events.GuardChanged:
    return events.GuardChanged(guard="errors", state=state, value=value, sampled_at=at(minute))


def test_a_launch_without_steps_and_guards_has_nothing_to_draw() -> None:
    assert not course_of(records((0, events.WentLive()))).drawn


def test_exposure_is_what_was_read_back_and_not_what_was_meant() -> None:
    course = course_of(
        records(
            (0, events.ExposureSeen(step=1, percent=5, holds=False)),
            (1, events.ExposureSeen(step=1, percent=10, holds=True)),
            (2, events.ExposureSeen(step=1, percent=None, holds=True)),
        ),
    )
    assert course.exposure == (Point(at(0), 5), Point(at(1), 10))


def test_a_guard_has_its_samples_its_limit_and_the_stretch_in_which_it_fired() -> None:
    course = course_of(
        records(
            (1, events.StepSampled(step=1, clean=True, values={"errors": 0.5})),
            (2, events.StepSampled(step=1, clean=False, values={"errors": None})),
            (3, fired(GuardState.FIRING, 7.0, 3)),
            (9, fired(GuardState.CLEAR, 1.0, 4)),
        ),
    )
    points = (Point(at(1), 0.5), Point(at(2), None), Point(at(3), 7.0), Point(at(4), 1.0))
    assert course.guards == (GuardCourse("errors", "error_rate", "%", 5.0, points, ((at(3), at(9)),)),)


def test_where_nobody_looked_for_three_intervals_the_line_has_a_hole() -> None:
    clean = [(minute, events.StepSampled(step=1, clean=True, values={"errors": 0.5})) for minute in (1, 2, 12)]
    assert [point.value for point in course_of(records(*clean)).guards[0].points] == [0.5, 0.5, None, 0.5]


def test_a_guard_that_still_fires_fires_up_to_the_end() -> None:
    course = course_of(records((5, fired(GuardState.FIRING, 7.0, 5)), (20, events.WentLive())))
    assert course.guards[0].firing == ((at(5), at(20)),)


def test_the_moments_explain_the_bends() -> None:
    course = course_of(
        records(
            (0, events.WentLive()),
            (10, events.StepAdvanced(step=1, by="conductor", reason="clean")),
            (12, events.StepHeld(step=2, reason="errors")),
            (14, events.TriggerFired(trigger="too-many", because="errors")),
            (15, events.RollbackClaimed(trigger="too-many", tier="immediate", by="conductor", run="r")),
            (16, events.ServiceRestored()),
        ),
    )
    assert course.moments == (
        Moment(at(0), "live"),
        Moment(at(10), "step 1 advanced"),
        Moment(at(12), "step 2 held", bad=True),
        Moment(at(14), "too-many", bad=True),
        Moment(at(15), "rollback", bad=True),
        Moment(at(16), "service restored"),
    )
    assert (course.start, course.end) == (at(0), at(16))
