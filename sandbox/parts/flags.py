"""A LaunchDarkly project with the product's three flags. https://apidocs.launchdarkly.com/"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

_TOKEN = "api-sandbox-flags"
_PROJECT = "teei-csr"
_ENVIRONMENT = "production"
_SEGMENT = "pilot-tenants"
_PILOTS = tuple(f"pilot-{number}" for number in range(1, 6))
_VARIATIONS: list[JsonValue] = [{"_id": "v-true", "value": True}, {"_id": "v-false", "value": False}]
_INDEX = {"v-true": 0, "v-false": 1}
_SEMANTIC = "domain-model=launchdarkly.semanticpatch"


@dataclass
class _Flag:
    on: bool = False
    fallthrough: int = 1
    rules: list[JsonValue] = field(default_factory=list)

    def turn(self, instruction: Mapping[str, JsonValue]) -> None:
        """One semantic-patch instruction. Raises `KeyError` for one that this project cannot follow."""
        match instruction["kind"]:
            case "turnFlagOn":
                self.on = True
            case "turnFlagOff":
                self.on = False
            case "updateFallthroughVariationOrRollout":
                self.fallthrough = _INDEX[str(instruction["variationId"])]
            case "addRule":
                variation = _INDEX[str(instruction["variationId"])]
                self.rules = [*self.rules, {"clauses": instruction["clauses"], "variation": variation}]
            case kind:
                raise KeyError(kind)


def _pilot_rule() -> JsonValue:
    clause: JsonValue = {
        "contextKind": "tenant",
        "attribute": "segmentMatch",
        "op": "segmentMatch",
        "values": [_SEGMENT],
        "negate": False,
    }
    return {"clauses": [clause], "variation": 0}


class FlagsPart:
    """Flags are what the last patch made them; the knobs say what somebody else turned by hand."""

    name = "flags"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flags = {
            "cockpit-approvals": _Flag(on=True, rules=[_pilot_rule()]),
            "gen-reports-beta": _Flag(),
            "audit-mode": _Flag(on=True, fallthrough=0),
        }

    def define(self, world: World) -> None:
        self._world = world
        for key, flag in self._flags.items():
            world.define(f"flags.{key}", flag.on, f"whether {key} is switched on", setter=self._switch(key))
        world.define("flags.pilots-left-out", 0, "how many pilot tenants are missing from the segment")
        world.define("flags.obeys", True, "whether an accepted patch takes effect")

    def _switch(self, key: str) -> _Switch:
        return _Switch(self, key)

    def turn_by_hand(self, key: str, *, on: bool) -> None:
        """What a person does in the flag service's own pages."""
        with self._lock:
            flag = self._flags[key]
            flag.on = on
            if on and not flag.rules:
                flag.fallthrough = _INDEX["v-true"]

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/api/v2/projects/{project}/environments/{environment}", self._environment),
            Route("/api/v2/flags/{project}/{key}", self._flag, methods=["GET", "PATCH"]),
            Route("/api/v2/segments/{project}/{environment}/{segment}", self._segment),
        ]

    def tick(self) -> None:
        """Flags change by patches only."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {
            "feature-flags/sandbox-flags": {
                "url": base_url,
                "token": _TOKEN,
                "project": _PROJECT,
                "environment": _ENVIRONMENT,
                "pilot_segment": _SEGMENT,
                "timeout_seconds": 10,
            }
        }

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    async def _environment(self, request: Request) -> Response:
        known = request.path_params["project"] == _PROJECT and request.path_params["environment"] == _ENVIRONMENT
        return _refusal(request) or (JSONResponse({"key": _ENVIRONMENT}) if known else _not_found())

    async def _flag(self, request: Request) -> Response:
        if refusal := _refusal(request):
            return refusal
        key = request.path_params["key"]
        if request.path_params["project"] != _PROJECT or key not in self._flags:
            return _not_found()
        if request.method == "PATCH":
            if _SEMANTIC not in request.headers.get("content-type", ""):
                return _invalid("not a semantic patch")
            patch = await request.json()
            if patch.get("environmentKey") != _ENVIRONMENT:
                return _invalid("unknown environment")
            try:
                self._patch(key, patch["instructions"])
            except KeyError as problem:
                return _invalid(f"unknown instruction {problem}")
        return JSONResponse(self._shown(key))

    def _patch(self, key: str, instructions: list[dict[str, JsonValue]]) -> None:
        if not self._world.get("flags.obeys"):
            return
        with self._lock:
            for instruction in instructions:
                self._flags[key].turn(instruction)

    def _shown(self, key: str) -> JsonValue:
        with self._lock:
            flag = self._flags[key]
            setting: JsonValue = {
                "on": flag.on,
                "rules": flag.rules,
                "fallthrough": {"variation": flag.fallthrough},
                "offVariation": 1,
            }
        return {"key": key, "kind": "boolean", "variations": _VARIATIONS, "environments": {_ENVIRONMENT: setting}}

    async def _segment(self, request: Request) -> Response:
        if refusal := _refusal(request):
            return refusal
        if request.path_params["segment"] != _SEGMENT:
            return _not_found()
        left_out = self._world.get("flags.pilots-left-out")
        included: list[JsonValue] = list(_PILOTS[left_out if isinstance(left_out, int) else 0 :])
        return JSONResponse({"key": _SEGMENT, "included": included, "excluded": []})


@dataclass(frozen=True)
class _Switch:
    """The setter of one flag's knob."""

    part: FlagsPart
    key: str

    def __call__(self, value: JsonValue) -> None:
        self.part.turn_by_hand(self.key, on=bool(value))


def _refusal(request: Request) -> Response | None:
    if request.headers.get("authorization") == _TOKEN:
        return None
    return JSONResponse({"code": "unauthorized", "message": "invalid access token"}, status_code=401)


def _not_found() -> Response:
    return JSONResponse({"code": "not_found", "message": "Unknown resource"}, status_code=404)


def _invalid(message: str) -> Response:
    return JSONResponse({"code": "invalid_request", "message": message}, status_code=400)
