"""Content delivery of the sandbox: Cloudflare's API for the zone, and an edge that fetches from CloudFront's origin."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.parts.aws import REGION, AwsPart
from sandbox.parts.aws_account import RELEASE_ASSETS, STATIC, assets
from sandbox.parts.bearer import refused
from sandbox.world import World

if TYPE_CHECKING:
    from types_boto3_cloudfront import CloudFrontClient
    from types_boto3_s3 import S3Client

TOKEN, ZONE, ACCOUNT = "sandbox-cloudflare", "023e105f4ecef8ad9ca31a8372d0c353", "01a7362d577a6c3019a474fd6f485823"
_CACHE_RULES = ("Static assets for a year", "Never cache the API")
_ORIGIN_HEADERS = ("X-Origin-Verify", "X-Forwarded-Proto")


class CdnPart:
    """Cloudflare API v4 under `/client/v4`, the edge under `/edge`, and a local build of the release to publish."""

    name = "cdn"

    def __init__(self, aws: AwsPart) -> None:
        self._aws = aws
        self._builds = tempfile.TemporaryDirectory(prefix="tminus-builds-")
        self._lock = threading.RLock()

    def define(self, world: World) -> None:
        self._world = world
        self._purges: list[datetime] = [world.t0 - timedelta(days=30)]
        world.define("cdn.hit-ratio", 86, "percent of staging's requests that the edge serves from its cache")
        world.define("cdn.cache-rules", len(_CACHE_RULES), "how many of the cache rules are enabled")
        world.define("cdn.origin-headers", len(_ORIGIN_HEADERS), "how many of the origin request headers are set")
        world.define("cdn.purge-recorded", True, "whether Cloudflare carries out (and records) a purge")
        world.define("cdn.asset-missing", False, "whether the edge refuses the release's script")
        world.define("cdn.rollback-asset-missing", False, "whether the edge refuses the previous release's style sheet")

    def start(self) -> None:
        build = Path(self._builds.name) / RELEASE_ASSETS
        for name, body, _kind in assets(RELEASE_ASSETS):
            (build / name).parent.mkdir(parents=True, exist_ok=True)
            (build / name).write_bytes(body)

    def routes(self) -> Sequence[BaseRoute]:
        api = "/client/v4"
        return (
            Route(f"{api}/zones/{{zone}}", self._zone, methods=["GET"]),
            Route(f"{api}/zones/{{zone}}/purge_cache", self._purge, methods=["POST"]),
            Route(f"{api}/zones/{{zone}}/rulesets/phases/{{phase}}/entrypoint", self._ruleset, methods=["GET"]),
            Route(f"{api}/accounts/{{account}}/audit_logs", self._audit, methods=["GET"]),
            Route(f"{api}/graphql", self._graphql, methods=["POST"]),
            Route("/edge/{path:path}", self._edge, methods=["GET", "HEAD"]),
        )

    def tick(self) -> None:
        """Nothing here follows the clock."""

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:
        self._aws.seeded.wait(60)
        access: dict[str, JsonValue] = {
            "endpoint_url": self._aws.endpoint,
            "region": REGION,
            "access_key_id": "sandbox",
            "secret_access_key": "sandbox",
        }
        cloudflare: JsonValue = {"url": f"{base_url}/client/v4", "zone": ZONE, "account": ACCOUNT, "token": TOKEN}
        return {
            "content-delivery/sandbox-cdn": {
                "edge_url": f"{base_url}/edge",
                "cloudflare": cloudflare,
                "cloudfront": {**access, "distribution": self._aws.distribution},
            },
            "static-assets/sandbox-static-assets": {**access, "bucket": STATIC, "builds_folder": self._builds.name},
        }

    def stop(self) -> None:
        self._builds.cleanup()

    def _refused(self, request: Request) -> Response | None:
        if (refused(request, TOKEN)) is not None:
            error: JsonValue = {"code": 10000, "message": "Authentication error"}
            return JSONResponse({"success": False, "errors": [error], "messages": [], "result": None}, status_code=401)
        if request.path_params.get("zone", ZONE) != ZONE or request.path_params.get("account", ACCOUNT) != ACCOUNT:
            error = {"code": 7003, "message": "Could not route to the resource"}
            return JSONResponse({"success": False, "errors": [error], "messages": [], "result": None}, status_code=404)
        return None

    def _zone(self, request: Request) -> Response:
        return self._refused(request) or _success({"id": ZONE, "name": "teei.io", "status": "active"})

    def _purge(self, request: Request) -> Response:
        if (refusal := self._refused(request)) is not None:
            return refusal
        with self._lock:
            if self._world.get("cdn.purge-recorded"):
                self._purges.append(self._world.now())
        return _success({"id": ZONE})

    def _ruleset(self, request: Request) -> Response:
        if (refusal := self._refused(request)) is not None:
            return refusal
        match request.path_params["phase"]:
            case "http_request_cache_settings":
                on = int(str(self._world.get("cdn.cache-rules")))
                rules: list[JsonValue] = [
                    {"id": str(number), "description": name, "action": "set_cache_settings", "enabled": number < on}
                    for number, name in enumerate(_CACHE_RULES)
                ]
            case "http_request_late_transform":
                kept = _ORIGIN_HEADERS[: int(str(self._world.get("cdn.origin-headers")))]
                headers: JsonValue = {name: {"operation": "set", "value": "1"} for name in kept}
                rules = [
                    {"id": "h", "action": "rewrite", "enabled": True, "action_parameters": {"headers": headers}},
                ]
            case _:
                error: JsonValue = {"code": 10003, "message": "could not find entrypoint ruleset"}
                return JSONResponse(
                    {"success": False, "errors": [error], "messages": [], "result": None}, status_code=404
                )
        return _success({"id": "ruleset", "kind": "zone", "phase": request.path_params["phase"], "rules": rules})

    def _audit(self, request: Request) -> Response:
        if (refusal := self._refused(request)) is not None:
            return refusal
        zone: JsonValue = {"type": "zone", "id": ZONE}
        with self._lock:
            purges: list[JsonValue] = [
                {"id": str(number), "action": {"type": "purge", "result": True}, "resource": zone, "when": _stamp(when)}
                for number, when in enumerate(self._purges)
            ]
        return _success(purges[::-1])

    async def _graphql(self, request: Request) -> Response:
        if (refusal := self._refused(request)) is not None:
            return refusal
        body = await request.json()
        if "httpRequestsAdaptiveGroups" not in body["query"] or body["variables"]["zone"] != ZONE:
            return JSONResponse({"data": None, "errors": [{"message": "unknown field or zone"}]})
        hits = int(str(self._world.get("cdn.hit-ratio"))) * 10
        groups: JsonValue = [
            {"count": hits, "dimensions": {"cacheStatus": "hit"}},
            {"count": 1000 - hits, "dimensions": {"cacheStatus": "miss"}},
        ]
        return JSONResponse({"data": {"viewer": {"zones": [{"groups": groups}]}}, "errors": None})

    @cached_property
    def _cloudfront(self) -> CloudFrontClient:
        return boto3.client("cloudfront", config=_QUICK, **self._aws.credentials)  # type: ignore[call-overload, no-any-return]

    @cached_property
    def _s3(self) -> S3Client:
        return boto3.client("s3", config=_QUICK, **self._aws.credentials)  # type: ignore[call-overload, no-any-return]

    def _edge(self, request: Request) -> Response:
        """What an edge does on a miss: asks the origin that the distribution names."""
        path = request.path_params["path"]
        prefix = self._origin()
        knob = "cdn.asset-missing" if prefix == f"/{RELEASE_ASSETS}" else "cdn.rollback-asset-missing"
        try:
            found = self._s3.get_object(Bucket=STATIC, Key=f"{prefix}/{path or 'index.html'}".lstrip("/"))
        except ClientError:
            return Response(status_code=404)
        if self._world.get(knob) and path.endswith(".js" if knob == "cdn.asset-missing" else ".css"):
            return Response(status_code=403)
        headers = {"Cache-Control": found.get("CacheControl", ""), "ETag": found["ETag"], "CF-Cache-Status": "MISS"}
        return Response(found["Body"].read(), media_type=found["ContentType"], headers=headers)

    def _origin(self) -> str:
        settings = self._cloudfront.get_distribution_config(Id=self._aws.distribution)["DistributionConfig"]
        return settings["Origins"]["Items"][0].get("OriginPath", "")


_QUICK = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1})


def _success(result: JsonValue) -> JSONResponse:
    return JSONResponse({"success": True, "errors": [], "messages": [], "result": result})


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
