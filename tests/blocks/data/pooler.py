"""A real PgBouncer in front of a real PostgreSQL, in transaction mode with one server connection: what leaks is seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sandbox.ports import free_port
from tests.fakes.programs import program, running

_READY = "process up"


@contextmanager
def pooler(folder: Path, dsn: str) -> Iterator[str]:
    """The DSN through the pooler."""
    binary = program("pgbouncer")
    server = urlsplit(dsn)
    port = free_port()
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": folder / "users.txt",
        "pool_mode": "transaction",
        "default_pool_size": 1,
        # It refuses to serve as root.
        **({"user": "nobody"} if os.getuid() == 0 else {}),
    }
    (folder / "users.txt").write_text(f'"{server.username}" "{server.password}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.hostname} port={server.port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in settings.items())
    )
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755)
    with running([binary, str(folder / "pgbouncer.ini")], folder, ready=_READY):
        yield dsn.replace(f":{server.port}/", f":{port}/")
