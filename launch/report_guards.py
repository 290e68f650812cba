"""The report on guards: every state they changed to with what decided it, and the triggers they pulled."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from launch import events
from launch.ledger import Record
from launch.report_text import NOTHING, instant, section, table

_COLUMNS = ("When", "Guard", "", "Value", "Against", "Query", "Detail")


def guards_section(records: Sequence[Record], zone: ZoneInfo) -> list[str]:
    """States, baselines and ranges without a response in the order of the ledger; then triggers, if any ever fired."""
    seen = [(instant(record.at, zone), *row) for record in records if (row := _guard(record.event))]
    pulled = [(instant(record.at, zone), *row) for record in records if (row := _trigger(record.event))]
    triggers = ["### Triggers", "", *table(("When", "Trigger", "", "Because"), pulled)] if pulled else []
    return section("Guards", table(_COLUMNS, seen), triggers)


def _guard(event: events.Event) -> tuple[str, ...] | None:
    match event:
        case events.GuardChanged():
            value = "no data" if event.value is None else f"{event.value:g}"
            return event.guard, event.state.value, value, _figure(event.against), event.query, event.detail
        case events.BaselineRecorded():
            told = f"{event.samples} samples, kept for the launch"
            return event.guard, "baseline", _figure(event.value), NOTHING, event.query, told
        case events.RangeUnanswered():
            return event.guard, "asked", _figure(event.value), NOTHING, "", event.range
        case _:
            return None


def _trigger(event: events.Event) -> tuple[str, str, str] | None:
    match event:
        case events.TriggerFired():
            return event.trigger, "fired", event.because
        case events.TriggerPromoted():
            return event.trigger, f"became {event.tier.value}", event.because
        case events.TriggerCleared():
            return event.trigger, "cleared", event.because
        case _:
            return None


def _figure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}"
