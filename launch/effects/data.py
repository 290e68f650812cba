"""Effects on databases, caches, stores and content delivery."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from launch.effects.base import Effect
from launch.model import Text


class TakeSnapshot(Effect):
    """A snapshot of the database instance exists for this launch, is usable, and says how long it is kept."""

    do: Literal["take-snapshot"]
    keep_days: int = Field(ge=1, le=3650)


class CloneDatabase(Effect):
    """A new instance beside the launch's answers, with what the database held at `as_of`; the old one stays as it is.

    Named after the instance and the moment. Later actions find it in `outputs`: `instance`, `address` and `port`. It
    has the settings of the instance, its accounts and their passwords. Kept, whatever becomes of the launch.
    """

    do: Literal["clone-database"]
    as_of: Text = Field(
        description='A moment with its zone, e.g. `{{ actions["migrate"].began_at }}` or `2026-12-07T08:00:00Z`.'
    )


class Migrate(Effect):
    """Every migration that the release ships is applied. Recorded before: the newest version that was applied."""

    do: Literal["migrate"]


class WarmCache(Effect):
    """The product has filled its cache: at least `at_least` keys match `pattern`."""

    do: Literal["warm-cache"]
    pattern: Text
    at_least: int = Field(ge=1)


class FlushCache(Effect):
    """Every key that matches was deleted once for this action; what the product caches meanwhile stays.

    Refused where more than `at_most` keys match, on a replica, and on a server that evicts nothing (`noeviction`):
    what such a server holds, sessions for instance, nobody fills again.
    """

    do: Literal["flush-cache"]
    pattern: Text = Field(description="As SCAN takes it, e.g. `report:*`; `*` is every key of the database.")
    at_most: int = Field(ge=1, description="Keys that may match; more are a sign of a wrong pattern.")


class SyncAssets(Effect):
    """The build of `release` lies under its prefix, with content types and cache headers; no other prefix changes."""

    do: Literal["sync-assets"]
    release: Text = Field(description="Version whose build is published, e.g. `{{ release.version }}`.")
    delete: bool = Field(
        default=False,
        description="Whether what the build does not have is deleted from the prefix, as by `aws s3 sync --delete`.",
    )


class PurgeCache(Effect):
    """The whole cache was purged for this action, on every provider that is set up."""

    do: Literal["purge-cache"]


class SwitchOrigin(Effect):
    """The edge fetches from `release`'s prefix. Recorded before: the prefix it fetched from."""

    do: Literal["switch-origin"]
    release: Text = Field(description="Version whose prefix is served, e.g. `{{ release.version }}`.")


DeliveryEffect = PurgeCache | SwitchOrigin
InstanceEffect = TakeSnapshot | CloneDatabase
DataEffect = InstanceEffect | Migrate | WarmCache | FlushCache | SyncAssets | DeliveryEffect
