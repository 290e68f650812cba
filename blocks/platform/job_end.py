"""Why a Job has not ended well, in one line: what became of its pod, and the last thing that it said."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydantic import Field

from blocks.platform.manifests import Condition, Manifest, Several
from launch.errors import SystemFaultError
from launch.ports import Standing

_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/@]+@")
_KEY = re.compile(r"(?i)(?P<name>password|passwd|secret|token|api[_-]?key)(?P<is>\W{1,3})[^\s,;]+")
_WORDS = 120
TAIL = 5
"""How many lines of a log are worth asking for."""

_IMAGE_TROUBLE = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})


class JobStatus(Manifest):
    """How far a Job is."""

    active: int | None = 0
    succeeded: int | None = 0
    failed: int | None = 0
    conditions: Several[Condition] = ()

    @property
    def standing(self) -> Standing:
        """Failed when no more tries follow: one that failed may be followed by another."""
        told = {condition.type: condition for condition in self.conditions if condition.status == "True"}
        if "Complete" in told:
            return Standing.HOLDS
        return Standing.FAILED if "Failed" in told else Standing.UNDER_WAY

    @property
    def reason(self) -> str:
        """Kubernetes' word for the failure, e.g. `DeadlineExceeded`."""
        return next((one.reason for one in self.conditions if one.type == "Failed" and one.status == "True"), "")


class _Terminated(Manifest):
    exit_code: int = 0
    reason: str = ""


class _Waits(Manifest):
    reason: str = ""


class _State(Manifest):
    terminated: _Terminated | None = None
    waiting: _Waits | None = None


class _ContainerStatus(Manifest):
    name: str = ""
    state: _State = _State()


class _PodStatus(Manifest):
    phase: str = ""
    reason: str = ""
    container_statuses: Several[_ContainerStatus] = ()


class _PodName(Manifest):
    name: str
    creation_timestamp: str = ""
    labels: dict[str, str] = Field(default_factory=dict)


class JobPod(Manifest):
    """A pod of a Job."""

    metadata: _PodName
    status: _PodStatus = Field(default_factory=_PodStatus)


class JobPods(Manifest):
    """All pods of a Job."""

    items: Several[JobPod] = ()


def stuck(pods: Sequence[JobPod]) -> str:
    """Why no pod of a Job that is under way runs; empty where one does."""
    waits = {one.state.waiting.reason for pod in pods for one in pod.status.container_statuses if one.state.waiting}
    if waits & _IMAGE_TROUBLE:
        return "its image cannot be pulled"
    return ", ".join(sorted(waits - {"", "ContainerCreating", "PodInitializing"}))


def why(pods: Sequence[JobPod], log: Callable[[str], str]) -> str:
    """What became of the newest pod that failed, and its last words. `log` gives a pod's last lines."""
    failed = [pod for pod in pods if pod.status.phase == "Failed"]
    if not failed:
        return "no pod of it is left to ask"
    pod = max(failed, key=lambda one: (one.metadata.creation_timestamp, one.metadata.name))
    ends = [one.state.terminated for one in pod.status.container_statuses if one.state.terminated]
    bad = next((end for end in ends if end.exit_code), None)
    how = f"exit code {bad.exit_code}" + (f", {bad.reason}" if bad.reason not in {"", "Error"} else "") if bad else ""
    try:
        words = last_words(log(pod.metadata.name))
    except SystemFaultError as fault:
        words = f"; its log: {fault.answer}"
    return f"pod {pod.metadata.name} ended with {how or pod.status.reason or 'no exit code'}{words}"


def last_words(log: str) -> str:
    """The last line that says something, without credentials."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if not lines:
        return ", saying nothing"
    line = _KEY.sub(r"\g<name>\g<is>***", _CREDENTIALS.sub(r"\g<scheme>***@", lines[-1]))
    return f', saying "{line[:_WORDS]}"'
