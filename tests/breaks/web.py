"""How each check of the web family is made to fail, and only it, when its probes are asked by themselves.

Of a suite's report: a suite's run is used again for five minutes, so `smoke-acceptance-all-pass` keeps the run that was
taken before a step's knob was turned. In a launch a broken step that stays broken fails the acceptance too, as it should.
The two banner checks are asked after the action that they verify (banner shown, banner removed).
"""

from __future__ import annotations

from pydantic import JsonValue

BREAKS: dict[str, tuple[tuple[str, JsonValue], ...]] = {
    "third-party-integrations": (("partners.benevity-account", "suspended"),),
    "pilot-tenants-provisioned": (("site.tenants-without-admin", 1),),
    "dns-points-to-lb": (("dns.ttl", 3600),),
    "tls-certs-valid": (("tls.days-left", 20),),
    "health-endpoints-200": (("site.circuit-breaker", "open"),),
    "feature-flags-prod": (("flags.gen-reports-beta", True),),
    "t15-pilot-flags": (("flags.pilots-left-out", 1),),
    "third-party-api-keys-valid": (("partners.openai-key", False),),
    "rate-limits-per-tier": (("site.rate-limit-pilot", 3000),),
    "cors-and-csp": (("site.csp-unsafe-inline", True),),
    "api-version-headers": (("site.api-version", "v1"),),
    "webhooks-registered": (("partners.goodera-webhook", False),),
    "request-id-propagation": (("site.request-id-lost-at", "q2q-pipeline"),),
    "static-assets-sri": (("site.assets-tampered", True),),
    "service-worker-pwa": (("site.api-strategy", "cache-first"),),
    "analytics-tags": (("site.analytics-tags", "ga,plausible"),),
    "cookie-consent-banner": (("site.consent-banner", False),),
    "gdpr-readiness": (("site.dsar", False),),
    "dpo-contact-published": (("site.dpo-contact", False),),
    "security-txt-published": (("site.security-txt-days", -30),),
    "help-center-published": (("site.help-articles", "getting-started"),),
    "api-docs-updated": (("site.docs-version", "v2.4.9"),),
    "maintenance-mode-on": (("site.banner", "hidden"),),
    "maintenance-mode-off": (("site.banner", "stuck"),),
    "t15-service-health": (("site.health-status", "degraded"),),
    "impact-in-webhook": (("partners.impact-in-events", "lost"),),
    "smoke-login": (("site.login", False),),
    "smoke-dashboard-metrics": (("site.metrics", False),),
    "smoke-q2q-report": (("site.q2q-report", False),),
    "smoke-csv-export": (("site.csv-export", False),),
    "smoke-sse": (("site.sse", False),),
    "smoke-sso": (("site.sso", False),),
    "smoke-password-reset": (("site.password-reset", False),),
    "smoke-session-timeout": (("site.session-minutes", 480),),
    "smoke-cockpit-load-time": (("site.cockpit-ms", 6200),),
    "smoke-charts-render": (("site.charts", False),),
    "smoke-pdf-export": (("site.pdf-export", False),),
    "smoke-scheduled-report": (("site.scheduled-report", False),),
    "smoke-create-user": (("site.create-user", False),),
    "smoke-assign-role": (("site.assign-role", False),),
    "smoke-tenant-settings": (("site.tenant-settings", False),),
    "smoke-audit-log": (("site.audit-log", False),),
    "smoke-discord-bot": (("site.discord", False),),
    "smoke-acceptance-all-pass": (("journeys.smoke-failures", 1),),
    "smoke-acceptance-console": (("journeys.console-errors", 2),),
    "smoke-acceptance-latency": (("journeys.slowest-call-ms", 900),),
    "rb-smoke": (("journeys.critical-failures", 1),),
    "rb-health": (("site.ready", False),),
}
