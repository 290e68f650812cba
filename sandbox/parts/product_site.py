"""The simulated TEEI product over HTTP: cockpit, public API, administration, assets and help, one prefix per host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.routing import BaseRoute

from sandbox.site.admin import AdminApi
from sandbox.site.api import PublicApi
from sandbox.site.outward import Outward
from sandbox.site.pages import Pages
from sandbox.site.state import ADMIN_TOKEN, HOSTS, JOURNEY_TOKEN, TIER_TOKENS, SiteState
from sandbox.site.workspace import Workspace
from sandbox.world import World


class ProductSite:
    """Mounted as `site`; `https://api.teei.io/health` is `/site/api/health`."""

    name = "site"

    def define(self, world: World) -> None:
        """Knobs of every area, and a product that has no users yet."""
        state = SiteState()
        # The administration comes before the services' own paths, which would take its words for service names.
        self._areas = (
            AdminApi(world, state),
            Outward(world, state),
            Workspace(world, state),
            PublicApi(world, state),
            Pages(world, state),
        )
        for area in self._areas:
            area.define()

    def start(self) -> None:
        """Nothing runs beside the shared server."""

    def routes(self) -> Sequence[BaseRoute]:
        return [route for area in self._areas for route in area.routes()]

    def tick(self) -> None:
        """The product has no work of its own."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        tokens: dict[str, JsonValue] = {f"{tier}-tier": token for tier, token in TIER_TOKENS.items()}
        addresses: dict[str, JsonValue] = {host: f"{base_url}/{prefix}" for host, prefix in HOSTS.items()}
        return {
            "web-site/sandbox-product-site": {
                "home": "https://cockpit.teei.io/",
                "addresses": addresses,
                "tokens": {**tokens, "admin": ADMIN_TOKEN, "journeys": JOURNEY_TOKEN},
                "timeout_seconds": 10,
            },
            "product-admin/sandbox-product-admin": {
                "url": f"{base_url}/api",
                "token": ADMIN_TOKEN,
                "timeout_seconds": 10,
            },
        }

    def stop(self) -> None:
        """Nothing runs beside the shared server."""
