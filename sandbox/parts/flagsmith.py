"""A Flagsmith project with one environment, over its Admin API v1. https://docs.flagsmith.com/clients/rest"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.world import World

_TOKEN = "sandbox-flagsmith-key"
_ENVIRONMENT, _ENVIRONMENT_ID, _PROJECT = "sandboxEnvKey", 31, 7
_PAGE = 10
FLAGS = ("new-player", "offline-mode", "recommendations")
PILOTS = ("pilot-acme", "pilot-globex", "pilot-initech")

Fields = dict[str, JsonValue]


class FlagsmithPart:
    """Three flags, all off; a segment of pilot tenants by their trait, and one of guests by how their names begin."""

    name = "flagsmith"

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._ids = itertools.count(101)
        self.features: dict[int, Fields] = {}
        self.segments: dict[int, Fields] = {}
        self.links: dict[int, Fields] = {}
        self.states: dict[int, Fields] = {}
        for flag in FLAGS:
            self.add_flag(flag)
        self.add_segment("pilot-tenants", [{"operator": "EQUAL", "property": "tenant", "value": one} for one in PILOTS])
        self.add_segment("guests", [{"operator": "REGEX", "property": "tenant", "value": "^guest-"}])

    def define(self, world: World) -> None:
        self._world = world
        world.define("flagsmith.versioned", False, "whether the environment uses feature versioning (v2)")
        world.define("flagsmith.approvals", -1, "approvals that a change needs; -1 takes changes without any")
        world.define("flagsmith.stuck", False, "whether states are answered for as changed, and stay")

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def stop(self) -> None:
        """Nothing runs beside the shared server."""

    def tick(self) -> None:
        """Flags change only when somebody changes them."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        fields: Fields = {"url": base_url, "token": _TOKEN, "environment": _ENVIRONMENT, "timeout_seconds": 5}
        return {"flagsmith/sandbox-flagsmith": fields}

    def add_flag(self, name: str) -> int:
        """A flag that is off."""
        with self._lock:
            feature = next(self._ids)
            self.features[feature] = {"id": feature, "name": name, "type": "STANDARD", "project": _PROJECT}
            self._add_state(feature)
            return feature

    def add_segment(self, name: str, conditions: Sequence[JsonValue], *, kind: str = "ANY") -> int:
        """A segment of whoever meets any of these conditions."""
        within: JsonValue = {"type": kind, "rules": [], "conditions": [*conditions]}
        rules: JsonValue = [{"type": "ALL", "rules": [within], "conditions": []}]
        with self._lock:
            segment = next(self._ids)
            self.segments[segment] = {"id": segment, "name": name, "feature": None, "rules": rules}
            return segment

    def add_identity(self, feature: int, *, enabled: bool) -> int:
        """One identity's own state."""
        with self._lock:
            return self._add_state(feature, identity=next(self._ids), enabled=enabled)

    def routes(self) -> Sequence[BaseRoute]:
        root, project = "/api/v1", f"/api/v1/projects/{_PROJECT}"
        place = f"{root}/environments/{_ENVIRONMENT}"
        return [
            Route(f"{place}/", self._environment),
            Route(f"{project}/features/", self._list_features),
            Route(f"{project}/segments/", self._list_segments, methods=["GET"]),
            Route(f"{project}/segments/", self._create_segment, methods=["POST"]),
            Route(f"{project}/segments/{{id:int}}/", self._segment, methods=["GET", "PUT"]),
            Route(f"{root}/features/featurestates/", self._list_states),
            Route(f"{root}/features/featurestates/{{id:int}}/", self._patch_state, methods=["PATCH"]),
            Route(f"{root}/features/feature-segments/", self._list_links, methods=["GET"]),
            Route(f"{root}/features/feature-segments/update-priorities/", self._prioritise, methods=["POST"]),
            Route(f"{root}/features/feature-segments/{{id:int}}/", self._delete_link, methods=["DELETE"]),
            Route(f"{place}/features/{{id:int}}/create-segment-override/", self._create_override, methods=["POST"]),
        ]

    def _add_state(
        self, feature: int, *, link: int | None = None, identity: int | None = None, enabled: bool = False
    ) -> int:
        state = next(self._ids)
        self.states[state] = {
            "id": state,
            "feature": feature,
            "environment": _ENVIRONMENT_ID,
            "feature_segment": link,
            "identity": identity,
            "enabled": enabled,
            "feature_state_value": {"type": "unicode", "string_value": None},
        }
        return state

    def _environment(self, request: Request) -> Response:
        approvals = int(str(self._world.get("flagsmith.approvals")))
        body: Fields = {
            "id": _ENVIRONMENT_ID,
            "name": "Production",
            "api_key": _ENVIRONMENT,
            "project": _PROJECT,
            "use_v2_feature_versioning": bool(self._world.get("flagsmith.versioned")),
            "minimum_change_request_approvals": None if approvals < 0 else approvals,
        }
        return _refusal(request) or JSONResponse(body)

    def _list_features(self, request: Request) -> Response:
        wanted = request.query_params.get("search", "").lower()
        with self._lock:
            return _page(request, [one for one in self.features.values() if wanted in str(one["name"]).lower()])

    def _list_segments(self, request: Request) -> Response:
        every = request.query_params.get("include_feature_specific") == "true"
        with self._lock:
            return _page(request, [one for one in self.segments.values() if every or one["feature"] is None])

    async def _create_segment(self, request: Request) -> Response:
        body = await request.json()
        if refusal := _refusal(request):
            return refusal
        if problem := _segment_problem(body):
            return problem
        with self._lock:
            segment = next(self._ids)
            self.segments[segment] = {"feature": None, **body, "id": segment}
            return JSONResponse(self.segments[segment], status_code=201)

    async def _segment(self, request: Request) -> Response:
        segment = request.path_params["id"]
        body = await request.json() if request.method == "PUT" else None
        if refusal := _refusal(request):
            return refusal
        with self._lock:
            if segment not in self.segments:
                return _missing()
            if body is not None:
                if problem := _segment_problem(body):
                    return problem
                self.segments[segment] = {**self.segments[segment], **body}
            return JSONResponse(self.segments[segment])

    def _list_states(self, request: Request) -> Response:
        with self._lock:
            return _page(request, [one for one in self.states.values() if _asked_for(one, request)])

    async def _patch_state(self, request: Request) -> Response:
        state, body = request.path_params["id"], await request.json()
        if refusal := _refusal(request):
            return refusal
        with self._lock:
            if state not in self.states:
                return _missing()
            if not self._world.get("flagsmith.stuck"):
                self.states[state]["enabled"] = body["enabled"]
            return JSONResponse(self.states[state])

    def _list_links(self, request: Request) -> Response:
        with self._lock:
            found = sorted(
                (one for one in self.links.values() if _asked_for(one, request)),
                key=lambda one: int(str(one["priority"])),
            )
            return _page(request, found)

    async def _prioritise(self, request: Request) -> Response:
        body = await request.json()
        if refusal := _refusal(request):
            return refusal
        with self._lock:
            for one in body:
                self.links[one["id"]]["priority"] = one["priority"]
            return JSONResponse([self.links[one["id"]] for one in body])

    def _delete_link(self, request: Request) -> Response:
        if refusal := _refusal(request):
            return refusal
        with self._lock:
            link = request.path_params["id"]
            if self.links.pop(link, None) is None:
                return _missing()
            self.states = {key: one for key, one in self.states.items() if one["feature_segment"] != link}
        return Response(status_code=204)

    async def _create_override(self, request: Request) -> Response:
        body, feature = await request.json(), request.path_params["id"]
        segment = body["feature_segment"]["segment"]
        if refusal := _refusal(request):
            return refusal
        with self._lock:
            mine = [one for one in self.links.values() if one["feature"] == feature]
            if segment not in self.segments or any(one["segment"] == segment for one in mine):
                return JSONResponse({"feature_segment": {"segment": ["Invalid."]}}, status_code=400)
            link = next(self._ids)
            last = max((int(str(one["priority"])) for one in mine), default=-1)
            self.links[link] = {
                "id": link,
                "segment": segment,
                "segment_name": self.segments[segment]["name"],
                "feature": feature,
                "environment": _ENVIRONMENT_ID,
                "priority": last + 1,
            }
            state = self._add_state(feature, link=link, enabled=body["enabled"])
            # Within the answer to a creation the link is shown whole, elsewhere by its id.
            return JSONResponse({**self.states[state], "feature_segment": self.links[link]}, status_code=201)


def _asked_for(one: Fields, request: Request) -> bool:
    return all(str(one[name]) == request.query_params.get(name) for name in ("environment", "feature"))


def _segment_problem(body: Fields) -> Response | None:
    """https://github.com/Flagsmith/flagsmith: a PUT takes the whole segment, and a segment has rules."""
    missing = [name for name in ("project", "name", "rules") if not body.get(name)]
    return JSONResponse({name: ["This field is required."] for name in missing}, status_code=400) if missing else None


def _page(request: Request, found: Sequence[Fields]) -> Response:
    """At most ten to a page, whatever is asked for: who reads only the first is found out."""
    if refusal := _refusal(request):
        return refusal
    number = int(request.query_params.get("page", 1))
    page: list[JsonValue] = [*found[(number - 1) * _PAGE : number * _PAGE]]
    after = f"{request.url.include_query_params(page=number + 1)}" if number * _PAGE < len(found) else None
    return JSONResponse({"count": len(found), "next": after, "previous": None, "results": page})


def _missing() -> Response:
    return JSONResponse({"detail": "Not found."}, status_code=404)


def _refusal(request: Request) -> Response | None:
    return refused(request, _TOKEN, scheme="Api-Key")
