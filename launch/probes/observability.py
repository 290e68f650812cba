"""Questions to metrics, logs, synthetics, traces, dashboards and product analytics."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from launch.model import Text
from launch.moments import Duration, Offset
from launch.probes.base import Probe
from launch.probes.evidence import EvidenceProbe
from launch.probes.repository import RepositoryProbe

Reduce = Literal["last", "max", "min", "mean"]
_STEP = timedelta(seconds=15)


class MetricValue(Probe):
    """One number from a time series over the `window` that ends now.

    The newest sample must be no older than two steps, and no sample of the window may be NaN where it is reduced;
    otherwise the value is left out. Where the query answers several series (one per endpoint or route), `across`
    says which of them counts; `only` refuses to choose. Fewer series than `series_at_least` is no answer.
    """

    ask: Literal["metric"]
    query: Text = Field(description="In the language of the metric store, e.g. PromQL.")
    name: Text = Field(description="Metric name of the threshold that judges the value.")
    unit: str = ""
    window: Duration = timedelta(minutes=5)
    step: Duration = _STEP
    reduce: Reduce = "last"
    across: Literal["only", "max", "min", "sum"] = "only"
    series_at_least: int = Field(default=1, ge=1)

    def metrics(self) -> frozenset[str]:
        return frozenset({self.name})


class MetricChange(Probe):
    """A series now against the same series in a baseline window before T0.

    `ratio` is now / baseline (unit `ratio`; no answer for a baseline of zero), `difference` is now - baseline in
    `unit`. `reduce` acts on the `window` that ends now; the baseline is the mean of its window.
    """

    ask: Literal["metric-change"]
    query: Text
    name: Text
    unit: str = ""
    held: Literal["ratio", "difference"]
    window: Duration = timedelta(minutes=10)
    step: Duration = timedelta(minutes=1)
    reduce: Reduce = "mean"
    baseline_start: Offset
    baseline_end: Offset

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.baseline_end <= self.baseline_start:
            message = "`baseline_end` must come after `baseline_start`"
            raise ValueError(message)
        return self

    def metrics(self) -> frozenset[str]:
        return frozenset({self.name})


class InputDelay(Probe):
    """How slowly the page answers a first input, of real users: `input_delay_used` in % of its budget.

    FID (`fid`, ms, against `fid_budget_ms`) where the source still records it, else INP (`inp`, ms, against
    `inp_budget_ms`), which replaced FID as a web vital in March 2024 (https://web.dev/blog/inp-cwv-march-12). The
    worst route counts; no data of either kind is no answer.
    """

    ask: Literal["input-delay"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"fid", "inp", "input_delay_used"})
    fid: Text = Field(description="Query of the first input delay in ms, one series per route.")
    inp: Text = Field(description="Query of the interaction to next paint in ms, one series per route.")
    fid_budget_ms: float = Field(default=100, gt=0)
    inp_budget_ms: float = Field(default=200, gt=0)
    window: Duration = timedelta(minutes=5)
    step: Duration = _STEP


class LogLines(Probe):
    """Number of log lines of `stream` in the `window` that ends now, matching one expression and not another.

    A stream that carried no line at all in the window gives no answer: silence is not cleanliness.
    """

    ask: Literal["log-lines"]
    name: Text
    stream: Text = Field(
        description='Which lines, in words of the log store; for Loki a selector, `{env="production"}`.'
    )
    matching: Text = Field(description="What a counted line matches, in words of the log store; for Loki RE2.")
    excluding: str = Field(default="", description="The same of lines that are expected: they are not counted.")
    window: Duration = timedelta(minutes=5)

    def metrics(self) -> frozenset[str]:
        return frozenset({self.name})


class LogPipeline(Probe):
    """Whether logs arrive, are kept and raise alerts.

    `log_retention` in days as configured; `newest_line_age` in s of `stream` (looked for over the last hour);
    `error_alert_rules` counts alerting rules whose expression contains `rule_about`.
    """

    ask: Literal["log-pipeline"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"log_retention", "newest_line_age", "error_alert_rules"})
    stream: Text
    rule_about: Text = "ERROR"


class FiringAlerts(Probe):
    """How many alerts with these labels fire, and how many would if they were not silenced or inhibited.

    `alerts_firing`, `alerts_suppressed`: counts. No alert is also what an Alertmanager shows that nobody reports to:
    the `heartbeat`, an alert that always fires by design, has to be there; without it there is no answer.
    """

    ask: Literal["firing-alerts"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"alerts_firing", "alerts_suppressed"})
    matching: tuple[Text, ...] = Field(default=(), description='Label matchers, e.g. `severity="critical"`.')
    heartbeat: Text = Field(
        default='alertname="Watchdog"',
        description="Matcher of the alert that always fires, as kube-prometheus names it.",
    )


class SyntheticTests(Probe):
    """How the live synthetic tests with `tag` are set up; the weakest test counts.

    `tests` live; `interval` in s between runs (the longest); `locations` (the fewest); `alert_after` consecutive
    failures (the most). None of the last three without a live test.
    """

    ask: Literal["synthetic-tests"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"tests", "interval", "locations", "alert_after"})
    tag: Text


class SyntheticResults(Probe):
    """`locations_green`: at how many locations the newest run of every live test with `tag` passed.

    A location that has not reported for three intervals leaves the value out.
    """

    ask: Literal["synthetic-results"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"locations_green"})
    tag: Text


class SyntheticUptime(Probe):
    """`synthetic_uptime` in % since the go-live, of the worst live test with `tag`; none before the go-live."""

    ask: Literal["synthetic-uptime"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"synthetic_uptime"})
    tag: Text


class MonitorsUp(Probe):
    """Uptime monitors with `tag` that are not paused: `monitors_up` and `monitors_down` now.

    One that was not looked at yet, or not lately, leaves both out; without a monitor there is only `monitors_up`, 0.
    """

    ask: Literal["monitors-up"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"monitors_up", "monitors_down"})
    tag: Text


class TraceSampling(Probe):
    """Whether traces of one service flow: `trace_sample_rate` in % as handed out, `traces` seen in the `window`."""

    ask: Literal["trace-sampling"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"trace_sample_rate", "traces"})
    service: Text
    window: Duration = timedelta(minutes=15)


class ServiceMap(Probe):
    """`missing_dependencies`: how many of `edges` (`caller -> callee`) the service map of the last `window` lacks.

    An empty map is no answer.
    """

    ask: Literal["service-map"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"missing_dependencies"})
    edges: tuple[str, ...] = Field(min_length=1)
    window: Duration = timedelta(hours=1)

    @model_validator(mode="after")
    def _arrows(self) -> Self:
        for edge in self.edges:
            if edge.count(" -> ") != 1:
                message = f"{edge!r} is not a dependency; write `caller -> callee`"
                raise ValueError(message)
        return self


class Dashboards(Probe):
    """Whether dashboards show data: `dashboards_missing` of `titles`, and `panels_without_data` in the `window`.

    Every panel's own query is put to its own data source, as the dashboard does. No panel at all is no answer.
    """

    ask: Literal["dashboards"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"dashboards_missing", "panels_without_data"})
    tag: Text
    titles: tuple[str, ...] = Field(min_length=1)
    window: Duration = timedelta(minutes=15)


class WatchPeriod(Probe):
    """The marked period with `tag` that covers this moment: its `sprint_duration` in h, and `sprint_running`."""

    ask: Literal["watch-period"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"sprint_duration", "sprint_running"})
    tag: Text


class ProductEvents(Probe):
    """A figure of product analytics over the events between the go-live and now; none before the go-live.

    `events`, `users` and `customers` count (zero is an answer); `mean` averages `of_property` in `unit`, and without
    a single event it is no answer.
    """

    ask: Literal["product-events"]
    name: Text
    event: Text
    figure: Literal["events", "users", "customers", "mean"]
    of_property: str = ""
    unit: str = ""

    @model_validator(mode="after")
    def _property(self) -> Self:
        if (self.figure == "mean") != bool(self.of_property):
            message = "`of_property` goes with `figure: mean`, and only with it"
            raise ValueError(message)
        return self

    def metrics(self) -> frozenset[str]:
        return frozenset({self.name})


ObservabilityProbe = (
    MetricValue
    | MetricChange
    | InputDelay
    | LogLines
    | LogPipeline
    | FiringAlerts
    | SyntheticTests
    | SyntheticResults
    | SyntheticUptime
    | MonitorsUp
    | TraceSampling
    | ServiceMap
    | Dashboards
    | WatchPeriod
    | ProductEvents
    | EvidenceProbe
    | RepositoryProbe
)
