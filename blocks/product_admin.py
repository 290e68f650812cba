"""The product's own administration API: the maintenance banner and the tenants."""

from __future__ import annotations

from typing import ClassVar, assert_never
from urllib.parse import quote

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr

from blocks import wire
from blocks.payloads import Payload, read
from launch.effects.base import Effect
from launch.effects.web import ProvisionTenants, SetMaintenanceBanner, Tenant
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.web import Tenants
from launch.readings import Reading, quantities

AdminEffect = SetMaintenanceBanner | ProvisionTenants


class _Banner(Payload):
    enabled: bool
    message: str = ""


class _User(Payload):
    email: str
    role: str


class _Tenant(Payload):
    id: str
    users: list[_User] = Field(default_factory=list)
    roles: list[str] = Field(default_factory=list)
    sample_data: bool = False

    def ready(self, roles: tuple[str, ...], *, sample_data: bool) -> bool:
        """Whether an admin can sign in, every role can be given, and there is something to look at."""
        return (
            any(user.role == "admin" for user in self.users)
            and set(roles) <= set(self.roles)
            and (self.sample_data or not sample_data)
        )


class _Tenants(Payload):
    tenants: list[_Tenant]


class ProductAdmin(Block):
    """The administration API of the product."""

    _block_type_name = "Product Admin"
    _block_type_slug = "product-admin"
    _description = (
        "The product's administration API: `GET/PUT /admin/maintenance` as `{enabled, message}`, "
        "`GET /admin/tenants?plan=`, `PUT/DELETE /admin/tenants/{id}`."
    )
    _documentation_url = HttpUrl("https://www.rfc-editor.org/rfc/rfc6750")
    needs: ClassVar[str] = "a token of the product's administration API"

    answers: ClassVar[tuple[type[Probe], ...]] = (Tenants,)
    effects: ClassVar[tuple[type[Effect], ...]] = (SetMaintenanceBanner, ProvisionTenants)

    url: str = Field(description="Base URL of the product's API, e.g. https://api.teei.io.")
    token: SecretStr = Field(description="Bearer token with the right to administer tenants and the banner.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step of an exchange.")

    def check(self) -> str:
        """Proves that the API answers and takes the token. Raises `SystemFaultError`."""
        self._banner()
        return f"{self.url} takes the token"

    def answer(self, probe: Tenants, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        ready = [tenant.id for tenant in self._tenants(probe.plan) if tenant.ready(probe.roles, sample_data=True)]
        return Reading(
            values=quantities("tenants", pilot_tenants=len(ready)),
            where=f"{self.url}/admin/tenants?plan={probe.plan}",
            at=occasion.now,
            evidence=", ".join(sorted(ready))[:256],
        )

    def observe(self, effect: AdminEffect, occasion: Occasion) -> Observation:  # noqa: ARG002 - nothing here ages
        """Raises `SystemFaultError`."""
        match effect:
            case SetMaintenanceBanner():
                return _seen(self._banner(), _Banner(enabled=effect.shown, message=effect.text))
            case ProvisionTenants():
                return _provisioned(effect, self._tenants(effect.plan))
            case _:
                assert_never(effect)

    def apply(self, effect: AdminEffect, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        match effect:
            case SetMaintenanceBanner():
                self._put_banner(_Banner(enabled=effect.shown, message=effect.text), occasion)
            case ProvisionTenants():
                for tenant in effect.tenants:
                    self._put_tenant(tenant, effect, occasion)
            case _:
                assert_never(effect)

    def observe_restored(self, effect: AdminEffect, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """Raises `SystemFaultError`."""
        match effect:
            case SetMaintenanceBanner():
                return _seen(self._banner(), _Banner.model_validate(before))
            case ProvisionTenants():
                left = self._added(effect, before)
                return Observation(
                    standing=Standing.ABSENT if left else Standing.HOLDS,
                    detail=f"{len(left)} tenants of this launch exist",
                )
            case _:
                assert_never(effect)

    def restore(self, effect: AdminEffect, before: State, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        match effect:
            case SetMaintenanceBanner():
                self._put_banner(_Banner.model_validate(before), occasion)
            case ProvisionTenants():
                for identity in self._added(effect, before):
                    path = f"/admin/tenants/{quote(identity, safe='')}"
                    self._call("DELETE", path, question="the removal of a tenant", ok={200, 204, 404}, key=occasion.key)
            case _:
                assert_never(effect)

    def _added(self, effect: ProvisionTenants, before: State) -> list[str]:
        had = before.get("tenants")
        kept = set(had) if isinstance(had, list) else set()
        mine = {tenant.id for tenant in effect.tenants}
        return [tenant.id for tenant in self._tenants(effect.plan) if tenant.id in mine and tenant.id not in kept]

    def _banner(self) -> _Banner:
        question = "whether the maintenance banner is on"
        return read(
            _Banner, self._call("GET", "/admin/maintenance", question=question), system=self.url, question=question
        )

    def _put_banner(self, banner: _Banner, occasion: Occasion) -> None:
        self._call(
            "PUT",
            "/admin/maintenance",
            question="the change of the maintenance banner",
            json=banner.model_dump(mode="json"),
            key=occasion.key,
        )

    def _tenants(self, plan: str) -> list[_Tenant]:
        question = f"the tenants of plan {plan}"
        response = self._call("GET", f"/admin/tenants?plan={quote(plan, safe='')}", question=question)
        return read(_Tenants, response, system=self.url, question=question).tenants

    def _put_tenant(self, tenant: Tenant, effect: ProvisionTenants, occasion: Occasion) -> None:
        self._call(
            "PUT",
            f"/admin/tenants/{quote(tenant.id, safe='')}",
            question=f"the new tenant {tenant.id}",
            json={
                "name": tenant.name,
                "plan": effect.plan,
                "users": [{"email": tenant.admin, "role": "admin"}],
                "roles": list(effect.roles),
                "sample_data": effect.sample_data,
            },
            key=occasion.key,
        )

    def _call(
        self,
        method: str,
        path: str,
        *,
        question: str,
        ok: set[int] | range = range(200, 300),
        json: JsonValue = None,
        key: str = "",
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"} | (
            {"Idempotency-Key": key} if key else {}
        )
        with wire.client(self.url, timeout_seconds=self.timeout_seconds, headers=headers) as client:
            return wire.fetch(
                client, method, path, system=self.url, question=question, ok=ok, json=json, needs=self.needs
            )


def _seen(banner: _Banner, wanted: _Banner) -> Observation:
    holds = banner == wanted or (not banner.enabled and not wanted.enabled)
    return Observation(
        standing=Standing.HOLDS if holds else Standing.ABSENT,
        state={"enabled": banner.enabled, "message": banner.message},
        detail=f"the maintenance banner is {'on' if banner.enabled else 'off'}",
    )


def _provisioned(effect: ProvisionTenants, existing: list[_Tenant]) -> Observation:
    wanted = {tenant.id for tenant in effect.tenants}
    ready = {tenant.id for tenant in existing if tenant.ready(effect.roles, sample_data=effect.sample_data)}
    missing = sorted(wanted - ready)
    return Observation(
        standing=Standing.ABSENT if missing else Standing.HOLDS,
        state={"tenants": sorted(tenant.id for tenant in existing)},
        detail=f"missing or incomplete: {', '.join(missing)}" if missing else f"{len(wanted)} tenants are ready",
        progress=len(wanted & ready) / len(wanted),
    )
