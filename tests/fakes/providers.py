"""Every provider that is reached over HTTP, pointed at one address, and how its vendor words what goes wrong."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from prefect.blocks.core import Block
from pydantic import JsonValue, SecretStr

from console.systems import block_types
from tests.fakes.scripted_server import Asked, Reply

ROOT = Path(__file__).parents[2]
SECRET = "s3cr3t"
"""Part of every credential here and of every error body: it may be in no sentence."""

Fields = Mapping[str, JsonValue]


class Trouble(StrEnum):
    """What can go wrong between a question and its answer."""

    CREDENTIALS = "refused credentials"
    RIGHT = "a missing right"
    LOST = "not found"
    LIMITED = "429 with Retry-After"
    BROKEN = "500"
    SILENT = "a hang"
    MALFORMED = "malformed body"
    EMPTY = "empty body"


AGAIN = {Trouble.LIMITED, Trouble.BROKEN, Trouble.SILENT}
"""After these, asking again can help."""

_STATUS = {
    Trouble.CREDENTIALS: 401,
    Trouble.RIGHT: 403,
    Trouble.LOST: 404,
    Trouble.LIMITED: 429,
    Trouble.BROKEN: 500,
}
_WAIT = {"Retry-After": "7"}


def plain(trouble: Trouble, asked: Asked) -> Reply | None:
    """Most vendors: a status and some JSON."""
    del asked
    match trouble:
        case Trouble.SILENT:
            return None
        case Trouble.MALFORMED:
            return Reply(body=f"<html>sign in, {SECRET}</html>".encode(), headers={"Content-Type": "text/html"})
        case Trouble.EMPTY:
            return Reply(body=b"{}", headers={"Content-Type": "application/json"})
        case _:
            headers = {"Content-Type": "application/json"} | (_WAIT if trouble is Trouble.LIMITED else {})
            return Reply(_STATUS[trouble], f'{{"message": "no: {SECRET}"}}'.encode(), headers)


def slack(trouble: Trouble, asked: Asked) -> Reply | None:
    """Refusals are 200: https://docs.slack.dev/apis/web-api/#responses."""
    words = {
        Trouble.CREDENTIALS: '"invalid_auth"',
        Trouble.RIGHT: '"missing_scope", "needed": "channels:read", "provided": "chat:write"',
        Trouble.LOST: '"channel_not_found"',
    }
    if trouble not in words:
        return plain(trouble, asked)
    body = f'{{"ok": false, "error": {words[trouble]}, "hint": "{SECRET}"}}'
    return Reply(body=body.encode(), headers={"Content-Type": "application/json"})


def uptime_robot(trouble: Trouble, asked: Asked) -> Reply | None:
    """Refusals are 200: https://uptimerobot.com/api/legacy/. It has no rights to lack, and no name to be lost."""
    if trouble is not Trouble.CREDENTIALS:
        return plain(trouble, asked)
    error = f'{{"type": "invalid_parameter", "parameter_name": "api_key", "message": "no: {SECRET}"}}'
    return Reply(body=f'{{"stat": "fail", "error": {error}}}'.encode(), headers={"Content-Type": "application/json"})


def new_relic(trouble: Trouble, asked: Asked) -> Reply | None:
    """GraphQL tells within the answer: https://docs.newrelic.com/docs/apis/nerdgraph/get-started/."""
    kinds = {
        Trouble.CREDENTIALS: '"code": "BAD_API_KEY", "errorClass": "SERVER_ERROR"',
        Trouble.RIGHT: '"errorClass": "ACCESS_DENIED"',
    }
    if trouble not in kinds:
        return plain(trouble, asked)
    body = f'{{"data": {{"actor": null}}, "errors": [{{"message": "{SECRET}", "extensions": {{{kinds[trouble]}}}}}]}}'
    return Reply(body=body.encode(), headers={"Content-Type": "application/json"})


_AWS = {
    Trouble.CREDENTIALS: (403, "InvalidClientTokenId", "The security token is invalid"),
    Trouble.RIGHT: (403, "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: some:Action on *"),
    Trouble.LOST: (404, "NoSuchThing", "not there"),
    Trouble.LIMITED: (400, "Throttling", "Rate exceeded"),
    Trouble.BROKEN: (500, "InternalFailure", "internal"),
}


def aws_xml(trouble: Trouble, asked: Asked) -> Reply | None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and its sisters."""
    if trouble is Trouble.EMPTY:
        return Reply(body=b"<Empty/>", headers={"Content-Type": "text/xml"})
    if trouble not in _AWS:
        return plain(trouble, asked)
    status, code, message = _AWS[trouble]
    error = f"<Code>{code}</Code><Message>{message}; {SECRET}</Message>"
    body = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
    return Reply(status, body.encode(), {"Content-Type": "text/xml"})


def aws_s3(trouble: Trouble, asked: Asked) -> Reply | None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""
    reply = aws_xml(trouble, asked)
    if reply is None or trouble not in _AWS:
        return reply
    inner = reply.body.replace(b"<ErrorResponse>", b"").replace(b"</ErrorResponse>", b"")
    return Reply(reply.status, inner, reply.headers)


def aws_ec2(trouble: Trouble, asked: Asked) -> Reply | None:
    """EC2's errors are one level deeper."""
    reply = aws_xml(trouble, asked)
    if reply is None or trouble not in _AWS:
        return reply
    inner = reply.body.replace(b"ErrorResponse>", b"Errors>")
    return Reply(reply.status, b"<Response>" + inner + b"</Response>", reply.headers)


def aws_json(trouble: Trouble, asked: Asked) -> Reply | None:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html."""
    if trouble not in _AWS:
        return plain(trouble, asked)
    status, code, message = _AWS[trouble]
    body = f'{{"__type": "{code}", "message": "{message}; {SECRET}"}}'
    return Reply(status, body.encode(), {"Content-Type": "application/x-amz-json-1.1"})


def aws_rds(trouble: Trouble, asked: Asked) -> Reply | None:
    """RDS speaks XML, CloudWatch beside it JSON."""
    return aws_json(trouble, asked) if "X-Amz-Target" in asked.headers else aws_xml(trouble, asked)


def edge(trouble: Trouble, asked: Asked) -> Reply | None:
    """Cloudflare's JSON, and CloudFront's XML below the date of its API."""
    return aws_xml(trouble, asked) if asked.path.startswith("/2020-05-31/") else plain(trouble, asked)


def kubernetes(trouble: Trouble, asked: Asked) -> Reply | None:
    """https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/."""
    if trouble is not Trouble.RIGHT:
        return plain(trouble, asked)
    message = f'deployments.apps is forbidden: User \\"{SECRET}\\" cannot list resource \\"deployments\\" in API group'
    body = f'{{"kind": "Status", "reason": "Forbidden", "message": "{message}", "code": 403}}'
    return Reply(403, body.encode(), {"Content-Type": "application/json"})


Dialect = Callable[[Trouble, Asked], Reply | None]
_TOKEN = {"token": SECRET}
_AWS_KEY = {"region": "eu-west-1", "access_key_id": "AKIA", "secret_access_key": SECRET}


@cache
def _hosts() -> tuple[str, ...]:
    import re

    text = "".join(path.read_text() for path in [ROOT / "plans" / "teei-csr.yaml"])
    return tuple(sorted(set(re.findall(r"https?://([a-z0-9.-]+)", text))))


def _cloud(url: str) -> Fields:
    return {**_AWS_KEY, "endpoint_url": url}


def _cluster(url: str) -> Fields:
    return {"namespace": "production", "server": url, **_TOKEN}


@cache
def _google_key() -> str:
    """Made here: no key is kept in a repository."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {
        "client_email": f"{SECRET}@p.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    return json.dumps({"type": "service_account", "private_key": private, "private_key_id": SECRET, **account})


_SPECIAL: dict[str, tuple[Dialect, Callable[[str], Fields]]] = {
    "aws-load-balancer-weights": (aws_xml, lambda url: {**_cloud(url), "load_balancer": "x"}),
    "aws-network": (aws_ec2, lambda url: {**_cloud(url), "vpc": "x", "load_balancer": "x"}),
    "brevo": (plain, lambda url: {"api_key": SECRET, "sender": "a@b.example", "base_url": url}),
    "cache-admin": (
        plain,
        lambda url: {"url": url, "redis_url": f"redis://:{SECRET}@{url.removeprefix('http://')}/0", **_TOKEN},
    ),
    "certificates": (
        plain,
        lambda url: {"cluster_url": url, "cluster_token": SECRET},
    ),
    "cloudwatch": (aws_json, _cloud),
    "cloudwatch-logs": (aws_json, _cloud),
    "confluence": (
        plain,
        lambda url: {
            "base_url": url,
            "email": "a@b.example",
            "api_token": SECRET,
            "space": "X",
        },
    ),
    "cloud-sql": (plain, lambda url: {"url": url, "project": "p", "instance": "i", "service_account": _google_key()}),
    "content-delivery": (
        edge,
        lambda url: {
            "edge_url": url,
            "cloudflare": {"url": url, "zone": "z", "account": "a", **_TOKEN},
            "cloudfront": {**_cloud(url), "distribution": "D"},
        },
    ),
    "database-snapshots": (aws_rds, lambda url: {**_cloud(url), "instance": "x"}),
    "gateway-routes": (kubernetes, _cluster),
    "image-registry": (
        plain,
        lambda url: {"url": url, "prefix": "p", "username": "u", "password": SECRET},
    ),
    "istio-routes": (kubernetes, _cluster),
    "kubernetes-namespace": (
        kubernetes,
        lambda url: {
            **_cluster(url),
            "manifests_folder": str(ROOT / "tests" / "data" / "manifests"),
            "secrets": {"database": {"password": SECRET}},
        },
    ),
    "linkedin": (plain, lambda url: {"base_url": url, "author": "urn:li:organization:1", **_TOKEN}),
    "new-relic-metrics": (new_relic, lambda url: {"url": url, "api_key": SECRET, "account": 1}),
    "object-storage": (aws_s3, _cloud),
    "pagerduty": (
        plain,
        lambda url: {"base_url": url, "events_url": url, "routing_key": SECRET, **_TOKEN},
    ),
    "partners": (
        plain,
        lambda url: {
            "apis": {
                name: {"url": url} for name in ("anthropic", "benevity", "goodera", "impact-in", "openai", "discord")
            },
            "api_keys": dict.fromkeys(("anthropic", "benevity", "goodera", "impact-in", "openai", "discord"), SECRET),
            "product_url": url,
            "product_token": SECRET,
        },
    ),
    "secret-store": (aws_json, _cloud),
    "slack-chat": (slack, lambda url: {"token": SECRET, "base_url": f"{url}/"}),
    "static-assets": (
        aws_s3,
        lambda url: {**_cloud(url), "bucket": "b", "builds_folder": str(ROOT / "tests" / "data" / "builds")},
    ),
    "statuspage": (plain, lambda url: {"page_id": "p", "public_url": url, "base_url": url, **_TOKEN}),
    "uptime-robot": (uptime_robot, lambda url: {"url": url, "api_key": SECRET}),
    "web-site": (
        plain,
        lambda url: {
            "home": f"{url}/",
            "addresses": dict.fromkeys(_hosts(), url),
            "tokens": dict.fromkeys(("admin", "free-tier", "pilot-tier", "enterprise-tier"), SECRET),
        },
    ),
    "zendesk": (
        plain,
        lambda url: {"base_url": url, "email": "a@b.example", "api_token": SECRET},
    ),
}
"""Those whose fields, or whose vendor's words for trouble, are of their own kind."""


def _usual(kind: type[Block]) -> Callable[[str], Fields]:
    """Most blocks: addresses and secrets, and names that may be anything."""

    def fields(url: str) -> Fields:
        given: dict[str, JsonValue] = {}
        for name, field in kind.model_fields.items():
            if field.annotation in {SecretStr, SecretStr | None}:
                given[name] = SECRET
            elif name == "url" or name.endswith("_url"):
                given[name] = url
            elif field.is_required():
                given[name] = 1 if field.annotation is int else "x"
        return given

    return fields


PROVIDERS: dict[str, tuple[Dialect, Callable[[str], Fields]]] = _SPECIAL | {
    slug: (plain, _usual(kind))
    for slug, kind in block_types().items()
    if slug not in _SPECIAL and "url" in kind.model_fields and kind.model_fields["url"].annotation is str
}


def provider(slug: str, url: str, *, patience: float) -> Block:
    """The block of this type, pointed at an address, that waits so many seconds for an answer."""
    # Slack's client counts whole seconds.
    seconds = max(1, round(patience)) if slug == "slack-chat" else patience
    return block_types()[slug].model_validate(_patient(PROVIDERS[slug][1](url), seconds))


def _patient(fields: Fields, seconds: float) -> dict[str, JsonValue]:
    """The fields, and those of systems within, with their time-outs."""
    within = {
        name: _patient(given, seconds) if "token" in given or "region" in given else given
        for name, given in fields.items()
        if isinstance(given, dict)
    }
    return {**fields, **within, "timeout_seconds": seconds}
