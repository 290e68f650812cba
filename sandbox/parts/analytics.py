"""Product analytics that speaks PostHog's query API (TrendsQuery): https://posthog.com/docs/api/queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from statistics import fmean

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from sandbox.product import Event, Product
from sandbox.world import World

_TOKEN = "phx_sandbox"
_PROJECT = 4711


class Analytics:
    """The part `analytics`."""

    name = "analytics"

    _world: World
    _product: Product

    def define(self, world: World) -> None:
        self._world = world
        self._product = Product.of(world)
        world.define("analytics.customers", None, "events of at most so many customers name their customer; null: all")
        world.define("analytics.users", None, "events of at most so many users name their user; null: all")
        world.define("analytics.ttfv-minutes", None, "minutes from login to first metric of every user; null: by user")
        world.define("analytics.silent", False, "true: no event is recorded")

    def start(self) -> None:
        """Nothing to start: the endpoints compute their answers."""

    def tick(self) -> None:
        """Nothing to do: events are functions of their moment."""

    def stop(self) -> None:
        """Nothing to stop."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route(f"/api/projects/{_PROJECT}/", self._project),
            Route(f"/api/projects/{_PROJECT}/query/", self._query, methods=["POST"]),
        ]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"posthog/sandbox-analytics": {"url": base_url, "project": _PROJECT, "token": _TOKEN}}

    def _project(self, request: Request) -> JSONResponse:
        return _refused(request) or JSONResponse({"id": _PROJECT, "name": "TEEI cockpit"})

    async def _query(self, request: Request) -> JSONResponse:
        if (refusal := _refused(request)) is not None:
            return refusal
        asked = (await request.json())["query"]
        span = asked["dateRange"]
        start, end = datetime.fromisoformat(span["date_from"]), datetime.fromisoformat(span["date_to"])
        events = [event for event in self._events() if start <= event.at <= end]
        results = [
            {"action": {"order": number, "id": wanted["event"]}, "aggregated_value": _figure(wanted, events)}
            for number, wanted in enumerate(asked["series"])
        ]
        return JSONResponse({"results": results, "is_cached": False})

    def _events(self) -> Iterator[Event]:
        if self._world.get("analytics.silent") is True:
            return
        customers: list[str] = []
        users: list[str] = []
        for event in self._product.events():
            customers += [event.customer] if event.customer not in customers else []
            users += [event.user] if event.user not in users else []
            properties = dict(event.properties)
            if isinstance(fixed := self._world.get("analytics.ttfv-minutes"), int | float) and properties:
                properties["minutes_since_login"] = float(fixed)
            yield replace(
                event,
                customer=event.customer if self._named(customers, event.customer, "analytics.customers") else "",
                user=event.user if self._named(users, event.user, "analytics.users") else "",
                properties=properties,
            )

    def _named(self, seen: Sequence[str], who: str, knob: str) -> bool:
        most = self._world.get(knob)
        return not isinstance(most, int) or seen.index(who) < most


def _figure(wanted: Mapping[str, JsonValue], events: Sequence[Event]) -> float:
    mine = [event for event in events if event.name == wanted["event"]]
    match wanted.get("math", "total"):
        case "dau":
            return len({event.user for event in mine if event.user})
        case "unique_group":
            return len({event.customer for event in mine if event.customer})
        case "avg":
            name = str(wanted["math_property"])
            values = [event.properties[name] for event in mine if name in event.properties]
            # As the real server: the average of nothing is told as 0.
            return fmean(values) if values else 0
        case _:
            return len(mine)


def _refused(request: Request) -> JSONResponse | None:
    if request.headers.get("authorization") == f"Bearer {_TOKEN}":
        return None
    detail = "Personal API key found in request Authorization header is invalid."
    body = {"type": "authentication_error", "code": "authentication_failed", "detail": detail, "attr": None}
    return JSONResponse(body, status_code=401)
