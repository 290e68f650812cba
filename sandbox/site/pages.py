"""What a browser of the simulated product sees: the cockpit, its assets, policies and help pages."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.site.state import ADMIN_EMAIL, ADMIN_PASSWORD, SiteState, with_session
from sandbox.world import World

_ASSETS: dict[str, tuple[str, bytes]] = {
    "app.css": ("text/css", b"body{font-family:Inter,sans-serif}"),
    "app.js": ("text/javascript", b"navigator.serviceWorker.register('/sw.js')"),
    "inter.woff2": ("font/woff2", b"wOF2 sandbox font"),
    "logo.svg": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
}
_TAGS = {
    "ga": "load('https://www.googletagmanager.com/gtag/js?id=G-TEEI',{anonymize_ip:true})",
    "plausible": "load('https://plausible.io/js/script.js',{domain:'cockpit.teei.io'})",
    "hotjar": "load('https://static.hotjar.com/c/hotjar-1.js',{suppress_text:true})",
}
_NONCE = "c2FuZGJveA"
_HELP = {"getting-started": "Getting started with the cockpit", "faq": "Frequently asked questions"}


class Pages:
    """Routes of cockpit.teei.io, static.teei.io and help.teei.io."""

    def __init__(self, world: World, state: SiteState) -> None:
        self._world = world
        self._state = state

    def define(self) -> None:
        """Knobs of what is published."""
        knob = self._world.define
        knob("site.banner", "obeys", "whether the maintenance banner obeys the API: obeys, hidden or stuck")
        knob("site.cockpit-ms", 1_800, "how long the cockpit takes until it can be used, in ms")
        knob("site.csp-unsafe-inline", False, "whether the content security policy allows unsafe-inline")
        knob("site.assets-version", "v2.5.0", "version prefix of the assets that the cockpit loads")
        knob("site.assets-tampered", False, "whether the CDN serves other bytes than the integrity hashes promise")
        knob("site.assets-max-age", 31_536_000, "max-age of the assets, in seconds")
        knob("site.analytics-tags", "ga,plausible,hotjar", "analytics tags in the cockpit")
        knob("site.consent-banner", True, "whether a first visit shows the cookie banner")
        knob("site.privacy-policy", True, "whether the privacy policy is published")
        knob("site.dpo-contact", True, "whether the data-protection officer's contact is published")
        knob("site.security-txt-days", 300, "days from T0 until security.txt expires; null: not published")
        knob("site.help-articles", "getting-started,faq", "published help articles")
        knob("site.api-strategy", "network-first", "how the service worker treats the API")
        knob("site.login", True, "whether signing in with mail and password works")
        knob("site.sso", True, "whether single sign-on works")
        knob("site.console-errors", 0, "JavaScript errors that the cockpit logs")

    def routes(self) -> Sequence[BaseRoute]:
        """The three hosts, each below its own prefix."""
        return [
            Route("/cockpit/", self._cockpit),
            Route("/cockpit/dashboard", self._cockpit),
            Route("/cockpit/consent", self._consent, methods=["POST"]),
            Route("/cockpit/login", self._login, methods=["POST"]),
            Route("/cockpit/sso/start", self._sso_start),
            Route("/cockpit/sso/idp", self._sso_idp),
            Route("/cockpit/sso/callback", self._sso_callback),
            Route("/cockpit/manifest.webmanifest", self._manifest),
            Route("/cockpit/sw.js", self._service_worker),
            Route("/cockpit/offline", self._offline),
            Route("/cockpit/privacy", self._privacy),
            Route("/cockpit/legal/dpo", self._dpo),
            Route("/cockpit/.well-known/security.txt", self._security_txt),
            Route("/static/{version}/{name}", self._asset),
            Route("/help/{article}", self._article),
        ]

    async def _cockpit(self, request: Request) -> Response:
        policy = f"default-src 'self' https://static.teei.io; script-src 'nonce-{_NONCE}' 'strict-dynamic'"
        if self._world.get("site.csp-unsafe-inline"):
            policy += " 'unsafe-inline'"
        headers = {
            "Content-Security-Policy": policy,
            "Cache-Control": "no-cache",
            "Server-Timing": f"app;dur={self._world.get('site.cockpit-ms')}",
        }
        return HTMLResponse(self._html(consented=request.cookies.get("consent") == "given"), headers=headers)

    def _html(self, *, consented: bool) -> str:
        prefix = f"https://static.teei.io/{self._world.get('site.assets-version')}"
        tags = [_TAGS[tag] for tag in str(self._world.get("site.analytics-tags")).split(",") if tag in _TAGS]
        errors = "".join(
            f"console.error('chart {n} failed');" for n in range(_whole(self._world.get("site.console-errors")))
        )
        consent = (
            "" if consented or not self._world.get("site.consent-banner") else '<div id="cookie-consent">Cookies?</div>'
        )
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>TEEI Cockpit</title>'
            '<link rel="manifest" href="/manifest.webmanifest">'
            f'<link rel="stylesheet" href="{prefix}/app.css" integrity="{_integrity("app.css")}" crossorigin>'
            f'<link rel="preload" as="font" href="{prefix}/inter.woff2" crossorigin>'
            f'<script nonce="{_NONCE}" src="{prefix}/app.js" integrity="{_integrity("app.js")}" defer></script>'
            f'<script nonce="{_NONCE}">onConsent(load=>{{{";".join(tags)}}});{errors}</script></head><body>'
            f'{self._banner()}{consent}<img src="{prefix}/logo.svg" alt="TEEI"><main id="cockpit"></main></body></html>'
        )

    def _banner(self) -> str:
        with self._state.lock:
            enabled, message = bool(self._state.banner["enabled"]), str(self._state.banner["message"])
            self._state.last_message = message or self._state.last_message
        manner = self._world.get("site.banner")
        shown = manner == "stuck" or (enabled and manner != "hidden")
        return f'<div id="maintenance-banner" role="status">{self._state.last_message}</div>' if shown else ""

    async def _consent(self, _: Request) -> Response:
        response = Response(status_code=204)
        response.set_cookie("consent", "given", max_age=15_552_000)
        return response

    async def _login(self, request: Request) -> Response:
        form = parse_qs((await request.body()).decode())
        known = form.get("email") == [ADMIN_EMAIL] and form.get("password") == [ADMIN_PASSWORD]
        if not known or not self._world.get("site.login"):
            return PlainTextResponse("wrong mail address or password", status_code=401)
        return self._signed_in("dashboard")

    def _signed_in(self, path: str) -> Response:
        return with_session(self._world, self._state, RedirectResponse(path, status_code=303))

    async def _sso_start(self, _: Request) -> Response:
        return RedirectResponse("idp?client_id=teei&state=s1", status_code=302)

    async def _sso_idp(self, request: Request) -> Response:
        outcome = "code=sandbox-code" if self._world.get("site.sso") else "error=server_error"
        return RedirectResponse(f"callback?{outcome}&state={request.query_params.get('state', '')}", status_code=302)

    async def _sso_callback(self, request: Request) -> Response:
        if request.query_params.get("code") != "sandbox-code":
            return PlainTextResponse("the identity provider refused", status_code=502)
        return self._signed_in("../dashboard")

    async def _manifest(self, _: Request) -> Response:
        icon = {"src": "https://static.teei.io/icon-512.png", "sizes": "512x512", "type": "image/png"}
        return JSONResponse({"name": "TEEI Cockpit", "start_url": "/", "display": "standalone", "icons": [icon]})

    async def _service_worker(self, _: Request) -> Response:
        version, strategy = self._world.get("site.assets-version"), self._world.get("site.api-strategy")
        script = (
            f"const VERSION='{version}';const PRECACHE=['/offline','/manifest.webmanifest'];"
            f"route('https://api.teei.io/','{strategy}');route('https://static.teei.io/','cache-first');"
            "self.addEventListener('install',()=>notifyClients('update-available'));"
        )
        return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    async def _offline(self, _: Request) -> Response:
        return HTMLResponse("<!doctype html><title>Offline</title><p>You are offline.</p>")

    async def _privacy(self, _: Request) -> Response:
        if not self._world.get("site.privacy-policy"):
            return PlainTextResponse("not found", status_code=404)
        return HTMLResponse("<h1>Privacy policy</h1><p>Which cookies we set, and your rights under the GDPR.</p>")

    async def _dpo(self, _: Request) -> Response:
        if not self._world.get("site.dpo-contact"):
            return HTMLResponse("<h1>Data protection officer</h1><p>To be announced.</p>")
        return HTMLResponse("<h1>Data protection officer</h1><p>Write to dpo@teei.io.</p>")

    async def _security_txt(self, _: Request) -> Response:
        days = self._world.get("site.security-txt-days")
        if days is None:
            return PlainTextResponse("not found", status_code=404)
        expires = self._world.t0 + timedelta(days=_whole(days))
        return PlainTextResponse(f"Contact: mailto:security@teei.io\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\n")

    async def _asset(self, request: Request) -> Response:
        found = _ASSETS.get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("not found", status_code=404)
        kind, content = found
        if self._world.get("site.assets-tampered") and kind == "text/javascript":
            content += b"/* injected */"
        cached = f"public, max-age={self._world.get('site.assets-max-age')}, immutable"
        return Response(content, media_type=kind, headers={"Cache-Control": cached})

    async def _article(self, request: Request) -> Response:
        article = request.path_params["article"]
        if article not in str(self._world.get("site.help-articles")).split(","):
            return PlainTextResponse("not found", status_code=404)
        return HTMLResponse(f"<h1>{_HELP.get(article, article)}</h1>")


def _integrity(name: str) -> str:
    return f"sha384-{base64.b64encode(hashlib.sha384(_ASSETS[name][1]).digest()).decode()}"


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
