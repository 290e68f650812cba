"""A real RabbitMQ with its management plug-in, in a node of its own: ten seconds to start, once for a module."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.fakes.programs import program, running

USER, PASSWORD = "launch", "launch-password"
_READY = "Server startup complete"


@contextmanager
def rabbit(folder: Path) -> Iterator[tuple[str, int]]:
    """The address of its management API and its AMQP port."""
    binary, inner = program("rabbitmq-server"), Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    amqp, management, distribution, registry = _free_ports(4)
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{amqp}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n"
        "collect_statistics_interval = 100\n"
        f"default_user = {USER}\ndefault_pass = {PASSWORD}\nlog.console = true\nlog.file = false\n"
    )
    environment = {
        "HOME": str(folder),  # its cookie lies there
        "RABBITMQ_NODENAME": f"tminus-{amqp}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "ERL_EPMD_PORT": str(registry),
    }
    # Debian's command hands over to another user; the one it runs does not.
    command = [str(inner if inner.exists() else binary)]
    try:
        with running(command, folder, ready=_READY, environment=environment):
            yield f"http://127.0.0.1:{management}", amqp
    finally:
        # The daemon that a node registers its name with outlives it.
        subprocess.run(["epmd", "-port", str(registry), "-kill"], check=False, capture_output=True)


def _free_ports(count: int) -> list[int]:
    """Below those that the system gives to outgoing connections: a node takes seconds until it binds its own."""
    found: list[int] = []
    with ExitStack() as held:
        for port in range(20_000 + os.getpid() % 10_000, 32_000):
            one = held.enter_context(socket.socket())
            with suppress(OSError):
                one.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                break
    return found
