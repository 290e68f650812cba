"""The launched product as its users and monitors see it: pure functions of seed, moment and knobs.

A knob turned at a moment changes the product from that moment on; questions about earlier moments still see the
earlier value, as they would in a real store of samples.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import JsonValue

from sandbox.exposure import Exposure
from sandbox.tracks import Tracks, number
from sandbox.world import World

COMMIT = "4f1d2c9e8b7a6f5d4c3b2a190817263544536271"
"""Commit that the release under launch was built from, in the sandbox's repository and evidence."""

_SERVING = "product.serving"
_HEALTHY_ERROR_PERCENT = 0.02
_HEALTHY_P95_MS = 320.0
_ENDPOINTS = {
    "/api/auth/login": 0.7,
    "/api/dashboard": 0.9,
    "/api/reports": 1.1,
    "/api/exports": 1.2,
    "/api/events": 0.5,
}
_ROUTES = {"/": 1.0, "/dashboard": 1.15, "/reports": 1.1, "/admin": 0.9}

Series = Mapping[tuple[tuple[str, str], ...], float]


class History:
    """A knob's values over time: what it was at any moment, in the light of every turn so far."""

    def __init__(self, world: World, default: JsonValue) -> None:
        self._world = world
        self._default = default
        self._turns: list[tuple[datetime, JsonValue]] = []
        self._lock = threading.Lock()

    def turn(self, value: JsonValue) -> None:
        """Records that the knob takes `value` now."""
        with self._lock:
            self._turns.append((self._world.now(), value))

    def at(self, moment: datetime) -> JsonValue:
        """The value in force at `moment`; the latest turn wins where several were made for one moment."""
        self._world.tick()
        with self._lock:
            return next((value for turned, value in reversed(self._turns) if turned <= moment), self._default)

    def turns(self) -> list[tuple[datetime, JsonValue]]:
        """Every turn so far, in the order they were made."""
        self._world.tick()
        with self._lock:
            return list(self._turns)


def recorded(world: World, name: str, default: JsonValue, what: str) -> History:
    """Defines a knob whose past values stay known."""
    history = History(world, default)
    world.define(name, default, what, setter=history.turn)
    return history


@dataclass(frozen=True)
class Event:
    """Something a user did."""

    at: datetime
    name: str
    user: str
    customer: str
    properties: Mapping[str, float] = field(default_factory=dict)


# After go-live: minutes to each customer's first login, and minutes from it to the first metric on screen.
_PILOTS = {
    "acme-foundation": (12, 5.5),
    "northwind-cares": (35, 7.0),
    "helio-trust": (110, 8.5),
    "cedar-giving": (160, 6.0),
    "luma-impact": (1_200, 9.0),
}


class Product:
    """The TEEI product. One per world (`Product.of`), shared by every part that shows a side of it."""

    _first_call: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, world: World) -> None:
        self.world = world
        self._errors = recorded(world, "product.error-rate", None, "requests that fail with 5xx, in %; null is healthy")
        self._latency = recorded(world, "product.latency-ms", None, "P95 of response times in ms; null is healthy")
        self._no_data = recorded(world, "product.no-data", False, "true: the product's series carry no samples")
        self._serving = History(world, "release")
        world.define(
            _SERVING,
            "release",
            "what users get: release or previous; errors, latency and broken features show only on the release",
            setter=_Serving(self, self._serving),
        )
        self.exposure = Exposure(world)
        self._tracks = Tracks(world, self.exposure, lambda *knob: recorded(world, *knob), self.wobble)
        self._tracks.release(self._errors, self._latency)
        self._broken = recorded(
            world, "product.broken-features", 0, "critical features (login, reports, exports) broken"
        )

    @classmethod
    def of(cls, world: World) -> Product:
        """The product of this world; its knobs are defined with the first call."""
        with cls._first_call:
            knob = world.knobs.get(_SERVING)
            # The product lives as long as its knobs, in their world: no table outside keeps either alive.
            return knob.setter.product if knob and isinstance(knob.setter, _Serving) else cls(world)

    def sampled(self, name: str, at: datetime) -> Series | None:
        """The series called `name` by its label sets, at one moment; None for a name the product does not record."""
        measure = _MEASURES.get(name)
        found = self._tracks.sampled(name, at) if measure is None else measure(self, at)
        return {} if found is not None and self._no_data.at(at) else found

    def request_rate(self, at: datetime) -> float:
        """Requests per minute: 10 to 50 with the time of day."""
        hour = at.hour + at.minute / 60
        return 30 + 14 * math.sin((hour - 8) / 24 * 2 * math.pi) + 4 * self.wobble("rate", at)

    def http_5xx_percent(self, at: datetime) -> float:
        """Share of requests answered with 5xx, in %."""
        return self._fault(self._errors, at, 0.0)

    def error_percent(self, at: datetime) -> float:
        """Share of failed requests (4xx and 5xx), in %."""
        healthy = _HEALTHY_ERROR_PERCENT * (1 + 0.5 * self.wobble("errors", at))
        return max(self._fault(self._errors, at, healthy), 0.0)

    def p95_ms(self, at: datetime) -> float:
        """P95 of response times over all endpoints."""
        healthy = _HEALTHY_P95_MS * (1 + 0.05 * self.wobble("latency", at))
        return self._fault(self._latency, at, healthy)

    def failed_requests(self, start: datetime, end: datetime) -> list[datetime]:
        """Moments of the 5xx answers in (start, end]: spread over each minute by its rate, none while healthy."""
        moments, minute = [], start.replace(second=0, microsecond=0)
        while minute <= end:
            count = round(self.request_rate(minute) * self.http_5xx_percent(minute) / 100)
            moments += [minute + timedelta(seconds=60 * (n + 0.5) / count) for n in range(count)]
            minute += timedelta(minutes=1)
        return [moment for moment in moments if start < moment <= end]

    def broken_features(self, at: datetime) -> float:
        """How many critical features do not work."""
        return self._fault(self._broken, at, 0.0)

    def events(self) -> list[Event]:
        """What pilot users did up to now: first logins, then the first metric on screen."""
        seen: list[Event] = []
        for place, (customer, (minutes, to_value)) in enumerate(_PILOTS.items(), start=1):
            login = self.world.t0 + timedelta(minutes=minutes)
            user = f"pilot-user-{place}"
            shown = login + timedelta(minutes=to_value)
            seen.append(Event(login, "user logged in", user, customer))
            seen.append(Event(shown, "first metric shown", user, customer, {"minutes_since_login": to_value}))
        now = self.world.now()
        return [event for event in sorted(seen, key=lambda event: event.at) if event.at <= now]

    def support_tickets(self, start: datetime, end: datetime) -> int:
        """Tickets opened in (start, end]: one 25 minutes, one three hours after T0."""
        opened = (self.world.t0 + timedelta(minutes=25), self.world.t0 + timedelta(hours=3))
        return sum(start < moment <= end for moment in opened)

    def _fault(self, history: History, at: datetime, healthy: float) -> float:
        return healthy if self._serving.at(at) == "previous" else number(history.at(at), healthy)

    def wobble(self, what: str, at: datetime) -> float:
        """Noise in [-1, 1], the same for equal seed, name and minute."""
        key = f"{self.world.seed}/{what}/{int(at.timestamp()) // 60}".encode()
        return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest()) / 0x7FFF_FFFF - 1


@dataclass(frozen=True)
class _Serving:
    """Turns what users get."""

    product: Product
    history: History

    def __call__(self, value: JsonValue) -> None:
        self.history.turn(value)


def _one(value: float) -> Series:
    return {(): value}


def _per(label: str, factors: Mapping[str, float], value: float) -> Series:
    return {((label, name),): value * factor for name, factor in factors.items()}


# What the product's recording rules hold, by name: one sample per label set at a moment.
_MEASURES: Mapping[str, Callable[[Product, datetime], Series]] = {
    "teei:request_rate:per_min": lambda p, at: _one(p.request_rate(at)),
    "teei:error_rate:percent": lambda p, at: _one(p.error_percent(at)),
    "teei:http_5xx_rate:percent": lambda p, at: _one(p.http_5xx_percent(at)),
    "teei:http_5xx:count5m": lambda p, at: _one(round(5 * p.request_rate(at) * p.http_5xx_percent(at) / 100)),
    "teei:latency_p50:ms": lambda p, at: _one(0.4 * p.p95_ms(at)),
    "teei:latency_p95:ms": lambda p, at: _one(p.p95_ms(at)),
    "teei:latency_p95:seconds": lambda p, at: _one(p.p95_ms(at) / 1000),
    "teei:latency_p99:ms": lambda p, at: _one(1.6 * p.p95_ms(at)),
    "teei:endpoint_latency_p95:ms": lambda p, at: _per("endpoint", _ENDPOINTS, p.p95_ms(at)),
    "teei:db_query_p95:ms": lambda p, at: _one(45 + 8 * p.wobble("db", at)),
    "teei:db_pool_utilization:percent": lambda p, at: _one(38 + 6 * p.wobble("pool", at)),
    "teei:redis_hit_ratio:percent": lambda p, at: _one(86 + 4 * p.wobble("cache", at)),
    "teei:critical_feature_broken:count": lambda p, at: _one(p.broken_features(at)),
    "teei:critical_features_work:bool": lambda p, at: _one(0.0 if p.broken_features(at) else 1.0),
    "teei:error_log_lines:count5m": lambda p, at: _one(len(p.failed_requests(at - timedelta(minutes=5), at))),
    "teei:synthetic_consecutive_failures:count": lambda p, at: _one(2.0 if p.http_5xx_percent(at) >= 50 else 0.0),
    "teei:synthetic_uptime:percent": lambda p, at: _one(100.0 - min(p.http_5xx_percent(at), 100.0)),
    "teei:rum_lcp_p75:seconds": lambda p, at: _per("route", _ROUTES, 1.7 + 0.1 * p.wobble("lcp", at)),
    "teei:rum_fid_p75:ms": lambda p, at: _per("route", _ROUTES, 38 + 6 * p.wobble("fid", at)),
    "teei:rum_inp_p75:ms": lambda p, at: _per("route", _ROUTES, 110 + 10 * p.wobble("inp", at)),
    "teei:rum_cls_p75:score": lambda p, at: _per("route", _ROUTES, 0.05 + 0.01 * p.wobble("cls", at)),
}
