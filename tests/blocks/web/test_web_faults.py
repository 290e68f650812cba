"""What each block of the web family does when its system refuses, breaks, is silent or answers nonsense."""

from collections.abc import Callable, Iterator, Sequence

import pytest
from prefect.blocks.core import Block
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route

from blocks.certificates import Certificates
from blocks.flags import FeatureFlags
from blocks.journeys import JourneyRunner
from blocks.partners import PartnerApi, Partners
from blocks.product_admin import ProductAdmin
from blocks.web_site import WebSite
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Answers
from launch.probes.base import Probe
from launch.probes.web import HealthEndpoints, PageAssets, Tenants
from launch.probes.web_edges import FlagStates, Journey, PartnerAccounts, TlsCertificate, WebhooksRegistered
from sandbox.server import serve
from tests.fakes.web_world import WebWorld

_FLAGS = FlagStates(ask="flag-states", of="f", flags={"x": "audit-mode"})
_TENANTS = Tenants(ask="tenants", of="a")
_JOURNEY = Journey(ask="journey", of="j", journey="login")
_HOOKS = WebhooksRegistered(ask="webhooks-registered", of="p", partners={"goodera": "https://x.example"})
_PAGE = PageAssets(ask="page-assets", of="s", url="https://cockpit.teei.io/")
_CERT = TlsCertificate(ask="tls-certificate", of="t", host="cockpit.teei.io", renewed_as="cockpit-teei-io")
REFUSED: list[tuple[type[Block], Probe, dict[str, object]]] = [
    (FeatureFlags, _FLAGS, {"token": "wrong"}),
    (ProductAdmin, _TENANTS, {"token": "wrong"}),
    (JourneyRunner, _JOURNEY, {"token": "wrong"}),
    (Partners, _HOOKS, {"api_keys": {"goodera": "wrong"}}),
    (Certificates, _CERT, {"cluster_token": "wrong"}),
]
MOUNTS: list[tuple[str, type[Block], Probe]] = [
    ("vendor.flags", FeatureFlags, _FLAGS),
    ("vendor.site", ProductAdmin, _TENANTS),
    ("vendor.site", WebSite, _PAGE),
    ("vendor.journeys", JourneyRunner, _JOURNEY),
    ("vendor.partners", Partners, _HOOKS),
    ("vendor.tls", Certificates, _CERT),
]


def _ask(web: WebWorld, kind: type[Block], probe: Probe, **changes: object) -> object:
    block = web.block(kind, **changes)
    assert isinstance(block, Answers)
    return block.answer(probe, web.occasion)


@pytest.mark.parametrize(("kind", "probe", "changes"), REFUSED, ids=[kind.__name__ for kind, _, _ in REFUSED])
def test_refused_credentials_are_permanent_and_not_quoted(
    web: WebWorld, kind: type[Block], probe: Probe, changes: dict[str, object]
) -> None:
    with pytest.raises(PermanentFaultError, match="401") as caught:
        _ask(web, kind, probe, **changes)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("mode", ["500", "429"])
@pytest.mark.parametrize(("knob", "kind", "probe"), MOUNTS, ids=[kind.__name__ for _, kind, _ in MOUNTS])
def test_a_failing_vendor_may_be_asked_again(
    web: WebWorld, knob: str, kind: type[Block], probe: Probe, mode: str
) -> None:
    with web.turned(knob, mode), pytest.raises(TransientFaultError, match=f"HTTP {mode}"):
        _ask(web, kind, probe)


@pytest.mark.parametrize(("knob", "kind", "probe"), MOUNTS, ids=[kind.__name__ for _, kind, _ in MOUNTS])
def test_a_silent_vendor_is_given_up_in_time(web: WebWorld, knob: str, kind: type[Block], probe: Probe) -> None:
    with web.turned(knob, "hang"), pytest.raises(TransientFaultError, match="no answer in time"):
        _ask(web, kind, probe, timeout_seconds=0.1)


class _Babbler:
    """Answers everything with text that is no JSON."""

    name = "babbler"

    def routes(self) -> Sequence[BaseRoute]:
        async def babble(_: Request) -> PlainTextResponse:
            return PlainTextResponse("<h1>welcome</h1>")

        return [Route("/{path:path}", babble, methods=["GET", "POST", "PUT", "PATCH"])]


@pytest.fixture
def babbler(web: WebWorld) -> Iterator[str]:
    with serve(web.world, [_Babbler()]) as server:  # type: ignore[list-item]  # routes are all that is served
        yield f"{server.address}/babbler"


NONSENSE: list[tuple[type[Block], Probe, Callable[[str], dict[str, object]]]] = [
    (FeatureFlags, _FLAGS, lambda url: {"url": url}),
    (ProductAdmin, _TENANTS, lambda url: {"url": url}),
    (JourneyRunner, _JOURNEY, lambda url: {"url": url}),
    (Partners, _HOOKS, lambda url: {"apis": {"goodera": PartnerApi(url=url)}}),
    (Certificates, _CERT, lambda url: {"cluster_url": url}),
]


@pytest.mark.parametrize(("kind", "probe", "changes"), NONSENSE, ids=[kind.__name__ for kind, _, _ in NONSENSE])
def test_nonsense_is_permanent_and_never_a_value(
    web: WebWorld, babbler: str, kind: type[Block], probe: Probe, changes: Callable[[str], dict[str, object]]
) -> None:
    with pytest.raises(PermanentFaultError, match="another form"):
        _ask(web, kind, probe, **changes(babbler))


def test_a_service_that_cannot_be_reached_is_a_fault_not_unhealthy(web: WebWorld) -> None:
    probe = HealthEndpoints(ask="health-endpoints", of="s", urls=("http://127.0.0.1:9/health",))
    with pytest.raises(TransientFaultError, match="no connection"):
        _ask(web, WebSite, probe)


def test_a_partner_that_answers_403_has_no_active_account_for_us(web: WebWorld) -> None:
    probe = PartnerAccounts(ask="partner-accounts", of="p", partners=("goodera",))
    block = web.block(Partners, api_keys={"goodera": "wrong"})
    assert block.answer(probe, web.occasion).values["partners_ok"].value == 0


@pytest.mark.parametrize("kind", [FeatureFlags, ProductAdmin, JourneyRunner, Partners, Certificates, WebSite])
def test_check_says_in_one_sentence_that_the_system_can_be_used(web: WebWorld, kind: type[Block]) -> None:
    block = web.block(kind)
    assert block.check()  # type: ignore[attr-defined]
