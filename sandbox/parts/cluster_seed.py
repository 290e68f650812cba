"""The objects that namespace `production` of the sandbox's cluster starts with."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

Object = dict[str, JsonValue]

NAMESPACE = "production"
# What runs before the launch; the release brings the next version of each.
PREVIOUS: Mapping[str, str] = {
    "reporting-api": "v2.4.9",
    "q2q-pipeline": "v1.8.1",
    "notification-service": "v1.3.0",
    "export-service": "v2.0.4",
}
REPLICAS = 3
PROGRESS_DEADLINE_SECONDS = 300

DEPLOYMENTS = "apps/v1/deployments"
AUTOSCALERS = "autoscaling/v2/horizontalpodautoscalers"
POLICIES = "networking.k8s.io/v1/networkpolicies"
RULES = "networking.istio.io/v1/destinationrules"
SERVICES = "networking.istio.io/v1/virtualservices"
PODS = "v1/pods"
JOBS = "batch/v1/jobs"
# What discovery says of each kind; without it kmock makes a name up from the plural.
KINDS: Mapping[str, str] = {
    PODS: "Pod",
    JOBS: "Job",
    DEPLOYMENTS: "Deployment",
    AUTOSCALERS: "HorizontalPodAutoscaler",
    POLICIES: "NetworkPolicy",
    RULES: "DestinationRule",
    SERVICES: "VirtualService",
    "v1/services": "Service",
    "v1/secrets": "Secret",
    "v1/configmaps": "ConfigMap",
    "v1/events": "Event",
    "apps/v1/replicasets": "ReplicaSet",
}


def section(body: Object, *path: str) -> Object:
    """The map at a path of keys and, written as digits, positions. Raises `TypeError` where there is none."""
    inner: JsonValue = body
    for step in path:
        if isinstance(inner, dict):
            inner = inner.get(step)
        elif isinstance(inner, list) and step.isdigit() and int(step) < len(inner):
            inner = inner[int(step)]
    if not isinstance(inner, dict):
        raise TypeError(f"an object without {'.'.join(path)}")
    return inner


def image(service: str, version: str) -> str:
    return f"teei/{service}:{version}"


def metadata(name: str, **more: JsonValue) -> Object:
    return {"name": name, "namespace": NAMESPACE, **more}


def container(service: str, version: str) -> Object:
    return {
        "name": service,
        "image": image(service, version),
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 5},
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 10"]}}},
    }


def deployment(service: str) -> Object:
    labels: Object = {"app": service}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(service, labels=labels, annotations={"deployment.kubernetes.io/revision": "1"}),
        "spec": {
            "replicas": REPLICAS,
            "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 45, "containers": [container(service, PREVIOUS[service])]},
            },
        },
    }


def autoscaler(service: str) -> Object:
    target: Object = {"apiVersion": "apps/v1", "kind": "Deployment", "name": service}
    cpu: Object = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(service),
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": 2,
            "maxReplicas": 10,
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    }


def deny_everything() -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata("default-deny"),
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }


def allow_mesh(service: str) -> Object:
    gateway: Object = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(f"allow-{service}"),
        "spec": {
            "podSelector": {"matchLabels": {"app": service}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [gateway, {"podSelector": {}}], "ports": [{"port": 8080}]}],
        },
    }


def destination_rule(service: str) -> Object:
    breaker: Object = {"consecutive5xxErrors": 5, "interval": "10s", "baseEjectionTime": "30s"}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": metadata(service),
        "spec": {
            "host": service,
            "trafficPolicy": {"outlierDetection": breaker},
            "subsets": [{"name": "stable", "labels": {"app": service}}],
        },
    }


def virtual_service(service: str) -> Object:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": metadata(service),
        "spec": {
            "hosts": [service],
            "http": [{"route": [{"destination": {"host": service, "subset": "stable"}, "weight": 100}]}],
        },
    }


def objects() -> list[tuple[str, str, Object]]:
    """Resource, name and body of everything at the start."""
    seeded: list[tuple[str, str, Object]] = [(POLICIES, "default-deny", deny_everything())]
    for service in PREVIOUS:
        seeded += [
            (DEPLOYMENTS, service, deployment(service)),
            (AUTOSCALERS, service, autoscaler(service)),
            (POLICIES, f"allow-{service}", allow_mesh(service)),
            (RULES, service, destination_rule(service)),
            (SERVICES, service, virtual_service(service)),
        ]
    return seeded
