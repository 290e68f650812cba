"""Metrics of a product that is rolled out by shares: what runs before (`stable`) beside the release (`canary`).

Per route: requests as counters that begin anew when a track restarts, errors, latency and requests per second. What
goes wrong on the release shows on `canary` alone, and on the whole product in proportion to its share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox.exposure import Exposure
from sandbox.world import World

if TYPE_CHECKING:
    from sandbox.product import History, Series

CANARY, STABLE = "canary", "stable"
_HEALTHY_ERRORS, _HEALTHY_P95_MS = 0.02, 140.0
_COUNTED_SINCE = timedelta(days=14)
Labels = tuple[tuple[str, str], ...]

# Series of the whole product: its healthy value and how far that wavers.
_GAUGES: Mapping[str, tuple[float, float]] = {
    "app:latency_target:ms": (180, 0),
    "app:cpu:percent": (42, 5),
    "app:memory:percent": (55, 4),
    "app:disk_io:percent": (30, 6),
    "app:disk_usage:percent": (48, 1),
    "app:network_io:percent": (35, 5),
    "app:db_connections:percent": (40, 6),
    "app:db_query_avg:ms": (22, 4),
    "app:cache_hit_ratio:percent": (91, 2),
    "app:throughput:per_s": (620, 30),
    "app:availability:percent": (99.99, 0.005),
    "app:scaling_events:per_h": (1, 0),
    "app:drawer_open_avg:ms": (120, 10),
    "app:board_load_p95:ms": (520, 40),
    "app:occ_conflicts:count5m": (6, 3),
    "app:peak_ratio:percent": (96, 5),
    "app:affected_users:percent": (0, 0),
    "app:panics:count": (0, 0),
}
INCIDENTS = (
    "outage", "data-corruption", "security-breach", "p1-bug", "crash", "functional-bug", "minor-glitch",
    "broken-functionality", "broken-feature", "complaints", "intermittent-failures", "regression", "major-incident",
    "after-launch",
)  # fmt: skip
"""Kinds of trouble that somebody counts; each is 0 until a fault says otherwise."""


class Tracks:
    """The series of both tracks, functions of their moment."""

    def __init__(
        self, world: World, exposure: Exposure, trouble: Callable[[str, object, str], History], wobble: Wobble
    ) -> None:
        """`trouble` defines a knob whose past stays known."""
        self._exposure = exposure
        self._wobble = wobble
        self._began = world.t0 - _COUNTED_SINCE
        what = "of what ran before the release; null is healthy"
        self._errors = {STABLE: trouble("product.stable-error-rate", None, f"requests that fail, in %, {what}")}
        self._latency = {STABLE: trouble("product.stable-latency-ms", None, f"P95 of response times in ms {what}")}
        self._rate = trouble("product.requests-per-second", 40, "requests per second on each route")
        self._restarts = {
            track: trouble(f"product.restarts.{track}", 0, f"turned: the {track} pods restart, their counters at 0")
            for track in (CANARY, STABLE)
        }

    def release(self, errors: History, latency: History) -> None:
        """What is wrong with the release is wrong with the canary."""
        self._errors[CANARY], self._latency[CANARY] = errors, latency

    def sampled(self, name: str, at: datetime) -> Series | None:
        """Samples by label set at one moment; None for a name that is none of these."""
        if name in _GAUGES:
            value, spread = _GAUGES[name]
            return {(): value + spread * self._wobble(name, at)}
        if name == "app:incidents:count":
            return {(("kind", kind),): 0.0 for kind in INCIDENTS}
        measure = _MEASURES.get(name)
        return None if measure is None else measure(self, at)

    def requests(self, at: datetime) -> Series:
        """Counters by route, track and code."""
        found: dict[Labels, float] = {}
        for route in self._exposure.routes:
            for track in (STABLE, CANARY):
                good, bad = self._counted(route, track, at)
                labels = (("route", route), ("track", track))
                found[*labels, ("code", "200")] = good
                found[*labels, ("code", "500")] = bad
        return found

    def rates(self, at: datetime) -> Series:
        """Requests per second by route and track."""
        return self._each(lambda route, track: self._per_second(at) * self._part(route, track, at) / 100)

    def errors(self, at: datetime) -> Series:
        """Share of failed requests in %; nothing can be said of a track without requests."""
        return self._each(lambda route, track: self._of(self.failing_percent(track, at), route, track, at))

    def latencies(self, at: datetime) -> Series:
        """P95 in ms by route and track."""
        return self._each(lambda route, track: self._of(self.p95_ms(track, at), route, track, at))

    def exposed(self, at: datetime) -> Series:
        """Share of users on the release by route."""
        return {(("route", route),): self._exposure.at(route, at) for route in self._exposure.routes}

    def whole(self, figure: Callable[[str, datetime], float], at: datetime) -> Series:
        """A figure of both tracks over the whole product, in proportion to their requests."""
        shares = [self._exposure.at(route, at) for route in self._exposure.leading]
        canary = sum(shares) / len(shares) / 100 if shares else 0.0
        return {(): canary * figure(CANARY, at) + (1 - canary) * figure(STABLE, at)}

    def _each(self, figure: Callable[[str, str], float]) -> Series:
        return {
            (("route", route), ("track", track)): figure(route, track)
            for route in self._exposure.routes
            for track in (STABLE, CANARY)
        }

    def _part(self, route: str, track: str, at: datetime) -> float:
        share = self._exposure.at(route, at)
        return share if track == CANARY else 100 - share

    def _of(self, figure: float, route: str, track: str, at: datetime) -> float:
        return figure if self._part(route, track, at) > 0 else math.nan

    def failing_percent(self, track: str, at: datetime) -> float:
        """Share of a track's requests that fail, in %."""
        return number(self._errors[track].at(at), _HEALTHY_ERRORS * (1 + 0.5 * self._wobble(f"errors/{track}", at)))

    def p95_ms(self, track: str, at: datetime) -> float:
        """P95 of a track's response times."""
        return number(self._latency[track].at(at), _HEALTHY_P95_MS * (1 + 0.04 * self._wobble(f"p95/{track}", at)))

    def _per_second(self, at: datetime) -> float:
        return number(self._rate.at(at), 40.0)

    def _counted(self, route: str, track: str, at: datetime) -> tuple[float, float]:
        """Requests that went well and that failed since the track's pods last started."""
        started = max((turned for turned, _ in self._restarts[track].turns() if turned <= at), default=self._began)
        edges = {started, at}
        for history in (self._rate, self._errors[track]):
            edges |= {turned for turned, _ in history.turns() if started < turned < at}
        good = bad = 0.0
        moments = sorted(edges)
        for since, until in pairwise(moments):
            failing = number(self._errors[track].at(since), _HEALTHY_ERRORS) / 100
            for seconds, share in self._exposure.stretches(route, since, until):
                count = seconds * self._per_second(since) * (share if track == CANARY else 100 - share) / 100
                good, bad = good + count * (1 - failing), bad + count * failing
        return float(math.floor(good)), float(math.floor(bad))


Wobble = Callable[[str, datetime], float]


def number(value: object, healthy: float) -> float:
    """A knob's number, or the healthy figure where it has none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else healthy


_MEASURES: Mapping[str, Callable[[Tracks, datetime], Series]] = {
    "app_requests_total": Tracks.requests,
    "app:request_rate:per_s": Tracks.rates,
    "app:error_rate:percent": Tracks.errors,
    "app:latency_p95:ms": Tracks.latencies,
    "app:exposure:percent": Tracks.exposed,
    "app:error_rate_overall:percent": lambda tracks, at: tracks.whole(tracks.failing_percent, at),
    "app:latency_p95_overall:ms": lambda tracks, at: tracks.whole(tracks.p95_ms, at),
}
