"""What every item of a plan carries: an id, its source in the runbook, and notes on how a contradiction was read."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from launch.model import Id, Model, Text


class Note(Model):
    """How a contradiction, gap or defect of the runbook was read, kept on the item it touches."""

    id: Id = Field(description="Id of the ambiguity in the plan's `ambiguities`.")
    reading: Text


class Item(Model):
    """One numbered thing of a plan."""

    id: Id
    source: tuple[str, ...] = Field(default=(), description="Where the runbook says so: section and lines.")
    notes: tuple[Note, ...] = Field(default=(), description="Readings of contradictions that touch this item.")


class Integration(StrEnum):
    """Kinds of systems that a plan can name."""

    ANALYTICS = "analytics"
    APM = "apm"
    BROWSER = "browser"
    CDN = "cdn"
    CHAOS = "chaos"
    CI = "ci"
    CLOUD = "cloud"
    CONFERENCE = "conference"
    DNS = "dns"
    DOCS = "docs"
    EMAIL = "email"
    FLAGS = "flags"
    HTTP = "http"
    KUBERNETES = "kubernetes"
    LOAD_TEST = "load-test"
    LOGS = "logs"
    MESH = "mesh"
    METRICS = "metrics"
    PAGERDUTY = "pagerduty"
    PEOPLE = "people"
    POSTGRES = "postgres"
    QUEUE = "queue"
    REDIS = "redis"
    RUM = "rum"
    S3 = "s3"
    SECRETS = "secrets"
    SECURITY_SCAN = "security-scan"
    SHELL = "shell"
    SLACK = "slack"
    SOCIAL = "social"
    STATUSPAGE = "statuspage"
    SYNTHETIC = "synthetic"
    TICKETING = "ticketing"
    TLS = "tls"
    VECTOR_DB = "vector-db"


class Ambiguity(Item):
    """A contradiction, ambiguity, gap or defect found in the runbook, with the reading this plan follows."""

    kind: Text
    where: tuple[str, ...] = ()
    problem: Text
    reading: Text
