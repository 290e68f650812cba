"""The cluster of the sandbox: a Kubernetes API with namespace `production`, its controllers on the launch clock."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from kmock import ResourceInfo
from pydantic import JsonValue
from starlette.routing import BaseRoute

from sandbox.parts import cluster_seed as seed
from sandbox.parts.cluster_jobs import Handler, Jobs
from sandbox.parts.cluster_knobs import ClusterKnobs
from sandbox.parts.cluster_seed import DEPLOYMENTS, JOBS, NAMESPACE, PODS, PREVIOUS, Object, section
from sandbox.parts.kube_api import ApiThread, House, KubeApi, Refusal
from sandbox.parts.rollouts import Rollouts, Wish
from sandbox.world import World

TOKEN = "sandbox-cluster-token"


class ClusterPart:
    """Serves the API on a port of its own (`address`). Other parts register what `batch/v1` Jobs do in `jobs`."""

    name = "cluster"

    def __init__(self) -> None:
        self.jobs: dict[str, Handler] = {}
        self._thread = ApiThread()

    @property
    def address(self) -> str:
        """URL of the API server."""
        return self._thread.address

    def define(self, world: World) -> None:
        self._world = world
        house = House(
            self._reconcile,
            self._refusal,
            self._created,
            self._log,
            lambda: f"{world.now():%Y-%m-%dT%H:%M:%SZ}",
            lambda: str(world.get("cluster.owned")),
        )
        self._api = KubeApi(house, TOKEN)
        for kind, word in seed.KINDS.items():
            self._api.resources[kind] = ResourceInfo(kind=word, singular=word.lower(), namespaced=True)
        for kind, name, body in seed.objects():
            self._api.store(kind, name, body)
        self._job_runs = Jobs(self.jobs, world)
        self._knobs = ClusterKnobs(world, self._api, self._jump)
        self._knobs.define()
        self._rollouts = Rollouts(self._wishes(), world.now())

    def start(self) -> None:
        self._reconcile()
        self._thread.start(self._api)

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def tick(self) -> None:
        self._look()

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002  it has its own port
        access: dict[str, JsonValue] = {"server": self.address, "token": TOKEN, "namespace": NAMESPACE}
        return {"kubernetes-namespace/sandbox-cluster": access}

    def stop(self) -> None:
        self._thread.stop()

    def versions(self) -> dict[str, dict[str, float]]:
        """Service to version to the share of its pods that run it, 0 to 1, at this moment of the launch clock."""
        self._look()
        return {
            service: {image.rpartition(":")[2]: share for image, share in self._rollouts.shares(service).items()}
            for service in PREVIOUS
        }

    def unready(self, service: str) -> int:
        """How many of the service's settled pods do not serve."""
        self._look()
        status = self._rollouts.status(service)
        pods, ready = status["replicas"], status["readyReplicas"]
        return max(0, int(str(pods)) - int(str(ready)))

    def _stamp(self) -> str:
        return f"{self._world.now():%Y-%m-%dT%H:%M:%SZ}"

    def _jump(self, service: str) -> None:
        self._rollouts.jump(service)

    def _look(self) -> None:
        seconds = float(str(self._world.get("cluster.rollout-seconds")))
        self._rollouts.look(self._wishes(), self._world.now(), timedelta(seconds=seconds))

    def _wishes(self) -> dict[str, Wish]:
        return {service: self._wish(service) for service in PREVIOUS}

    def _wish(self, service: str) -> Wish:
        body = self._api.read(DEPLOYMENTS, service)
        image = str(section(body, "spec", "template", "spec", "containers", "0")["image"])
        replicas = int(str(section(body, "spec").get("replicas", 1)))
        deadline = timedelta(seconds=seed.PROGRESS_DEADLINE_SECONDS)
        return Wish(image, replicas, deadline, self._knobs.trouble(service, image))

    def _reconcile(self) -> None:
        """Writes what the controllers did by now into the objects; on the server's thread, before a request."""
        self._look()
        for service in PREVIOUS:
            self._api.change(DEPLOYMENTS, service, partial(self._with_status, service))
        pods = {_name(pod): pod for pod in (*self._rollouts.pods(), *self._job_runs.pods())}
        for name in self._api.names(PODS):
            if name not in pods:
                self._api.drop(PODS, name)
        known = set(self._api.names(PODS))
        for name, pod in pods.items():
            if name in known:
                self._api.change(PODS, name, partial(_with, "status", pod["status"]))
            else:
                self._api.store(PODS, name, pod)
        for name in self._api.names(JOBS):
            self._api.change(JOBS, name, partial(_with, "status", self._job_runs.status(name)))

    def _with_status(self, service: str, body: Object) -> Object:
        metadata = section(body, "metadata")
        notes = metadata.get("annotations")
        revision: Object = {"deployment.kubernetes.io/revision": str(self._rollouts.revision(service))}
        annotations: Object = {**(notes if isinstance(notes, dict) else {}), **revision}
        status: Object = {**self._rollouts.status(service), "observedGeneration": metadata["generation"]}
        return {**body, "metadata": {**metadata, "annotations": annotations}, "status": status}

    def _refusal(self, verb: str, group: str, plural: str) -> Refusal | None:
        return self._knobs.refusal(verb, group, plural)

    async def _created(self, plural: str, body: Object) -> None:
        if plural == "jobs":
            await asyncio.to_thread(self._job_runs.run, body)

    def _log(self, pod: str) -> str | None:
        return self._job_runs.log(pod)


def _name(body: Object) -> str:
    return str(section(body, "metadata")["name"])


def _with(key: str, value: JsonValue, body: Object) -> Object:
    return {**body, key: value}
