"""Redis and the product's cache endpoints."""

import pytest
from pydantic import SecretStr

from blocks.data.cache import RedisCache
from launch.effects.data import WarmCache
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing
from launch.probes.data import CachedKeys, RedisSetting, RedisSettings, ServiceSettings

pytestmark = pytest.mark.integration
WARM = WarmCache(do="warm-cache", on="cache-admin", pattern="tenant:*:metadata", at_least=5)
SETTINGS = RedisSettings(
    ask="redis-settings",
    of="cache",
    values={
        "memory": RedisSetting(setting="maxmemory", unit="bytes"),
        "policy": RedisSetting(setting="maxmemory-policy"),
        "unknown": RedisSetting(setting="no-such-setting"),
    },
)


def test_settings_are_numbers_or_words_and_an_unknown_one_is_left_out(rehearsal, values):
    cache = rehearsal.block("redis-cache/sandbox-cockpit-cache")
    assert values(cache.answer(SETTINGS, rehearsal.occasion())) == {"memory": 4 * 2**30, "policy": "allkeys-lru"}


def test_a_wrong_password_is_permanent_and_a_closed_port_transient(rehearsal):
    url = str(rehearsal.fields["redis-cache/sandbox-session-store"]["url"])
    with pytest.raises(PermanentFaultError, match="password was refused"):
        rehearsal.block("redis-cache/sandbox-session-store", url=url.replace("sandbox-sessions", "wrong")).check()
    with pytest.raises(TransientFaultError, match="no connection: refused"):
        RedisCache(url=SecretStr("redis://:x@127.0.0.1:1/0"), timeout_seconds=1).check()


def test_warming_fills_the_cache_that_is_looked_into(rehearsal, turned, values):
    admin, occasion = rehearsal.block("cache-admin/sandbox-cache-admin"), rehearsal.occasion()
    assert admin.observe(WARM, occasion).standing is Standing.ABSENT
    turned.set("cache.warmed-tenants", 3)
    admin.apply(WARM, occasion)
    assert admin.observe(WARM, occasion).standing is Standing.ABSENT
    turned.reset("cache.warmed-tenants")
    assert admin.observe(WARM, occasion).standing is Standing.HOLDS
    probe = CachedKeys(ask="cached-keys", of="cache", pattern="tenant:*:metadata", named="warm_tenants")
    cache = rehearsal.block("redis-cache/sandbox-cockpit-cache")
    assert values(cache.answer(probe, occasion)) == {"warm_tenants": 5}


def test_service_settings_come_from_the_service_and_unknown_ones_are_left_out(rehearsal, values):
    admin = rehearsal.block("cache-admin/sandbox-cache-admin")
    wanted = {"redis_pool": "redis_pool", "other": "no_such_setting"}
    probe = ServiceSettings(ask="service-settings", of="cache-admin", service="export-service", values=wanted)
    assert values(admin.answer(probe, rehearsal.occasion())) == {"redis_pool": 10}


@pytest.mark.parametrize(
    ("mode", "fault"), [("500", TransientFaultError), ("429", TransientFaultError), ("hang", TransientFaultError)]
)
def test_an_endpoint_out_of_order_is_a_transient_fault(rehearsal, turned, mode, fault):
    turned.set("vendor.cache", mode)
    admin = rehearsal.block("cache-admin/sandbox-cache-admin", timeout_seconds=0.5)
    with pytest.raises(fault):
        admin.apply(WARM, rehearsal.occasion())


def test_a_refused_token_is_permanent(rehearsal):
    admin = rehearsal.block("cache-admin/sandbox-cache-admin", token="wrong")
    with pytest.raises(PermanentFaultError, match="401"):
        admin.apply(WARM, rehearsal.occasion())
