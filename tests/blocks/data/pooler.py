"""A real PgBouncer in front of a real PostgreSQL, in transaction mode with one server connection: what leaks is seen."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

_READY = "process up"


@contextmanager
def pooler(folder: Path, dsn: str) -> Iterator[str]:
    """The DSN through the pooler. Without the binary a test is skipped, on CI it fails."""
    binary = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        if os.environ.get("CI"):
            pytest.fail("there is no pgbouncer here; scripts/system-packages installs it")
        pytest.skip("there is no pgbouncer here")
    server = urlsplit(dsn)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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
    with subprocess.Popen([binary, str(folder / "pgbouncer.ini")], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            told: list[str] = []
            for line in process.stderr:
                told.append(line)
                if _READY in line:
                    break
            else:
                raise RuntimeError("PgBouncer did not start: " + "".join(told[-3:]))
            yield dsn.replace(f":{server.port}/", f":{port}/")
        finally:
            process.kill()
            process.communicate()
