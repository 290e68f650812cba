"""Pieces of Markdown for reports: tables that survive any text, instants and durations as a reader wants them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from launch.moments import format_duration

NOTHING = "-"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, or `none` in words where there is no row."""
    lines = [f"| {' | '.join(_cell(one) for one in row)} |" for row in rows]
    if not lines:
        return ["None.", ""]
    return [f"| {' | '.join(headings)} |", f"|{' --- |' * len(headings)}", *lines, ""]


def section(title: str, *bodies: Iterable[str]) -> list[str]:
    """A heading and what stands under it."""
    return [f"## {title}", "", *(line for body in bodies for line in body)]


def instant(moment: datetime | None, zone: ZoneInfo) -> str:
    """`2026-12-07 08:00:05 CET`, or a dash for what has no moment."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %Z") if moment is not None else NOTHING


def span(start: datetime | None, end: datetime | None) -> str:
    """`12m30s` between two instants; a dash where one is missing."""
    if start is None or end is None:
        return NOTHING
    return format_duration(timedelta(seconds=round((end - start).total_seconds())))


def unknown(why: str) -> str:
    """What cannot be told, and why."""
    return f"unknown ({why})"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split()) or NOTHING
