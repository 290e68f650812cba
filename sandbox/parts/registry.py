"""The sandbox's image registry: the OCI distribution API with its token handshake."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.world import World

USERNAME, PASSWORD = "sandbox-pull", "sandbox-registry-password"
_TOKEN = "sandbox-registry-token"
_MEDIA = "application/vnd.oci.image.manifest.v1+json"
# Oldest first: what was before, what runs, what the launch brings.
PUBLISHED: Mapping[str, tuple[str, ...]] = {
    "reporting-api": ("v2.4.8", "v2.4.9", "v2.5.0"),
    "q2q-pipeline": ("v1.8.0", "v1.8.1", "v1.8.2"),
    "notification-service": ("v1.2.9", "v1.3.0", "v1.3.1"),
    "export-service": ("v2.0.3", "v2.0.4", "v2.1.0"),
}


class RegistryPart:
    """Repositories `teei/<service>`."""

    name = "registry"

    def define(self, world: World) -> None:
        self._world = world
        for service, tags in PUBLISHED.items():
            world.define(f"registry.tags.{service}", list(tags), f"tags of teei/{service}")
            world.define(
                f"registry.label.{service}", "", f"version that images of {service} say they are, if not their tag"
            )

    def start(self) -> None:
        """Nothing runs besides the endpoints."""

    def routes(self) -> Sequence[BaseRoute]:
        return (
            Route("/v2/", self._base),
            Route("/v2/teei/{service}/tags/list", self._tags),
            Route("/v2/teei/{service}/manifests/{reference}", self._manifest, methods=["GET", "HEAD"]),
            Route("/token", self._grant),
        )

    def tick(self) -> None:
        """Nothing moves by itself."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        fields: dict[str, JsonValue] = {
            "url": base_url,
            "prefix": "teei",
            "username": USERNAME,
            "password": PASSWORD,
        }
        return {"image-registry/sandbox-registry": fields}

    def stop(self) -> None:
        """Nothing to end."""

    def _base(self, request: Request) -> Response:
        return _refused(request) or JSONResponse({})

    def _tags(self, request: Request) -> Response:
        service = request.path_params["service"]
        if refused := _refused(request):
            return refused
        if service not in PUBLISHED:
            return _missing("NAME_UNKNOWN")
        return JSONResponse({"name": f"teei/{service}", "tags": self._served(service)})

    def _manifest(self, request: Request) -> Response:
        service, reference = request.path_params["service"], request.path_params["reference"]
        if refused := _refused(request):
            return refused
        if service not in PUBLISHED or reference not in self._served(service):
            return _missing("MANIFEST_UNKNOWN")
        body = _manifest(service, reference, str(self._world.get(f"registry.label.{service}")) or reference)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        return Response(body, media_type=_MEDIA, headers={"Docker-Content-Digest": digest})

    def _grant(self, request: Request) -> Response:
        expected = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return JSONResponse({"errors": [{"code": "UNAUTHORIZED"}]}, status_code=401)
        return JSONResponse({"token": _TOKEN, "expires_in": 300})

    def _served(self, service: str) -> list[str]:
        tags = self._world.get(f"registry.tags.{service}")
        return [str(tag) for tag in tags] if isinstance(tags, list) else []


def _refused(request: Request) -> Response | None:
    if request.headers.get("authorization") == f"Bearer {_TOKEN}":
        return None
    realm = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}/token"
    challenge = f'Bearer realm="{realm}",service="sandbox"'
    body = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
    return JSONResponse(body, status_code=401, headers={"WWW-Authenticate": challenge})


def _missing(code: str) -> Response:
    return JSONResponse({"errors": [{"code": code}]}, status_code=404)


def _manifest(service: str, tag: str, version: str) -> bytes:
    def descriptor(kind: str) -> dict[str, JsonValue]:
        digest = hashlib.sha256(f"{kind} {service} {tag}".encode()).hexdigest()
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": 4096}

    manifest: dict[str, JsonValue] = {
        "schemaVersion": 2,
        "mediaType": _MEDIA,
        "config": descriptor("config.v1+json"),
        "layers": [descriptor("layer.v1.tar+gzip")],
        "annotations": {"org.opencontainers.image.version": version},
    }
    return json.dumps(manifest).encode()
