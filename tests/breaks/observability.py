"""For each check and criterion on observability, evidence and the repository: knobs that make exactly that check fail.

Checks that verify an action's outcome (`deployment-freeze-active`, `monitoring-sprint-started`, `rb-version-tagged`)
are asked after it. Lines of `loki.lines` are written at the moment the knob is turned, so turn it at the check's.
"""

from datetime import timedelta

from pydantic import JsonValue

BREAKS: dict[str, tuple[tuple[str, JsonValue], ...]] = {
    "deployment-freeze-active": (("ci.enforcement", "disabled"),),
    "security-scan-green": (("evidence.security-zap", {"high": 1}),),
    "dependency-audit": (("evidence.dependencies-packages", {"oldest_days": 240}),),
    "load-test-2x-pilot": (("evidence.load-test", {"p95_ms": 812.4}),),
    "chaos-pods-and-db-failover": (("evidence.chaos", {"survived": False}),),
    "e2e-regression": (("evidence.e2e-regression", {"tests": 150}),),
    "a11y-wcag22aa": (("evidence.accessibility", {"violations": ["target-size"]}),),
    "browser-compatibility": (("evidence.browsers", {"failing": ["safari@26.0"]}),),
    "mobile-responsiveness": (("evidence.devices", {"failing": ["Pixel 5"]}),),
    "staging-dry-run": (("ci.staging-deploy", {"minutes": 44}),),
    "staging-rollback-drill": (("ci.staging-rollback-drill", {"failed_job": "verify"}),),
    "rollback-duration-measured": (("ci.staging-rollback-drill", {"minutes": 26}),),
    "grafana-dashboards-populated": (("grafana.empty-panels", ["Hit ratio"]),),
    "retry-policy": (
        (
            "ci.files",
            {
                "config/resilience.json": {
                    "services": {"export-service": {"retries": {"max": 10, "backoff": "exponential"}}}
                }
            },
        ),
    ),
    "frontend-build-clean": (("evidence.frontend-build", {"warnings": ["unused CSS selector .old"]}),),
    "frontend-bundle-size": (("evidence.frontend-size", {"bytes": 640_000}),),
    "lighthouse-scores": (("evidence.lighthouse", {"seo": 0.81}),),
    "synthetic-monitors": (("synthetics.tick-seconds", 300),),
    "apm-tracing": (("tracing.sample-rate", 0.01),),
    "log-aggregation": (("loki.retention", "168h"),),
    "rum-web-vitals": (("prometheus.values", {'teei:rum_lcp_p75:seconds{route="/reports"}': 4.2}),),
    "unit-tests": (("evidence.unit-coverage", {"pct": 71.2}),),
    "integration-tests": (("evidence.contract-tests", {"failures": 2}),),
    "ddos-and-rate-limit-tested": (("evidence.limits-tests", {"suites": ["rate limits"]}),),
    "smoke-acceptance-5xx": (("loki.lines", [{"level": "WARN", "text": 'msg="upstream gave up" status=503'}]),),
    "final-5xx-zero": (("prometheus.values", {"teei:http_5xx:count5m": 3}),),
    "final-latency-p95": (("prometheus.values", {'teei:endpoint_latency_p95:ms{endpoint="/api/exports"}': 940}),),
    "final-logs-clean": (("loki.lines", [{"level": "ERROR", "text": 'msg="worker pool exhausted"'}]),),
    "final-synthetics-green": (("synthetics.red-locations", ["aws:us-west-2"]),),
    "monitoring-sprint-started": (("grafana.lost-annotations", True),),
    "t1h-metrics-vs-baseline": (("prometheus.values", {"teei:request_rate:per_min": 190}),),
    "t4h-pilot-activation": (("analytics.customers", 1),),
    "t4h-ttfv": (("analytics.ttfv-minutes", 18),),
    "t4h-unique-logins": (("analytics.users", 0),),
    "t4h-error-log-review": (("loki.lines", [{"level": "FATAL", "text": 'msg="out of memory"', "ago_seconds": 3600}]),),
    "rb-version-tagged": (("ci.lost-tags", True),),
    "rb-metrics-normal": (("prometheus.values", {"teei:error_rate:percent": 0.11}),),
    "sc-synthetic-uptime": (("synthetics.uptime", 88.5),),
    "sc-activations": (("analytics.customers", 2),),
    "sc-ttfv": (("analytics.ttfv-minutes", 18),),
}

SHOWS_AFTER: dict[str, timedelta] = {"final-synthetics-green": timedelta(minutes=1)}
"""Checks on what runs at an interval: how long a turned knob needs until the next run shows it."""
