"""Redis: its configuration and the keys it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from blocks.faults import connection_fault, missing_right
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.data import CachedKeys, CacheProbe, RedisSetting, RedisSettings
from launch.readings import Quantity, Reading, quantities

if TYPE_CHECKING:
    from redis import Redis

_SCAN_BATCH = 500
_NO_PERMISSION = re.compile(r"run the '([a-z|]{1,40})' command")


class RedisCache(Block):
    """One Redis database."""

    _block_type_name = "Redis Cache"
    _block_type_slug = "redis-cache"
    _description = "A Redis server. The user needs the commands PING, SCAN and CONFIG GET."
    _documentation_url = HttpUrl("https://redis.io/docs/latest/commands/")
    needs: ClassVar[str] = "the commands PING, SCAN and CONFIG GET"

    answers: ClassVar[tuple[type[Probe], ...]] = (RedisSettings, CachedKeys)

    url: SecretStr = Field(description="redis://user:password@host:port/database, or rediss:// for TLS.")
    timeout_seconds: float = Field(default=5.0, gt=0, description="Longest wait for a connection or an answer.")

    def check(self) -> str:
        """Proves that the user may log in, read the configuration and go through keys. Raises `SystemFaultError`."""
        with connected(
            self.url, "ping, one setting, one batch of keys", timeout_seconds=self.timeout_seconds
        ) as client:
            client.ping()
            client.config_get("maxmemory")
            client.scan(count=1)
        return f"{place(self.url)} lets settings and keys be read"

    def answer(self, probe: CacheProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case RedisSettings():
                values = self._settings(probe)
            case CachedKeys():
                with connected(self.url, "the cached keys", timeout_seconds=self.timeout_seconds) as client:
                    values = quantities("keys", **{probe.named: count_keys(client, probe.pattern)})
            case _:
                assert_never(probe)
        return Reading(values=values, where=place(self.url), at=occasion.now)

    def _settings(self, probe: RedisSettings) -> dict[str, Quantity]:
        found: dict[str, Quantity] = {}
        with connected(self.url, "the configuration", timeout_seconds=self.timeout_seconds) as client:
            for metric, wanted in probe.values.items():
                raw: dict[str, str] = client.config_get(wanted.setting)  # type: ignore[assignment]  # typed for both kinds of client
                if wanted.setting in raw:
                    found[metric] = _quantity(raw[wanted.setting], wanted)
        return found


def _quantity(raw: str, wanted: RedisSetting) -> Quantity:
    return Quantity(value=int(raw) if wanted.unit and raw.isdigit() else raw, unit=wanted.unit)


def count_keys(client: Redis, pattern: str) -> int:
    """How many keys match; a key that SCAN shows twice counts once."""
    return len(set(client.scan_iter(match=pattern, count=_SCAN_BATCH)))


@contextmanager
def connected(url: SecretStr, question: str, *, timeout_seconds: float) -> Iterator[Redis]:
    """A client without retries; its errors become the two faults."""
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = redis.Redis.from_url(
        url.get_secret_value(),
        decode_responses=True,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )
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
    return f"Redis {url.get_secret_value().rsplit('@', 1)[-1].removeprefix('redis://').removeprefix('rediss://')}"
