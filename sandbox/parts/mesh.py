"""A cluster whose traffic is shared out by weights: VirtualServices and HTTPRoutes on a Kubernetes API of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from kmock import ResourceInfo
from pydantic import JsonValue
from starlette.routing import BaseRoute

from launch.weights import share_of
from sandbox.parts import mesh_seed as seed
from sandbox.parts.cluster_knobs import VENDOR_REFUSALS, forbidden
from sandbox.parts.cluster_seed import DEPLOYMENTS, NAMESPACE, PODS, Object, section
from sandbox.parts.cluster_seed import SERVICES as VIRTUAL_SERVICES
from sandbox.parts.kube_api import ApiThread, House, KubeApi, Refusal
from sandbox.parts.mesh_seed import HTTP_ROUTES, SERVICES, WORKLOADS
from sandbox.parts.rollouts import Rollouts, Trouble, Wish
from sandbox.product import Product
from sandbox.world import World

TOKEN = "sandbox-mesh-token"
_PRIMARY = ("spec", "http", "1")
_ROUTES = {"virtualservices": VIRTUAL_SERVICES, "httproutes": HTTP_ROUTES}
_DEADLINE = timedelta(minutes=5)


class MeshPart:
    """Serves the API on a port of its own. Each service is a route whose canary share the product's users feel."""

    name = "mesh"

    def __init__(self) -> None:
        self._thread = ApiThread()

    def define(self, world: World) -> None:
        self._world = world
        house = House(self._reconcile, self._refusal, self._created, self._log, self._stamp)
        self._api = KubeApi(house, TOKEN)
        for kind in (PODS, "v1/events"):
            self._api.resources[kind] = ResourceInfo()
        for kind, name, body in seed.objects():
            self._api.store(kind, name, body)
        world.define("mesh.forbidden", "", 'a right that the account lacks, e.g. "patch virtualservices"')
        world.define("mesh.interferes", 0, "at how many coming writes of routes somebody else was quicker")
        world.define("mesh.gateway-lags", False, "whether gateways take no change of HTTPRoutes up")
        world.define("mesh.gateway-refuses", False, "whether gateways refuse every HTTPRoute")
        world.define("mesh.rollout-seconds", 20, "how long a rolling update of one workload takes")
        for service in SERVICES:
            what = f"canary share of {service}, set by hand, in %"
            world.define(f"mesh.canary.{service}", 0, what, setter=partial(self._by_hand, service))
            world.define(f"mesh.unready.{service}-canary", False, f"whether canary pods of {service} never get ready")
            Product.of(world).exposure.watch(service, partial(self._share, service))
        self._rollouts = Rollouts(self._wishes(), world.now())

    def start(self) -> None:
        self._reconcile()
        self._thread.start(self._api)

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    def tick(self) -> None:
        self._look()

    def blocks(self, base_url: str) -> Mapping[str, Mapping[str, JsonValue]]:  # noqa: ARG002  it has its own port
        access: dict[str, JsonValue] = {"server": self._thread.address, "token": TOKEN, "namespace": NAMESPACE}
        return {f"{slug}/sandbox-mesh": access for slug in ("istio-routes", "gateway-routes", "kubernetes-namespace")}

    def stop(self) -> None:
        self._thread.stop()

    def body(self, kind: str, name: str) -> Object:
        """An object as the API holds it."""
        return self._api.read(kind, name)

    def change(self, kind: str, name: str, patch: Object) -> None:
        """What somebody else with rights of their own does."""
        self._api.touch(kind, name, patch)

    def _share(self, service: str) -> float:
        routes = section(self._api.read(VIRTUAL_SERVICES, service), *_PRIMARY)["route"]
        weights = {}
        for at in range(len(routes) if isinstance(routes, list) else 0):
            end = section({"route": routes}, "route", str(at))
            weights[str(section(end, "destination")["subset"])] = int(str(end.get("weight", 0)))
        return share_of({seed.CANARY: 0, **weights}, seed.CANARY)

    def _by_hand(self, service: str, value: JsonValue) -> None:
        canary = int(str(value))
        whole = seed.virtual_service(service)
        for at, weight in enumerate((100 - canary, canary)):
            section(whole, *_PRIMARY, "route", str(at))["weight"] = weight
        self._api.touch(VIRTUAL_SERVICES, service, {"spec": whole["spec"]})

    def _wishes(self) -> dict[str, Wish]:
        return {workload: self._wish(workload) for workload in WORKLOADS}

    def _wish(self, workload: str) -> Wish:
        body = self._api.read(DEPLOYMENTS, workload)
        image = str(section(body, "spec", "template", "spec", "containers", "0")["image"])
        unready = workload.endswith(f"-{seed.CANARY}") and self._world.get(f"mesh.unready.{workload}")
        trouble = Trouble.UNREADY if unready else Trouble.NONE
        return Wish(image, int(str(section(body, "spec")["replicas"])), _DEADLINE, trouble)

    def _look(self) -> None:
        seconds = float(str(self._world.get("mesh.rollout-seconds")))
        self._rollouts.look(self._wishes(), self._world.now(), timedelta(seconds=seconds))

    def _reconcile(self) -> None:
        """Writes what controllers and gateways did by now into the objects."""
        self._look()
        for workload in WORKLOADS:
            self._api.change(DEPLOYMENTS, workload, partial(self._with_status, workload))
        pods = {str(section(pod, "metadata")["name"]): pod for pod in self._rollouts.pods()}
        for name in set(self._api.names(PODS)) - set(pods):
            self._api.drop(PODS, name)
        for name, pod in pods.items():
            app, track = self._labels(pod)
            section(pod, "metadata")["labels"] = {"app": app, "track": track}
            self._api.store(PODS, name, pod)
        if not self._world.get("mesh.gateway-lags"):
            for service in SERVICES:
                self._api.change(HTTP_ROUTES, service, self._taken_up)

    def _labels(self, pod: Object) -> tuple[str, str]:
        workload = str(section(pod, "spec", "containers", "0")["name"])
        return workload.removesuffix(f"-{seed.CANARY}"), seed.track_of(workload)

    def _with_status(self, workload: str, body: Object) -> Object:
        status = {**self._rollouts.status(workload), "observedGeneration": section(body, "metadata")["generation"]}
        return {**body, "status": status}

    def _taken_up(self, body: Object) -> Object:
        refused = bool(self._world.get("mesh.gateway-refuses"))
        accepted: JsonValue = {
            "type": "Accepted",
            "status": "False" if refused else "True",
            "reason": "UnsupportedValue" if refused else "Accepted",
            "observedGeneration": section(body, "metadata")["generation"],
        }
        return {**body, "status": {"parents": [{"parentRef": {"name": "edge"}, "conditions": [accepted]}]}}

    def _refusal(self, verb: str, group: str, plural: str) -> Refusal | None:
        vendor = str(self._world.get("vendor.mesh")) if "vendor.mesh" in self._world.knobs else "ok"
        if vendor in VENDOR_REFUSALS:
            return VENDOR_REFUSALS[vendor]
        if self._world.get("mesh.forbidden") == f"{verb} {plural}":
            return forbidden(verb, group, plural)
        if verb == "patch" and plural in _ROUTES:
            self._interfere(_ROUTES[plural])
        return None

    def _interfere(self, kind: str) -> None:
        left = self._world.get("mesh.interferes")
        if isinstance(left, int) and left > 0:
            self._world.set("mesh.interferes", left - 1)
            for service in SERVICES:
                self._api.touch(kind, service, {"metadata": {"annotations": {"somebody-else": str(left)}}})

    async def _created(self, plural: str, body: Object) -> None:
        """Nothing here acts on what is created."""

    def _log(self, pod: str) -> str | None:  # noqa: ARG002  pods write nothing
        return None

    def _stamp(self) -> str:
        return f"{self._world.now():%Y-%m-%dT%H:%M:%SZ}"
