"""Any series with a value of a fault's: `metric.SELECTOR` is a knob for any selector, made when first turned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from sandbox.product import History
from sandbox.world import World

PREFIX = "metric."
_UNTURNED = "as measured"
_STALE = "stale"
# How long Prometheus shows the last sample of a series that gets none any more, without a word that it ended:
# https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness
LOOKBACK = timedelta(minutes=5)


@dataclass(frozen=True)
class Turned:
    """A series with a value of its own; None: no sample; `seen` says as of when a stale one still shows its value."""

    selector: str
    value: float | None = None
    seen: datetime | None = None


class MetricFaults:
    """The knobs of one metric store."""

    def __init__(self, world: World, check: Callable[[str], object]) -> None:
        """`check` raises `ValueError` for what is no selector."""
        self._world = world
        self._check = check
        self._histories: dict[str, History] = {}
        what = 'a series by selector: a number, "NaN", null (it ends), "stale" (no more samples), "as measured"'
        world.family(PREFIX, what, self._define)

    def at(self, moment: datetime) -> list[Turned]:
        """Every series that does not show what is measured, at one moment."""
        found = []
        for selector, history in list(self._histories.items()):
            value = history.at(moment)
            if value == _STALE:
                since = max(at for at, turned in history.turns() if at <= moment and turned == _STALE)
                shown = since - timedelta(seconds=1) if moment < since + LOOKBACK else None
                found.append(Turned(selector, seen=shown))
            elif value != _UNTURNED:
                found.append(Turned(selector, None if value is None else float(str(value))))
        return found

    def _define(self, name: str) -> None:
        selector = name.removeprefix(PREFIX)
        self._check(selector)
        history = self._histories[selector] = History(self._world, _UNTURNED)
        self._world.define(name, _UNTURNED, f"samples of {selector}", setter=_settable(history))


def _settable(history: History) -> Callable[[JsonValue], None]:
    def turn(value: JsonValue) -> None:
        if isinstance(value, bool | list | dict):
            message = f"{value!r} is no value of a series"
            raise TypeError(message)
        history.turn(value)

    return turn
