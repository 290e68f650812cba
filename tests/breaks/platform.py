"""What breaks each check on the platform, and nothing else.

`microservices-deployed` is asked after the deployment, the `rb-` checks after the rollback; the `version` knob is what
somebody sets by hand, past every pipeline, from the moment it is turned.
"""

from __future__ import annotations

from pydantic import JsonValue

BREAKS: dict[str, tuple[tuple[str, JsonValue], ...]] = {
    "lb-health-checks": (("network.health-check-path", "/"),),
    "k8s-resource-limits": (("cluster.limits.q2q-pipeline", False),),
    "autoscaling-policies": (("cluster.max-pods.export-service", 4),),
    "network-policies-firewall": (("cluster.default-deny", False),),
    "vpc-private-subnets": (("network.exposed-subnets", True),),
    "services-target-versions": (("registry.tags.export-service", ["v2.0.3", "v2.0.4"]),),
    "circuit-breaker-config": (("cluster.breaker-failures.q2q-pipeline", 50),),
    "mesh-routing-rules": (("cluster.route-subset.export-service", "canary"),),
    "graceful-shutdown": (("cluster.pre-stop.notification-service", False),),
    "microservices-deployed": (("cluster.version.export-service", "v2.0.3"),),
    "t8h-rollback-readiness": (("registry.tags.export-service", ["v2.1.0"]),),
    "rb-containers-reverted": (("cluster.version.export-service", "v2.1.0"),),
    "rb-rollout-complete": (("cluster.unready.export-service", "any"),),
}
