"""Every journey by name. Each fails where, and only where, the product it visits is broken."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

from sandbox.browser.visitor import Visitor, must
from sandbox.site.state import ADMIN_EMAIL, ADMIN_PASSWORD

_EVENT_PATH = "/v1/events"


def _login(visitor: Visitor) -> None:
    visitor.page("/", step="open the cockpit")
    form = {"email": ADMIN_EMAIL, "password": ADMIN_PASSWORD}
    visitor.post_form("/login", form, step="sign in with mail and password")
    must("session" in visitor.client.cookies, "a session cookie is set")


def _sso(visitor: Visitor) -> None:
    visitor.page("/sso/start", step="come back from the identity provider")
    must("session" in visitor.client.cookies, "a session cookie is set")


def _password_reset(visitor: Visitor) -> None:
    visitor.call("POST", "/v1/password-resets", step="ask for a new password", body={"email": ADMIN_EMAIL})
    text = visitor.mails(step="read the mail box").text
    links = re.findall(r"/reset/([\w-]+)", text)
    must(links, "the mail with the link arrives")
    visitor.call("POST", f"/v1/password-resets/{links[-1]}", step="set the new password", body={"password": "new"})


def _session_timeout(visitor: Visitor) -> None:
    # 30 minutes of idleness do not fit into a smoke run, so the configured lifetime is read from the cookie.
    begun = visitor.call("POST", "/v1/sessions", step="begin a session")
    lifetimes = re.findall(r"session=[^;]*;.*?Max-Age=(\d+)", begun.headers.get("set-cookie", ""))
    must(lifetimes, "the session cookie has a lifetime")
    visitor.notes.append(("session-timeout", f"{int(lifetimes[-1]) / 60:g} min"))


def _cockpit_load(visitor: Visitor) -> None:
    page = visitor.page("/dashboard", step="open the dashboard")
    took = re.search(r"dur=([\d.]+)", page.headers.get("server-timing", ""))
    must(took, "the load time is measured")
    if took:
        visitor.notes.append(("cockpit-load", f"{float(took[1]) / 1_000:g} s"))


def _dashboard_metrics(visitor: Visitor) -> None:
    shown = visitor.call("GET", "/v2/metrics", step="load the metrics").json()
    for metric in ("sroi", "vis", "impact_score"):
        must(isinstance(shown.get(metric), int | float), f"{metric} has a value")


def _charts(visitor: Visitor) -> None:
    charts = visitor.call("GET", "/v2/charts", step="load the charts").json()["charts"]
    must(charts, "there are charts")
    for chart in charts:
        must(chart["points"] and len(chart["points"]) == len(chart["labels"]), f"chart {chart['id']} draws")


def _sse(visitor: Visitor) -> None:
    must(visitor.first_event(_EVENT_PATH, step="connect to the stream") == "heartbeat", "a heartbeat arrives")


def _q2q_report(visitor: Visitor) -> None:
    ordered = visitor.call("POST", "/v1/reports", step="trigger the report", body={"kind": "q2q"}).json()
    report = visitor.call("GET", f"/v1/reports/{ordered['id']}", step="look at the report").json()
    must(report["status"] == "completed", "the report completes")


def _pdf(visitor: Visitor) -> None:
    content = visitor.call("GET", "/v1/exports/report.pdf", step="download the PDF").content
    must(content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF"), "the download is a whole PDF")


def _csv(visitor: Visitor) -> None:
    text = visitor.call("GET", "/v1/exports/report.csv", step="download the CSV").text
    rows = list(csv.reader(io.StringIO(text)))
    must(len(rows) > 1 and len({len(row) for row in rows}) == 1, "every row of the CSV has as many fields")


def _scheduled(visitor: Visitor) -> None:
    identity = visitor.call("POST", "/v1/report-schedules", step="schedule a report", body={"in": "5m"}).json()["id"]
    queue = visitor.call("GET", "/v1/report-queue", step="look at the queue").json()["queued"]
    must(identity in queue, "the report is in the queue")


def _create_user(visitor: Visitor) -> None:
    made = visitor.call("POST", "/v1/users", step="create a user", body={"email": "smoke@pilot-1.example"}).json()
    visitor.call("GET", f"/v1/users/{made['id']}", step="see the new user")
    visitor.call("DELETE", f"/v1/users/{made['id']}", step="remove the new user")


def _assign_role(visitor: Visitor) -> None:
    for role in ("admin", "viewer", "editor"):
        user = visitor.call("PUT", "/v1/users/smoke/role", step=f"assign {role}", body={"role": role}).json()
        must(user["role"] == role, f"the user is {role}")


def _tenant_settings(visitor: Visitor) -> None:
    path = "/v1/tenants/pilot-1/settings"
    for locale in ("de", "en"):
        visitor.call("PATCH", path, step="change the settings", body={"locale": locale})
        kept = visitor.call("GET", path, step="read the settings").json()
        must(kept["locale"] == locale, "the change is kept")


def _audit_log(visitor: Visitor) -> None:
    entries = visitor.call("GET", "/v1/audit-log", step="open the audit log").json()["entries"]
    must(entries and all({"at", "actor", "action"} <= set(entry) for entry in entries), "entries say who did what when")


def _impact_in(visitor: Visitor) -> None:
    path = "/v1/integrations/impact-in/test-delivery"
    sent = visitor.call("POST", path, step="send a test webhook", body={}).json()
    must(sent["response_status"] in range(200, 300), "Impact-In takes it")


def _discord(visitor: Visitor) -> None:
    path = "/v1/integrations/discord/test-message"
    identity = visitor.call("POST", path, step="make the bot post", body={}).json()["id"]
    messages = visitor.discord(step="read the channel").json()
    must(any(message["content"].endswith(identity) for message in messages), "the message is in the channel")


def _notification(visitor: Visitor) -> None:
    identity = visitor.call("POST", "/v1/notifications/test", step="send a notification", body={}).json()["id"]
    mails = visitor.mails(step="read the mail box").json()["mails"]
    must(any(mail["text"] == identity for mail in mails), "the notification arrives")


def _pwa(visitor: Visitor) -> None:
    manifest = visitor.page("/manifest.webmanifest", step="load the manifest").json()
    must(manifest["display"] == "standalone" and manifest["icons"], "the app can be installed")
    worker = visitor.page("/sw.js", step="load the service worker").text
    strategies = dict(re.findall(r"route\('https://(\w+)\.teei\.io/','([\w-]+)'\)", worker))
    must(strategies.get("api") == "network-first", "the API is fetched network first")
    must(strategies.get("static") == "cache-first", "assets are served cache first")
    for path in re.findall(r"'(/[^']*)'", worker.partition("PRECACHE=[")[2].partition("]")[0]):
        visitor.page(path, step=f"prime the offline cache with {path}")
    version = re.search(r"VERSION='([^']+)'", worker)
    must(version and f"/{version[1]}/" in visitor.page("/", step="open the cockpit").text, "versions agree")
    must("update-available" in worker, "a new version prompts an update")


def _cookie_consent(visitor: Visitor) -> None:
    must('id="cookie-consent"' in visitor.page("/", step="visit for the first time").text, "the banner is shown")
    must(not visitor.client.cookies, "no cookie is set before consent")
    visitor.post_form("/consent", {"choice": "accept"}, step="accept")
    must('id="cookie-consent"' not in visitor.page("/", step="visit again").text, "the banner is gone after consent")


JOURNEYS: dict[str, Callable[[Visitor], None]] = {
    "login": _login,
    "sso": _sso,
    "password-reset": _password_reset,
    "session-timeout": _session_timeout,
    "cockpit-load": _cockpit_load,
    "dashboard-metrics": _dashboard_metrics,
    "charts": _charts,
    "sse": _sse,
    "q2q-report": _q2q_report,
    "pdf-export": _pdf,
    "csv-export": _csv,
    "scheduled-report": _scheduled,
    "create-user": _create_user,
    "assign-role": _assign_role,
    "tenant-settings": _tenant_settings,
    "audit-log": _audit_log,
    "impact-in-webhook": _impact_in,
    "discord-bot": _discord,
    "email-notification": _notification,
    "pwa": _pwa,
    "cookie-consent": _cookie_consent,
}
# The runbook's list has nineteen steps; the other two journeys belong to the eve.
SUITES: dict[str, tuple[str, ...]] = {
    "smoke": tuple(name for name in JOURNEYS if name not in {"pwa", "cookie-consent"}),
    "critical": ("login", "dashboard-metrics", "q2q-report", "csv-export", "sse"),
}
