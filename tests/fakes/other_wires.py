"""Providers that are not reached over HTTP, and servers that speak PostgreSQL, Redis, SMTP and DNS to them, in trouble."""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

import dns.flags
import dns.message
import dns.rcode
from prefect.blocks.core import Block

from console.systems import block_types
from launch.effects.data import Migrate
from launch.probes.data import CachedKeys, ConnectionPool, MigrationStatus, RedisSettings, Replication, SqlValues
from launch.probes.web_edges import DnsRecord
from tests.fakes.providers import ROOT, SECRET, Trouble
from tests.fakes.scripted_wire import datagrams, wire
from tests.fakes.verbs import OCCASION, effects, questions

Served = Callable[[Trouble], AbstractContextManager[int]]
NONSENSE = f"HTTP/1.1 400 Bad Request\r\n\r\n{SECRET}".encode()


def postgres(trouble: Trouble, connection: socket.socket, over: threading.Event) -> None:
    """https://www.postgresql.org/docs/current/protocol-message-formats.html: refuses TLS, then the start-up."""
    errors = {
        Trouble.CREDENTIALS: ("28P01", f'password authentication failed for user "{SECRET}"'),
        Trouble.RIGHT: ("42501", 'permission denied for database "x"'),
        Trouble.LOST: ("3D000", 'database "x" does not exist'),
        Trouble.LIMITED: ("53300", "sorry, too many clients already"),
        Trouble.BROKEN: ("57P03", "the database system is starting up"),
    }
    while True:
        (length,) = struct.unpack("!I", _exactly(connection, 4))
        (code,) = struct.unpack("!I", _exactly(connection, length - 4)[:4])
        if trouble is Trouble.SILENT:
            over.wait()
            return
        if trouble in {Trouble.MALFORMED, Trouble.EMPTY}:
            connection.sendall(NONSENSE if trouble is Trouble.MALFORMED else b"")
            return
        if code in {80877103, 80877104}:
            connection.sendall(b"N")
            continue
        state, message = errors[trouble]
        fields = b"".join(
            kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", state), (b"M", message))
        )
        connection.sendall(b"E" + struct.pack("!I", 4 + len(fields) + 1) + fields + b"\0")
        return


def redis(trouble: Trouble, connection: socket.socket, over: threading.Event) -> None:
    """https://redis.io/docs/latest/develop/reference/protocol-spec/: refuses the login, or what comes after it."""
    errors = {
        Trouble.CREDENTIALS: b"-WRONGPASS invalid username-password pair or user is disabled.",
        Trouble.LOST: b"-ERR DB index is out of range",
        Trouble.LIMITED: b"-ERR max number of clients reached",
        Trouble.BROKEN: b"-LOADING Redis is loading the dataset in memory",
    }
    with connection.makefile("rb") as asked:
        while header := asked.readline():
            words = []
            for _ in range(int(header[1:])):
                words.append(asked.read(int(asked.readline()[1:])).upper())
                asked.readline()
            match trouble:
                case Trouble.SILENT:
                    over.wait()
                    return
                case Trouble.MALFORMED | Trouble.EMPTY:
                    connection.sendall(NONSENSE if trouble is Trouble.MALFORMED else b"")
                    return
                case Trouble.RIGHT:
                    named = b"|".join(words[:2] if words[0] == b"CONFIG" else words[:1]).lower()
                    denied = b"-NOPERM this user has no permissions to run the '%s' command\r\n" % named
                    connection.sendall(denied if words[0] in {b"CONFIG", b"GET", b"INFO", b"SCAN"} else b"+OK\r\n")
                case _:
                    connection.sendall(errors[trouble] + b"\r\n")


def smtp(trouble: Trouble, connection: socket.socket, over: threading.Event) -> None:
    """RFC 5321 and RFC 4954."""
    logins = {Trouble.CREDENTIALS: b"535 5.7.8 no", Trouble.BROKEN: b"454 4.7.0 later", Trouble.RIGHT: b"235 2.7.0 ok"}
    if trouble is Trouble.SILENT:
        over.wait()
        return
    if trouble in {Trouble.LIMITED, Trouble.MALFORMED, Trouble.EMPTY}:
        said = {Trouble.LIMITED: b"421 4.7.0 too many\r\n", Trouble.MALFORMED: NONSENSE, Trouble.EMPTY: b""}
        connection.sendall(said[trouble])
        return
    connection.sendall(b"220 relay ESMTP\r\n")
    with connection.makefile("rb") as asked:
        while line := asked.readline():
            match line[:4].upper():
                case b"EHLO":
                    connection.sendall(b"250-relay\r\n250 AUTH PLAIN\r\n")
                case b"AUTH":
                    connection.sendall(logins.get(trouble, b"235 2.7.0 ok") + b"\r\n")
                case b"MAIL":
                    connection.sendall(b"550 5.7.1 may not send as this address\r\n")
                case b"QUIT":
                    connection.sendall(b"221 bye\r\n")
                case _:
                    connection.sendall(b"250 ok\r\n")


def dns_server(trouble: Trouble, asked: bytes) -> bytes | None:
    """RFC 1035."""
    if trouble is Trouble.SILENT:
        return None
    if trouble is Trouble.MALFORMED:
        return NONSENSE
    answer = dns.message.make_response(dns.message.from_wire(asked))
    answer.flags |= dns.flags.AA
    codes = {Trouble.LOST: dns.rcode.NXDOMAIN, Trouble.RIGHT: dns.rcode.REFUSED, Trouble.BROKEN: dns.rcode.SERVFAIL}
    answer.set_rcode(codes.get(trouble, dns.rcode.NOERROR))
    return answer.to_wire()


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = connection.recv(count - len(found))
        if not more:
            raise ConnectionResetError
        found += more
    return found


class Wire(NamedTuple):
    served: Served
    fields: Callable[[int], dict[str, Any]]
    verbs: dict[str, Callable[[Any], object]]
    patience: float = 0.2


def _asked(kind: type) -> Callable[[Any], object]:
    return lambda block: block.answer(questions()[kind].probe, OCCASION)


def _streamed(part: Callable[[Trouble, socket.socket, threading.Event], None]) -> Served:
    return lambda trouble: wire(partial(part, trouble))


_ONCE = questions()[ConnectionPool].probe.model_copy(update={"attempts": 1})
_DSN = f"postgresql://u:{SECRET}@127.0.0.1:{{}}/x"
WIRES = {
    "postgres-database": Wire(
        _streamed(postgres),
        lambda port: {"dsn": _DSN.format(port)},
        {
            "check": lambda block: block.check(),
            "replication": _asked(Replication),
            "sql-values": _asked(SqlValues),
            "connection-pool": lambda block: block.answer(_ONCE, OCCASION),
        },
        patience=2,  # libpq waits no shorter
    ),
    "schema-migrations": Wire(
        _streamed(postgres),
        lambda port: {"dsn": _DSN.format(port), "migrations_folder": str(ROOT / "tests" / "data" / "migrations")},
        {
            "check": lambda block: block.check(),
            "migration-status": _asked(MigrationStatus),
            "migrate": lambda block: block.observe(effects()[Migrate], OCCASION),
        },
        patience=2,
    ),
    "redis-cache": Wire(
        _streamed(redis),
        lambda port: {"url": f"redis://:{SECRET}@127.0.0.1:{port}/7"},
        {
            "check": lambda block: block.check(),
            "redis-settings": _asked(RedisSettings),
            "cached-keys": _asked(CachedKeys),
        },
    ),
    "smtp-relay": Wire(
        _streamed(smtp),
        lambda port: {
            "server": {"host": "127.0.0.1", "port": port, "login": "u", "password": SECRET, "starttls": False},
            "sender": "a@b.example",
        },
        {
            "check": lambda block: block.check(),
            "send": lambda block: block.send(["c@d.example"], "subject", "text", key="k"),
        },
    ),
    "resolver": Wire(
        lambda trouble: datagrams(partial(dns_server, trouble)),
        lambda port: {"server": "127.0.0.1", "port": port, "probe_name": "cockpit.example.org"},
        {"check": lambda block: block.check(), "dns-record": _asked(DnsRecord)},
    ),
}


def built(slug: str, port: int, trouble: Trouble) -> Block:
    given = WIRES[slug]
    patience = given.patience if trouble is Trouble.SILENT else 5
    return block_types()[slug].model_validate({**given.fields(port), "timeout_seconds": patience})
