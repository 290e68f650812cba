"""A plain HTTP endpoint that holds the weights of one product's routes, with entity tags."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from launch.weights import share_of
from sandbox.parts.bearer import refused
from sandbox.product import Product
from sandbox.world import World

ROUTE, STABLE, RELEASE = "product", "stable", "release"
_TOKEN = "sandbox-weights-token"


class WeightsPart:
    """One route, `product`, with the targets `stable` and `release`."""

    name = "weights"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._weights: dict[str, dict[str, int]] = {ROUTE: {STABLE: 100, RELEASE: 0}}

    def define(self, world: World) -> None:
        self._world = world
        world.define("weights.release", 0, "share of the release, set by hand, in %", setter=self._by_hand)
        world.define("weights.interferes", 0, "at how many coming writes somebody else was quicker")
        world.define("weights.obeys", True, "whether an accepted write takes effect")
        Product.of(world).exposure.watch(ROUTE, lambda: share_of(self._weights[ROUTE], RELEASE))

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/weights/{route}", self._answer, methods=["GET", "PUT"])]

    def tick(self) -> None:
        """Weights change by writes only."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"http-weights/sandbox-weights": {"url": base_url, "token": _TOKEN, "timeout_seconds": 10}}

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    async def _answer(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        route = request.path_params["route"]
        if route not in self._weights:
            return JSONResponse({"error": "no such route"}, status_code=404)
        if request.method == "PUT":
            asked = await request.json()
            with self._lock:
                self._interfere(route)
                if request.headers.get("if-match") not in {None, self._tag(route)}:
                    return JSONResponse({"error": "changed meanwhile"}, status_code=412)
                if self._world.get("weights.obeys"):
                    self._weights[route] = {str(name): int(weight) for name, weight in asked["weights"].items()}
        return JSONResponse({"weights": self._weights[route]}, headers={"ETag": self._tag(route)})

    def _interfere(self, route: str) -> None:
        left = self._world.get("weights.interferes")
        if isinstance(left, int) and left > 0:
            self._world.set("weights.interferes", left - 1)
            self._weights[route] = {STABLE: 99, RELEASE: 1, "shadow": left}

    def _by_hand(self, value: JsonValue) -> None:
        with self._lock:
            self._weights[ROUTE] = {STABLE: 100 - int(str(value)), RELEASE: int(str(value))}

    def _tag(self, route: str) -> str:
        text = json.dumps(self._weights[route], sort_keys=True)
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
