"""What each tool wrote about the release: its day relative to T0, the figures that can differ, and its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from xml.sax.saxutils import quoteattr

from pydantic import JsonValue

Facts = Mapping[str, JsonValue]
Writer = Callable[[Facts, datetime], JsonValue]

_AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")


def _number(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _whole(value: JsonValue) -> int:
    return int(_number(value))


def _words(value: JsonValue) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []


def _junit(facts: Facts, _: datetime) -> JsonValue:
    suites = _words(facts["suites"])
    tests, failures = _whole(facts["tests"]), _whole(facts["failures"])
    parts = []
    for number, suite in enumerate(suites):
        share = tests // len(suites) + (1 if number < tests % len(suites) else 0)
        broken = failures if number == 0 else 0
        cases = "".join(
            f"<testcase name={quoteattr(f'{suite} {n}')}>"
            + ('<failure message="expected true"/>' if n < broken else "")
            + "</testcase>"
            for n in range(share)
        )
        parts.append(f"<testsuite name={quoteattr(suite)} tests='{share}' failures='{broken}'>{cases}</testsuite>")
    return f'<?xml version="1.0"?><testsuites>{"".join(parts)}</testsuites>'


def _playwright(facts: Facts, _: datetime) -> JsonValue:
    failing = _words(facts["failing"])
    projects: list[JsonValue] = []
    for place in _words(facts["projects"]):
        browser, _at, version = place.partition("@")
        metadata: JsonValue = {"browser": browser, "version": version} if version else {"device": place}
        projects.append({"name": place, "metadata": metadata})
    tests: list[JsonValue] = [
        {"projectName": place, "status": "unexpected" if place in failing else "expected"}
        for place in _words(facts["projects"])
    ]
    inner: JsonValue = {"title": "cockpit", "specs": [{"title": "shows the dashboard", "tests": tests}], "suites": []}
    return {"config": {"projects": projects}, "suites": [{"title": "journeys", "specs": [], "suites": [inner]}]}


def _istanbul(facts: Facts, _: datetime) -> JsonValue:
    lines: JsonValue = {"total": 18_400, "covered": 15_732, "skipped": 0, "pct": facts["pct"]}
    return {"total": {"lines": lines}}


def _k6(facts: Facts, _: datetime) -> JsonValue:
    minutes, rate = _number(facts["minutes"]), _number(facts["rate"])
    requests = minutes * rate
    failed: JsonValue = {"type": "rate", "values": {"rate": 0, "passes": facts["errors"], "fails": requests}}
    return {
        "metrics": {
            "http_reqs": {"type": "counter", "values": {"count": requests, "rate": rate / 60}},
            "http_req_duration": {"type": "trend", "values": {"med": 180.4, "p(95)": facts["p95_ms"], "max": 2_114.0}},
            "http_req_failed": failed,
            "vus_max": {"type": "gauge", "values": {"value": facts["users"], "min": 1, "max": facts["users"]}},
        },
        "state": {"testRunDurationMs": minutes * 60_000},
    }


def _chaos(facts: Facts, _: datetime) -> JsonValue:
    def action(name: str, function: str) -> JsonValue:
        provider: JsonValue = {"type": "python", "module": "chaosk8s.pod.actions", "func": function}
        return {"activity": {"type": "action", "name": name, "provider": provider}, "status": "succeeded"}

    run = [action("kill a random pod", "terminate_pods") for _ in range(_whole(facts["pod_kills"]))]
    run += [action("fail over the database", "failover_db_cluster") for _ in range(_whole(facts["failovers"]))]
    survived = facts["survived"] is True
    return {
        "chaoslib-version": "1.44.0",
        "status": "completed",
        "deviated": not survived,
        "steady_states": {"before": {"steady_state_met": True}, "after": {"steady_state_met": survived}},
        "run": run,
        "rollbacks": [],
    }


def _axe(facts: Facts, _: datetime) -> JsonValue:
    passes: list[JsonValue] = [{"id": f"rule-{tag}", "tags": [tag]} for tag in _AXE_TAGS]
    violations: list[JsonValue] = [
        {"id": rule, "impact": "serious", "tags": ["wcag22aa"]} for rule in _words(facts["violations"])
    ]
    return {"passes": passes, "violations": violations, "incomplete": [], "inapplicable": []}


def _lighthouse(facts: Facts, _: datetime) -> JsonValue:
    names = ("performance", "accessibility", "best-practices", "seo")
    return {"lighthouseVersion": "12.2.1", "categories": {name: {"score": facts[name]} for name in names}}


def _build(facts: Facts, _: datetime) -> JsonValue:
    warnings = [f"[WARN] {warning}" for warning in _words(facts["warnings"])]
    return {"exit_code": facts["exit_code"], "log": "\n".join(["astro build", *warnings, "Complete!"])}


def _size_limit(facts: Facts, _: datetime) -> JsonValue:
    return [{"name": "cockpit", "passed": True, "size": facts["bytes"], "running": 0.4, "loading": 1.1}]


def _zap(facts: Facts, _: datetime) -> JsonValue:
    high: list[JsonValue] = [
        {"pluginid": "40018", "riskcode": "3", "name": "SQL Injection"} for _ in range(_whole(facts["high"]))
    ]
    low: JsonValue = {"pluginid": "10035", "riskcode": "1", "name": "Strict-Transport-Security Header Not Set"}
    return {"@version": "2.15.0", "site": [{"@name": "https://cockpit.teei.io", "alerts": [low, *high]}]}


def _snyk(facts: Facts, _: datetime) -> JsonValue:
    return {"ok": facts["ok"], "dependencyCount": 1_204, "vulnerabilities": []}


def _npm(facts: Facts, _: datetime) -> JsonValue:
    found: JsonValue = {"info": 0, "low": 2, "moderate": 0, "high": facts["high"], "critical": facts["critical"]}
    return {"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {"vulnerabilities": found}}


def _packages(facts: Facts, produced: datetime) -> JsonValue:
    oldest = produced - timedelta(days=_number(facts["oldest_days"]))
    recent = produced - timedelta(days=12)
    return [
        {"name": "astro", "version": "5.14.1", "published_at": recent.isoformat()},
        {"name": "fastify", "version": "5.6.0", "published_at": oldest.isoformat()},
    ]


_TWO_EACH: list[JsonValue] = [
    "chrome@141", "chrome@142", "firefox@143", "firefox@144", "safari@18.6", "safari@26.0", "edge@141", "edge@142",
]  # fmt: skip
_SECURITY_DAY = timedelta(days=-7, hours=-3)
_TUESDAY, _WEDNESDAY = timedelta(days=-6, hours=-1), timedelta(days=-5, hours=-2)
_EVE = timedelta(hours=-19)

# Name -> when it is produced relative to T0, the figures that a fault can change, and how the tool writes them.
RESULTS: Mapping[str, tuple[timedelta, Facts, Writer]] = {
    "security-zap": (_SECURITY_DAY, {"high": 0}, _zap),
    "security-snyk": (_SECURITY_DAY, {"ok": True}, _snyk),
    "security-npm-audit": (_SECURITY_DAY, {"high": 0, "critical": 0}, _npm),
    "dependencies-npm-audit": (_SECURITY_DAY, {"high": 0, "critical": 0}, _npm),
    "dependencies-packages": (_SECURITY_DAY, {"oldest_days": 95}, _packages),
    "load-test": (_TUESDAY, {"minutes": 240, "rate": 500, "users": 50, "p95_ms": 412.6, "errors": 0}, _k6),
    "chaos": (_TUESDAY, {"pod_kills": 4, "failovers": 1, "survived": True}, _chaos),
    "e2e-regression": (_WEDNESDAY, {"tests": 214, "failures": 0, "suites": ["cockpit", "reports", "admin"]}, _junit),
    "accessibility": (_WEDNESDAY, {"violations": []}, _axe),
    "browsers": (_WEDNESDAY, {"projects": _TWO_EACH, "failing": []}, _playwright),
    "devices": (_WEDNESDAY, {"projects": ["iPhone 12", "Pixel 5", "iPad Pro"], "failing": []}, _playwright),
    "frontend-build": (_EVE, {"exit_code": 0, "warnings": []}, _build),
    "frontend-size": (_EVE, {"bytes": 421_888}, _size_limit),
    "lighthouse": (
        _EVE,
        {"performance": 0.94, "accessibility": 0.98, "best-practices": 0.96, "seo": 0.92},
        _lighthouse,
    ),
    "unit-tests": (_EVE, {"tests": 1_312, "failures": 0, "suites": ["services", "cockpit"]}, _junit),
    "unit-coverage": (_EVE, {"pct": 85.5}, _istanbul),
    "integration-tests": (_EVE, {"tests": 168, "failures": 0, "suites": ["services"]}, _junit),
    "contract-tests": (_EVE, {"tests": 42, "failures": 0, "suites": ["reporting-api", "export-service"]}, _junit),
    "limits-tests": (_EVE, {"tests": 9, "failures": 0, "suites": ["rate limits", "ddos protection"]}, _junit),
}
