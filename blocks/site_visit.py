"""One visit to a web site: how each question about it is asked, over one connection."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import Field, SecretStr, ValidationError

from blocks import wire
from blocks.event_stream import listen
from blocks.extraction import extract
from blocks.html_page import Asset, assets_of, text_of
from blocks.payloads import Payload, read
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.web import (
    BurstLimit,
    EventStream,
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
from launch.readings import Quantity, Reading, quantities

_ANY_STATUS: Container[int] = range(100, 600)
# `"default";q=60;w=60` (draft 8 on) and `60;w=60` (before) of the RateLimit header fields.
_POLICY = re.compile(r'^\s*(?:"[^"]*"\s*;\s*q=)?(?P<limit>\d+)\s*;.*?w=(?P<window>\d+)')
_MAX_AGE = re.compile(r"(?:^|,)\s*max-age=(\d+)")


class _Dependency(Payload):
    status: str
    circuit_breaker: str | None = None

    def troubled(self) -> bool:
        return self.status != "ok" or self.circuit_breaker not in {None, "closed"}


class _Health(Payload):
    status: str
    dependencies: dict[str, _Dependency] = Field(default_factory=dict)


class _Hop(Payload):
    service: str
    request_id: str | None = None


class _Trace(Payload):
    hops: list[_Hop]


@dataclass(frozen=True)
class SiteVisit:
    """Asks over `client`. `addresses` maps public host names to base URLs; `tokens` are the bearer tokens by name."""

    client: httpx.Client
    home: str
    addresses: dict[str, str]
    tokens: dict[str, SecretStr]

    def web_answer(self, probe: WebAnswer, occasion: Occasion) -> Reading:
        status_wanted = any(extraction.source == "status" for extraction in probe.values.values())
        response = self.fetch(
            probe.method,
            probe.url,
            question=f"{probe.method} {probe.url}",
            ok=_ANY_STATUS if status_wanted else wire.SUCCESS,
            headers=probe.headers,
            credential=probe.credential,
        )
        return Reading(
            values=extract(response, probe.values),
            where=probe.url,
            at=occasion.now,
            evidence=f"HTTP {response.status_code}",
        )

    def health(self, probe: HealthEndpoints, occasion: Occasion) -> Reading:
        statuses, reports, unwell, troubled = [], [], [], []
        for url in probe.urls:
            response = self.fetch("GET", url, question="whether the service is healthy", ok=_ANY_STATUS)
            report = _health_of(response)
            statuses.append(response.status_code)
            reports.append(report)
            if response.status_code != 200 or report is None or report.status != "ok":
                unwell.append(url)
            elif any(state.troubled() for state in report.dependencies.values()):
                troubled.append(url)
        known = [report for report in reports if report is not None]
        dependencies = [(name, state) for report in known for name, state in report.dependencies.items()]
        breakers = [state.circuit_breaker for _, state in dependencies if state.circuit_breaker is not None]
        values = quantities(
            http_status=next((status for status in statuses if status != 200), 200),
            health_status=_agreed([report.status for report in known], "ok"),
            circuit_breaker=_agreed(breakers, "closed"),
            dependencies_down=sum(state.status != "ok" for _, state in dependencies) if dependencies else None,
            services_unhealthy=len(unwell),
        )
        return Reading(
            values=values,
            where=", ".join([*unwell, *troubled]) or f"{len(probe.urls)} health endpoints",
            at=occasion.now,
            evidence=", ".join(f"{name} {state.status}" for name, state in dependencies)[:256],
        )

    def pages(self, probe: PublishedPages, occasion: Occasion) -> Reading:
        missing = [page.url for page in probe.pages if not self._holds(page)]
        return Reading(
            values=quantities(pages_published=len(probe.pages) - len(missing), pages_missing=len(missing)),
            where=", ".join(missing) or ", ".join(page.url for page in probe.pages),
            at=occasion.now,
        )

    def _holds(self, page: Page) -> bool:
        # A 4xx means that the page is not published; a 429 or 5xx says nothing about that and is a fault.
        found = self.fetch(page.method, page.url, question="whether it is published", ok=wire.ANY_ANSWER)
        allowed = [method.strip() for method in found.headers.get("allow", "").split(",")]
        return (
            found.is_success
            and (not page.must_allow or page.must_allow in allowed)
            and all(text.casefold() in found.text.casefold() for text in page.must_contain)
        )

    def security_txt(self, probe: SecurityTxt, occasion: Occasion) -> Reading:
        found = self.fetch("GET", probe.url, question="the vulnerability disclosure policy", ok=wire.ANY_ANSWER)
        lines = found.text.splitlines() if found.is_success else []
        fields = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        expires = next((moment for name, value in fields if name == "expires" and (moment := _moment(value))), None)
        return Reading(
            values={
                **quantities(contact_lines=sum(name == "contact" for name, _ in fields)),
                **quantities("days", expires_in=(expires - occasion.now).total_seconds() / 86_400 if expires else None),
            },
            where=probe.url,
            at=occasion.now,
            evidence=f"HTTP {found.status_code}",
        )

    def rate_limits(self, probe: RateLimits, occasion: Occasion) -> Reading:
        values = {}
        for metric, credential in probe.tiers.items():
            # A test key that has used up its allowance answers 429, and still carries its policy.
            response = self.fetch(
                "GET",
                probe.url,
                question=f"the rate limit of {credential}",
                ok={*range(200, 300), 429},
                credential=credential,
            )
            policy = _POLICY.match(response.headers.get("ratelimit-policy", ""))
            if policy and int(policy["window"]):
                per_minute = int(policy["limit"]) * 60 / int(policy["window"])
                values[metric] = Quantity(value=per_minute, unit="req/min")
        return Reading(values=values, where=probe.url, at=occasion.now)

    def burst(self, probe: BurstLimit, occasion: Occasion) -> Reading:
        """Bounded, and over at the first refusal: nobody is to be kept from the product by this."""
        question = f"up to {probe.at_most} requests at once"
        for let_through in range(probe.at_most):
            response = self.fetch(
                "GET", probe.url, question=question, ok={*range(200, 300), 429}, credential=probe.credential
            )
            if response.status_code == 429 and not let_through:
                # Who lets nobody in has no limit that works; or the key was used up by somebody else.
                raise wire.answer_fault(response, system=probe.url, question=question)
            if response.status_code == 429:
                after = response.headers.get("retry-after", "")
                values = quantities(limited=True) | quantities("requests", requests_let_through=let_through)
                values |= quantities("s", retry_after=int(after) if after.isdigit() else None)
                return Reading(values=values, where=probe.url, at=occasion.now)
        told = f"none of {probe.at_most} requests was refused"
        return Reading(values=quantities(limited=False), where=probe.url, at=occasion.now, evidence=told)

    def events(self, probe: EventStream, occasion: Occasion, *, seconds: float, clock: Callable[[], float]) -> Reading:
        """`seconds` are those that the answer may take to begin."""
        token = self._token(probe.credential, "a stream of events") if probe.credential else ""
        heard = listen(
            self._reached(probe.url),
            system=probe.url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            event=probe.event,
            seconds=probe.listen.total_seconds(),
            timeout_seconds=seconds,
            clock=clock,
        )
        return Reading(
            values=quantities("signs", signs_of_life=len(heard.signs))
            | quantities("s", longest_silence=heard.longest_silence),
            where=probe.url,
            at=occasion.now,
            evidence="the server ended the stream" if heard.ended else "",
        )

    def request_trace(self, probe: RequestTrace, occasion: Occasion) -> Reading:
        seed = f"{occasion.launch}/{occasion.now.isoformat()}/{probe.url}"
        identity = hashlib.sha256(seed.encode()).hexdigest()[:32]
        sent = self.fetch(
            "GET",
            probe.url,
            question="whether the request id comes back",
            headers={"X-Request-ID": identity},
            credential=probe.credential,
        )
        question = "which services saw the request id"
        answered = self.fetch(
            "GET", probe.trace_url.replace("{id}", identity), question=question, credential=probe.credential
        )
        trace = read(_Trace, answered, system=probe.trace_url, question=question)
        seen = {hop.service for hop in trace.hops if hop.request_id == identity}
        lost = [hop for hop in probe.hops if hop not in seen]
        return Reading(
            values=quantities(
                request_id_echoed=sent.headers.get("x-request-id") == identity, hops_without_id=len(lost)
            ),
            where=", ".join(lost) or probe.url,
            at=occasion.now,
        )

    def page_assets(self, probe: PageAssets, occasion: Occasion) -> Reading:
        page = self.fetch("GET", probe.url, question="what the page loads")
        named = [(asset, urlsplit(urljoin(probe.url, asset.url)).netloc) for asset in assets_of(page.text)]
        assets = [asset for asset, host in named if not probe.hosts or host in probe.hosts]
        bare = [asset.url for asset in assets if asset.needs_integrity and not asset.integrity]
        broken, different, stale = [], [], []
        for asset in assets:
            got = self._asset(probe, asset)
            if not got.is_success:
                broken.append(asset.url)
                continue
            if asset.integrity and not asset.matches(got.content):
                different.append(asset.url)
            if _max_age(got) < probe.cache_for.total_seconds():
                stale.append(asset.url)
        return Reading(
            values=quantities(
                assets=len(assets),
                assets_without_integrity=len(bare),
                integrity_mismatches=len(different),
                assets_badly_cached=len(stale),
                assets_broken=len(broken),
            ),
            where=", ".join(dict.fromkeys([*bare, *different, *stale, *broken])) or probe.url,
            at=occasion.now,
        )

    def _asset(self, probe: PageAssets, asset: Asset) -> httpx.Response:
        url = urljoin(probe.url, asset.url)
        return self.fetch("GET", url, question="the asset and its cache header", ok=wire.ANY_ANSWER)

    def banner(self, probe: MaintenanceBanner, occasion: Occasion) -> Reading:
        page = self.fetch("GET", probe.url, question="whether the maintenance banner is shown")
        text = text_of(page.text, probe.element)
        promised = f"{occasion.t0.astimezone(UTC):%H:%M} UTC"
        return Reading(
            values=quantities(
                banner="absent" if text is None else "shown", promises_t0=None if text is None else promised in text
            ),
            where=probe.url,
            at=occasion.now,
            evidence=(text or "")[:256],
        )

    def fetch(
        self,
        method: str,
        url: str,
        *,
        question: str,
        ok: Container[int] = wire.SUCCESS,
        headers: dict[str, str] | None = None,
        credential: str = "",
    ) -> httpx.Response:
        sent = dict(headers or {})
        if credential:
            sent["Authorization"] = f"Bearer {self._token(credential, question)}"
        return wire.fetch(self.client, method, self._reached(url), system=url, question=question, ok=ok, headers=sent)

    def _token(self, credential: str, question: str) -> str:
        if credential not in self.tokens:
            raise PermanentFaultError(
                system=urlsplit(self.home).netloc,
                question=question,
                answer=f"no token named {credential}",
                next_step="add it to `tokens` of the web-site block",
            )
        return self.tokens[credential].get_secret_value()

    def _reached(self, url: str) -> str:
        try:
            parts = urlsplit(url)
        except ValueError:
            return url
        base = self.addresses.get(parts.netloc)
        if base is None:
            return url
        return f"{base.rstrip('/')}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")


def _health_of(response: httpx.Response) -> _Health | None:
    try:
        return _Health.model_validate_json(response.content)
    except ValidationError:
        return None


def _agreed(words: list[str], good: str) -> str | None:
    """`good` when every word is, else the first other word; None without words."""
    return next((word for word in words if word != good), good) if words else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _max_age(response: httpx.Response) -> int:
    found = _MAX_AGE.search(response.headers.get("cache-control", ""))
    return int(found[1]) if found else 0
