"""cockpit.teei.io over real TLS, with a private certificate authority, and the cert-manager that renews it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import trustme
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.bearer import refused
from sandbox.world import World

_TOKEN = "sandbox-cert-reader"
_NAME = "cockpit-teei-io"
# cert-manager's default: renewal at two thirds of a 90-day life.
_RENEW_BEFORE = timedelta(days=30)
_SHAKE_SECONDS = 5.0


class TlsPart:
    """A TLS server on its own port; a turned knob takes effect with the next handshake."""

    name = "tls"

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def define(self, world: World) -> None:
        self._world = world
        world.define("tls.days-left", 75, "days from T0 until the certificate expires", setter=lambda _: self._issue())
        world.define("tls.host", "cockpit.teei.io", "name in the certificate", setter=lambda _: self._issue())
        world.define(
            "tls.chain", "complete", "complete, or leaf-only: intermediates missing", setter=lambda _: self._issue()
        )
        world.define("tls.auto-renewal", True, "whether cert-manager renews the certificate")

    def start(self) -> None:
        self._root = trustme.CA()
        self._intermediate = self._root.create_child_ca()
        self._issue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="sandbox-tls", daemon=True)
        self._thread.start()

    def routes(self) -> Sequence[BaseRoute]:
        prefix = "/apis/cert-manager.io/v1/namespaces/{namespace}/certificates"
        return [Route(prefix, self._certificates), Route(f"{prefix}/{{name}}", self._certificate)]

    def tick(self) -> None:
        """The certificate's dates are fixed relative to T0."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        port = self._listener.getsockname()[1] if self._listener else 0
        return {
            "certificates/sandbox-certificates": {
                "addresses": {"cockpit.teei.io": f"127.0.0.1:{port}"},
                "trusted_roots_pem": self._root.cert_pem.bytes().decode(),
                "cluster_url": base_url,
                "cluster_token": _TOKEN,
                "namespace": "production",
                "timeout_seconds": 10,
            }
        }

    def stop(self) -> None:
        self._stopping.set()
        if self._listener is not None:
            # Wakes the accepting thread; closing a listener alone does not.
            with contextlib.suppress(OSError):
                socket.create_connection(self._listener.getsockname(), timeout=1).close()
        if self._thread is not None:
            self._thread.join(5)
        if self._listener is not None:
            self._listener.close()

    def _expiry(self) -> datetime:
        days = self._world.get("tls.days-left")
        return self._world.t0 + timedelta(days=float(days) if isinstance(days, int | float) else 0.0)

    def _issue(self) -> None:
        leaf = self._intermediate.issue_cert(str(self._world.get("tls.host")), not_after=self._expiry())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        sent = leaf.cert_chain_pems if self._world.get("tls.chain") == "complete" else leaf.cert_chain_pems[:1]
        bundle = leaf.private_key_pem.bytes() + b"".join(pem.bytes() for pem in sent)
        with trustme.Blob(bundle).tempfile() as path:
            context.load_cert_chain(path)
        self._context = context

    def _serve(self) -> None:
        while self._listener is not None and not self._stopping.is_set():
            plain, _ = self._listener.accept()
            plain.settimeout(_SHAKE_SECONDS)
            with contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as shaken:
                shaken.recv(1)
            plain.close()

    async def _certificates(self, request: Request) -> Response:
        if refusal := refused(request, _TOKEN):
            return refusal
        return JSONResponse({"apiVersion": "cert-manager.io/v1", "kind": "CertificateList", "items": []})

    async def _certificate(self, request: Request) -> Response:
        if refusal := refused(request, _TOKEN):
            return refusal
        if request.path_params["name"] != _NAME:
            status = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
            return JSONResponse(status, status_code=404)
        renews = bool(self._world.get("tls.auto-renewal"))
        ready: JsonValue = {
            "type": "Ready",
            "status": "True" if renews else "False",
            "reason": "Ready" if renews else "Failed",
        }
        times: dict[str, JsonValue] = {
            "notAfter": _stamp(self._expiry()),
            "renewalTime": _stamp(self._expiry() - _RENEW_BEFORE),
        }
        body: JsonValue = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Certificate",
            "metadata": {"name": _NAME, "namespace": request.path_params["namespace"]},
            "status": {"conditions": [ready], **(times if renews else {})},
        }
        return JSONResponse(body)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
