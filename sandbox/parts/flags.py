"""LaunchDarkly: a project with the product's three flags, and one with flags rolled out by percentage.

https://launchdarkly.com/docs/api/feature-flags/patch-feature-flag
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.product import Product
from sandbox.world import World

_TOKEN = "api-sandbox-flags"
_PROJECT = "teei-csr"
_ENVIRONMENT = "production"
_SEGMENT = "pilot-tenants"
_PILOTS = tuple(f"pilot-{number}" for number in range(1, 6))
_VARIATIONS: list[JsonValue] = [{"_id": "v-true", "value": True}, {"_id": "v-false", "value": False}]
_INDEX = {"v-true": 0, "v-false": 1}
_SEMANTIC = "domain-model=launchdarkly.semanticpatch"


_WHOLE = 100_000
_Served = dict[str, JsonValue]
_ROLLOUT_PROJECT = "rollouts"
_STATUS_BOARD = "status-board-v2"
_MEDIA = tuple(f"media-{name}" for name in ("discovery", "recommendations", "sync", "playback", "mcp"))


@dataclass
class _Flag:
    on: bool = False
    fallthrough: _Served = field(default_factory=lambda: {"variation": 1})
    rules: list[_Served] = field(default_factory=list)
    off: int = 1
    version: int = 1

    def turn(self, instruction: Mapping[str, JsonValue]) -> None:
        """One semantic-patch instruction. Raises `KeyError` for one that this project cannot follow."""
        match instruction["kind"]:
            case "turnFlagOn":
                self.on = True
            case "turnFlagOff":
                self.on = False
            case "updateOffVariation":
                self.off = _INDEX[str(instruction["variationId"])]
            case "updateFallthroughVariationOrRollout":
                self.fallthrough = _served(instruction)
            case "addRule":
                self.rules = [*self.rules, self._rule(instruction, len(self.rules))]
            case "updateRuleVariationOrRollout":
                self._rewrite(str(instruction["ruleId"]), _served(instruction))
            case "replaceRules":
                listed = instruction["rules"]
                rules = listed if isinstance(listed, list) else []
                self.rules = [self._rule(rule, at) for at, rule in enumerate(rules) if isinstance(rule, dict)]
            case kind:
                raise KeyError(kind)

    def share(self) -> float:
        """To how many of 100 users it gives true, beside its rules."""
        if not self.on:
            return 100.0 if self.off == _INDEX["v-true"] else 0.0
        rollout = self.fallthrough.get("rollout")
        if not isinstance(rollout, dict):
            return 100.0 if self.fallthrough.get("variation") == _INDEX["v-true"] else 0.0
        variations = rollout["variations"]
        listed = [one for one in variations if isinstance(one, dict)] if isinstance(variations, list) else []
        yes = (int(str(one["weight"])) for one in listed if one["variation"] == _INDEX["v-true"])
        return 100 * sum(yes) / _WHOLE

    def _rule(self, instruction: Mapping[str, JsonValue], at: int) -> dict[str, JsonValue]:
        self.version += 1
        described = {"description": instruction.get("description", "")}
        return {
            "_id": f"rule-{self.version}-{at}",
            "clauses": instruction["clauses"],
            **described,
            **_served(instruction),
        }

    def _rewrite(self, rule: str, served: dict[str, JsonValue]) -> None:
        if rule not in {one.get("_id") for one in self.rules}:
            raise KeyError(rule)
        kept = ("_id", "clauses", "description")
        self.rules = [
            {**{key: one[key] for key in kept if key in one}, **served} if one.get("_id") == rule else one
            for one in self.rules
        ]


def _served(instruction: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """One variation, or weights in thousandths of a percent. Raises `KeyError` for weights that are not whole."""
    weights = instruction.get("rolloutWeights")
    if not isinstance(weights, dict):
        return {"variation": _INDEX[str(instruction["variationId"])]}
    if sum(int(str(weight)) for weight in weights.values()) != _WHOLE:
        raise KeyError("rolloutWeights that do not sum to 100000")
    variations: list[JsonValue] = [{"variation": _INDEX[key], "weight": weight} for key, weight in weights.items()]
    bucket = instruction.get("rolloutBucketBy") or "key"
    kind = instruction.get("rolloutContextKind") or "user"
    return {"rollout": {"variations": variations, "bucketBy": bucket, "contextKind": kind}}


def _pilot_rule() -> dict[str, JsonValue]:
    clause: JsonValue = {
        "contextKind": "tenant",
        "attribute": "segmentMatch",
        "op": "segmentMatch",
        "values": [_SEGMENT],
        "negate": False,
    }
    return {"_id": "rule-pilots", "clauses": [clause], "variation": 0}


class FlagsPart:
    """Flags are what the last patch made them; the knobs say what somebody else turned by hand."""

    name = "flags"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rollouts = {key: _Flag() for key in (_STATUS_BOARD, *_MEDIA)}
        self._flags = self._rollouts | {
            "cockpit-approvals": _Flag(on=True, rules=[_pilot_rule()]),
            "gen-reports-beta": _Flag(),
            "audit-mode": _Flag(on=True, fallthrough={"variation": 0}),
        }

    def define(self, world: World) -> None:
        self._world = world
        for key, flag in self._flags.items():
            world.define(f"flags.{key}", flag.on, f"whether {key} is switched on", setter=self._switch(key))
        world.define("flags.pilots-left-out", 0, "how many pilot tenants are missing from the segment")
        watched = self._flags[_STATUS_BOARD]
        Product.of(world).exposure.watch_flag(_STATUS_BOARD, watched.share)
        hand = "share of everybody that has it, set by hand, in %"
        world.define(f"flags.share.{_STATUS_BOARD}", 0, hand, setter=self._by_hand)
        world.define("flags.failing", "", "key of a flag whose patches are answered with 503")
        world.define("flags.obeys", True, "whether an accepted patch takes effect")

    def _switch(self, key: str) -> _Switch:
        return _Switch(self, key)

    def turn_by_hand(self, key: str, *, on: bool) -> None:
        """What a person does in the flag service's own pages."""
        with self._lock:
            flag = self._flags[key]
            flag.on = on
            if on and not flag.rules:
                flag.fallthrough = {"variation": _INDEX["v-true"]}

    def _by_hand(self, value: JsonValue) -> None:
        yes = round(float(str(value)) * _WHOLE / 100)
        with self._lock:
            flag = self._flags[_STATUS_BOARD]
            flag.on = True
            flag.fallthrough = _served({"rolloutWeights": {"v-true": yes, "v-false": _WHOLE - yes}})

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
        access: dict[str, JsonValue] = {
            "url": base_url,
            "token": _TOKEN,
            "environment": _ENVIRONMENT,
            "pilot_segment": _SEGMENT,
            "timeout_seconds": 10,
        }
        return {
            "feature-flags/sandbox-flags": {**access, "project": _PROJECT},
            "feature-flags/sandbox-rollout-flags": {**access, "project": _ROLLOUT_PROJECT, "context_kind": "user"},
        }

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    async def _environment(self, request: Request) -> Response:
        known = (
            request.path_params["project"] in {_PROJECT, _ROLLOUT_PROJECT}
            and request.path_params["environment"] == _ENVIRONMENT
        )
        return _refusal(request) or (JSONResponse({"key": _ENVIRONMENT}) if known else _not_found())

    async def _flag(self, request: Request) -> Response:
        if refusal := _refusal(request):
            return refusal
        key = request.path_params["key"]
        if key not in self._in(request.path_params["project"]):
            return _not_found()
        if request.method == "PATCH":
            if self._world.get("flags.failing") == key:
                return JSONResponse({"code": "service_unavailable", "message": "try again"}, status_code=503)
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

    def _in(self, project: str) -> Sequence[str]:
        here = {_ROLLOUT_PROJECT: tuple(self._rollouts), _PROJECT: tuple(self._flags.keys() - self._rollouts.keys())}
        return here.get(project, ())

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
                "rules": [*flag.rules],
                "fallthrough": flag.fallthrough,
                "offVariation": flag.off,
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
