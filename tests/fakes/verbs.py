"""Every question and every effect that the plans know, each as its first place in them has it."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from console.files import read_plan
from launch.effects.base import Effect
from launch.effects.data import CloneDatabase, FlushCache
from launch.effects.dumps import RehearseRestore, TakeDump
from launch.effects.people import EditMessage
from launch.effects.platform import ApplyManifests, DeleteObjects, ObjectName, ReplaceSecret, RunJob
from launch.effects.trials import RunExperiment, RunLoadTest
from launch.plan import Threshold
from launch.plan_walk import items, walk
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.data import (
    CacheLookups,
    ConsumerLag,
    DatabaseDump,
    PublishConfirm,
    QueryTimes,
    RestoreRehearsal,
    TopicHealth,
)
from launch.probes.observability import FiringAlerts, MonitorsUp
from launch.probes.platform import AccountIdentity
from launch.probes.stores import RecoveryPoint
from launch.probes.web import BurstLimit, EventStream
from launch.release import Release
from tests.fakes.providers import ROOT

T0 = datetime(2026, 12, 7, 7, tzinfo=UTC)
OCCASION = Occasion(
    launch="teei-1",
    now=T0 + timedelta(hours=1),
    t0=T0,
    went_live=T0,
    release=Release(version="v2.5.0", commit="c0ffee", services={"reporting-api": "v2.5.0"}),
    key="teei-1/action",
)
PLANS = (ROOT / "plans" / "teei-csr.yaml", *sorted((ROOT / "tests" / "data" / "rollouts").glob("*.yaml")))


class Question(NamedTuple):
    probe: Probe
    limits: tuple[Threshold, ...]


UNASKED: dict[type[Probe], Question] = {
    FiringAlerts: Question(
        FiringAlerts(ask="firing-alerts", of="alerts"), (Threshold(metric="alerts_firing", comparator="==", value=0),)
    ),
    DatabaseDump: Question(
        DatabaseDump(ask="database-dump", of="dumps"),
        (Threshold(metric="backup_age", comparator="<", value=24, unit="h"),),
    ),
    RestoreRehearsal: Question(
        RestoreRehearsal(ask="restore-rehearsal", of="dumps"),
        (
            Threshold(metric="rto", comparator="<=", value=1, unit="h"),
            Threshold(metric="rpo", comparator="<=", value=5, unit="min"),
        ),
    ),
    MonitorsUp: Question(
        MonitorsUp(ask="monitors-up", of="monitors", tag="teei"),
        (Threshold(metric="monitors_down", comparator="==", value=0, unit="monitors"),),
    ),
    QueryTimes: Question(
        QueryTimes(ask="query-times", of="database"),
        (Threshold(metric="query_time_p95", comparator="<=", value=100, unit="ms"),),
    ),
    BurstLimit: Question(
        BurstLimit(ask="burst-limit", of="site", url="https://api.teei.io/v1/ping", at_most=20),
        (Threshold(metric="limited", comparator="==", value=True),),
    ),
    EventStream: Question(
        EventStream(ask="event-stream", of="site", url="https://api.teei.io/v1/events", listen=timedelta(seconds=1)),
        (Threshold(metric="longest_silence", comparator="<=", value=30, unit="s"),),
    ),
    PublishConfirm: Question(
        PublishConfirm(ask="publish-confirm", of="queue", exchange="reports", routing_key="launch-test"),
        (Threshold(metric="publish_confirmed", comparator="==", value=True),),
    ),
    AccountIdentity: Question(
        AccountIdentity(ask="account-identity", of="network"),
        (Threshold(metric="account", comparator="==", value="123456789012"),),
    ),
    RecoveryPoint: Question(
        RecoveryPoint(ask="recovery-point", of="instance"),
        (Threshold(metric="recovery_point_age", comparator="<=", value=5, unit="min"),),
    ),
    TopicHealth: Question(
        TopicHealth(ask="topic-health", of="kafka", topics=("orders",)),
        (Threshold(metric="topics_missing", comparator="==", value=0, unit="topics"),),
    ),
    ConsumerLag: Question(
        ConsumerLag(ask="consumer-lag", of="kafka", group="billing", topics=("orders",)),
        (Threshold(metric="consumer_lag", comparator="<=", value=1000, unit="messages"),),
    ),
    CacheLookups: Question(
        CacheLookups(ask="cache-lookups", of="cache"),
        (Threshold(metric="cache_hit_ratio", comparator=">=", value=70, unit="%"),),
    ),
}
"""Questions that no plan of ours asks."""


@cache
def questions() -> dict[type[Probe], Question]:
    """The first place of the plans that asks each question, and what it is held against; and those that none asks."""
    found: dict[type[Probe], Question] = {}
    for path in PLANS:
        plan = read_plan(str(path)).plan
        for place in (*plan.checks, *plan.success_criteria):
            for probe in place.probes:
                limits = tuple(
                    limit for limit in (*place.thresholds, *place.implied) if limit.metric in probe.metrics()
                )
                found.setdefault(type(probe), Question(probe, limits))
        for _, probe in walk(plan, "rollback.snapshot[].probe"):
            if isinstance(probe, Probe):
                found.setdefault(type(probe), Question(probe, ()))
    return UNASKED | found


UNDONE: dict[type[Effect], Effect] = {
    ApplyManifests: ApplyManifests(
        do="apply-manifests", on="cluster", manifests=("export.yaml",), values={"VERSION": "v2.5.0"}
    ),
    DeleteObjects: DeleteObjects(
        do="delete-objects", on="cluster", objects=(ObjectName(api_version="v1", kind="ConfigMap", name="old"),)
    ),
    CloneDatabase: CloneDatabase(do="clone-database", on="instance", as_of="2026-12-07T06:30:00Z"),
    ReplaceSecret: ReplaceSecret(do="replace-secret", on="cluster", secret="database"),
    EditMessage: EditMessage(do="edit-message", on="chat", channel="war-room", message="status", text="50 %"),
    RehearseRestore: RehearseRestore(do="rehearse-restore", on="dumps", longest=timedelta(hours=1)),
    TakeDump: TakeDump(do="take-dump", on="dumps", longest=timedelta(hours=1)),
    FlushCache: FlushCache(do="flush-cache", on="cache", pattern="report:*", at_most=5_000),
    RunExperiment: RunExperiment(do="run-experiment", on="chaos", experiment="pods", longest=timedelta(minutes=10)),
    RunLoadTest: RunLoadTest(do="run-load-test", on="load", test="checkout", users=50, lasting=timedelta(hours=4)),
    RunJob: RunJob(do="run-job", on="cluster", manifest="migrate.yaml", values={"VERSION": "v2.5.0"}),
}
"""Effects that no plan of ours has."""


@cache
def effects() -> dict[type[Effect], Effect]:
    """The first place of the plans that has each effect; and those that none has."""
    found: dict[type[Effect], Effect] = {}
    for path in PLANS:
        for _, model in items(read_plan(str(path)).plan):
            if isinstance(model, Effect):
                found.setdefault(type(model), _rendered(model))
    return UNDONE | found


def _rendered(effect: Effect) -> Effect:
    return type(effect).model_validate_json(effect.model_dump_json().replace("{{ release.version }}", "v2.5.0"))
