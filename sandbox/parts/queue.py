"""RabbitMQ's management API, as far as a launch asks it: exchanges, queues, channels and the node of a virtual host."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

USER, PASSWORD, VHOST = "launch", "sandbox-queue", "teei"
EXCHANGES = ("reports", "notifications", "exports", "dead-letters")
QUEUES = ("reports.generate", "notifications.send", "exports.build")
_PUBLISHERS = ("reporting-api", "q2q-pipeline", "export-service")


class QueuePart:
    """Answers under `/api` with HTTP basic authentication, bodies as RabbitMQ's management plug-in writes them."""

    name = "queue"

    def define(self, world: World) -> None:
        self._world = world
        world.define("queue.exchanges", len(EXCHANGES), "how many of the product's exchanges are declared")
        world.define("queue.queues", len(QUEUES), "how many of the product's queues are declared")
        world.define("queue.dead-letters", True, "whether queues have a dead-letter exchange")
        world.define("queue.waiting", 0, "messages that wait in each of the product's queues")
        world.define("queue.alarm", False, "whether the node's memory alarm is in force")
        world.define("queue.confirms", True, "whether publishers' channels are in confirm mode")

    def start(self) -> None:
        """There is nothing to start: the routes answer."""

    def routes(self) -> Sequence[BaseRoute]:
        return tuple(
            Route(path, self._answer, methods=["GET"], name=kind)
            for kind, path in (
                ("whoami", "/api/whoami"),
                ("exchanges", "/api/exchanges/{vhost}"),
                ("queues", "/api/queues/{vhost}"),
                ("nodes", "/api/nodes"),
                ("channels", "/api/vhosts/{vhost}/channels"),
            )
        )

    def tick(self) -> None:
        """Nothing here follows the clock."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "message-queue/sandbox-queue": {"url": base_url, "user": USER, "password": PASSWORD, "virtual_host": VHOST}
        }

    def stop(self) -> None:
        """There is nothing to stop."""

    def _answer(self, request: Request) -> Response:
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return JSONResponse({"error": "not_authorized", "reason": "Login failed"}, status_code=401)
        if request.path_params.get("vhost", VHOST) != VHOST:
            return JSONResponse({"error": "Object Not Found", "reason": "Not Found"}, status_code=404)
        kind = request.url.path.removesuffix("/").rsplit("/", 1)[-1]
        if kind == "whoami":
            return JSONResponse({"name": USER, "tags": ["monitoring"]})
        if kind == "nodes":
            alarm = bool(self._world.get("queue.alarm"))
            return JSONResponse([{"name": "rabbit@queue-1", "mem_alarm": alarm, "disk_free_alarm": False}])
        if kind == "channels":
            return JSONResponse(self._channels())
        return JSONResponse(self._exchanges() if "/exchanges/" in request.url.path else self._queues())

    def _count(self, knob: str) -> int:
        return int(str(self._world.get(knob)))

    def _exchanges(self) -> list[JsonValue]:
        names = ("", "amq.direct", *EXCHANGES[: self._count("queue.exchanges")])
        return [{"name": name, "vhost": VHOST, "type": "topic", "durable": True, "arguments": {}} for name in names]

    def _queues(self) -> list[JsonValue]:
        kept: dict[str, JsonValue] = {"x-dead-letter-exchange": "dead-letters"}
        arguments = kept if self._world.get("queue.dead-letters") else {}
        return [
            {
                "name": name,
                "vhost": VHOST,
                "durable": True,
                "state": "running",
                "messages_ready": self._count("queue.waiting"),
                "arguments": dict(arguments),
                "effective_policy_definition": {},
            }
            for name in QUEUES[: self._count("queue.queues")]
        ]

    def _channels(self) -> list[JsonValue]:
        confirm = bool(self._world.get("queue.confirms"))
        return [
            {
                "name": f"10.0.0.{number}:5672 -> 10.0.1.1:5672 (1)",
                "vhost": VHOST,
                "confirm": confirm,
                "connection_details": {"name": service},
                "message_stats": {"publish": 1000 + number},
            }
            for number, service in enumerate(_PUBLISHERS, start=1)
        ]
