"""Systems of the outside world as Prefect blocks: configuration, credentials and verbs. The only importers of SDKs.

Every block is named in the tables below once per thing it can do; `prefect block register -m blocks` finds them by
the imports. The tables' types make mypy refuse a block that lacks a verb.
"""

from blocks.alerts import Alertmanager
from blocks.analytics import PostHogAnalytics
from blocks.certificates import Certificates
from blocks.chat import SlackChat
from blocks.ci import GitHubRepository
from blocks.cloudwatch_logs import CloudWatchLogs
from blocks.dashboards import GrafanaDashboards
from blocks.data.cache import RedisCache
from blocks.data.cache_admin import CacheAdmin
from blocks.data.cloud_sql import CloudSql
from blocks.data.content_delivery import ContentDelivery
from blocks.data.database import PostgresDatabase
from blocks.data.database_snapshots import DatabaseSnapshots
from blocks.data.dumps import PostgresDumps
from blocks.data.kafka import KafkaCluster
from blocks.data.message_queue import MessageQueue
from blocks.data.migrations import SchemaMigrations
from blocks.data.object_storage import ObjectStorage
from blocks.data.secret_store import SecretStore
from blocks.data.static_assets import StaticAssets
from blocks.elasticsearch import ElasticsearchLogs
from blocks.evidence import EvidenceStore
from blocks.experiments import ChaosExperiments
from blocks.flags import FeatureFlags
from blocks.flagsmith import Flagsmith
from blocks.github_issues import GitHubIssues
from blocks.jira import Jira
from blocks.journeys import JourneyRunner
from blocks.ledger_store import LedgerStore
from blocks.load_tests import LoadTests
from blocks.logs import LokiLogs
from blocks.mail import Brevo, SmtpRelay
from blocks.metrics.cloudwatch import CloudWatchMetrics
from blocks.metrics.datadog import DatadogMetrics
from blocks.metrics.new_relic import NewRelicMetrics
from blocks.metrics.prometheus import PrometheusMetrics
from blocks.opsgenie import Opsgenie
from blocks.pager import PagerDuty
from blocks.partners import Partners
from blocks.pingdom import Pingdom
from blocks.platform.cluster import KubernetesCluster
from blocks.platform.network import AwsNetwork
from blocks.platform.registry import ImageRegistry
from blocks.product_admin import ProductAdmin
from blocks.publishing import Confluence, LinkedIn
from blocks.resolver import Resolver
from blocks.routing.gateway_api import GatewayRoutes
from blocks.routing.http_weights import HttpWeights
from blocks.routing.istio import IstioRoutes
from blocks.routing.load_balancer import LoadBalancerWeights
from blocks.shell import ShellScripts
from blocks.status_page import Statuspage
from blocks.synthetics import DatadogSynthetics
from blocks.tickets import Zendesk
from blocks.tracing import JaegerTracing
from blocks.unleash import Unleash
from blocks.uptime_robot import UptimeRobot
from blocks.web_site import WebSite
from launch.ports import Acts, Answers, Chat, Mailer, MetricSource, Pager, StatusBoard

ANSWERING: tuple[type[Answers], ...] = (
    Alertmanager,
    AwsNetwork,
    Brevo,
    CacheAdmin,
    Certificates,
    ChaosExperiments,
    CloudSql,
    CloudWatchLogs,
    CloudWatchMetrics,
    Confluence,
    ContentDelivery,
    DatabaseSnapshots,
    DatadogMetrics,
    DatadogSynthetics,
    ElasticsearchLogs,
    EvidenceStore,
    FeatureFlags,
    Flagsmith,
    GitHubRepository,
    GrafanaDashboards,
    ImageRegistry,
    JaegerTracing,
    JourneyRunner,
    KafkaCluster,
    KubernetesCluster,
    LedgerStore,
    LoadTests,
    LokiLogs,
    MessageQueue,
    NewRelicMetrics,
    ObjectStorage,
    Opsgenie,
    PagerDuty,
    Partners,
    Pingdom,
    PostHogAnalytics,
    PostgresDatabase,
    PostgresDumps,
    ProductAdmin,
    PrometheusMetrics,
    RedisCache,
    Resolver,
    SchemaMigrations,
    SecretStore,
    SlackChat,
    StaticAssets,
    Statuspage,
    Unleash,
    UptimeRobot,
    WebSite,
    Zendesk,
)
ACTING: tuple[type[Acts], ...] = (
    Brevo,
    CacheAdmin,
    ChaosExperiments,
    CloudSql,
    Confluence,
    ContentDelivery,
    DatabaseSnapshots,
    FeatureFlags,
    Flagsmith,
    GatewayRoutes,
    GitHubIssues,
    GitHubRepository,
    GrafanaDashboards,
    HttpWeights,
    IstioRoutes,
    Jira,
    KubernetesCluster,
    LinkedIn,
    LoadBalancerWeights,
    LoadTests,
    PostgresDumps,
    ProductAdmin,
    RedisCache,
    SchemaMigrations,
    ShellScripts,
    SlackChat,
    StaticAssets,
    Statuspage,
    Unleash,
    Zendesk,
)
CHATS: tuple[type[Chat], ...] = (SlackChat,)
MAILERS: tuple[type[Mailer], ...] = (Brevo, SmtpRelay)
PAGERS: tuple[type[Pager], ...] = (Opsgenie, PagerDuty)
STATUS_BOARDS: tuple[type[StatusBoard], ...] = (Statuspage,)
METRIC_SOURCES: tuple[type[MetricSource], ...] = (CloudWatchMetrics, DatadogMetrics, NewRelicMetrics, PrometheusMetrics)

__all__ = [
    "ACTING",
    "ANSWERING",
    "CHATS",
    "MAILERS",
    "METRIC_SOURCES",
    "PAGERS",
    "STATUS_BOARDS",
    "Alertmanager",
    "AwsNetwork",
    "Brevo",
    "CacheAdmin",
    "Certificates",
    "ChaosExperiments",
    "CloudSql",
    "CloudWatchLogs",
    "CloudWatchMetrics",
    "Confluence",
    "ContentDelivery",
    "DatabaseSnapshots",
    "DatadogMetrics",
    "DatadogSynthetics",
    "ElasticsearchLogs",
    "EvidenceStore",
    "FeatureFlags",
    "Flagsmith",
    "GatewayRoutes",
    "GitHubIssues",
    "GitHubRepository",
    "GrafanaDashboards",
    "HttpWeights",
    "ImageRegistry",
    "IstioRoutes",
    "JaegerTracing",
    "Jira",
    "JourneyRunner",
    "KafkaCluster",
    "KubernetesCluster",
    "LedgerStore",
    "LinkedIn",
    "LoadBalancerWeights",
    "LoadTests",
    "LokiLogs",
    "MessageQueue",
    "NewRelicMetrics",
    "ObjectStorage",
    "Opsgenie",
    "PagerDuty",
    "Partners",
    "Pingdom",
    "PostHogAnalytics",
    "PostgresDatabase",
    "PostgresDumps",
    "ProductAdmin",
    "PrometheusMetrics",
    "RedisCache",
    "Resolver",
    "SchemaMigrations",
    "SecretStore",
    "ShellScripts",
    "SlackChat",
    "SmtpRelay",
    "StaticAssets",
    "Statuspage",
    "Unleash",
    "UptimeRobot",
    "WebSite",
    "Zendesk",
]
