"""Questions to object stores, secret stores, database snapshots and content delivery."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from launch.model import Model, Text
from launch.moments import Duration
from launch.probes.base import Probe


class BucketRules(Probe):
    """How a bucket is set up; metric names begin with `named`.

    `<named>_retention` in days: the expiration that the lifecycle gives every object (left out when no rule does).
    `<named>_cors` (bool): `origin` may read. `<named>_unscanned` in objects: of the newest `sample`, those without a
    clean malware-scan tag (left out when the bucket is empty). Source: S3; tag of GuardDuty Malware Protection.
    """

    ask: Literal["bucket-rules"]
    bucket: Text
    named: Text
    origin: Text = Field(description="Web origin that has to be allowed, e.g. https://cockpit.example.com.")
    sample: int = Field(default=20, ge=1, le=100)

    def metrics(self) -> frozenset[str]:
        return frozenset(f"{self.named}_{what}" for what in ("retention", "cors", "unscanned"))


class WormRetention(Probe):
    """Whether records are kept unchangeable.

    `audit_retention` in years: the bucket's default object lock, `lock_mode` its mode. `silent_streams`: of `streams`
    (key prefixes), those with no record younger than `within`. Source: S3 object lock.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"audit_retention", "lock_mode", "silent_streams"})

    ask: Literal["worm-retention"]
    bucket: Text
    streams: tuple[Text, ...] = ()
    within: Duration


class StoredObjects(Probe):
    """What lies under a prefix: `<named>_count` in objects, `<named>_size` in bytes, `<named>_age` in s of the newest.

    An empty prefix has no age. Source: S3.
    """

    ask: Literal["stored-objects"]
    bucket: Text
    prefix: Text
    named: Text

    def metrics(self) -> frozenset[str]:
        return frozenset(f"{self.named}_{what}" for what in ("count", "size", "age"))


class ReportValue(Model):
    """A value in a JSON report: `at` is a dotted path ("" is the whole document); `count` takes a list's length."""

    at: str = ""
    unit: str = ""
    count: bool = False


class StoredReport(Probe):
    """Values from a JSON report that another tool left in a bucket, by metric name.

    A report older than `max_age` yields nothing: stale evidence is no evidence. Source: S3.
    """

    ask: Literal["stored-report"]
    bucket: Text
    key: Text
    max_age: Duration
    values: dict[str, ReportValue] = Field(min_length=1)

    def metrics(self) -> frozenset[str]:
        return frozenset(self.values)


class PublishedAssets(Probe):
    """Whether a release's build is in the bucket: `missing_assets` and `stale_assets` (other content), in files.

    The prefix is the release's version. Source: the build directory against S3.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"missing_assets", "stale_assets"})

    ask: Literal["published-assets"]


class SecretAges(Probe):
    """How long ago secrets changed, in days: the oldest of `passwords` and of `secrets`; a missing one yields nothing.

    `db_password_age`, `secret_age`. Source: Secrets Manager.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"db_password_age", "secret_age"})

    ask: Literal["secret-ages"]
    passwords: tuple[Text, ...] = Field(min_length=1)
    secrets: tuple[Text, ...] = Field(min_length=1)


class RotationPolicy(Probe):
    """The longest rotation interval (`rotation_interval` in days) and how many secrets have none (`unrotated_secrets`).

    Source: Secrets Manager.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"rotation_interval", "unrotated_secrets"})

    ask: Literal["rotation-policy"]
    secrets: tuple[Text, ...] = Field(min_length=1)


class FreeStorage(Probe):
    """`disk_free` in %: the least free storage of the last two hours of what is allocated. Source: RDS, CloudWatch."""

    yields: ClassVar[frozenset[str] | None] = frozenset({"disk_free"})

    ask: Literal["free-storage"]


class RecoveryPoint(Probe):
    """`recovery_point_age` in s: how old the newest moment is that the instance can be brought back to by its backups.

    Source: RDS DescribeDBInstances, `LatestRestorableTime`; Cloud SQL `getLatestRecoveryTime`. Without backups that
    reach every moment there is none, and no answer.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"recovery_point_age"})

    ask: Literal["recovery-point"]


class LaunchSnapshot(Probe):
    """The snapshot taken for this launch: `snapshot_status`, `snapshot_size` in GB, `snapshot_retention` in days.

    Retention is the distance from its creation to its `delete-after` tag (RDS) or `expiryTime` (Cloud SQL); no such
    snapshot yields nothing.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"snapshot_status", "snapshot_size", "snapshot_retention"})

    ask: Literal["launch-snapshot"]


class EdgeRules(Probe):
    """Rules that the edge lacks: `missing_cache_rules`, `missing_origin_headers`. Source: Cloudflare rulesets."""

    yields: ClassVar[frozenset[str] | None] = frozenset({"missing_cache_rules", "missing_origin_headers"})

    ask: Literal["edge-rules"]
    cache_rules: tuple[Text, ...] = Field(min_length=1, description="Descriptions of cache rules that must be enabled.")
    origin_headers: tuple[Text, ...] = Field(min_length=1, description="Request headers to set for the origin.")


class HitRatio(Probe):
    """Share of requests served from cache over `window`, in %, under the metric name `named`; no requests, no value.

    Source: Cloudflare's GraphQL analytics.
    """

    ask: Literal["hit-ratio"]
    host: Text
    named: Text
    window: Duration

    def metrics(self) -> frozenset[str]:
        return frozenset({self.named})


class CachePurge(Probe):
    """`purge_age` in s: how long ago the whole cache was purged, on the provider where that is longest.

    A provider without a finished purge yields nothing. Source: Cloudflare's audit log, CloudFront's invalidations.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"purge_age"})

    ask: Literal["cache-purge"]


class DeliveryOrigin(Probe):
    """Where the edge fetches from: `origin_prefix` (word) and `origin_on_release` (bool: it is this release's prefix).

    Source: CloudFront's distribution or Cloudflare's rewrite rule.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"origin_prefix", "origin_on_release"})

    ask: Literal["delivery-origin"]


class AssetHeaders(Probe):
    """The edge's answer to a header request for each path: `assets_refused` in assets: those not answered with 200.

    Source: HEAD at the edge.
    """

    yields: ClassVar[frozenset[str] | None] = frozenset({"assets_refused"})

    ask: Literal["asset-headers"]
    paths: tuple[Text, ...] = Field(min_length=1)


StorageProbe = BucketRules | WormRetention | StoredObjects | StoredReport
SecretProbe = SecretAges | RotationPolicy
InstanceProbe = FreeStorage | LaunchSnapshot | RecoveryPoint
DeliveryProbe = EdgeRules | HitRatio | CachePurge | DeliveryOrigin | AssetHeaders
StoreProbe = StorageProbe | PublishedAssets | SecretProbe | InstanceProbe | DeliveryProbe
