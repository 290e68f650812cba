"""Pictures of a course: what is in them is read from the SVG's own text."""

import re
from dataclasses import replace
from datetime import UTC, timedelta
from xml.etree import ElementTree as ET

from flows.plots import as_markdown, plot
from launch.course import Course, GuardCourse, Moment, Point
from tests.fakes.plans import T0

MINUTE = timedelta(minutes=1)


def guard(name: str, *values: float | None, fires: bool = False) -> GuardCourse:
    points = tuple(Point(T0 + at * MINUTE, value) for at, value in enumerate(values))
    return GuardCourse(name, name, "%", 5.0, points, ((T0, T0 + MINUTE),) if fires else ())


COURSE = Course(
    launch="cockpit-1",
    product="Cockpit",
    start=T0,
    end=T0 + 30 * MINUTE,
    exposure=(Point(T0, 5.0), Point(T0 + 10 * MINUTE, 25.0)),
    guards=(guard("errors", 0.5, None, 6.0),),
    moments=(Moment(T0, "live"), Moment(T0 + 20 * MINUTE, "rollback", bad=True)),
)


def words(picture: bytes) -> set[str]:
    """matplotlib draws letters as paths and leaves what they say in comments."""
    ET.fromstring(picture)
    return {one.strip() for one in re.findall(r"<!--(.*?)-->", picture.decode(), re.DOTALL)}


def test_it_says_what_is_drawn_and_what_explains_it() -> None:
    assert {"Cockpit, cockpit-1", "exposure", "% of users", "errors", "live", "rollback"} <= words(plot(COURSE, UTC))


def test_the_same_launch_gives_the_same_bytes() -> None:
    assert plot(COURSE, UTC) == plot(COURSE, UTC)


def test_times_are_of_the_plans_zone() -> None:
    later = replace(COURSE, start=T0, end=T0 + 30 * MINUTE)
    assert {"07:00", "07:10"} & words(plot(later, UTC))


def test_of_many_guards_those_that_fired_or_came_nearest_are_drawn() -> None:
    calm = tuple(guard(f"calm-{at}", at / 10) for at in range(10))
    many = replace(COURSE, guards=(*calm, guard("fired", 0.1, fires=True)))
    shown = words(plot(many, UTC))
    assert {"fired", "calm-9", "calm-3"} <= shown
    assert not {"calm-0", "calm-1", "calm-2"} & shown


def test_a_course_without_steps_of_a_share_draws_its_guards_alone() -> None:
    shown = words(plot(replace(COURSE, exposure=()), UTC))
    assert "errors" in shown
    assert "exposure" not in shown


def test_it_can_stand_inside_of_markdown() -> None:
    assert as_markdown(b"<svg/>", "a course") == "![a course](data:image/svg+xml;base64,PHN2Zy8+)"


def test_a_picture_of_pixels_is_one() -> None:
    assert plot(COURSE, UTC, "png").startswith(b"\x89PNG")
