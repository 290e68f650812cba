"""The sandbox: the parts that a plan needs, on one world and one HTTP server, and the blocks to reach them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from pydantic import JsonValue

from launch.errors import PlanError, RefusedError
from sandbox.faults import Fault
from sandbox.parts.cluster import ClusterPart
from sandbox.parts.cluster_seed import PREVIOUS
from sandbox.product import Product
from sandbox.server import Server
from sandbox.town_parts import Shared, parts_behind
from sandbox.world import Part, UnknownKnobError, World

Fields = Mapping[str, JsonValue]


class Town:
    """The parts behind some block addresses, or all of them.

    `start` brings them up; `stop` leaves no process, also after a failed start.
    """

    def __init__(self, world: World, *, needs: Collection[str] | None = None, port: int = 0) -> None:
        self.world = world
        shared = Shared()
        self.parts: Sequence[Part] = parts_behind(needs, shared)
        self._cluster = next((part for part in self.parts if isinstance(part, ClusterPart)), None)
        self._exposure = Product.of(world).exposure
        for part in self.parts:
            part.define(world)
        self.server = Server(world, self.parts, port=port)
        self._launched = False

    def start(self) -> None:
        """Starts all parts side by side. Raises `RefusedError` naming the part that did not come up."""
        with ThreadPoolExecutor(max_workers=max(len(self.parts), 1)) as pool:
            starting = {part.name: pool.submit(part.start) for part in self.parts}
        for name, started in starting.items():
            failure = started.exception()
            if failure is not None:
                message = f"the sandbox's {name} did not start: {failure}"
                raise RefusedError(message) from failure
        self.server.start()

    def blocks(self) -> dict[str, Fields]:
        """Fields of every block that reaches this town, by block address."""
        found: dict[str, Fields] = {}
        for part in self.parts:
            found |= part.blocks(self.server.base_url(part))
        return found

    def tick(self, now: datetime) -> None:
        """Lets faults that are due take effect and parts move on; called whenever the launch clock has moved."""
        del now
        self._exposure.tick()
        self.world.tick()
        for part in self.parts:
            part.tick()
        if self._cluster is not None:
            self._serve(self._cluster)

    def _serve(self, cluster: ClusterPart) -> None:
        """Users get what the pods run: once the release ran and no pod runs it any more, its errors are gone too."""
        released = any(PREVIOUS[service] not in shares for service, shares in cluster.versions().items())
        self._launched = self._launched or released
        serving = "previous" if self._launched and not released else "release"
        if self.world.get("product.serving") != serving:
            self.world.set("product.serving", serving)

    def inject(self, fault: Fault) -> datetime:
        """Schedules a fault and returns its moment. Raises `PlanError` for a knob or target nobody has."""
        at = self.world.t0 + fault.offset
        try:
            self.world.schedule(fault.knob, fault.value, at)
        except UnknownKnobError as error:
            stem = fault.knob.rpartition(".")[0]
            near = sorted(name for name in self.world.knobs if name.startswith(f"{stem}.")) or sorted(
                self.world.families
            )
            problem = f"{fault.text!r} turns {fault.knob!r}, which the sandbox does not have; it has {', '.join(near)}"
            raise PlanError(problem, where="--fault") from error
        return at

    def stop(self) -> None:
        """Ends every part and the server."""
        self.server.stop()
        for part in reversed(self.parts):
            part.stop()
