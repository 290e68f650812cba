"""The caches of the sandbox: two Redis servers, and the product's administration endpoints that fill one of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import redis
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.redis_server import RedisServer
from sandbox.world import World

TOKEN = "sandbox-cache-admin"
_TENANTS = tuple(f"tenant-{number}" for number in range(1, 6))
_SERVICES = ("reporting-api", "q2q-pipeline", "notification-service", "export-service")


class CachePart:
    """`cockpit-cache`, `session-store`, and the product's `/admin/cache/warm` and `/admin/config/{service}`."""

    name = "cache"

    def __init__(self) -> None:
        self._cockpit = RedisServer(maxmemory="4gb", policy="allkeys-lru", password="sandbox-cockpit")
        self._sessions = RedisServer(maxmemory="2gb", policy="noeviction", password="sandbox-sessions")
        self._up = threading.Event()
        self._changes: dict[str, Callable[[JsonValue], None]] = {}

    def define(self, world: World) -> None:
        self._world = world
        memory, policy = "maxmemory", "maxmemory-policy"
        for name, default, what, change in (
            ("cache.cockpit-maxmemory", "4gb", "memory limit of cockpit-cache", self._setting(self._cockpit, memory)),
            ("cache.cockpit-policy", "allkeys-lru", "eviction of cockpit-cache", self._setting(self._cockpit, policy)),
            ("cache.sessions-maxmemory", "2gb", "memory limit of session-store", self._setting(self._sessions, memory)),
            ("cache.sessions-policy", "noeviction", "eviction of session-store", self._setting(self._sessions, policy)),
            ("cache.warmed-tenants", len(_TENANTS), "tenants whose metadata the product can cache", self._evict),
        ):
            self._changes[name] = change
            world.define(name, default, what, setter=partial(self._when_up, change))
        world.define("cache.redis-pool", 10, "Redis pool that export-service is configured with")

    def start(self) -> None:
        self._cockpit.start()
        self._sessions.start()
        self._up.set()
        for name, change in self._changes.items():
            if self._world.get(name) != self._world.knobs[name].default:
                change(self._world.get(name))

    def routes(self) -> Sequence[BaseRoute]:
        return (
            Route("/admin/cache/warm", self._warm, methods=["POST"]),
            Route("/admin/config/{service}", self._config, methods=["GET"]),
        )

    def tick(self) -> None:
        """Nothing here follows the clock."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "redis-cache/sandbox-cockpit-cache": {"url": self._cockpit.url},
            "redis-cache/sandbox-session-store": {"url": self._sessions.url},
            "cache-admin/sandbox-cache-admin": {"url": base_url, "token": TOKEN, "redis_url": self._cockpit.url},
        }

    def stop(self) -> None:
        self._cockpit.stop()
        self._sessions.stop()

    def _when_up(self, change: Callable[[JsonValue], None], value: JsonValue) -> None:
        if self._up.is_set():
            change(value)

    @staticmethod
    def _setting(server: RedisServer, name: str) -> Callable[[JsonValue], None]:
        def change(value: JsonValue) -> None:
            with server.client() as client:
                client.config_set(name, str(value))

        return change

    def _evict(self, value: JsonValue) -> None:
        """Evicts what is over the number, and fills up to it where the cache had been warmed."""
        with self._cockpit.client() as client:
            if client.exists(_key(_TENANTS[0])):
                client.delete(*map(_key, _TENANTS))
                self._fill(client, int(str(value)))

    @staticmethod
    def _fill(client: redis.Redis, count: int) -> None:
        for tenant in _TENANTS[:count]:
            client.hset(_key(tenant), mapping={"name": tenant.title(), "plan": "pilot"})

    def _warm(self, request: Request) -> Response:
        if (refusal := refused(request, TOKEN)) is not None:
            return refusal
        count = int(str(self._world.get("cache.warmed-tenants")))
        with self._cockpit.client() as client:
            self._fill(client, count)
        return JSONResponse({"warmed": count}, status_code=202)

    def _config(self, request: Request) -> Response:
        if (refusal := refused(request, TOKEN)) is not None:
            return refusal
        service = request.path_params["service"]
        if service not in _SERVICES:
            return JSONResponse({"message": "no such service"}, status_code=404)
        pool = self._world.get("cache.redis-pool") if service == "export-service" else 10
        return JSONResponse({"service": service, "settings": {"redis_pool": pool, "log_level": "info"}})


def _key(tenant: str) -> str:
    return f"tenant:{tenant}:metadata"
