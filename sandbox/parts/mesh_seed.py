"""The objects of the sandbox's mesh: eight services, each as `stable` and `canary`, under Istio and the Gateway API."""

from __future__ import annotations

from pydantic import JsonValue

from sandbox.parts.cluster_seed import DEPLOYMENTS, RULES, Object, metadata
from sandbox.parts.cluster_seed import SERVICES as VIRTUAL_SERVICES

SERVICES = (
    "auth-service", "api-gateway", "content-service", "search-service", "sona-engine", "sync-service",
    "playback-service", "mcp-server",
)  # fmt: skip
STABLE, CANARY = "stable", "canary"
REPLICAS = {STABLE: 2, CANARY: 1}
HTTP_ROUTES = "gateway.networking.k8s.io/v1/httproutes"
VERSIONS = {STABLE: "v0.9.0", CANARY: "v1.0.0"}
WORKLOADS = tuple(f"{service}{suffix}" for service in SERVICES for suffix in ("", f"-{CANARY}"))


def track_of(workload: str) -> str:
    """Which of the two a workload is."""
    return CANARY if workload.endswith(f"-{CANARY}") else STABLE


def deployment(workload: str) -> Object:
    """A Deployment of one track; the stable one bears the service's name."""
    track = track_of(workload)
    service = workload.removesuffix(f"-{CANARY}")
    labels: Object = {"app": service, "track": track}
    container: JsonValue = {"name": workload, "image": f"media/{service}:{VERSIONS[track]}"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(workload, labels=labels),
        "spec": {
            "replicas": REPLICAS[track],
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def _destination(service: str, track: str) -> Object:
    return {"destination": {"host": service, "subset": track}}


def virtual_service(service: str) -> Object:
    """Testers by a header get the canary; everybody else is shared out by weight."""
    stable, canary = _destination(service, STABLE), _destination(service, CANARY)
    testers: JsonValue = {
        "name": "testers",
        "match": [{"headers": {"x-canary": {"exact": "always"}}}],
        "route": [canary],
    }
    primary: JsonValue = {
        "name": "primary",
        "timeout": "10s",
        "route": [{**stable, "weight": 100}, {**canary, "weight": 0}],
    }
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": metadata(service),
        "spec": {"hosts": [service], "http": [testers, primary]},
    }


def destination_rule(service: str) -> Object:
    """Both subsets of a service."""
    subsets: JsonValue = [{"name": track, "labels": {"app": service, "track": track}} for track in (STABLE, CANARY)]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": metadata(service),
        "spec": {"host": service, "subsets": subsets},
    }


def http_route(service: str) -> Object:
    """The same under the Gateway API."""
    backends: JsonValue = [
        {"name": f"{service}-{STABLE}", "port": 8080, "weight": 1},
        {"name": f"{service}-{CANARY}", "port": 8080, "weight": 0},
    ]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(service),
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": backends}]},
    }


def objects() -> list[tuple[str, str, Object]]:
    """Resource, name and body of everything at the start."""
    seeded = [(DEPLOYMENTS, workload, deployment(workload)) for workload in WORKLOADS]
    for service in SERVICES:
        seeded += [
            (VIRTUAL_SERVICES, service, virtual_service(service)),
            (RULES, service, destination_rule(service)),
            (HTTP_ROUTES, service, http_route(service)),
        ]
    return seeded
