"""Host names, asked of the name server that owns them."""

from __future__ import annotations

from typing import ClassVar

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
from prefect.blocks.core import Block
from pydantic import BaseModel, Field, HttpUrl

from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.web_edges import DnsRecord
from launch.readings import Reading, quantities


class _Answer(BaseModel):
    """Addresses behind a name, and the longest TTL on the way to them; None when there is no such record."""

    addresses: frozenset[str] = frozenset()
    ttl: int | None = None

    def told(self) -> str:
        return ", ".join(sorted(self.addresses)) or "no address"


class Resolver(Block):
    """An authoritative name server."""

    _block_type_name = "Resolver"
    _block_type_slug = "resolver"
    _description = (
        "The authoritative name server of the product's zone. A caching resolver would show the TTL counted down, "
        "and an old address after a change."
    )
    _documentation_url = HttpUrl("https://www.rfc-editor.org/rfc/rfc1035")
    needs: ClassVar[str] = "none; UDP and TCP 53 to the authoritative server"

    answers: ClassVar[tuple[type[Probe], ...]] = (DnsRecord,)

    server: str = Field(description="IP address of the zone's authoritative name server.")
    port: int = Field(default=53, gt=0, lt=65_536, description="UDP and TCP port of the name server.")
    probe_name: str = Field(description="A name of the zone, asked to prove that the server is reachable.")
    timeout_seconds: float = Field(default=5.0, gt=0, description="Longest wait for one answer.")

    def check(self) -> str:
        """Proves that the server answers for the zone. Raises `SystemFaultError`."""
        if not self._look_up(self.probe_name).addresses:
            raise PermanentFaultError(
                system=self._named(),
                question=f"the addresses of {self.probe_name}",
                answer="no such name",
                next_step="check `probe_name` in the resolver block, and that this server owns the zone",
            )
        return f"name server {self.server} answers for {self.probe_name}"

    def answer(self, probe: DnsRecord, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        host, balancer = self._look_up(probe.name), self._look_up(probe.balancer)
        if not balancer.addresses:
            raise PermanentFaultError(
                system=self._named(),
                question=f"the addresses of {probe.balancer}",
                answer="no such name",
                next_step="name the production load balancer in the plan",
            )
        return Reading(
            values={
                **quantities("s", dns_ttl=host.ttl),
                **quantities(points_to_balancer=host.addresses == balancer.addresses, addresses=len(host.addresses)),
            },
            where=f"{probe.name} at {self._named()}",
            at=occasion.now,
            evidence=f"{host.told()}; balancer {balancer.told()}",
        )

    def _look_up(self, name: str) -> _Answer:
        answers = [self._ask(name, kind) for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)]
        sets = [rrset for answer in answers for rrset in answer.answer]
        # A CNAME on the way counts for the TTL: who follows it may hold it that long.
        addresses = [
            str(record) for rrset in sets if rrset.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA} for record in rrset
        ]
        return _Answer(addresses=frozenset(addresses), ttl=max((rrset.ttl for rrset in sets), default=None))

    def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> dns.message.Message:
        question = f"the {dns.rdatatype.to_text(kind)} record of {name}"
        query = dns.message.make_query(name, kind)
        query.flags &= ~dns.flags.RD
        try:
            answer, _ = dns.query.udp_with_fallback(query, self.server, timeout=self.timeout_seconds, port=self.port)
        except (dns.exception.DNSException, OSError) as error:
            raise TransientFaultError(
                system=self._named(),
                question=question,
                answer="no answer in time" if isinstance(error, dns.exception.Timeout) else "no usable answer",
                next_step="check that the name server is up and reachable from here",
            ) from error
        match answer.rcode():
            case dns.rcode.NOERROR | dns.rcode.NXDOMAIN:
                return answer
            case dns.rcode.SERVFAIL as code:
                fault: type[TransientFaultError | PermanentFaultError] = TransientFaultError
            case code:
                fault = PermanentFaultError
        raise fault(
            system=self._named(),
            question=question,
            answer=dns.rcode.to_text(code),
            next_step="check that the server in the resolver block is authoritative for the zone",
        )

    def _named(self) -> str:
        return f"name server {self.server}"
