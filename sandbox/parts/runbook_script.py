"""What `deploy-production.sh` and `rollback-production.sh` do: `runbook_script.py VERB OUTCOME [VERSION]`.

Runs by itself, without the sandbox's packages, as an operator's script would.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request

_TARGETS = {
    "reporting-api": "v2.5.0",
    "q2q-pipeline": "v1.8.2",
    "notification-service": "v1.3.1",
    "export-service": "v2.1.0",
}
# The runbook's rollback script reverts these three and gives them all the one version it is called with.
_REVERTED = ("reporting-api", "q2q-pipeline", "notification-service")


def set_image(service: str, version: str) -> None:
    """Does what `kubectl set image` does."""
    containers = [{"name": service, "image": f"teei/{service}:{version}"}]
    path = f"/apis/apps/v1/namespaces/production/deployments/{service}"
    request = urllib.request.Request(  # loopback address of the sandbox's cluster
        os.environ["CLUSTER_SERVER"] + path,
        data=json.dumps({"spec": {"template": {"spec": {"containers": containers}}}}).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['CLUSTER_TOKEN']}",
            "Content-Type": "application/strategic-merge-patch+json",
        },
        method="PATCH",
    )
    with urllib.request.urlopen(request, timeout=10):
        sys.stdout.write(f"deployment.apps/{service} image updated\n")


def main(verb: str, outcome: str, versions: list[str]) -> int:
    """Exit status."""
    if verb == "rollback" and not versions:
        sys.stdout.write("Usage: ./rollback-production.sh v2.4.9\n")
        return 1
    wanted = _TARGETS if verb == "deploy" else dict.fromkeys(_REVERTED, versions[0])
    for service, version in wanted.items():
        set_image(service, version)
    if outcome == "fail":
        sys.stdout.write("error: health check failed\n")
        return 1
    if outcome != "silent":
        sys.stdout.write("Deployment complete!\n" if verb == "deploy" else "Rollback complete!\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
