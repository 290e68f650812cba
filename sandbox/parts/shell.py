"""The runbook's two scripts, as the sandbox's operators have them: they talk to the sandbox's cluster."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue
from starlette.routing import BaseRoute

from sandbox.parts.cluster import TOKEN, ClusterPart
from sandbox.world import World

_SCRIPT = Path(__file__).with_name("runbook_script.py")


class ShellPart:
    """Writes `deploy-production.sh` and `rollback-production.sh` to a folder of its own."""

    name = "shell"

    def __init__(self, cluster: ClusterPart) -> None:
        self._cluster = cluster
        self._folder = tempfile.TemporaryDirectory(prefix="tminus-shell-")

    def define(self, world: World) -> None:
        self._world = world
        world.define("shell.outcome", "ok", "how a runbook script ends: ok, fail (status 1) or silent (no last line)")

    def start(self) -> None:
        for verb in ("deploy", "rollback"):
            script = self._root / f"{verb}-production.sh"
            command = shlex.join([sys.executable, "-I", str(_SCRIPT), verb])
            script.write_text(f'#!/bin/sh\nexec {command} "$(cat {shlex.quote(str(self._outcome))})" "$@"\n')
            script.chmod(0o755)
        self.tick()

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def tick(self) -> None:
        self._outcome.write_text(str(self._world.get("shell.outcome")))

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002  it has no endpoint
        names = ("deploy-production.sh", "rollback-production.sh")
        fields: dict[str, JsonValue] = {
            "scripts": {name: str(self._root / name) for name in names},
            "records": str(self._root / "records"),
            "work_directory": str(self._root),
            "environment": {"CLUSTER_SERVER": self._cluster.address, "CLUSTER_TOKEN": TOKEN},
        }
        return {"shell-scripts/sandbox-shell": fields}

    def stop(self) -> None:
        self._folder.cleanup()

    @property
    def _root(self) -> Path:
        return Path(self._folder.name)

    @property
    def _outcome(self) -> Path:
        return self._root / "outcome"
