"""The banner and the tenants: observed, applied twice without harm, and put back."""

import pytest

from blocks.product_admin import ProductAdmin
from launch.effects.web import ProvisionTenants, SetMaintenanceBanner, Tenant
from launch.ports import Standing
from launch.probes.web import Tenants
from tests.fakes.web_world import WebWorld, told

_BANNER = SetMaintenanceBanner(do="set-maintenance-banner", on="admin", shown=True, text="Back online at 07:00 UTC.")
_TENANTS = ProvisionTenants(
    do="provision-tenants",
    on="admin",
    roles=("admin", "viewer"),
    tenants=(
        Tenant(id="pilot-1", name="One", admin="a@one.example"),
        Tenant(id="pilot-2", name="Two", admin="a@two.example"),
    ),
)


def test_the_banner_holds_after_it_is_set_and_goes_back_to_what_was(web: WebWorld) -> None:
    admin = web.block(ProductAdmin)
    before = admin.observe(_BANNER, web.occasion)
    assert before.standing is Standing.ABSENT
    admin.apply(_BANNER, web.occasion)
    assert admin.observe(_BANNER, web.occasion).standing is Standing.HOLDS
    assert admin.observe_restored(_BANNER, before.state, web.occasion).standing is Standing.ABSENT
    admin.restore(_BANNER, before.state, web.occasion)
    assert admin.observe_restored(_BANNER, before.state, web.occasion).standing is Standing.HOLDS


def test_another_text_is_another_banner(web: WebWorld) -> None:
    admin = web.block(ProductAdmin)
    admin.apply(_BANNER, web.occasion)
    later = _BANNER.model_copy(update={"text": "Back online at 09:00 UTC."})
    assert admin.observe(later, web.occasion).standing is Standing.ABSENT
    admin.apply(_BANNER.model_copy(update={"shown": False, "text": ""}), web.occasion)


def test_tenants_are_created_once_counted_and_removed(web: WebWorld) -> None:
    admin = web.block(ProductAdmin)
    before = admin.observe(_TENANTS, web.occasion)
    assert before.progress == 0
    admin.apply(_TENANTS, web.occasion)
    admin.apply(_TENANTS, web.occasion)
    probe = Tenants(ask="tenants", of="admin", roles=("admin", "viewer"))
    assert told(admin.answer(probe, web.occasion)) == {"pilot_tenants": 2}
    admin.restore(_TENANTS, before.state, web.occasion)
    assert admin.observe_restored(_TENANTS, before.state, web.occasion).standing is Standing.HOLDS
    assert told(admin.answer(probe, web.occasion)) == {"pilot_tenants": 0}


def test_a_tenant_that_was_there_before_is_not_removed(web: WebWorld) -> None:
    admin = web.block(ProductAdmin)
    admin.apply(_TENANTS, web.occasion)
    before = admin.observe(_TENANTS, web.occasion)
    admin.restore(_TENANTS, before.state, web.occasion)
    assert admin.observe(_TENANTS, web.occasion).standing is Standing.HOLDS


@pytest.mark.parametrize("roles", [("admin", "editor"), ("owner",)])
def test_a_tenant_without_the_roles_does_not_count(web: WebWorld, roles: tuple[str, ...]) -> None:
    admin = web.block(ProductAdmin)
    admin.apply(_TENANTS, web.occasion)
    assert told(admin.answer(Tenants(ask="tenants", of="admin", roles=roles), web.occasion)) == {"pilot_tenants": 0}


def test_a_tenant_without_admin_is_incomplete(web: WebWorld) -> None:
    admin = web.block(ProductAdmin)
    admin.apply(_TENANTS, web.occasion)
    with web.turned("site.tenants-without-admin", 1):
        seen = admin.observe(_TENANTS, web.occasion)
    assert seen.standing is Standing.ABSENT
    assert seen.detail == "missing or incomplete: pilot-1"
