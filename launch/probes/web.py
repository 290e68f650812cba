"""Questions to the product's web face: its pages, headers, assets, limits, banner and tenants."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from launch.model import Id, Model, Text
from launch.moments import Duration
from launch.probes.base import Probe
from launch.probes.web_edges import (
    ApiKeys,
    DnsRecord,
    FlagSegment,
    FlagStates,
    Journey,
    JourneySuite,
    PartnerAccounts,
    TlsCertificate,
    WebhookDelivery,
    WebhooksRegistered,
)

_LONGEST_LISTENING = timedelta(minutes=2)


class Extraction(Model):
    """One value read from an HTTP answer.

    `status`: the code. `header`: the text of the header `at`. `json`: what the JSON pointer `at` (RFC 6901) points to.
    `body`: the whole text. Of a text, at most one of: `count` (occurrences of this text, upper or lower case),
    `present` (how many of these texts occur at all), `matches` (whether this regular expression is found).
    What the answer does not have is left out.
    """

    source: Literal["status", "header", "json", "body"]
    at: str = ""
    count: str = ""
    present: tuple[Text, ...] = ()
    matches: str = ""
    unit: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(map(bool, (self.count, self.present, self.matches))) > 1:
            message = "an extraction takes one of `count`, `present` and `matches`"
            raise ValueError(message)
        if (self.source in {"header", "json"}) != bool(self.at):
            message = "`at` goes with `source: header` and `source: json`, and only with them"
            raise ValueError(message)
        if self.source == "body" and not (self.count or self.present or self.matches):
            message = "`source: body` needs one of `count`, `present` and `matches`: a whole page is no value"
            raise ValueError(message)
        return self


class WebAnswer(Probe):
    """Sends one request and reads named values from the answer.

    From an answer that is not 2xx only the status is read; a probe that does not ask for it gets a fault instead, so
    that a broken page never passes for one that merely lacks something. `credential` names a token of the block.
    """

    ask: Literal["web-answer"]
    url: Text = Field(description="Public address; the block may map its host to another one.")
    method: Literal["GET", "HEAD", "OPTIONS"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    credential: str = ""
    values: dict[str, Extraction] = Field(min_length=1)

    def metrics(self) -> frozenset[str]:
        return frozenset(self.values)


class HealthEndpoints(Probe):
    """Asks every service's health endpoint, as JSON `{status, dependencies: {name: {status, circuit_breaker}}}`.

    `http_status`: 200 when all answer 200, else the first other code. `health_status`: `ok` when all say so, else the
    first other word. `circuit_breaker`: `closed` when all are, else the first other state. `dependencies_down`: number
    of dependencies whose status is not `ok`. `services_unhealthy`: number of services that do not answer 200 and `ok`.
    A word that no service gives is left out.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset(
        {"http_status", "health_status", "circuit_breaker", "dependencies_down", "services_unhealthy"},
    )

    ask: Literal["health-endpoints"]
    urls: tuple[Text, ...] = Field(min_length=1)


class Page(Model):
    """A public page and what a reader must find on it (any case); `method: OPTIONS` asks whether a call exists."""

    url: Text
    method: Literal["GET", "OPTIONS"] = "GET"
    must_contain: tuple[Text, ...] = ()
    must_allow: str = Field(default="", description="HTTP method that the Allow header must list.")


class PublishedPages(Probe):
    """Looks at public pages. `pages_published` and `pages_missing`: how many do and do not hold what they must."""

    yields: ClassVar[frozenset[str] | None] = frozenset({"pages_published", "pages_missing"})

    ask: Literal["published-pages"]
    pages: tuple[Page, ...] = Field(min_length=1)


class SecurityTxt(Probe):
    """Reads security.txt (RFC 9116). `contact_lines`: number of Contact fields; `expires_in` (days) from Expires."""

    yields: ClassVar[frozenset[str] | None] = frozenset({"contact_lines", "expires_in"})

    ask: Literal["security-txt"]
    url: Text


class RateLimits(Probe):
    """Reads the limit that each tier's test key is given, from `RateLimit-Policy` (limit and window `w` in seconds).

    One request per tier. Yields each name of `tiers` in req/min; source: the IETF httpapi RateLimit header fields.
    """

    ask: Literal["rate-limits"]
    url: Text
    tiers: dict[str, str] = Field(min_length=1, description="Metric name -> name of the block's token for that tier.")

    def metrics(self) -> frozenset[str]:
        return frozenset(self.tiers)


class BurstLimit(Probe):
    """Sends requests one right after the other until one is refused, or `at_most` were sent: whether a limit works.

    `limited`: whether one was answered 429. If so `requests_let_through` before it, and `retry_after` in s as that
    answer tells it. A refusal of the first is no answer: who lets nobody in has no limit that works. Use a test key of
    its own: the burst uses its allowance up. Source: RFC 6585, section 4.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"limited", "requests_let_through", "retry_after"})

    ask: Literal["burst-limit"]
    url: Text
    credential: str = Field(default="", description="Name of the block's token.")
    at_most: int = Field(ge=1, le=1000, description="Requests that are sent if none is refused.")


class EventStream(Probe):
    """Listens to server-sent events: whether a stream is alive.

    `signs_of_life`: events and comments (heartbeats often are comments) that came while listening; `longest_silence` in
    s without one, from the answer's beginning to the end of listening. A stream that the server ends is silent for
    the rest of the time. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"signs_of_life", "longest_silence"})

    ask: Literal["event-stream"]
    url: Text
    credential: str = Field(default="", description="Name of the block's token.")
    event: str = Field(default="", description="Only events of this type count, and no comments; empty: any sign.")
    listen: Duration = Field(default=timedelta(seconds=30), description="Real time, at most two minutes.")

    @field_validator("listen")
    @classmethod
    def _bounded(cls, listen: timedelta) -> timedelta:
        if not timedelta(0) < listen <= _LONGEST_LISTENING:
            message = "a check listens for at most two minutes"
            raise ValueError(message)
        return listen


class RequestTrace(Probe):
    """Sends a fresh X-Request-ID and looks where it arrived.

    `request_id_echoed`: whether the answer carries it; `hops_without_id`: how many of `hops` did not log it, from
    `{trace_url}` with `{id}` filled in, as JSON `{hops: [{service, request_id}]}`.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"request_id_echoed", "hops_without_id"})

    ask: Literal["request-trace"]
    url: Text
    trace_url: Text
    credential: str = ""
    hops: tuple[Id, ...] = Field(min_length=1)


class PageAssets(Probe):
    """Fetches what a page loads and compares it with what the page promises.

    `assets`: scripts, style sheets, fonts and images found; `assets_without_integrity`: scripts and style sheets with
    no integrity attribute; `integrity_mismatches`: those whose bytes hash to something else;
    `assets_badly_cached`: those whose Cache-Control max-age is below `cache_for`; `assets_broken`: not 200.
    Source: W3C Subresource Integrity.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset(
        {"assets", "assets_without_integrity", "integrity_mismatches", "assets_badly_cached", "assets_broken"},
    )

    ask: Literal["page-assets"]
    url: Text
    hosts: tuple[Text, ...] = Field(default=(), description="The product's own hosts; assets of others are skipped.")
    cache_for: Duration = timedelta(days=365)


class MaintenanceBanner(Probe):
    """Looks for the banner on the public page.

    `banner`: shown or absent; `promises_t0`: its text names T0's clock time (left out while no banner is shown).
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"banner", "promises_t0"})

    ask: Literal["maintenance-banner"]
    url: Text
    element: str = Field(default="maintenance-banner", description="Id of the HTML element.")


class Tenants(Probe):
    """Lists the tenants of a plan. `pilot_tenants`: those with an admin user, every role of `roles` and sample data."""

    yields: ClassVar[frozenset[str] | None] = frozenset({"pilot_tenants"})

    ask: Literal["tenants"]
    plan: Text = "pilot"
    roles: tuple[Text, ...] = ("admin",)


WebProbe = (
    WebAnswer
    | HealthEndpoints
    | PublishedPages
    | SecurityTxt
    | RateLimits
    | BurstLimit
    | EventStream
    | RequestTrace
    | PageAssets
    | MaintenanceBanner
    | Tenants
    | DnsRecord
    | TlsCertificate
    | FlagStates
    | FlagSegment
    | PartnerAccounts
    | ApiKeys
    | WebhooksRegistered
    | WebhookDelivery
    | Journey
    | JourneySuite
)
