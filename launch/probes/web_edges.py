"""Questions to what stands around the product's web face: names, certificates, flags, partners and journeys."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from launch.model import Id, Text
from launch.probes.base import Probe


class DnsRecord(Probe):
    """Asks an authoritative name server for a host and for the balancer it must point to.

    `dns_ttl` (s): TTL of the host's record, undiminished because no cache is asked; `points_to_balancer`: whether both
    names have the same addresses; `addresses`: how many.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"dns_ttl", "points_to_balancer", "addresses"})

    ask: Literal["dns-record"]
    name: Text
    balancer: Text = Field(description="Host name of the production load balancer.")


class TlsCertificate(Probe):
    """Shakes hands with a host and reads the certificate it presents, and who renews it.

    `cert_days_left` (days) from the launch clock to notAfter; `chain_complete`: the presented certificates lead to a
    trusted root; `host_matches`: the host is among the certificate's names; `auto_renewal`: cert-manager holds a
    ready certificate of that name with a renewal time before notAfter.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset(
        {"cert_days_left", "chain_complete", "host_matches", "auto_renewal"},
    )

    ask: Literal["tls-certificate"]
    host: Text
    renewed_as: Id = Field(description="Name of the cert-manager certificate that keeps it fresh.")


class FlagStates(Probe):
    """Reads flags of one environment.

    `on` or `off` for everybody, `pilot-only` (on for the pilot segment, off for everybody else), or `mixed`.
    """

    ask: Literal["flag-states"]
    flags: dict[str, str] = Field(min_length=1, description="Metric name -> flag key.")

    def metrics(self) -> frozenset[str]:
        return frozenset(self.flags)


class FlagSegment(Probe):
    """Counts tenants for whom a flag is on because its segment includes them: `tenants_enabled` of `tenants`."""

    yields: ClassVar[frozenset[str] | None] = frozenset({"tenants_enabled"})

    ask: Literal["flag-segment"]
    flag: Text
    tenants: tuple[Id, ...] = Field(min_length=1)


class PartnerAccounts(Probe):
    """Reads our test account at each partner. `partners_ok`: how many answer that it is active."""

    yields: ClassVar[frozenset[str] | None] = frozenset({"partners_ok"})

    ask: Literal["partner-accounts"]
    partners: tuple[Id, ...] = Field(min_length=1)


class ApiKeys(Probe):
    """Makes each provider's cheapest authenticated call. `keys_valid`: how many accept the key of the block."""

    yields: ClassVar[frozenset[str] | None] = frozenset({"keys_valid"})

    ask: Literal["api-keys"]
    providers: tuple[Id, ...] = Field(min_length=1)


class WebhooksRegistered(Probe):
    """Reads the webhooks that partners hold for us.

    `webhooks_missing`: how many partners have no active one at our address.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"webhooks_missing"})

    ask: Literal["webhooks-registered"]
    partners: dict[Id, Text] = Field(min_length=1, description="Partner -> our address that it must call.")


class WebhookDelivery(Probe):
    """Has the product send a test event to a partner and looks it up there.

    `delivered`: the product reports an answer of 2xx; `payload_arrived`: the partner lists the event with the digest
    of the payload that the product sent.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"delivered", "payload_arrived"})

    ask: Literal["webhook-delivery"]
    partner: Id


class Journey(Probe):
    """Runs one named user journey in the browser runner, afresh.

    `steps_passed`, `steps_failed` (unexpected, flaky and skipped tests count as failed), `console_errors`, and one
    metric per entry of `measures`: a figure that the journey annotates. Source: Playwright's JSON report.
    """

    ask: Literal["journey"]
    journey: Id
    measures: dict[str, str] = Field(default_factory=dict, description="Metric name -> name of the annotation.")

    def metrics(self) -> frozenset[str]:
        return frozenset({"steps_passed", "steps_failed", "console_errors", *self.measures})


class JourneySuite(Probe):
    """Reads the latest report of a suite of journeys, run at most a few minutes ago, else starts one.

    `steps_run`, `steps_passed`, `steps_failed`, `console_errors`, and `api_latency` (ms): the slowest API call.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset(
        {"steps_run", "steps_passed", "steps_failed", "console_errors", "api_latency"},
    )

    ask: Literal["journey-suite"]
    suite: Id
