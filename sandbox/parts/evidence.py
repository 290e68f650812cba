"""A store of evidence over HTTP: each piece appears on its day, as the tool that made it writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.parts.evidence_results import RESULTS
from sandbox.product import COMMIT
from sandbox.world import World

_TOKEN = "sandbox-evidence-token"
_STAMP: dict[str, JsonValue] = {"missing": False, "age_hours": None, "commit": COMMIT, "environment": "staging"}


class EvidenceStore:
    """The part `evidence`."""

    name = "evidence"

    _world: World

    def define(self, world: World) -> None:
        self._world = world
        for name, (_, figures, _) in RESULTS.items():
            known = ", ".join((*_STAMP, *figures))
            world.define(f"evidence.{name}", {}, f"what differs in this piece of evidence: {known}")

    def start(self) -> None:
        """Nothing to start."""

    def tick(self) -> None:
        """Nothing to do: a piece shows when its day has come."""

    def stop(self) -> None:
        """Nothing to stop."""

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/", self._index), Route("/{name}.json", self._piece)]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        return {"evidence-store/sandbox-evidence": {"url": base_url, "token": _TOKEN}}

    def _index(self, request: Request) -> Response:
        return refused(request, _TOKEN) or JSONResponse([f"{name}.json" for name in RESULTS])

    def _piece(self, request: Request) -> Response:
        if (refusal := refused(request, _TOKEN)) is not None:
            return refusal
        name = request.path_params["name"]
        if name not in RESULTS:
            return JSONResponse({"message": "not found"}, status_code=404)
        day, figures, write = RESULTS[name]
        turned = self._world.get(f"evidence.{name}")
        facts = {**_STAMP, **figures, **(turned if isinstance(turned, dict) else {})}
        produced = self._produced(day, facts["age_hours"])
        if facts["missing"] is True or produced > self._world.now():
            return JSONResponse({"message": "not found"}, status_code=404)
        return JSONResponse(
            {
                "name": name,
                "commit": facts["commit"],
                "environment": facts["environment"],
                "produced_at": produced.isoformat(),
                "result": write(facts, produced),
            }
        )

    def _produced(self, day: timedelta, age_hours: JsonValue) -> datetime:
        if isinstance(age_hours, int | float):
            return self._world.now() - timedelta(hours=age_hours)
        return self._world.t0 + day
