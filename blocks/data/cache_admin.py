"""The product's own endpoints for its caches: fill them, and say how services are configured."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from blocks.data.cache import connected, count_keys
from blocks.endpoint import Endpoint
from blocks.payloads import Payload, read
from launch.effects.base import Effect
from launch.effects.data import WarmCache
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.data import ServiceSettings
from launch.readings import Quantity, Reading, Scalar


class _Settings(Payload):
    settings: dict[str, Scalar]


class CacheAdmin(Block):
    """`POST /admin/cache/warm`, `GET /admin/config/{service}`, and the Redis that the first one fills."""

    _block_type_name = "Cache Admin"
    _block_type_slug = "cache-admin"
    _description = "The product's administration endpoints for caches, with a bearer token."
    _documentation_url = HttpUrl("https://www.rfc-editor.org/rfc/rfc6750")
    needs: ClassVar[str] = "the right to administer caches in the product; on Redis the commands PING and SCAN"

    answers: ClassVar[tuple[type[Probe], ...]] = (ServiceSettings,)
    effects: ClassVar[tuple[type[Effect], ...]] = (WarmCache,)

    url: str = Field(description="Base URL of the product's API, e.g. https://api.teei.io.")
    token: SecretStr = Field(description="Bearer token with the right to administer caches.")
    redis_url: SecretStr = Field(description="redis://… of the cache that is warmed, to see what it holds.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def check(self) -> str:
        """Proves that the product takes the token and that the cache can be looked into. Raises `SystemFaultError`."""
        # Which services there are, a plan says; an endpoint that does not know the name took the token.
        question = "whether the token is taken"
        response = self._endpoint.send("GET", "/admin/config/tminus", question=question, ok={200, 404})
        if response.is_success:
            read(_Settings, response, system=self.url, question=question)
        with connected(
            self.redis_url, "ping, and one batch of keys", timeout_seconds=self.timeout_seconds, field="redis_url"
        ) as client:
            client.ping()
            client.scan(count=1)
        return f"{self.url} takes the token, and the cache behind it can be looked into"

    def answer(self, probe: ServiceSettings, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        path = f"/admin/config/{probe.service}"
        answer = self._endpoint.ask(_Settings, "GET", path, question=f"the settings of {probe.service}")
        found = {metric: answer.settings.get(setting) for metric, setting in probe.values.items()}
        return Reading(
            values={metric: Quantity(value=value) for metric, value in found.items() if value is not None},
            where=f"{self.url}{path}",
            at=occasion.now,
        )

    def observe(self, effect: WarmCache, occasion: Occasion) -> Observation:  # noqa: ARG002  keys do not age here
        """Raises `SystemFaultError`."""
        with connected(
            self.redis_url, "the cached keys", timeout_seconds=self.timeout_seconds, field="redis_url"
        ) as client:
            held = count_keys(client, effect.pattern)
        return Observation(
            standing=Standing.HOLDS if held >= effect.at_least else Standing.ABSENT,
            state={"keys": held},
            detail=f"{held} of {effect.at_least} keys are cached",
            progress=min(1.0, held / effect.at_least),
        )

    def apply(self, effect: WarmCache, occasion: Occasion) -> None:  # noqa: ARG002  warming twice changes nothing
        """Raises `SystemFaultError`."""
        self._endpoint.send("POST", "/admin/cache/warm", question="the order to warm the cache")

    def observe_restored(self, effect: WarmCache, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """What is cached may stay: the product reads through and refills it."""
        return Observation(standing=Standing.HOLDS, detail="a warm cache may stay")

    def restore(self, effect: WarmCache, before: State, occasion: Occasion) -> None:
        """There is nothing to put back."""

    @property
    def _endpoint(self) -> Endpoint:
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        return Endpoint(self.url, self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs)
