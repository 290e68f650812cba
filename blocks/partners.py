"""Third parties over HTTP: our accounts and keys there, the webhooks they hold for us, and deliveries to them."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import ClassVar, assert_never

import httpx
from prefect.blocks.core import Block
from pydantic import BaseModel, Field, HttpUrl, JsonValue, SecretStr

from blocks import wire
from blocks.payloads import Payload, read
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.web_edges import ApiKeys, PartnerAccounts, WebhookDelivery, WebhooksRegistered
from launch.readings import Reading, quantities

PartnerQuestion = PartnerAccounts | ApiKeys | WebhooksRegistered | WebhookDelivery
# A refusal is an answer here: "is this key good?", "is this account active?". Everything else is a fault.
_ANSWERED: Container[int] = {*range(200, 300), 401, 403}
# Any answer but a refusal: no page at the root of an API is usual.
_REACHED: Container[int] = wire.ANY_ANSWER - {401, 403}


class PartnerApi(BaseModel):
    """How one partner's API is reached."""

    url: str = Field(description="Base URL of the partner's API.")
    key_path: str = Field(default="/v1/account", description="Path of its cheapest call that needs the key.")
    key_header: str = Field(default="Authorization", description="Header that carries the key.")
    key_prefix: str = Field(default="Bearer ", description="What stands before the key in that header.")
    headers: dict[str, str] = Field(default_factory=dict, description="Other headers, e.g. the version of the API.")


class _Account(Payload):
    status: str


class _Webhook(Payload):
    url: str
    active: bool


class _Webhooks(Payload):
    data: tuple[_Webhook, ...]


class _Delivery(Payload):
    event_id: str
    digest: str
    response_status: int | None = None


class _Event(Payload):
    digest: str


class Partners(Block):
    """The third parties of a product."""

    _block_type_name = "Partners"
    _block_type_slug = "partners"
    _description = "Third-party APIs by name, and the product's API that sends test deliveries to them."
    _documentation_url = HttpUrl("https://www.rfc-editor.org/rfc/rfc6750")
    needs: ClassVar[str] = "each partner's own read-only key; the product's token for test deliveries"

    answers: ClassVar[tuple[type[Probe], ...]] = (PartnerAccounts, ApiKeys, WebhooksRegistered, WebhookDelivery)

    apis: dict[str, PartnerApi] = Field(description="Partner -> how its API is reached.")
    api_keys: dict[str, SecretStr] = Field(description="Partner -> our key there.")
    product_url: str = Field(description="Base URL of our product's API, which sends test deliveries.")
    product_token: SecretStr = Field(description="Bearer token for the product's API.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def check(self) -> str:
        """Proves that every partner takes its key and that the product's API answers. Raises `SystemFaultError`."""
        for partner, api in self.apis.items():
            question = "whether it takes our key"
            wire.json_body(
                self._ask(partner, "GET", api.key_path, question=question), system=partner, question=question
            )
        with wire.client(self.product_url, timeout_seconds=self.timeout_seconds, headers=self._product) as client:
            wire.fetch(client, "GET", "/", system=self.product_url, question="whether it answers", ok=_REACHED)
        return f"{', '.join(sorted(self.apis))} take our keys"

    def answer(self, probe: PartnerQuestion, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case PartnerAccounts():
                return self._counted("partners", "partners_ok", probe.partners, self._is_active, occasion)
            case ApiKeys():
                return self._counted("keys", "keys_valid", probe.providers, self._takes_key, occasion)
            case WebhooksRegistered():
                missing = [name for name, url in probe.partners.items() if not self._calls(name, url)]
                return Reading(
                    values=quantities(webhooks_missing=len(missing)),
                    where=", ".join(missing) or ", ".join(probe.partners),
                    at=occasion.now,
                )
            case WebhookDelivery():
                return self._delivery(probe.partner, occasion)
            case _:
                assert_never(probe)

    def _counted(
        self, unit: str, metric: str, names: tuple[str, ...], good: Callable[[str], bool], occasion: Occasion
    ) -> Reading:
        bad = [name for name in names if not good(name)]
        return Reading(
            values=quantities(unit, **{metric: len(names) - len(bad)}),
            where=", ".join(bad or names),
            at=occasion.now,
        )

    def _is_active(self, partner: str) -> bool:
        question = "whether our test account is active"
        response = self._ask(partner, "GET", "/v1/account", question=question, ok=_ANSWERED)
        return response.is_success and read(_Account, response, system=partner, question=question).status == "active"

    def _takes_key(self, provider: str) -> bool:
        question = "whether our key works"
        answer = self._ask(provider, "GET", self._api(provider, question).key_path, question=question, ok=_ANSWERED)
        if answer.is_success:
            # A page for people takes every key.
            wire.json_body(answer, system=provider, question=question)
        return answer.is_success

    def _calls(self, partner: str, url: str) -> bool:
        question = "which webhooks it holds for us"
        response = self._ask(partner, "GET", "/v1/webhooks", question=question)
        held = read(_Webhooks, response, system=partner, question=question).data
        return any(webhook.url == url and webhook.active for webhook in held)

    def _delivery(self, partner: str, occasion: Occasion) -> Reading:
        question = f"the order to send a test delivery to {partner}"
        body: JsonValue = {"reference": f"{occasion.launch}/{occasion.now.isoformat()}"}
        with wire.client(self.product_url, timeout_seconds=self.timeout_seconds, headers=self._product) as client:
            path = f"/v1/integrations/{partner}/test-delivery"
            sent = wire.fetch(client, "POST", path, system=self.product_url, question=question, json=body)
        delivery = read(_Delivery, sent, system=self.product_url, question=question)
        question = f"event {delivery.event_id}"
        found = self._ask(
            partner, "GET", f"/v1/events/{delivery.event_id}", question=question, ok={*range(200, 300), 404}
        )
        arrived = found.is_success and read(_Event, found, system=partner, question=question).digest == delivery.digest
        status = delivery.response_status
        return Reading(
            values=quantities(delivered=status is not None and 200 <= status < 300, payload_arrived=arrived),
            where=f"{self.product_url} to {partner}",
            at=occasion.now,
            evidence=f"{partner} answered {status if status is not None else 'nothing'} to event {delivery.event_id}",
        )

    @property
    def _product(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.product_token.get_secret_value()}"}

    def _ask(
        self, partner: str, method: str, path: str, *, question: str, ok: Container[int] = wire.SUCCESS
    ) -> httpx.Response:
        api = self._api(partner, question)
        key = self.api_keys.get(partner)
        if key is None:
            raise _unknown(partner, question, "api_keys")
        headers = {**api.headers, api.key_header: f"{api.key_prefix}{key.get_secret_value()}"}
        with wire.client(api.url, timeout_seconds=self.timeout_seconds, headers=headers) as client:
            return wire.fetch(client, method, path, system=partner, question=question, ok=ok, needs=self.needs)

    def _api(self, partner: str, question: str) -> PartnerApi:
        api = self.apis.get(partner)
        if api is None:
            raise _unknown(partner, question, "apis")
        return api


def _unknown(partner: str, question: str, field: str) -> PermanentFaultError:
    return PermanentFaultError(
        system=partner,
        question=question,
        answer="not configured",
        next_step=f"add it to `{field}` of the partners block",
    )
