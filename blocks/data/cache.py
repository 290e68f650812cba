"""Redis: its configuration, the keys it holds, how often lookups find one, and emptying it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr

from blocks.faults import connection_fault, missing_right, no_address
from launch.effects.base import Effect
from launch.effects.data import FlushCache
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.data import CachedKeys, CacheLookups, CacheProbe, RedisSetting, RedisSettings
from launch.readings import Quantity, Reading, Scalar, quantities

if TYPE_CHECKING:
    from redis import Redis

_SCAN_BATCH = 500
_MARK = "tminus:flushed:"
_MARK_SECONDS = 30 * 86_400
"""How long it is known that a flush was made: longer than a launch."""
_NO_PERMISSION = re.compile(r"run the '([a-z|]{1,40})' command")


class RedisCache(Block):
    """One Redis database."""

    _block_type_name = "Redis Cache"
    _block_type_slug = "redis-cache"
    _description = "A Redis server that is asked, and emptied where it is a cache."
    _documentation_url = HttpUrl("https://redis.io/docs/latest/commands/")
    needs: ClassVar[str] = "the commands PING, INFO, SCAN and CONFIG GET; for `flush-cache` also GET, SET and UNLINK"

    answers: ClassVar[tuple[type[Probe], ...]] = (RedisSettings, CachedKeys, CacheLookups)
    effects: ClassVar[tuple[type[Effect], ...]] = (FlushCache,)

    url: SecretStr = Field(description="redis://user:password@host:port/database, or rediss:// for TLS.")
    timeout_seconds: float = Field(default=5.0, gt=0, description="Longest wait for a connection or an answer.")
    watch_seconds: float = Field(default=10.0, gt=0, le=60, description="How long lookups are counted for a hit ratio.")
    _wait: Callable[[float], None] = PrivateAttr(default=time.sleep)

    def check(self) -> str:
        """Proves that the user may log in, read the configuration and go through keys. Raises `SystemFaultError`."""
        with connected(
            self.url, "ping, its figures, one setting, one batch of keys", timeout_seconds=self.timeout_seconds
        ) as client:
            client.ping()
            client.info("stats")
            client.config_get("maxmemory")
            client.scan(count=1)
        return f"{place(self.url)} lets settings and keys be read"

    def answer(self, probe: CacheProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`. A hit ratio takes `watch_seconds`."""
        evidence = ""
        match probe:
            case RedisSettings():
                values = self._settings(probe)
            case CacheLookups():
                values, evidence = self._watched()
            case CachedKeys():
                with connected(self.url, "the cached keys", timeout_seconds=self.timeout_seconds) as client:
                    values = quantities("keys", **{probe.named: count_keys(client, probe.pattern)})
            case _:
                assert_never(probe)
        return Reading(values=values, where=place(self.url), at=occasion.now, evidence=evidence)

    def observe(self, effect: FlushCache, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        with connected(self.url, "whether it was flushed", timeout_seconds=self.timeout_seconds) as client:
            made = client.get(_mark(occasion))
        if made is None:
            return Observation(standing=Standing.ABSENT, detail=f"keys {effect.pattern} were not flushed")
        return Observation(standing=Standing.HOLDS, detail=f"{made!s} keys {effect.pattern} were flushed")

    def apply(self, effect: FlushCache, occasion: Occasion) -> None:
        """Deletes in batches, without blocking the server. Raises `SystemFaultError`."""
        with connected(self.url, f"the flush of {effect.pattern}", timeout_seconds=self.timeout_seconds) as client:
            found = self._to_flush(client, effect)
            for first in range(0, len(found), _SCAN_BATCH):
                client.unlink(*found[first : first + _SCAN_BATCH])
            client.set(_mark(occasion), len(found), ex=_MARK_SECONDS)

    def observe_restored(self, effect: FlushCache, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """What was cached the product fills in again."""
        return Observation(standing=Standing.HOLDS, detail="the product fills the cache again")

    def restore(self, effect: FlushCache, before: State, occasion: Occasion) -> None:
        """There is nothing to put back."""

    def _to_flush(self, client: Redis, effect: FlushCache) -> list[str]:
        """The keys; none of ours. Raises `PermanentFaultError` where they must not be deleted."""
        facts: dict[str, Scalar] = client.info()
        if facts.get("role") != "master":
            raise self._unflushed(effect, "a replica", "name the primary in the block")
        if facts.get("maxmemory_policy") == "noeviction":
            raise self._unflushed(
                effect,
                "maxmemory-policy noeviction: it is no cache",
                "flush a cache only; what this server holds nobody fills again",
            )
        found = sorted(
            key for key in set(client.scan_iter(match=effect.pattern, count=_SCAN_BATCH)) if not key.startswith(_MARK)
        )
        if len(found) > effect.at_most:
            raise self._unflushed(
                effect,
                f"{len(found)} keys match, {effect.at_most} at most were expected",
                "correct the pattern, or at_most in the plan",
            )
        return found

    def _unflushed(self, effect: FlushCache, answer: str, next_step: str) -> PermanentFaultError:
        question = f"the flush of {effect.pattern}"
        return PermanentFaultError(system=place(self.url), question=question, answer=answer, next_step=next_step)

    def _watched(self) -> tuple[dict[str, Quantity], str]:
        with connected(self.url, "its lookups", timeout_seconds=self.timeout_seconds) as client:
            before = _lookups(client)
            self._wait(self.watch_seconds)
            after = _lookups(client)
        if after.run != before.run or after.hits < before.hits or after.misses < before.misses:
            return {}, "its counters began anew meanwhile"
        hits, lookups = after.hits - before.hits, after.hits - before.hits + after.misses - before.misses
        ratio = quantities("%", cache_hit_ratio=100 * hits / lookups if lookups else None)
        return ratio | quantities("lookups", lookups=lookups), f"{hits} of {lookups} in {self.watch_seconds:g} s"

    def _settings(self, probe: RedisSettings) -> dict[str, Quantity]:
        found: dict[str, Quantity] = {}
        with connected(self.url, "the configuration", timeout_seconds=self.timeout_seconds) as client:
            for metric, wanted in probe.values.items():
                raw: dict[str, str] = client.config_get(wanted.setting)  # type: ignore[assignment]  # typed for both kinds of client
                if wanted.setting in raw:
                    found[metric] = _quantity(raw[wanted.setting], wanted)
        return found


@dataclass(frozen=True)
class _Lookups:
    run: str
    hits: int
    misses: int


def _lookups(client: Redis) -> _Lookups:
    facts: dict[str, Scalar] = client.info()
    return _Lookups(str(facts["run_id"]), int(facts["keyspace_hits"]), int(facts["keyspace_misses"]))


def _mark(occasion: Occasion) -> str:
    return f"{_MARK}{occasion.key}"


def _quantity(raw: str, wanted: RedisSetting) -> Quantity:
    return Quantity(value=int(raw) if wanted.unit and raw.isdigit() else raw, unit=wanted.unit)


def count_keys(client: Redis, pattern: str) -> int:
    """How many keys match; a key that SCAN shows twice counts once."""
    return len(set(client.scan_iter(match=pattern, count=_SCAN_BATCH)))


@contextmanager
def connected(url: SecretStr, question: str, *, timeout_seconds: float, field: str = "url") -> Iterator[Redis]:
    """A client without retries; its errors become the two faults. `field` is where the block keeps the URL."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    try:
        client = redis.Redis.from_url(
            url.get_secret_value(),
            decode_responses=True,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        raise no_address("Redis", question, field=field, form="redis://user:password@host:port/0") from None
    try:
        with client:
            yield client
    except (redis.AuthenticationError, redis.exceptions.AuthorizationError) as error:
        raise PermanentFaultError(
            system=place(url), question=question, answer="the password was refused", next_step="renew it in the block"
        ) from error
    except redis.exceptions.NoPermissionError as error:
        raise PermanentFaultError(
            system=place(url), question=question, answer="NOPERM", next_step=missing_right(_command(str(error)))
        ) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        answer = f"no answer ({type(error).__name__})"
        raise connection_fault(error, system=place(url), question=question, answer=answer) from error
    except redis.RedisError as error:
        raise PermanentFaultError(
            system=place(url),
            question=question,
            answer=type(error).__name__,
            next_step="check the rights of the Redis user",
        ) from error


def _command(refusal: str) -> str:
    """The command that the user may not run, as the server names it."""
    named = _NO_PERMISSION.search(refusal)
    return f"+{named[1]}" if named else ""


def place(url: SecretStr) -> str:
    """Host and port, without credentials."""
    from redis.connection import parse_url

    try:
        known: dict[str, object] = parse_url(url.get_secret_value())  # type: ignore[no-untyped-call]
    except ValueError:
        return "Redis"
    where = known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"
    return f"Redis {where}/{known.get('db', 0)}"
