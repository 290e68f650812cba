"""Redis and the product's cache endpoints."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from blocks.data.cache import RedisCache
from launch.effects.data import FlushCache, WarmCache
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing
from launch.probes.data import CachedKeys, CacheLookups, RedisSetting, RedisSettings, ServiceSettings
from sandbox.redis_server import RedisServer

pytestmark = pytest.mark.integration
WATCH = CacheLookups(ask="cache-lookups", of="cache")
FLUSH = FlushCache(do="flush-cache", on="cache", pattern="report:*", at_most=5_000)
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


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    server = RedisServer(maxmemory="64mb", policy="allkeys-lru", password="word")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def held(server):
    """Another's client of a cache that holds 1,200 reports and five tenants."""
    with server.client() as client:
        client.flushall()
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.mset({f"report:{number}": "pdf" for number in range(1_200)})
        client.mset({f"tenant:{number}": "name" for number in range(5)})
        yield client


def watching(server, meanwhile):
    block = RedisCache(url=SecretStr(server.url), watch_seconds=30)
    waited = []

    def wait(seconds):
        waited.append(seconds)
        meanwhile()

    block._wait = wait
    return block, waited


def looked_up(client, hits, misses):
    for _ in range(hits):
        client.get("tenant:1")
    for _ in range(misses):
        client.get("tenant:none")


def test_a_hit_ratio_is_of_the_lookups_made_while_it_is_watched(server, held, rehearsal, values):
    looked_up(held, 1, 99)
    block, waited = watching(server, lambda: looked_up(held, 9, 1))
    reading = block.answer(WATCH, rehearsal.occasion())
    assert (values(reading), reading.evidence) == ({"cache_hit_ratio": 90, "lookups": 10}, "9 of 10 in 30 s")
    assert waited == [30]


def test_a_cache_nobody_asks_has_no_hit_ratio(server, held, rehearsal, values):
    looked_up(held, 10, 0)
    block, _ = watching(server, lambda: None)
    assert values(block.answer(WATCH, rehearsal.occasion())) == {"lookups": 0}


def test_counters_that_began_anew_tell_nothing(server, held, rehearsal, values):
    looked_up(held, 10, 10)
    block, _ = watching(server, lambda: (held.config_resetstat(), looked_up(held, 5, 0)))
    reading = block.answer(WATCH, rehearsal.occasion())
    assert (values(reading), reading.evidence) == ({}, "its counters began anew meanwhile")


def test_a_flush_deletes_what_matches_once(server, held, rehearsal):
    block, occasion = RedisCache(url=SecretStr(server.url)), rehearsal.occasion(key="teei-1/flush/1")
    assert block.observe(FLUSH, occasion).standing is Standing.ABSENT
    block.apply(FLUSH, occasion)
    assert not list(held.scan_iter("report:*"))
    assert held.exists(*(f"tenant:{number}" for number in range(5))) == 5
    held.set("report:1", "what the product cached since")
    seen = block.observe(FLUSH, occasion)
    assert (seen.standing, seen.detail) == (Standing.HOLDS, "1200 keys report:* were flushed")
    assert block.observe(FLUSH, rehearsal.occasion(key="teei-1/flush/2")).standing is Standing.ABSENT
    assert block.observe_restored(FLUSH, {}, occasion).standing is Standing.HOLDS


def test_a_flush_of_everything_leaves_the_mark_of_the_one_before(server, held, rehearsal):
    block, before = RedisCache(url=SecretStr(server.url)), rehearsal.occasion(key="teei-1/flush/1")
    block.apply(FLUSH, before)
    block.apply(FLUSH.model_copy(update={"pattern": "*"}), rehearsal.occasion(key="teei-1/flush-all/1"))
    assert {key.split(":")[0] for key in held.scan_iter()} == {"tminus"}
    assert block.observe(FLUSH, before).standing is Standing.HOLDS
    assert all(0 < held.ttl(key) <= 30 * 86_400 for key in held.scan_iter())


def test_more_keys_than_expected_are_left_alone(server, held, rehearsal):
    block = RedisCache(url=SecretStr(server.url))
    with pytest.raises(PermanentFaultError, match="1200 keys match, 1000 at most were expected"):
        block.apply(FLUSH.model_copy(update={"at_most": 1_000}), rehearsal.occasion(key="teei-1/flush/1"))
    assert held.dbsize() == 1_205


def test_a_store_that_evicts_nothing_is_no_cache_and_is_left_alone(server, held, rehearsal):
    held.config_set("maxmemory-policy", "noeviction")
    with pytest.raises(PermanentFaultError, match="noeviction: it is no cache"):
        RedisCache(url=SecretStr(server.url)).apply(FLUSH, rehearsal.occasion(key="teei-1/flush/1"))
    assert held.dbsize() == 1_205


def test_a_replica_is_left_alone(server, held, rehearsal):
    held.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(PermanentFaultError, match=r'"a replica" to the flush of report:.*; name the primary'):
            RedisCache(url=SecretStr(server.url)).apply(FLUSH, rehearsal.occasion(key="teei-1/flush/1"))
    finally:
        held.replicaof("NO", "ONE")


def test_a_user_who_may_not_delete_is_told_the_command(server, held, rehearsal):
    held.acl_setuser(
        "reader", enabled=True, passwords=["+reader"], categories=["+@read"], commands=["+info"], keys=["*"]
    )
    block = RedisCache(url=SecretStr(server.url.replace(":word@", "reader:reader@")))
    with pytest.raises(PermanentFaultError, match=r"\+unlink"):
        block.apply(FLUSH, rehearsal.occasion(key="teei-1/flush/1"))
    assert held.dbsize() == 1_205
