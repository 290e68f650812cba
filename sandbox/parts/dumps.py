"""Dumps of the production database of the sandbox, and another server on which their restore is tried."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue
from starlette.routing import BaseRoute

from sandbox.parts.database import DatabasePart
from sandbox.postgres_server import PostgresServer, binaries
from sandbox.world import World


class DumpsPart:
    """Real programs and real servers: a rehearsal dumps and restores what little there is."""

    name = "dumps"

    def __init__(self, database: DatabasePart) -> None:
        self._database = database
        self._scratch = PostgresServer()
        self._folder = tempfile.TemporaryDirectory(prefix="tminus-dumps-")

    def define(self, world: World) -> None:
        """Nothing can be turned here."""

    def start(self) -> None:
        self._scratch.create()
        self._scratch.start()

    def tick(self) -> None:
        """Nothing here follows the clock."""

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002  PostgreSQL has its own port
        return {
            "postgres-dumps/sandbox-dumps": {
                "dsn": self._database.owner_dsn,
                "scratch_dsn": self._scratch.dsn(),
                "folder": self._folder.name,
                "records": str(Path(self._folder.name) / "records"),
                "work_directory": self._folder.name,
                "path": f"{binaries()}:/usr/bin:/bin",
            }
        }

    def stop(self) -> None:
        self._scratch.stop()
        self._folder.cleanup()
