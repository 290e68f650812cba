"""A Kubernetes API server: kmock's emulator, plus what a launch can notice and kmock leaves out.

That is: the door (401, 403), strategic merges, generations and resource versions (409), access reviews, pod logs,
and time: every request sees the objects as the controllers left them at this moment of the launch clock.
"""

from __future__ import annotations

import asyncio
import copy
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp.web
from kmock import KubernetesEmulator, KubernetesError, Request, action, resource
from pydantic import JsonValue

from sandbox.parts.cluster_seed import NAMESPACE, Object, section

_HANG_SECONDS = 30.0
_REQUESTS_KEPT = 100


@dataclass(frozen=True)
class Refusal:
    """What the server answers instead of serving, as a Kubernetes Status."""

    status: int
    reason: str
    message: str

    def error(self) -> KubernetesError:
        return KubernetesError(status=self.status, reason=self.reason, message=self.message, details={"causes": []})


@dataclass(frozen=True)
class House:
    """What the server asks its owner: `before` runs ahead of each request, `created` after an object is stored.

    `owned` names a field that somebody else set and that an apply may not take, e.g. `hpa .spec.replicas`.
    """

    before: Callable[[], None]
    refusal: Callable[[str, str, str], Refusal | None]
    created: Callable[[str, Object], Awaitable[None]]
    log: Callable[[str], str | None]
    stamp: Callable[[], str]
    owned: Callable[[], str] = lambda: ""


class KubeApi(KubernetesEmulator):
    """Serves one namespace. Objects are touched on the server's thread, or replaced whole by `change`."""

    def __init__(self, house: House, token: str) -> None:
        super().__init__()
        self._house = house
        self._token = token
        self._version = 1000
        self._changing = threading.Lock()

    def store(self, kind: str, name: str, body: Object) -> None:
        """Stores an object as it is, over one of the same name."""
        self.objects[kind, NAMESPACE, name] = self._stamped(body)

    def drop(self, kind: str, name: str) -> None:
        """Takes an object away; a later `store` brings it back."""
        stored = self.objects[kind, NAMESPACE, name]
        stored.history = [None]

    def read(self, kind: str, name: str) -> Object:
        return dict(self.objects[kind, NAMESPACE, name].last.raw)

    def change(self, kind: str, name: str, edit: Callable[[Object], Object]) -> None:
        """Replaces a stored object by what `edit` makes of a copy of it. Safe from any thread."""
        stored = self.objects[kind, NAMESPACE, name]
        with self._changing:
            stored.history = [edit(copy.deepcopy(dict(stored.last.raw)))]

    def touch(self, kind: str, name: str, patch: Object) -> None:
        """A merge patch by somebody else: generation and resource version move on as for any other."""
        self.change(kind, name, lambda body: self._patched(body, patch, by_name=False))

    def names(self, kind: str) -> list[str]:
        wanted = resource(kind)
        return [
            name for kept, _, name in list(self.objects) if kept == wanted and not self.objects[kept, _, name].deleted
        ]

    async def _handle(self, request: Request) -> aiohttp.web.StreamResponse:
        del self._requests[:-_REQUESTS_KEPT]
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            raise Refusal(401, "Unauthorized", "Unauthorized").error()
        self._house.before()
        kind = request.resource
        plural = kind.plural or "" if kind is not None else ""
        group = str(kind.group or "") if kind is not None else ""
        if plural == "selfsubjectaccessreviews":
            return aiohttp.web.json_response(self._review(request.data), status=201)
        if refused := self._house.refusal(_verb(request), group, plural):
            if refused.status == 0:
                await asyncio.sleep(_HANG_SECONDS)
            raise refused.error()
        if plural == "pods" and request.subresource == "log":
            text = self._house.log(str(request.name))
            if text is not None:
                return aiohttp.web.Response(text=text)
        if "apply-patch" in request.headers.get("Content-Type", "") and kind is not None:
            return await self._apply(f"{group}/{kind.version}/{plural}".lstrip("/"), plural, request)
        if request.action == action.UPDATE and request.name is not None and kind is not None:
            self._update(f"{group}/{kind.version}/{plural}".lstrip("/"), request)
        if request.action == action.CREATE and isinstance(request.data, dict):
            return await self._create(plural, request)
        return await super()._handle(request)

    async def _create(self, plural: str, request: Request) -> aiohttp.web.StreamResponse:
        request.data.setdefault("metadata", {})["namespace"] = request.namespace
        request.data.update(self._stamped(request.data))
        response = await super()._handle(request)
        await self._house.created(plural, request.data)
        return response

    async def _apply(self, kind: str, plural: str, request: Request) -> aiohttp.web.StreamResponse:
        """Server-side apply, without the records of who set which field: only `House.owned` belongs to others."""
        wanted: Object = json.loads(request.text)
        place = (resource(kind), request.namespace, str(request.name))
        stored = self.objects[place] if place in self.objects else None  # noqa: SIM401  not a mapping
        only_try = request.params.get("dryRun") == "All"
        if stored is None or stored.deleted:
            whole = self._stamped({**wanted, "metadata": {**section(wanted, "metadata"), "namespace": NAMESPACE}})
            if not only_try:
                self.store(kind, str(request.name), whole)
                await self._house.created(plural, whole)
            return aiohttp.web.json_response(whole, status=201)
        before: Object = dict(stored.last.raw)
        owner, _, path = self._house.owned().partition(" ")
        if path and _at(wanted, path) not in {None, _at(before, path)}:
            message = f'Apply failed with 1 conflict: conflict with "{owner}" using {wanted["apiVersion"]}: {path}'
            raise Refusal(409, "Conflict", message).error()
        if merged_object(before, wanted, by_name=True) == before or only_try:
            return aiohttp.web.json_response(merged_object(before, wanted, by_name=True))
        self.change(kind, str(request.name), lambda body: self._patched(body, wanted, by_name=True))
        self._house.before()
        return aiohttp.web.json_response(self.read(kind, str(request.name)))

    def _review(self, asked: Object) -> Object:
        spec = asked.get("spec")
        attributes = spec.get("resourceAttributes") if isinstance(spec, dict) else None
        rights = attributes if isinstance(attributes, dict) else {}
        refused = self._house.refusal(*(str(rights.get(name, "")) for name in ("verb", "group", "resource")))
        return {**asked, "status": {"allowed": refused is None or refused.status != 403}}

    def _update(self, kind: str, request: Request) -> None:
        """Applies the patch as its content type says; kmock then has nothing left to merge."""
        if request.name is None or (resource(kind), request.namespace, request.name) not in self.objects:
            return
        stored = self.objects[kind, request.namespace, request.name]
        if stored.deleted or isinstance(request.data, list):
            return
        before: Object = dict(stored.last.raw)
        stamps = section(before, "metadata")
        expected = request.data.get("metadata", {}).get("resourceVersion")
        if expected not in {None, stamps["resourceVersion"]}:
            raise Refusal(409, "Conflict", f'Operation cannot be fulfilled on {kind} "{request.name}"').error()
        by_name = "strategic" in request.headers.get("Content-Type", "")
        self.change(kind, request.name, lambda body: self._patched(body, request.data, by_name=by_name))
        request.data.clear()
        self._house.before()

    def _patched(self, before: Object, patch: Object, *, by_name: bool) -> Object:
        after = merged_object(before, patch, by_name=by_name)
        self._version += 1
        stamps = section(after, "metadata")
        stamps["resourceVersion"] = str(self._version)
        if after.get("spec") != before.get("spec"):
            stamps["generation"] = int(str(stamps["generation"])) + 1
        return after

    def _stamped(self, body: Object) -> Object:
        self._version += 1
        given = body.get("metadata")
        stamps: Object = {
            "uid": f"00000000-0000-4000-8000-{self._version:012d}",
            "resourceVersion": str(self._version),
            "generation": 1,
            "creationTimestamp": self._house.stamp(),
        }
        return {**body, "metadata": {**stamps, **(given if isinstance(given, dict) else {})}}


def merged_object(base: Object, patch: Object, *, by_name: bool) -> Object:
    """A merge patch (RFC 7386); with `by_name` lists of named items are merged item by item, as strategic merges do."""
    out = copy.deepcopy(base)
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = _merged(out.get(key), value, by_name=by_name)
    return out


def _merged(base: JsonValue, patch: JsonValue, *, by_name: bool) -> JsonValue:
    if isinstance(patch, dict):
        return merged_object(base if isinstance(base, dict) else {}, patch, by_name=by_name)
    if by_name and isinstance(patch, list) and isinstance(base, list) and _named(patch) and _named(base):
        items = {_name(item): item for item in base}
        for item in patch:
            items[_name(item)] = _merged(items.get(_name(item)), item, by_name=True)
        return list(items.values())
    return patch


def _at(body: Object, path: str) -> str | None:
    inner: JsonValue = body
    for step in path.strip(".").split("."):
        inner = inner.get(step) if isinstance(inner, dict) else None
    return None if inner is None else str(inner)


def _name(item: JsonValue) -> str:
    return str(item["name"]) if isinstance(item, dict) else ""


def _named(items: list[JsonValue]) -> bool:
    return all(isinstance(item, dict) and "name" in item for item in items)


def _verb(request: Request) -> str:
    """The request in the words of RBAC."""
    names = {action.FETCH: "get", action.UPDATE: "patch"}
    return "" if request.action is None else names.get(request.action, request.action.value.lower())


class ApiThread:
    """Serves a handler on a loopback port from a thread of its own; the address is known before it starts."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self, api: KubeApi) -> None:
        """Returns when connections are accepted."""
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(api)), name="sandbox-cluster", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(10):
            raise TimeoutError("the API server of the sandbox's cluster did not start")

    def stop(self) -> None:
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread is not None:
            self._thread.join(5)
        self._socket.close()

    async def _serve(self, api: KubeApi) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with api:
            runner = aiohttp.web.ServerRunner(aiohttp.web.Server(api), shutdown_timeout=0.1)
            await runner.setup()
            await aiohttp.web.SockSite(runner, self._socket).start()
            self._ready.set()
            await self._ended.wait()
            await runner.cleanup()
