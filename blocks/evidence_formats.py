"""What tools write and what it means: one reader per format, from the tool's result to values. No network here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

from pydantic import AwareDatetime, Field, RootModel

from blocks.payloads import Payload
from launch.errors import PermanentFaultError
from launch.probes.evidence import BrowserMatrix, ChaosJournal
from launch.readings import Quantity, quantities

Values = Mapping[str, Quantity]
_WARNING = re.compile(r"\bwarn(?:ing)?s?\b", re.IGNORECASE)
_NO_WARNING = re.compile(r"\b(?:0|no) warnings?\b", re.IGNORECASE)
# https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#axe-core-tags - 2.2 added no level A rules to axe.
_WCAG_22_AA = {"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}
_ZAP_HIGH = 3


def junit(text: str, suites: Sequence[str]) -> Values:
    """JUnit XML, of one `testsuite` or many in `testsuites`; nested suites count."""
    try:
        root = ET.fromstring(text)  # noqa: S314 - from the pipelines' own store; expat bounds expansion
    except ET.ParseError as error:
        raise PermanentFaultError(
            system="the evidence store",
            question="a JUnit report",
            answer="a result that is no XML",
            next_step="check what the pipeline uploads",
        ) from error
    cases = [(suite.get("name", ""), case) for suite in root.iter("testsuite") for case in suite.findall("testcase")]
    run = [(suite, case) for suite, case in cases if case.find("skipped") is None]
    if not run:
        return {}
    failed = sum(case.find("failure") is not None or case.find("error") is not None for _, case in run)
    executed = {suite for suite, _ in run}
    missing = sum(suite not in executed for suite in suites)
    return quantities("", scenarios=len(run), failed_tests=failed, suites_missing=missing)


class _ProjectMetadata(Payload):
    browser: str = ""
    version: str = ""
    device: str = ""


class _Project(Payload):
    name: str
    metadata: _ProjectMetadata = _ProjectMetadata()


class _Config(Payload):
    projects: list[_Project]


class _Test(Payload):
    projectName: str  # noqa: N815 - Playwright's spelling
    status: str


class _Spec(Payload):
    tests: list[_Test] = Field(default_factory=list)


class _Suite(Payload):
    specs: list[_Spec] = Field(default_factory=list)
    suites: list[_Suite] = Field(default_factory=list)

    def tests(self) -> Iterable[_Test]:
        """Every test of the suite and of those inside it."""
        for spec in self.specs:
            yield from spec.tests
        for suite in self.suites:
            yield from suite.tests()


class Playwright(Payload):
    """https://playwright.dev/docs/test-reporters#json-reporter."""

    config: _Config
    suites: list[_Suite]


def playwright(report: Playwright, probe: BrowserMatrix) -> Values:
    """A project passed when it ran at least one test and every one was as expected (`flaky` is not)."""
    statuses: dict[str, list[str]] = {}
    for test in (test for suite in report.suites for test in suite.tests()):
        statuses.setdefault(test.projectName, []).append(test.status)

    def passed(project: _Project) -> bool:
        run = [status for status in statuses.get(project.name, []) if status != "skipped"]
        return bool(run) and all(status == "expected" for status in run)

    versions: dict[str, set[str]] = {name: set() for name in probe.browsers}
    failed = {project.metadata.browser for project in report.config.projects if not passed(project)}
    for project in filter(passed, report.config.projects):
        versions.setdefault(project.metadata.browser, set()).add(project.metadata.version)
    devices = {project.metadata.device for project in report.config.projects if passed(project)}
    green = [name for name in probe.browsers if versions[name] and name not in failed]
    fewest = min((len(versions[name]) for name in probe.browsers), default=None)
    return quantities(
        "",
        browsers=len(green) if probe.browsers else None,
        versions_per_browser=fewest,
        devices=sum(name in devices for name in probe.devices) if probe.devices else None,
    )


class _Percent(Payload):
    pct: float


class _Total(Payload):
    lines: _Percent


class Istanbul(Payload):
    """https://istanbul.js.org/docs/advanced/alternative-reporters/#json-summary."""

    total: _Total


def istanbul(summary: Istanbul) -> Values:
    """Coverage of lines."""
    return quantities("%", code_coverage=summary.total.lines.pct)


class _K6Values(Payload):
    values: dict[str, float]


class _K6State(Payload):
    testRunDurationMs: float  # noqa: N815 - k6's spelling


class K6(Payload):
    """https://grafana.com/docs/k6/latest/results-output/end-of-test/custom-summary/."""

    metrics: dict[str, _K6Values]
    state: _K6State

    def value(self, metric: str, statistic: str) -> float | None:
        """None where the summary does not hold it."""
        return self.metrics[metric].values.get(statistic) if metric in self.metrics else None


def k6(summary: K6, pilot_users: int) -> Values:
    """`passes` of `http_req_failed` counts the requests that did fail: the rate's condition was true for them."""
    minutes = summary.state.testRunDurationMs / 60_000
    requests = summary.value("http_reqs", "count")
    users = summary.value("vus_max", "max")
    return {
        **quantities("min", test_duration=round(minutes)),
        **quantities("req/min", api_rate=round(requests / minutes) if requests is not None and minutes else None),
        **quantities("ms", latency_p95=summary.value("http_req_duration", "p(95)")),
        **quantities(
            "",
            concurrent_users=users,
            load_factor=None if users is None else users / pilot_users,
            errors=summary.value("http_req_failed", "passes"),
        ),
    }


class LocustEntry(Payload):
    """One request of a load test, as `locust --json` and `--json-file` list them.

    https://docs.locust.io/en/stable/retrieving-stats.html: `num_requests` counts failures too, `response_times` are
    requests by their time in ms, rounded to two digits from 100 ms on.
    """

    start_time: float
    last_request_timestamp: float | None
    num_requests: int
    num_failures: int
    response_times: dict[float, int]


class LoadReport(RootModel[K6 | list[LocustEntry]]):
    """What one of the two generators wrote."""


def load(report: LoadReport, pilot_users: int) -> Values:
    """Of whichever it is. Locust's statistics do not tell how many users there were."""
    written = report.root
    return k6(written, pilot_users) if isinstance(written, K6) else locust(written, None, pilot_users)


def locust(entries: Sequence[LocustEntry], users: int | None, pilot_users: int) -> Values:
    """From the first request to the last one; a test without a request gives no answer."""
    times: dict[float, int] = {}
    for entry in entries:
        for milliseconds, count in entry.response_times.items():
            times[milliseconds] = times.get(milliseconds, 0) + count
    ends = [entry.last_request_timestamp for entry in entries if entry.last_request_timestamp is not None]
    if not ends or not times:
        return {}
    minutes = (max(ends) - min(entry.start_time for entry in entries)) / 60
    requests = sum(entry.num_requests for entry in entries)
    return {
        **quantities("min", test_duration=round(minutes)),
        **quantities("req/min", api_rate=round(requests / minutes) if minutes > 0 else None),
        **quantities("ms", latency_p95=_percentile(times, 0.95)),
        **quantities(
            "",
            concurrent_users=users,
            load_factor=None if users is None else users / pilot_users,
            errors=sum(entry.num_failures for entry in entries),
        ),
    }


def _percentile(counts: Mapping[float, int], rank: float) -> float:
    import numpy as np

    return float(np.quantile(list(counts), rank, weights=list(counts.values()), method="inverted_cdf"))


class _Provider(Payload):
    func: str = ""


class _Activity(Payload):
    type: str
    name: str = ""
    provider: _Provider = _Provider()


class _RunOf(Payload):
    activity: _Activity
    status: str


class SteadyState(Payload):
    """None where the hypothesis was not looked at."""

    steady_state_met: bool | None = None


class _States(Payload):
    before: SteadyState | None = None
    after: SteadyState | None = None


class Journal(Payload):
    """https://chaostoolkit.org/reference/api/journal/."""

    status: str
    deviated: bool
    steady_states: _States
    run: list[_RunOf]


def chaostoolkit(journal: Journal, probe: ChaosJournal) -> Values:
    """Only actions that succeeded count as faults; an experiment that broke nothing proved nothing."""
    done = [one.activity.provider.func for one in journal.run if one.status == "succeeded"]
    after = journal.steady_states.after
    met = after is not None and after.steady_state_met is True
    survived = journal.status == "completed" and not journal.deviated and met
    return quantities(
        "",
        experiment_survived=survived,
        pod_kills=done.count(probe.pod_kill),
        database_failovers=done.count(probe.database_failover),
    )


class _RuleResult(Payload):
    id: str
    tags: list[str]


class Axe(Payload):
    """https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#results-object."""

    passes: list[_RuleResult]
    violations: list[_RuleResult]
    incomplete: list[_RuleResult] = Field(default_factory=list)


def axe(results: Axe) -> Values:
    """Best-practice rules are no part of WCAG: only tagged rules count."""
    relevant = [rule for rule in results.violations if _WCAG_22_AA & set(rule.tags)]
    ran = {tag for rule in (*results.passes, *results.violations) for tag in rule.tags}
    level = "2.2-AA" if ran >= _WCAG_22_AA and not relevant else "none"
    return quantities("", wcag_level=level, violations=len(relevant), undecided=len(results.incomplete))


class _Category(Payload):
    score: float | None = None


class LighthouseReport(Payload):
    """https://github.com/GoogleChrome/lighthouse/blob/main/docs/understanding-results.md."""

    categories: dict[str, _Category]


def lighthouse(report: LighthouseReport, categories: Sequence[str]) -> Values:
    """Scores are 0 to 1 in the report; a category that could not be scored is null."""
    scores = [report.categories[name].score for name in categories if name in report.categories]
    known = [score for score in scores if score is not None]
    return quantities("points", lighthouse_score=round(min(known) * 100) if len(known) == len(categories) else None)


class Build(Payload):
    """What a build left: its exit code and its log."""

    exit_code: int
    log: str


def build_log(build: Build) -> Values:
    """A line such as `0 warnings` is none. An empty log tells nothing about warnings."""
    lines = [line for line in build.log.splitlines() if _WARNING.search(line) and not _NO_WARNING.search(line)]
    warnings = len(lines) if build.log.strip() else None
    return quantities("", build_exit_code=build.exit_code, build_warnings=warnings)


class Bundle(Payload):
    """https://github.com/ai/size-limit - one entry of `size-limit --json`, sizes in bytes after gzip."""

    name: str
    size: int


def size_limit(bundles: Sequence[Bundle]) -> Values:
    """No bundle, no answer."""
    return quantities("bytes", bundle_gzip=sum(bundle.size for bundle in bundles) if bundles else None)


class _ZapAlert(Payload):
    riskcode: int


class _ZapSite(Payload):
    alerts: list[_ZapAlert]


class Zap(Payload):
    """https://www.zaproxy.org/docs/desktop/addons/report-generation/report-traditional-json/."""

    site: list[_ZapSite]


class Snyk(Payload):
    """https://docs.snyk.io/snyk-cli/commands/test - `snyk test --json`."""

    ok: bool
    dependencyCount: int  # noqa: N815 - Snyk's spelling


class _Severities(Payload):
    critical: int
    high: int


class _NpmMetadata(Payload):
    vulnerabilities: _Severities


class NpmAudit(Payload):
    """https://docs.npmjs.com/cli/commands/npm-audit - `npm audit --json`."""

    metadata: _NpmMetadata


def scanners(*, zap: Zap, snyk: Snyk, npm: NpmAudit) -> Values:
    """A scanner that looked at nothing (no site, no dependency) is not green."""
    zap_green = bool(zap.site) and all(alert.riskcode < _ZAP_HIGH for site in zap.site for alert in site.alerts)
    snyk_green = snyk.ok and snyk.dependencyCount > 0
    found = npm.metadata.vulnerabilities
    return quantities("", scanners_green=sum((zap_green, snyk_green, not (found.critical or found.high))))


class Package(Payload):
    """One line of the package inventory: when the version in use, or its newest successor, was published."""

    name: str
    published_at: AwareDatetime


def dependencies(*, npm: NpmAudit, packages: Sequence[Package], now: datetime) -> Values:
    """The oldest package counts; an empty inventory has no age."""
    ages = [(now - package.published_at) / timedelta(days=1) for package in packages]
    critical = npm.metadata.vulnerabilities.critical
    return quantities("", critical_cves=critical) | quantities("days", package_age=max(ages, default=None))
