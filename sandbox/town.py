"""The whole sandbox: every part on one world and one HTTP server, started side by side, and the blocks to reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from pydantic import JsonValue

from launch.errors import PlanError, RefusedError
from sandbox.faults import Fault
from sandbox.parts.analytics import Analytics
from sandbox.parts.aws import AwsPart
from sandbox.parts.cache import CachePart
from sandbox.parts.cdn import CdnPart
from sandbox.parts.ci import Ci
from sandbox.parts.cluster import ClusterPart
from sandbox.parts.cluster_seed import PREVIOUS
from sandbox.parts.database import DatabasePart
from sandbox.parts.evidence import EvidenceStore
from sandbox.parts.flags import FlagsPart
from sandbox.parts.grafana import Grafana
from sandbox.parts.journeys import JourneysPart
from sandbox.parts.loki import Loki
from sandbox.parts.mail import MailPart
from sandbox.parts.network import NetworkPart
from sandbox.parts.pagerduty import PagerDutyPart
from sandbox.parts.partners import PartnersPart
from sandbox.parts.product_site import ProductSite
from sandbox.parts.prometheus import Prometheus
from sandbox.parts.publishing import PublishingPart
from sandbox.parts.queue import QueuePart
from sandbox.parts.registry import RegistryPart
from sandbox.parts.resolver import ResolverPart
from sandbox.parts.shell import ShellPart
from sandbox.parts.slack import SlackPart
from sandbox.parts.statuspage import StatuspagePart
from sandbox.parts.synthetics import Synthetics
from sandbox.parts.tickets import TicketsPart
from sandbox.parts.tls_endpoint import TlsPart
from sandbox.parts.tracing import Tracing
from sandbox.server import Server
from sandbox.world import Part, UnknownKnobError, World

Fields = Mapping[str, JsonValue]


class Town:
    """Every part of the TEEI world. `start` brings all up; `stop` leaves no process, also after a failed start."""

    def __init__(self, world: World, *, port: int = 0) -> None:
        self.world = world
        self.cluster = ClusterPart()
        aws = AwsPart()
        self.parts: Sequence[Part] = (
            aws, self.cluster, DatabasePart(self.cluster), CachePart(), CdnPart(aws), QueuePart(), NetworkPart(aws),
            RegistryPart(), ShellPart(self.cluster), ProductSite(), ResolverPart(), TlsPart(), FlagsPart(),
            JourneysPart(), PartnersPart(), Prometheus(), Loki(), Synthetics(), Tracing(), Grafana(), Analytics(),
            Ci(), EvidenceStore(), SlackPart(), StatuspagePart(), PagerDutyPart(), MailPart(), TicketsPart(),
            PublishingPart(),
        )  # fmt: skip
        for part in self.parts:
            part.define(world)
        self.server = Server(world, self.parts, port=port)
        self._launched = False

    def start(self) -> None:
        """Starts all parts side by side. Raises `RefusedError` naming the part that did not come up."""
        with ThreadPoolExecutor(max_workers=len(self.parts)) as pool:
            starting = {part.name: pool.submit(part.start) for part in self.parts}
        for name, started in starting.items():
            failure = started.exception()
            if failure is not None:
                message = f"the sandbox's {name} did not start: {failure}"
                raise RefusedError(message) from failure
        self.server.start()

    def blocks(self) -> dict[str, Fields]:
        """Fields of every block that reaches this town, by block address."""
        found: dict[str, Fields] = {}
        for part in self.parts:
            found |= part.blocks(self.server.base_url(part))
        return found

    def tick(self, now: datetime) -> None:
        """Lets faults that are due take effect and parts move on; called whenever the launch clock has moved."""
        del now
        self.world.tick()
        for part in self.parts:
            part.tick()
        self._serve()

    def _serve(self) -> None:
        """Users get what the pods run: once the release ran and no pod runs it any more, its errors are gone too."""
        released = any(PREVIOUS[service] not in shares for service, shares in self.cluster.versions().items())
        self._launched = self._launched or released
        serving = "previous" if self._launched and not released else "release"
        if self.world.get("product.serving") != serving:
            self.world.set("product.serving", serving)

    def inject(self, fault: Fault) -> datetime:
        """Schedules a fault and returns its moment. Raises `PlanError` for a knob or target nobody has."""
        at = self.world.t0 + fault.offset
        try:
            self.world.schedule(fault.knob, fault.value, at)
        except UnknownKnobError as error:
            stem = fault.knob.rpartition(".")[0]
            near = sorted(name for name in self.world.knobs if name.startswith(f"{stem}."))
            problem = f"{fault.text!r} turns {fault.knob!r}, which the sandbox does not have; it has {', '.join(near)}"
            raise PlanError(problem, where="--fault") from error
        return at

    def stop(self) -> None:
        """Ends every part and the server."""
        self.server.stop()
        for part in reversed(self.parts):
            part.stop()
