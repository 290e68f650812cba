"""A Prefect API for one rehearsal: a process of its own with a database of its own, gone afterwards."""

from __future__ import annotations

import contextlib
import inspect
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httpx

from launch.errors import RefusedError
from sandbox.ports import free_port

_START_SECONDS = 90
_SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
}


class RehearsalServer:
    """A Prefect API that starts at once in the background; nothing here imports Prefect before it is up.

    `ready` waits until it answers. `cache` keeps an empty migrated database, which saves several seconds of migrations
    at the next start. `database` is the URL of another database than a file of its own.
    """

    def __init__(self, cache: Path | None = None, database: str = "") -> None:
        self._home = Path(tempfile.mkdtemp(prefix="tminus-prefect-"))
        self._database = self._home / "prefect.db"
        self._template = cache / f"prefect-{version('prefect')}.db" if cache else None
        if self._template is not None and self._template.exists():
            shutil.copyfile(self._template, self._database)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api"
        command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "critical", "--lifespan", "on"]
        environment = (
            os.environ
            | _SETTINGS
            | {
                "PREFECT_HOME": str(self._home),
                "PREFECT_API_DATABASE_CONNECTION_URL": database or f"sqlite+aiosqlite:///{self._database}",
            }
        )
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter, no shell
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def ready(self) -> None:
        """Returns when the API answers. Raises `RefusedError` when it does not come up."""
        waiting = threading.Event()
        for _ in range(_START_SECONDS * 10):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health", timeout=2).is_success:
                    self._keep()
                    return
            if self._process.poll() is not None:
                break
            waiting.wait(0.1)
        message = "the rehearsal's Prefect server did not start; run `prefect server start` to see why"
        raise RefusedError(message)

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Flows called inside report to this server."""
        from prefect.settings import (
            PREFECT_API_URL,
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
            PREFECT_HOME,
            PREFECT_LOGGING_LEVEL,
            PREFECT_LOGGING_TO_API_ENABLED,
            temporary_settings,
        )

        settings = {
            PREFECT_HOME: str(self._home),
            PREFECT_API_URL: self.url,
            PREFECT_LOGGING_TO_API_ENABLED: False,
            PREFECT_LOGGING_LEVEL: "CRITICAL",
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        }
        with temporary_settings(settings):
            try:
                yield
            finally:
                _drain()

    def stop(self) -> None:
        """Ends the process and removes its files."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _keep(self) -> None:
        """Keeps a copy of the fresh database; SQLite's backup reads a consistent file while the server has it open."""
        template = self._template
        if template is None or template.exists():
            return
        template.parent.mkdir(parents=True, exist_ok=True)
        partial = template.with_suffix(f".{os.getpid()}")
        with (
            contextlib.closing(sqlite3.connect(self._database)) as source,
            contextlib.closing(sqlite3.connect(partial)) as copy,
        ):
            source.backup(copy)
        partial.replace(template)


def _drain() -> None:
    """Hands over what Prefect's event worker still holds: at exit it would wait for a server that is gone."""
    from prefect.events.worker import EventsWorker
    from prefect.utilities.asyncutils import run_coro_as_sync

    async def drained() -> None:
        waiting = EventsWorker.drain_all()
        if inspect.isawaitable(waiting):
            await waiting

    run_coro_as_sync(drained())
