"""The zone teei.io on a real authoritative name server (dnslib), over UDP and TCP on loopback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSHandler, DNSLogger, DNSServer
from pydantic import JsonValue
from starlette.routing import BaseRoute

from sandbox.world import World

_BALANCER = "lb.production.teei.io"
_PRODUCTION = "203.0.113.10"
_PORTS_TRIED = 50


class _Zone(BaseResolver):  # type: ignore[misc]  # dnslib has no types
    """Answers A questions for the two names of the zone; everything else in it does not exist."""

    def __init__(self, world: World) -> None:
        self._world = world

    def resolve(self, request: DNSRecord, handler: DNSHandler) -> DNSRecord:  # noqa: ARG002 - dnslib's signature
        reply = request.reply(aa=1)
        name = str(request.q.qname).rstrip(".").lower()
        ttl = self._world.get("dns.ttl")
        records = {
            "cockpit.teei.io": (str(self._world.get("dns.address")), ttl if isinstance(ttl, int) else 0),
            _BALANCER: (_PRODUCTION, 60),
        }
        found = records.get(name)
        if found is None:
            reply.header.rcode = RCODE.NXDOMAIN if name.endswith("teei.io") else RCODE.REFUSED
        elif QTYPE[request.q.qtype] == "A" and found[0]:
            reply.add_answer(RR(request.q.qname, QTYPE.A, rdata=A(found[0]), ttl=found[1]))
        return reply


class ResolverPart:
    """Two servers on one port number; nothing on the shared HTTP server."""

    name = "dns"

    def __init__(self) -> None:
        self._servers: list[DNSServer] = []
        self._port = 0

    def define(self, world: World) -> None:
        self._world = world
        world.define("dns.ttl", 300, "TTL of cockpit.teei.io, in seconds")
        world.define("dns.address", _PRODUCTION, "address of cockpit.teei.io; empty: it has none")

    def start(self) -> None:
        zone, quiet = _Zone(self._world), DNSLogger(log="-request,-reply,-truncated,-error,-data", prefix=False)
        for _ in range(_PORTS_TRIED):
            udp = DNSServer(zone, address="127.0.0.1", port=0, logger=quiet)
            self._port = udp.server.server_address[1]
            try:
                tcp = DNSServer(zone, address="127.0.0.1", port=self._port, tcp=True, logger=quiet)
            except OSError:
                # The number was free for UDP only.
                udp.server.server_close()
                continue
            self._servers = [udp, tcp]
            break
        for server in self._servers:
            server.start_thread()

    def routes(self) -> Sequence[BaseRoute]:
        return []

    def tick(self) -> None:
        """Records are read from the knobs at every question."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002 - DNS is not HTTP
        return {
            "resolver/sandbox-dns": {
                "server": "127.0.0.1",
                "port": self._port,
                "probe_name": "cockpit.teei.io",
                "timeout_seconds": 5,
            }
        }

    def stop(self) -> None:
        for server in self._servers:
            server.stop()
            server.server.server_close()
        self._servers = []
