"""Load tests and chaos experiments of a rehearsal: programs that leave the real ones' files and need no time."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

_PROGRAMS = Path(__file__).with_name("trial_programs.py")
_KNOBS: Mapping[str, tuple[JsonValue, str]] = {
    "load.outcome": ("ok", "how a load test ends: ok, or fail (status 1, no figures)"),
    "load.p95-ms": (320.0, "response time that nineteen of twenty requests of a load test stay within"),
    "load.requests-per-minute": (500.0, "requests of a load test"),
    "load.errors": (0, "failed requests of a load test"),
    "chaos.outcome": ("borne", "how an experiment ends: borne, or deviated"),
}


class TrialsPart:
    """Writes `locust` and `chaos` to a folder of its own. The plan's tests are called `load-test` and `chaos`."""

    name = "trials"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tminus-trials-")

    def define(self, world: World) -> None:
        self._world = world
        for name, (value, what) in _KNOBS.items():
            world.define(name, value, what)

    def start(self) -> None:
        for program in ("locust", "chaos"):
            script = self._root / program
            command = shlex.join([sys.executable, "-I", str(_PROGRAMS), program, str(self._figures)])
            script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            script.chmod(0o755)
        for file in ("locustfile.py", "chaos.json"):
            (self._root / file).touch()
        self.tick()

    def tick(self) -> None:
        # A program may be reading them.
        fresh = self._figures.with_suffix(".part")
        fresh.write_text(json.dumps({name: self._world.get(name) for name in _KNOBS}))
        fresh.replace(self._figures)

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/", _target)]

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        common: Mapping[str, JsonValue] = {
            "records": str(self._root / "records"),
            "work_directory": str(self._root),
        }
        return {
            "load-tests/sandbox-load-tests": {
                **common,
                "tests": {"load-test": str(self._root / "locustfile.py")},
                "locust": str(self._root / "locust"),
                "target": base_url,
            },
            "chaos-experiments/sandbox-experiments": {
                **common,
                "experiments": {"chaos": str(self._root / "chaos.json")},
                "chaos": str(self._root / "chaos"),
            },
        }

    def stop(self) -> None:
        self._folder.cleanup()

    @property
    def _root(self) -> Path:
        return Path(self._folder.name)

    @property
    def _figures(self) -> Path:
        return self._root / "figures.json"


async def _target(request: Request) -> Response:  # noqa: ARG001  it answers everybody alike
    return PlainTextResponse("staging")
