"""Moments relative to T0 (`T-7d`, `T0`, `T+4h`) and durations (`15m`, `1h30m`), as a plan writes them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNIT_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"^(?:\d+(?:\.\d+)?[wdhms])+$")
_PART = re.compile(r"(\d+(?:\.\d+)?)([wdhms])")
_OFFSET = re.compile(r"^T(?:0|([+-])((?:\d+(?:\.\d+)?[wdhms])+))$")
_LONGEST = timedelta(days=730)


def parse_duration(text: object) -> timedelta:
    """`15m`, `4h`, `1h30m`, `90s`, `7d`, `2w` as a `timedelta`. Raises `ValueError` for anything else."""
    if isinstance(text, timedelta):
        return text
    message = f"{text!r} is not a duration; write for instance 90s, 15m, 1h30m or 7d"
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise ValueError(message)
    try:
        return timedelta(seconds=sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _PART.findall(text)))
    except OverflowError:
        raise ValueError(message) from None


def parse_offset(text: object) -> timedelta:
    """`T-60m`, `T0`, `T+4h` as a signed `timedelta` from T0. Raises `ValueError` for all else, or past two years."""
    if isinstance(text, timedelta):
        return text
    match = _OFFSET.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        message = f"{text!r} is not an offset from T0; write for instance T-7d, T-60m, T0 or T+4h"
        raise ValueError(message)
    if match[1] is None:
        return timedelta(0)
    distance = parse_duration(match[2])
    if distance > _LONGEST:
        message = f"{text!r} is more than two years from T0"
        raise ValueError(message)
    return distance if match[1] == "+" else -distance


def format_duration(duration: timedelta) -> str:
    """The shortest spelling that `parse_duration` reads back: `1h30m`, `7d`, `90s`, `0s`."""
    sign = "-" if duration < timedelta(0) else ""
    left, parts = abs(duration), []
    for unit in ("d", "h", "m"):
        count, left = divmod(left, timedelta(seconds=_UNIT_SECONDS[unit]))
        if count:
            parts.append(f"{count}{unit}")
    if left or not parts:
        fraction = f".{left.microseconds:06d}".rstrip("0").rstrip(".")
        parts.append(f"{left.seconds}{fraction}s")
    return sign + "".join(parts)


def format_offset(offset: timedelta) -> str:
    """`T-1h`, `T0`, `T+7d`: reads back through `parse_offset`."""
    if not offset:
        return "T0"
    return f"T{'+' if offset > timedelta(0) else '-'}{format_duration(abs(offset))}"


def clock_label(t0: datetime, moment: datetime) -> str:
    """`T-02:13:05` or `T+7d 00:00:00`: what a launch clock shows at `moment`."""
    gap = moment - t0
    sign = "-" if gap < timedelta(0) else "+"
    seconds = int(abs(gap).total_seconds())
    days, seconds = divmod(seconds, 86_400)
    hours, rest = divmod(seconds, 3_600)
    return f"T{sign}{f'{days}d ' if days else ''}{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


Offset = Annotated[
    timedelta,
    BeforeValidator(parse_offset),
    PlainSerializer(format_offset, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _OFFSET.pattern, "examples": ["T-7d", "T-60m", "T0", "T+4h"]}),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["90s", "15m", "1h30m", "7d"]}),
]
