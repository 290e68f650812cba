"""Moments and durations: what a plan writes is what it means, and it reads back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch.moments import clock_label, format_duration, format_offset, parse_duration, parse_offset

T0 = datetime(2026, 12, 7, 7, tzinfo=UTC)

durations = st.timedeltas(timedelta(0), timedelta(days=730))


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h30m", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(days=14)),
        ("0s", timedelta(0)),
        ("0.5h", timedelta(minutes=30)),
        ("1d1h1m1.5s", timedelta(days=1, hours=1, minutes=1, seconds=1.5)),
    ],
)
def test_a_duration_means_the_sum_of_its_parts(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "15", "15 m", "m", "-15m", "15min", "1h 30m", "∞h", "1e3s", 15, None, "15m\n"])
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for instance"):
        parse_duration(text)


@pytest.mark.parametrize("parse", [parse_duration, lambda text: parse_offset(f"T+{text}")])
@pytest.mark.parametrize("text", ["999999999999999d", "9" * 400 + "w"])
def test_a_span_beyond_every_calendar_is_a_sentence_and_no_overflow(parse, text: str) -> None:
    with pytest.raises(ValueError, match=r"write for instance|more than two years"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("T0", timedelta(0)),
        ("T-7d", -timedelta(days=7)),
        ("T-10h30m", -timedelta(hours=10, minutes=30)),
        ("T+4h", timedelta(hours=4)),
        ("T-0m", timedelta(0)),
        ("T+730d", timedelta(days=730)),
    ],
)
def test_an_offset_counts_from_t0(text: str, offset: timedelta) -> None:
    assert parse_offset(text) == offset


@pytest.mark.parametrize("text", ["T", "T+", "T0m", "T-", "t-7d", "7d", "T--7d", "T-7", " T0", "T0 ", None, 0])
def test_what_is_no_offset_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="is not an offset from T0; write for instance"):
        parse_offset(text)


@pytest.mark.parametrize("text", ["T+731d", "T-105w"])
def test_an_offset_past_two_years_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than two years from T0"):
        parse_offset(text)


@given(durations)
def test_every_duration_is_written_as_it_is_read(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@given(st.timedeltas(-timedelta(days=730), timedelta(days=730)))
def test_every_offset_is_written_as_it_is_read(offset: timedelta) -> None:
    assert parse_offset(format_offset(offset)) == offset


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=7), "7d"),
        (timedelta(seconds=0), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(milliseconds=1_500), "1.5s"),
        (-timedelta(minutes=5), "-5m"),
    ],
)
def test_a_duration_is_written_short(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize(
    ("after", "label"),
    [
        (timedelta(0), "T+00:00:00"),
        (-timedelta(hours=2, minutes=13, seconds=5), "T-02:13:05"),
        (timedelta(days=7), "T+7d 00:00:00"),
        (-timedelta(days=1, seconds=1), "T-1d 00:00:01"),
        (timedelta(milliseconds=900), "T+00:00:00"),
    ],
)
def test_the_launch_clock_shows_days_only_where_there_are_any(after: timedelta, label: str) -> None:
    assert clock_label(T0, T0 + after) == label
