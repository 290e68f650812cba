"""Names, certificates and partners, each asked on its own wire."""

import pytest
from pydantic import JsonValue

from blocks.certificates import Certificates
from blocks.partners import Partners
from blocks.resolver import Resolver
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.web_edges import (
    ApiKeys,
    DnsRecord,
    PartnerAccounts,
    TlsCertificate,
    WebhookDelivery,
    WebhooksRegistered,
)
from tests.fakes.web_world import WebWorld, told

_NAME = DnsRecord(ask="dns-record", of="dns", name="cockpit.teei.io", balancer="lb.production.teei.io")
_CERTIFICATE = TlsCertificate(ask="tls-certificate", of="tls", host="cockpit.teei.io", renewed_as="cockpit-teei-io")


def test_the_name_points_to_the_balancer_with_its_ttl(web: WebWorld) -> None:
    values = told(web.block(Resolver).answer(_NAME, web.occasion))
    assert values == {"dns_ttl": 300, "points_to_balancer": True, "addresses": 1}


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("203.0.113.99", {"dns_ttl": 300, "points_to_balancer": False, "addresses": 1}),
        ("", {"points_to_balancer": False, "addresses": 0}),
    ],
)
def test_another_address_or_none_does_not_point_there(web: WebWorld, address: str, values: dict[str, object]) -> None:
    with web.turned("dns.address", address):
        assert told(web.block(Resolver).answer(_NAME, web.occasion)) == values


def test_an_unknown_balancer_is_a_fault_of_the_plan(web: WebWorld) -> None:
    probe = _NAME.model_copy(update={"balancer": "lb.nowhere.teei.io"})
    with pytest.raises(PermanentFaultError, match="no such name"):
        web.block(Resolver).answer(probe, web.occasion)


def test_a_server_of_another_zone_refuses(web: WebWorld) -> None:
    probe = _NAME.model_copy(update={"name": "example.org"})
    with pytest.raises(PermanentFaultError, match="REFUSED"):
        web.block(Resolver).answer(probe, web.occasion)


def test_a_silent_name_server_may_be_asked_again(web: WebWorld) -> None:
    with pytest.raises(TransientFaultError, match=r"no usable answer|no answer in time"):
        web.block(Resolver, port=9, timeout_seconds=0.2).answer(_NAME, web.occasion)


def test_a_good_certificate_by_the_launch_clock(web: WebWorld) -> None:
    values = told(web.block(Certificates).answer(_CERTIFICATE, web.occasion))
    assert values.pop("cert_days_left") == pytest.approx(75 + 10 / 1_440)
    assert values == {"chain_complete": True, "host_matches": True, "auto_renewal": True}


@pytest.mark.parametrize(
    ("knob", "value", "expected"),
    [
        ("tls.chain", "leaf-only", {"chain_complete": False, "host_matches": True, "auto_renewal": True}),
        ("tls.host", "www.example.org", {"chain_complete": True, "host_matches": False, "auto_renewal": True}),
        ("tls.auto-renewal", False, {"chain_complete": True, "host_matches": True, "auto_renewal": False}),
        # Past its renewal time and still served: renewal was due and did not happen.
        ("tls.days-left", 20, {"chain_complete": True, "host_matches": True, "auto_renewal": False}),
        ("tls.days-left", -1, {"chain_complete": True, "host_matches": True, "auto_renewal": False}),
    ],
)
def test_each_defect_shows_in_its_own_value(
    web: WebWorld, knob: str, value: JsonValue, expected: dict[str, bool]
) -> None:
    with web.turned(knob, value):
        values = told(web.block(Certificates).answer(_CERTIFICATE, web.occasion))
    days = values.pop("cert_days_left")
    assert values == expected
    if knob == "tls.days-left" and isinstance(value, int):
        assert days == pytest.approx(value + 10 / 1_440)


def test_a_root_that_is_not_trusted_completes_no_chain(web: WebWorld) -> None:
    values = told(web.block(Certificates, trusted_roots_pem="").answer(_CERTIFICATE, web.occasion))
    assert values["chain_complete"] is False


def test_a_port_that_speaks_no_tls_is_permanent_and_a_closed_one_transient(web: WebWorld) -> None:
    plain = web.address.removeprefix("http://")
    with pytest.raises(PermanentFaultError, match="failed TLS handshake"):
        web.block(Certificates, addresses={"cockpit.teei.io": plain}).answer(_CERTIFICATE, web.occasion)
    with pytest.raises(TransientFaultError, match="no connection"):
        web.block(Certificates, addresses={"cockpit.teei.io": "127.0.0.1:9"}).answer(_CERTIFICATE, web.occasion)


def test_accounts_keys_and_webhooks_are_counted(web: WebWorld) -> None:
    partners = web.block(Partners)
    accounts = PartnerAccounts(ask="partner-accounts", of="p", partners=("impact-in", "benevity", "goodera"))
    keys = ApiKeys(ask="api-keys", of="p", providers=("impact-in", "openai", "anthropic"))
    hooks = WebhooksRegistered(
        ask="webhooks-registered", of="p", partners={"goodera": "https://api.teei.io/v1/webhooks/goodera"}
    )
    assert told(partners.answer(accounts, web.occasion)) == {"partners_ok": 3}
    assert told(partners.answer(keys, web.occasion)) == {"keys_valid": 3}
    assert told(partners.answer(hooks, web.occasion)) == {"webhooks_missing": 0}
    with web.turned("partners.anthropic-key", False), web.turned("partners.goodera-webhook", False):
        reading = partners.answer(keys, web.occasion)
        assert (told(reading), reading.where) == ({"keys_valid": 2}, "anthropic")
        assert told(partners.answer(hooks, web.occasion)) == {"webhooks_missing": 1}


def test_a_webhook_at_another_address_is_missing(web: WebWorld) -> None:
    probe = WebhooksRegistered(ask="webhooks-registered", of="p", partners={"goodera": "https://old.teei.io/hook"})
    assert told(web.block(Partners).answer(probe, web.occasion)) == {"webhooks_missing": 1}


@pytest.mark.parametrize(
    ("manner", "delivered", "arrived"), [("kept", True, True), ("lost", True, False), ("refused", False, False)]
)
def test_a_delivery_is_looked_up_at_the_partner(web: WebWorld, manner: str, delivered: bool, arrived: bool) -> None:  # noqa: FBT001
    probe = WebhookDelivery(ask="webhook-delivery", of="p", partner="impact-in")
    with web.turned("partners.impact-in-events", manner):
        values = told(web.block(Partners).answer(probe, web.occasion))
    assert values == {"delivered": delivered, "payload_arrived": arrived}


def test_a_partner_that_the_block_lacks_is_named(web: WebWorld) -> None:
    probe = ApiKeys(ask="api-keys", of="p", providers=("mistral",))
    with pytest.raises(PermanentFaultError, match="mistral"):
        web.block(Partners).answer(probe, web.occasion)
