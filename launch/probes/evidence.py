"""Questions to the evidence store: results that test and scan tools left behind, each read in its tool's own format."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from launch.model import Text
from launch.moments import Duration
from launch.probes.base import Probe


class Evidence(Probe):
    """A result file by name, which counts only if it is fresh and about the right thing.

    It must be at most `not_older_than` old (and not from the future), from `environment` where one is given, and with
    `of_release` from the commit of the release where the release has one. Otherwise no value is read from it.
    """

    name: Text = Field(description="Name of the piece of evidence in the store.")
    not_older_than: Duration = timedelta(days=2)
    environment: str = ""
    of_release: bool = True


class SuiteReport(Evidence):
    """JUnit XML: `scenarios` executed (skipped ones do not count), `failed_tests` (failures and errors), and
    `suites_missing`: how many of `suites` did not execute a single test. A report of no tests gives no answer.
    """

    ask: Literal["test-report"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"scenarios", "failed_tests", "suites_missing"})
    suites: tuple[str, ...] = ()


class BrowserMatrix(Evidence):
    """Playwright's JSON report, by the `metadata` of its projects (https://playwright.dev/docs/api/class-testproject).

    `browsers` counts browsers whose every version passed, `versions_per_browser` is the fewest versions that any of
    `browsers` passed on, `devices` counts those of `devices` that passed. A project without a test has not passed.
    """

    ask: Literal["browser-matrix"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"browsers", "versions_per_browser", "devices"})
    browsers: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


class Coverage(Evidence):
    """Istanbul's `json-summary`: `code_coverage` in % of lines."""

    ask: Literal["coverage"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"code_coverage"})


class LoadTest(Evidence):
    """k6's summary or Locust's statistics: `test_duration` in min and `api_rate` in req/min (both to the nearest
    whole), `concurrent_users`, `load_factor` (users against `pilot_users`), `latency_p95` in ms and failed requests as
    `errors`. Locust's statistics tell no users, so that only a test run by `run-load-test` has them.
    """

    ask: Literal["load-test"]
    yields: ClassVar[frozenset[str] | None] = frozenset(
        {"load_factor", "test_duration", "concurrent_users", "api_rate", "latency_p95", "errors"},
    )
    pilot_users: int = Field(gt=0, description="Users expected at the pilot's peak.")


class ChaosJournal(Evidence):
    """Chaos Toolkit's journal: `experiment_survived` (completed, not deviated, steady state met afterwards), and how
    often each kind of fault succeeded: `pod_kills`, `database_failovers`, by the name of the activity's function.
    """

    ask: Literal["chaos-journal"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"experiment_survived", "pod_kills", "database_failovers"})
    pod_kill: Text = "terminate_pods"
    database_failover: Text = "failover_db_cluster"


class AccessibilityScan(Evidence):
    """axe-core's results: `violations`, and `wcag_level` reached: `2.2-AA` when the rules of every WCAG level up to
    2.2 AA were run and none is violated, else `none`. Rules that axe could not decide are `undecided`.
    """

    ask: Literal["accessibility-scan"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"wcag_level", "violations", "undecided"})


class Lighthouse(Evidence):
    """Lighthouse's report: `lighthouse_score` in points, the lowest of `categories`; no answer when one is missing."""

    ask: Literal["lighthouse"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"lighthouse_score"})
    categories: tuple[str, ...] = ("performance", "accessibility", "best-practices", "seo")


class BuildLog(Evidence):
    """A build's exit code and log: `build_exit_code`, and `build_warnings`: lines that speak of a warning."""

    ask: Literal["build-log"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"build_exit_code", "build_warnings"})


class BundleSize(Evidence):
    """size-limit's JSON: `bundle_gzip` in bytes, all bundles together."""

    ask: Literal["bundle-size"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"bundle_gzip"})


class SecurityScans(Evidence):
    """`scanners_green`: how many of ZAP (no alert of high risk), Snyk and npm audit (nothing critical or high) pass.

    The evidence is named `<name>-zap`, `<name>-snyk` and `<name>-npm-audit`; with one of them missing or stale there
    is no answer.
    """

    ask: Literal["security-scans"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"scanners_green"})


class DependencyAudit(Evidence):
    """`critical_cves` of npm audit (`<name>-npm-audit`), and `package_age` in days: how long ago the least maintained
    package of the inventory (`<name>-packages`) was published, counted to now.
    """

    ask: Literal["dependency-audit"]
    yields: ClassVar[frozenset[str] | None] = frozenset({"critical_cves", "package_age"})


EvidenceProbe = (
    SuiteReport
    | BrowserMatrix
    | Coverage
    | LoadTest
    | ChaosJournal
    | AccessibilityScan
    | Lighthouse
    | BuildLog
    | BundleSize
    | SecurityScans
    | DependencyAudit
)
