"""The course of a launch drawn with matplotlib: exposure on top, each guard below, all on one axis of time."""

from __future__ import annotations

import base64
import io
import math
from datetime import datetime, tzinfo
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from launch.course import Course, GuardCourse, Moment, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 9.0, 1.7
_INK, _BAD, _GOOD = "#1f4e79", "#b3261e", "#2e7d32"
_MOST_GUARDS = 8


def plot(course: Course, zone: tzinfo, form: Literal["svg", "png"] = "svg") -> bytes:
    """The picture. Of more than eight guards those are drawn that fired or came nearest to it."""
    # Half a second of imports, and only reports and ends of phases need it.
    from matplotlib.figure import Figure

    guards = _chosen(course.guards)
    rows = bool(course.exposure) + len(guards)
    figure = Figure(figsize=(_WIDTH, _HEIGHT * max(rows, 1) + 0.6), layout="constrained")
    axes = list(figure.subplots(max(rows, 1), 1, sharex=True, squeeze=False)[:, 0])
    if course.exposure:
        _draw_exposure(axes[0], course)
    for axis, guard in zip(axes[len(axes) - len(guards) :], guards, strict=True):
        _draw_guard(axis, guard)
    for axis in axes:
        _mark(axis, course.moments)
    _finish(figure, axes, course, zone)
    drawn = io.BytesIO()
    # Without a date and with fixed ids, the same launch gives the same bytes.
    metadata = {"Date": None} if form == "svg" else {"Software": None}
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": course.launch}):
        figure.savefig(drawn, format=form, dpi=110, metadata=metadata)
    return drawn.getvalue()


def as_markdown(picture: bytes, what: str) -> str:
    """An SVG inside of Markdown, for pages that load nothing from elsewhere."""
    return f"![{what}](data:image/svg+xml;base64,{base64.b64encode(picture).decode()})"


def _day(at: datetime) -> float:
    """A moment as matplotlib counts it: days since 1970, in UTC."""
    return at.timestamp() / 86_400


def _chosen(guards: tuple[GuardCourse, ...]) -> list[GuardCourse]:
    worst = sorted(guards, key=_nearness, reverse=True)[:_MOST_GUARDS]
    return [guard for guard in guards if guard in worst]


def _nearness(guard: GuardCourse) -> tuple[bool, float]:
    values = [abs(point.value) for point in guard.points if point.value is not None]
    share = max(values, default=0.0) / abs(guard.limit) if guard.limit else 0.0
    return bool(guard.firing), share


def _draw_exposure(axis: Axes, course: Course) -> None:
    # What was read back last holds until it is read back otherwise.
    points = [*course.exposure, Point(course.end, course.exposure[-1].value)]
    times = [_day(point.at) for point in points]
    values = [math.nan if point.value is None else point.value for point in points]
    axis.step(times, values, where="post", color=_INK, linewidth=1.6)
    axis.fill_between(times, values, step="post", color=_INK, alpha=0.12)
    axis.set_ylim(0, 105)
    axis.set_ylabel("exposure\n% of users")


def _draw_guard(axis: Axes, guard: GuardCourse) -> None:
    times = [_day(point.at) for point in guard.points]
    values = [math.nan if point.value is None else point.value for point in guard.points]
    axis.plot(times, values, color=_INK, linewidth=1.2, marker=".", markersize=4)
    if guard.limit is not None:
        axis.axhline(guard.limit, color=_BAD, linewidth=0.9, linestyle="--")
    for start, end in guard.firing:
        axis.axvspan(_day(start), _day(end), color=_BAD, alpha=0.15)
    axis.set_ylim(bottom=0)
    axis.set_ylabel(f"{guard.id}\n{guard.unit}".strip())


def _mark(axis: Axes, moments: tuple[Moment, ...]) -> None:
    for moment in moments:
        axis.axvline(_day(moment.at), color=_BAD if moment.bad else _GOOD, linewidth=0.8)


def _finish(figure: Figure, axes: list[Axes], course: Course, zone: tzinfo) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    for axis in axes:
        axis.grid(visible=True, linewidth=0.3)
        axis.tick_params(labelsize=8)
        axis.yaxis.label.set_fontsize(8)
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    last: list[str] = []
    for at, together in groupby(course.moments, key=lambda moment: moment.at):
        moments = list(together)
        named = list(dict.fromkeys(moment.what for moment in moments))
        if named != last:
            axes[0].annotate(
                ", ".join(named),
                (_day(at), 1.0),
                xycoords=("data", "axes fraction"),
                rotation=30,
                fontsize=7,
                color=_BAD if any(moment.bad for moment in moments) else _GOOD,
            )
        last = named
    figure.suptitle(f"{course.product}, {course.launch}", x=0.01, ha="left", fontsize=10)
