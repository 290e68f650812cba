"""Each question to the product's pages, against the served product and against answers written by hand."""

from datetime import timedelta

import httpx
import pytest
from pydantic import JsonValue, ValidationError

from blocks.site_visit import SiteVisit
from blocks.web_site import WebSite
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.web import (
    Extraction,
    HealthEndpoints,
    MaintenanceBanner,
    Page,
    PageAssets,
    PublishedPages,
    RateLimits,
    RequestTrace,
    SecurityTxt,
    WebAnswer,
)
from tests.fakes.web_world import WebWorld, told

_HEALTH = "https://api.teei.io/reporting-api/health"


def _visit(answer: httpx.Response) -> SiteVisit:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    return SiteVisit(client, "https://cockpit.example/", {}, {})


def _answer(values: dict[str, Extraction]) -> WebAnswer:
    return WebAnswer(ask="web-answer", of="site", url="https://api.example/x", values=values)


def test_values_come_from_status_header_json_pointer_and_body(web: WebWorld) -> None:
    answer = httpx.Response(200, json={"info": {"a/b": [{"v": "2"}]}}, headers={"X-Tier": "gold gold"})
    probe = _answer(
        {
            "status": Extraction(source="status", unit="code"),
            "tier": Extraction(source="header", at="x-tier"),
            "golds": Extraction(source="header", at="x-tier", count="GOLD"),
            "deep": Extraction(source="json", at="/info/a~1b/0/v"),
            "kinds": Extraction(source="body", present=("info", "nothing")),
            "found": Extraction(source="body", matches='"v"\\s*:'),
        }
    )
    values = told(_visit(answer).web_answer(probe, web.occasion))
    assert values == {"status": 200, "tier": "gold gold", "golds": 2, "deep": "2", "kinds": 1, "found": True}


@pytest.mark.parametrize("pointer", ["/info/c", "/info/a~1b/7/v", "/info", "/x/y"])
def test_what_the_answer_lacks_is_left_out(web: WebWorld, pointer: str) -> None:
    answer = httpx.Response(200, json={"info": {"a/b": []}})
    assert _visit(answer).web_answer(_answer({"v": Extraction(source="json", at=pointer)}), web.occasion).values == {}


def test_a_body_that_is_no_json_has_no_json_values(web: WebWorld) -> None:
    answer = httpx.Response(200, text="<html>")
    assert _visit(answer).web_answer(_answer({"v": Extraction(source="json", at="/a")}), web.occasion).values == {}


def test_a_broken_page_never_passes_for_one_that_lacks_something(web: WebWorld) -> None:
    lacking = Extraction(source="body", count="unsafe-inline")
    with pytest.raises(TransientFaultError):
        _visit(httpx.Response(500)).web_answer(_answer({"bad": lacking}), web.occasion)
    both = _answer({"bad": lacking, "status": Extraction(source="status")})
    assert told(_visit(httpx.Response(500)).web_answer(both, web.occasion)) == {"status": 500}


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "body"},
        {"source": "header"},
        {"source": "status", "at": "x"},
        {"source": "body", "count": "a", "matches": "b"},
    ],
)
def test_an_extraction_that_reads_nothing_or_two_things_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Extraction.model_validate(fields)


def test_healthy_services_are_ok_and_closed(web: WebWorld) -> None:
    probe = HealthEndpoints(ask="health-endpoints", of="site", urls=(_HEALTH, "https://api.teei.io/health"))
    assert told(web.block(WebSite).answer(probe, web.occasion)) == {
        "http_status": 200,
        "health_status": "ok",
        "circuit_breaker": "closed",
        "dependencies_down": 0,
        "services_unhealthy": 0,
    }


@pytest.mark.parametrize(
    ("knob", "value", "metric", "measured"),
    [
        ("site.health-code", 503, "http_status", 503),
        ("site.health-database", "down", "dependencies_down", 1),
        ("site.circuit-breaker", "half-open", "circuit_breaker", "half-open"),
        ("site.health-code", 503, "services_unhealthy", 1),
    ],
)
def test_what_is_wrong_with_a_service_is_measured(
    web: WebWorld, knob: str, value: int | str, metric: str, measured: int | str
) -> None:
    probe = HealthEndpoints(ask="health-endpoints", of="site", urls=(_HEALTH,))
    with web.turned(knob, value):
        reading = web.block(WebSite).answer(probe, web.occasion)
    assert told(reading)[metric] == measured
    assert reading.where == _HEALTH


def test_health_without_words_leaves_them_out(web: WebWorld) -> None:
    probe = HealthEndpoints(ask="health-endpoints", of="site", urls=(_HEALTH,))
    values = told(_visit(httpx.Response(200, text="OK")).health(probe, web.occasion))
    assert values == {"http_status": 200, "services_unhealthy": 1}


def test_a_page_that_is_missing_or_empty_is_not_published(web: WebWorld) -> None:
    good = Page(url="https://cockpit.teei.io/privacy", must_contain=("Privacy",))
    gone = Page(url="https://cockpit.teei.io/nowhere")
    empty = Page(url="https://cockpit.teei.io/privacy", must_contain=("astrology",))
    probe = PublishedPages(ask="published-pages", of="site", pages=(good, gone, empty))
    assert told(web.block(WebSite).answer(probe, web.occasion)) == {"pages_published": 1, "pages_missing": 2}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Contact: mailto:a@b\nExpires: 2026-12-08T06:50:00Z\n", {"contact_lines": 1, "expires_in": 1.0}),
        ("Contact: mailto:a@b\nExpires: soon\n", {"contact_lines": 1}),
        ("Contact: mailto:a@b\nExpires: 2026-12-08T06:50:00\n", {"contact_lines": 1}),
        ("", {"contact_lines": 0}),
    ],
)
def test_security_txt_needs_an_expiry_with_a_zone(web: WebWorld, text: str, values: dict[str, float]) -> None:
    probe = SecurityTxt(ask="security-txt", of="site", url="https://x.example/.well-known/security.txt")
    assert told(_visit(httpx.Response(200, text=text)).security_txt(probe, web.occasion)) == values


@pytest.mark.parametrize(
    ("policy", "per_minute"),
    [("60;w=60", 60.0), ('"default";q=100;w=30', 200.0), ("10;w=0", None), ("plenty", None), (None, None)],
)
def test_a_limit_counts_per_minute_and_an_unreadable_one_is_left_out(
    web: WebWorld, policy: str | None, per_minute: float | None
) -> None:
    probe = RateLimits(ask="rate-limits", of="site", url="https://api.teei.io/v1/status", tiers={"free": "free-tier"})
    answer = httpx.Response(429, headers={"RateLimit-Policy": policy} if policy else {})
    visit = _visit(answer)
    visit.tokens["free-tier"] = web.block(WebSite).tokens["free-tier"]
    assert told(visit.rate_limits(probe, web.occasion)) == ({} if per_minute is None else {"free": per_minute})


def test_a_token_that_the_block_lacks_is_named(web: WebWorld) -> None:
    probe = RateLimits(ask="rate-limits", of="site", url="https://api.teei.io/v1/status", tiers={"gold": "gold-tier"})
    with pytest.raises(PermanentFaultError, match="no token named gold-tier"):
        web.block(WebSite).answer(probe, web.occasion)


def test_a_lost_request_id_is_found_where_it_was_lost(web: WebWorld) -> None:
    probe = RequestTrace(
        ask="request-trace",
        of="site",
        url="https://api.teei.io/v2/organisation",
        trace_url="https://api.teei.io/internal/traces/{id}",
        credential="admin",
        hops=("reporting-api", "q2q-pipeline"),
    )
    assert told(web.block(WebSite).answer(probe, web.occasion)) == {"request_id_echoed": True, "hops_without_id": 0}
    with web.turned("site.request-id-lost-at", "q2q-pipeline"):
        reading = web.block(WebSite).answer(probe, web.occasion)
    assert told(reading)["hops_without_id"] == 1
    assert reading.where == "q2q-pipeline"


@pytest.mark.parametrize(
    ("knob", "value", "metric"),
    [
        ("site.assets-tampered", True, "integrity_mismatches"),
        ("site.assets-max-age", 60, "assets_badly_cached"),
    ],
)
def test_assets_are_held_against_the_promises_of_the_page(
    web: WebWorld, knob: str, value: JsonValue, metric: str
) -> None:
    probe = PageAssets(ask="page-assets", of="site", url="https://cockpit.teei.io/", cache_for=timedelta(days=30))
    good = told(web.block(WebSite).answer(probe, web.occasion))
    assert good["assets"] == 4
    assert good[metric] == 0
    with web.turned(knob, value):
        assert int(told(web.block(WebSite).answer(probe, web.occasion))[metric]) >= 1


def test_the_banner_must_promise_t0(web: WebWorld) -> None:
    probe = MaintenanceBanner(ask="maintenance-banner", of="site", url="https://x.example/")
    page = '<div id="maintenance-banner">Back online at {} UTC.</div>'
    for clock, promised in (("07:00", True), ("08:00", False)):
        visit = _visit(httpx.Response(200, html=page.format(clock)))
        assert told(visit.banner(probe, web.occasion)) == {"banner": "shown", "promises_t0": promised}
    assert told(_visit(httpx.Response(200, html="<p>")).banner(probe, web.occasion)) == {"banner": "absent"}


def test_no_banner_on_a_page_that_does_not_answer_proves_nothing(web: WebWorld) -> None:
    probe = MaintenanceBanner(ask="maintenance-banner", of="site", url="https://x.example/")
    with pytest.raises(TransientFaultError):
        _visit(httpx.Response(503)).banner(probe, web.occasion)
