"""Which part of the sandbox is behind which block, so that a rehearsal starts those that its plan uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from sandbox.parts.analytics import Analytics
from sandbox.parts.aws import AwsPart
from sandbox.parts.cache import CachePart
from sandbox.parts.cdn import CdnPart
from sandbox.parts.ci import Ci
from sandbox.parts.cloud_sql import CloudSqlPart
from sandbox.parts.cluster import ClusterPart
from sandbox.parts.database import DatabasePart
from sandbox.parts.dumps import DumpsPart
from sandbox.parts.elasticsearch import ElasticsearchPart
from sandbox.parts.evidence import EvidenceStore
from sandbox.parts.flags import FlagsPart
from sandbox.parts.flagsmith import FlagsmithPart
from sandbox.parts.grafana import Grafana
from sandbox.parts.journeys import JourneysPart
from sandbox.parts.load_balancer import LoadBalancerPart
from sandbox.parts.loki import Loki
from sandbox.parts.mail import MailPart
from sandbox.parts.mesh import MeshPart
from sandbox.parts.metric_vendors import MetricVendorsPart
from sandbox.parts.monitors import MonitorsPart
from sandbox.parts.network import NetworkPart
from sandbox.parts.opsgenie import OpsgeniePart
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
from sandbox.parts.trackers import TrackersPart
from sandbox.parts.trials import TrialsPart
from sandbox.parts.weights import WeightsPart
from sandbox.world import Part


class Shared:
    """Parts that others stand on: each is there once, when one of them or a plan needs it."""

    @cached_property
    def aws(self) -> AwsPart:
        """The AWS account."""
        return AwsPart()

    @cached_property
    def cluster(self) -> ClusterPart:
        """The cluster of the product that rolls out pod by pod."""
        return ClusterPart()

    @cached_property
    def database(self) -> DatabasePart:
        """The databases of the product."""
        return DatabasePart(self.cluster)

    @cached_property
    def loki(self) -> Loki:
        """The log lines of the product."""
        return Loki()

    @property
    def built(self) -> list[Part]:
        """Those that somebody needed."""
        return [
            part for name in ("aws", "cluster", "database", "loki") if (part := self.__dict__.get(name)) is not None
        ]


@dataclass(frozen=True)
class Behind:
    """A part, and the addresses of the blocks that reach it."""

    blocks: tuple[str, ...]
    make: Callable[[Shared], Part]


PARTS: Mapping[str, Behind] = {
    "aws": Behind(
        ("object-storage/sandbox-storage", "secret-store/sandbox-secrets", "database-snapshots/sandbox-snapshots"),
        lambda shared: shared.aws,
    ),
    "cloud-sql": Behind(("cloud-sql/sandbox-cloud-sql",), lambda _: CloudSqlPart()),
    "cluster": Behind(("kubernetes-namespace/sandbox-cluster",), lambda shared: shared.cluster),
    "database": Behind(
        (
            "postgres-database/sandbox-database",
            "postgres-database/sandbox-staging-database",
            "postgres-database/sandbox-reporting-pool",
            "schema-migrations/sandbox-migrations",
            "schema-migrations/sandbox-staging-migrations",
        ),
        lambda shared: shared.database,
    ),
    "dumps": Behind(("postgres-dumps/sandbox-dumps",), lambda shared: DumpsPart(shared.database)),
    "cache": Behind(
        ("redis-cache/sandbox-cockpit-cache", "redis-cache/sandbox-session-store", "cache-admin/sandbox-cache-admin"),
        lambda _: CachePart(),
    ),
    "cdn": Behind(
        ("content-delivery/sandbox-cdn", "static-assets/sandbox-static-assets"), lambda shared: CdnPart(shared.aws)
    ),
    "queue": Behind(("message-queue/sandbox-queue",), lambda _: QueuePart()),
    "network": Behind(("aws-network/sandbox-network",), lambda shared: NetworkPart(shared.aws)),
    "registry": Behind(("image-registry/sandbox-registry",), lambda _: RegistryPart()),
    "shell": Behind(("shell-scripts/sandbox-shell",), lambda shared: ShellPart(shared.cluster)),
    "site": Behind(("web-site/sandbox-product-site", "product-admin/sandbox-product-admin"), lambda _: ProductSite()),
    "dns": Behind(("resolver/sandbox-dns",), lambda _: ResolverPart()),
    "tls": Behind(("certificates/sandbox-certificates",), lambda _: TlsPart()),
    "flags": Behind(("feature-flags/sandbox-flags", "feature-flags/sandbox-rollout-flags"), lambda _: FlagsPart()),
    "flagsmith": Behind(("flagsmith/sandbox-flagsmith",), lambda _: FlagsmithPart()),
    "journeys": Behind(("journey-runner/sandbox-journeys",), lambda _: JourneysPart()),
    "partners": Behind(("partners/sandbox-partners",), lambda _: PartnersPart()),
    "prometheus": Behind(("prometheus/sandbox-metrics",), lambda _: Prometheus()),
    "loki": Behind(("loki/sandbox-logs",), lambda shared: shared.loki),
    "elasticsearch": Behind(("elasticsearch/sandbox-elasticsearch",), lambda shared: ElasticsearchPart(shared.loki)),
    "metric-vendors": Behind(
        ("datadog-metrics/sandbox-datadog", "new-relic-metrics/sandbox-new-relic"), lambda _: MetricVendorsPart()
    ),
    "synthetics": Behind(("datadog-synthetics/sandbox-synthetics",), lambda _: Synthetics()),
    "tracing": Behind(("jaeger/sandbox-tracing",), lambda _: Tracing()),
    "grafana": Behind(("grafana/sandbox-dashboards",), lambda _: Grafana()),
    "analytics": Behind(("posthog/sandbox-analytics",), lambda _: Analytics()),
    "ci": Behind(("github/sandbox-ci",), lambda _: Ci()),
    "evidence": Behind(("evidence-store/sandbox-evidence",), lambda _: EvidenceStore()),
    "slack": Behind(("slack-chat/sandbox-war-room",), lambda _: SlackPart()),
    "statuspage": Behind(("statuspage/sandbox-statuspage",), lambda _: StatuspagePart()),
    "pagerduty": Behind(("pagerduty/sandbox-pagerduty",), lambda _: PagerDutyPart()),
    "opsgenie": Behind(("opsgenie/sandbox-opsgenie",), lambda _: OpsgeniePart()),
    "monitors": Behind(("pingdom/sandbox-pingdom", "uptime-robot/sandbox-uptime-robot"), lambda _: MonitorsPart()),
    "trackers": Behind(("jira/sandbox-jira", "github-issues/sandbox-issues"), lambda _: TrackersPart()),
    "mail": Behind(("brevo/sandbox-mail", "smtp-relay/sandbox-mail-relay"), lambda _: MailPart()),
    "tickets": Behind(("zendesk/sandbox-support-desk",), lambda _: TicketsPart()),
    "publishing": Behind(("confluence/sandbox-wiki", "linkedin/sandbox-linkedin"), lambda _: PublishingPart()),
    "trials": Behind(
        ("load-tests/sandbox-load-tests", "chaos-experiments/sandbox-experiments"), lambda _: TrialsPart()
    ),
    "mesh": Behind(
        ("istio-routes/sandbox-mesh", "gateway-routes/sandbox-mesh", "kubernetes-namespace/sandbox-mesh"),
        lambda _: MeshPart(),
    ),
    "load-balancer": Behind(
        ("aws-load-balancer-weights/sandbox-load-balancer",), lambda shared: LoadBalancerPart(shared.aws)
    ),
    "weights": Behind(("http-weights/sandbox-weights",), lambda _: WeightsPart()),
}


def parts_behind(needs: Collection[str] | None, shared: Shared) -> list[Part]:
    """The parts behind these block addresses, with those they stand on; all of them for None.

    Of an address that nobody has, the parts with blocks of its type are taken, so that a near miss can be named.
    """
    known = {block for behind in PARTS.values() for block in behind.blocks}
    wanted = known if needs is None else {block for block in known if block in needs}
    missed = {block.partition("/")[0] for block in needs or () if block not in known}
    wanted |= {block for block in known if block.partition("/")[0] in missed}
    made = [behind.make(shared) for behind in PARTS.values() if wanted & set(behind.blocks)]
    stood_on = shared.built
    return [*stood_on, *(part for part in made if part not in stood_on)]
