"""The product's public face over HTTP: pages, headers, health, assets, limits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr

from blocks import wire
from blocks.site_visit import SiteVisit
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.web import (
    BurstLimit,
    EventStream,
    HealthEndpoints,
    MaintenanceBanner,
    PageAssets,
    PublishedPages,
    RateLimits,
    RequestTrace,
    SecurityTxt,
    WebAnswer,
)
from launch.readings import Reading

_SoonAnswered = (
    WebAnswer
    | HealthEndpoints
    | PublishedPages
    | SecurityTxt
    | RateLimits
    | BurstLimit
    | RequestTrace
    | PageAssets
    | MaintenanceBanner
)
SiteQuestion = _SoonAnswered | EventStream


class WebSite(Block):
    """A web site and its public API."""

    _block_type_name = "Web Site"
    _block_type_slug = "web-site"
    _description = (
        "A product's pages and public API over HTTP. Probes name public addresses "
        "(https://cockpit.example.org/...); `addresses` maps a host to where it is reached, if not by its name."
    )
    _documentation_url = HttpUrl("https://www.rfc-editor.org/rfc/rfc9110")
    needs: ClassVar[str] = "none: it is the public face"

    answers: ClassVar[tuple[type[Probe], ...]] = (
        WebAnswer,
        HealthEndpoints,
        PublishedPages,
        SecurityTxt,
        RateLimits,
        BurstLimit,
        EventStream,
        RequestTrace,
        PageAssets,
        MaintenanceBanner,
    )

    home: str = Field(description="Public address of the start page, asked to prove that the site is reachable.")
    addresses: dict[str, str] = Field(
        default_factory=dict, description="Public host name -> base URL to use instead of https://<host>."
    )
    tokens: dict[str, SecretStr] = Field(
        default_factory=dict, description="Bearer tokens by the name that probes use (one test key per tenant tier)."
    )
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")
    _clock: Callable[[], float] = PrivateAttr(default=time.monotonic)

    def check(self) -> str:
        """Proves that the start page answers. Raises `SystemFaultError`."""
        with self._visit() as visit:
            visit.fetch("GET", self.home, question="whether the start page answers")
        return f"{self.home} answers"

    def answer(self, probe: SiteQuestion, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        with self._visit() as visit:
            if isinstance(probe, EventStream):
                return visit.events(probe, occasion, seconds=self.timeout_seconds, clock=self._clock)
            return _asked(visit, probe, occasion)

    @contextmanager
    def _visit(self) -> Iterator[SiteVisit]:
        with wire.client("", timeout_seconds=self.timeout_seconds, follow_redirects=True) as client:
            yield SiteVisit(client, self.home, self.addresses, self.tokens)


def _asked(visit: SiteVisit, probe: _SoonAnswered, occasion: Occasion) -> Reading:
    match probe:
        case WebAnswer():
            return visit.web_answer(probe, occasion)
        case HealthEndpoints():
            return visit.health(probe, occasion)
        case PublishedPages():
            return visit.pages(probe, occasion)
        case SecurityTxt():
            return visit.security_txt(probe, occasion)
        case RateLimits():
            return visit.rate_limits(probe, occasion)
        case BurstLimit():
            return visit.burst(probe, occasion)
        case RequestTrace():
            return visit.request_trace(probe, occasion)
        case PageAssets():
            return visit.page_assets(probe, occasion)
        case MaintenanceBanner():
            return visit.banner(probe, occasion)
        case _:
            assert_never(probe)
