"""For each automated check of the data family: what in the sandbox makes exactly that check fail.

Knobs act at once on what is there. Where a check verifies an action, turn them after the action.
"""

from __future__ import annotations

from pydantic import JsonValue

BREAKS: dict[str, tuple[tuple[str, JsonValue], ...]] = {
    "backup-restore-staging": (("aws.restore-minutes", 90),),
    "pilot-sample-data-seeded": (("database.sample-tenants", 4),),
    "db-revert-test": (("aws.revert-test", "failed"),),
    "cdn-rules": (("cdn.hit-ratio", 50),),
    "postgres-healthy": (("database.replication-lag-seconds", 30),),
    "redis-config": (("cache.cockpit-policy", "noeviction"),),
    "object-storage-config": (("aws.exports-retention-days", 30),),
    "message-queue-ready": (("queue.confirms", False),),
    "secrets-rotated": (("aws.db-password-rotated", False),),
    "secrets-manager-runtime": (("aws.rotation-days", 180),),
    "audit-logging-immutable": (("aws.audit-retention-years", 1),),
    "connection-pools-tuned": (("database.pool-ceiling", 40),),
    "migrations-tested-staging": (("database.staging-pending", 1),),
    "data-validation-queries": (("database.orphan-rows", 3),),
    "db-snapshot-taken": (("aws.snapshot-kept-days", 7),),
    "migrations-applied": (("database.schema-behind", 1),),
    "caches-warmed": (("cache.warmed-tenants", 3),),
    "static-assets-synced": (("aws.static-lost", True),),
    "cdn-origin-switched": (("cdn.asset-missing", True),),
    "t15-database-connectivity": (("database.pool-refused", True),),
    "t8h-rollback-readiness": (("aws.nightly-dumps", False),),
    "rb-down-migration": (("database.revert-leaves", 1),),
    "rb-data-integrity": (("database.orphan-reports", 2),),
    "rb-cdn-origin-reverted": (("cdn.rollback-asset-missing", True),),
}
