"""Loopback ports for servers that must be told theirs."""

from __future__ import annotations

import random
import socket

_FIRST, _LAST = 15_000, 32_000
"""Below those the system gives to whoever asks for any (Linux: 32768 and up): no connection takes one before the
server does."""
_CHOICE = random.SystemRandom()
_TRIES = 100


def free_port() -> int:
    """A TCP port of 127.0.0.1 nobody listens on. Raises `OSError` when a hundred are taken."""
    for _ in range(_TRIES - 1):
        port = _CHOICE.randint(_FIRST, _LAST)
        try:
            return _bound(port)
        except OSError:
            continue
    return _bound(_CHOICE.randint(_FIRST, _LAST))


def _bound(port: int) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
    return port
