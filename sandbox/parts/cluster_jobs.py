"""What `batch/v1` Jobs do in the sandbox: handlers that other parts register by image or name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from sandbox.parts.cluster_seed import NAMESPACE, Object, section
from sandbox.world import World

Handler = Callable[[list[str]], tuple[bool, str]]


@dataclass(frozen=True)
class Run:
    """One Job: what came of it is known at once, and shown when its time has passed. None: no such image."""

    created: datetime
    image: str
    outcome: tuple[bool, str] | None


class Jobs:
    """The Jobs of the namespace. A handler gets command and arguments, and returns success and the pod's log."""

    def __init__(self, handlers: Mapping[str, Handler], world: World) -> None:
        self._handlers = handlers
        self._world = world
        self._runs: dict[str, Run] = {}

    def run(self, job: Object) -> None:
        """Carries a created Job out. Its effect on other parts is immediate; its status follows the launch clock."""
        name, image, arguments = _parsed(job)
        keys = (name, image, image.rpartition(":")[0], image.partition("@")[0])
        handler = next((self._handlers[key] for key in keys if key in self._handlers), None)
        outcome = handler(arguments) if handler is not None else None
        self._runs[name] = Run(self._world.now(), image, outcome)

    def status(self, name: str) -> Object:
        run = self._runs.get(name)
        if run is None:
            return {}
        started: Object = {"startTime": _stamp(run.created)}
        if run.outcome is None or not self._over(run):
            return {**started, "active": 1, "ready": 0 if run.outcome is None else 1}
        done, _ = run.outcome
        kind = "Complete" if done else "Failed"
        reason = "CompletionsReached" if done else "BackoffLimitExceeded"
        count: Object = (
            {"succeeded": 1, "completionTime": _stamp(run.created + self._takes())} if done else {"failed": 1}
        )
        return {**started, **count, "conditions": [{"type": kind, "status": "True", "reason": reason}]}

    def pods(self) -> list[Object]:
        return [self._pod(name, run) for name, run in self._runs.items()]

    def log(self, pod: str) -> str | None:
        """What the Job's pod wrote; None for a pod of another kind."""
        run = self._runs.get(pod.rpartition("-")[0]) if pod.endswith("-job") else None
        return run.outcome[1] if run is not None and run.outcome is not None and self._over(run) else None

    def _pod(self, name: str, run: Run) -> Object:
        phase, state = self._phase(run)
        shown: JsonValue = {"name": name, "image": run.image, "ready": False, "restartCount": 0, "state": state}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{name}-job", "namespace": NAMESPACE, "labels": {"job-name": name}},
            "spec": {"containers": [{"name": name, "image": run.image}]},
            "status": {"phase": phase, "conditions": [], "containerStatuses": [shown]},
        }

    def _phase(self, run: Run) -> tuple[str, Object]:
        if run.outcome is None:
            return "Pending", {"waiting": {"reason": "ImagePullBackOff"}}
        if not self._over(run):
            return "Running", {"running": {}}
        done = run.outcome[0]
        return "Succeeded" if done else "Failed", {"terminated": {"exitCode": 0 if done else 1}}

    def _over(self, run: Run) -> bool:
        return self._world.now() >= run.created + self._takes()

    def _takes(self) -> timedelta:
        return timedelta(seconds=float(str(self._world.get("cluster.job-seconds"))))


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _parsed(job: Object) -> tuple[str, str, list[str]]:
    first = section(job, "spec", "template", "spec", "containers", "0")
    words = [*_words(first.get("command")), *_words(first.get("args"))]
    return str(section(job, "metadata")["name"]), str(first["image"]), words


def _words(value: JsonValue) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []
