"""What Kubernetes' deployment controller does, on the launch clock: pods replaced one by one, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sandbox.parts.cluster_seed import NAMESPACE, Object


class Trouble(StrEnum):
    """Why a new pod does not serve."""

    NONE = ""
    UNREADY = "unready"
    IMAGE = "ImagePullBackOff"
    CRASH = "CrashLoopBackOff"


@dataclass(frozen=True)
class Wish:
    """What a Deployment asks for, and the trouble that its new pods run into."""

    image: str
    replicas: int
    deadline: timedelta
    trouble: Trouble


@dataclass
class Workload:
    """The pods of one Deployment. `images` are those of its settled pods, oldest first."""

    name: str
    images: list[str]
    wish: Wish
    looked: datetime
    moved: datetime
    revision: int = 1
    spent: timedelta = field(default=timedelta(0))

    @property
    def old(self) -> int:
        """Pods that do not run the wanted image yet."""
        return sum(image != self.wish.image for image in self.images)

    @property
    def ready(self) -> int:
        """Ready pods, of any image."""
        # An image that is already running is not pulled again; a failing one takes the newest pod out.
        hurt = self.wish.trouble in {Trouble.UNREADY, Trouble.CRASH} and not self.old and bool(self.images)
        return len(self.images) - (1 if hurt else 0)

    def look(self, wish: Wish, now: datetime, per_rollout: timedelta) -> None:
        """Moves on to `now`. A rollout in trouble stands still, with its old pods serving."""
        if wish.image != self.wish.image:
            self.revision += 1
            self.moved, self.spent = now, timedelta(0)
        passed, self.looked, self.wish = now - self.looked, now, wish
        self.images = (self.images + [wish.image] * wish.replicas)[: wish.replicas]
        if not self.old:
            return
        if wish.trouble is Trouble.NONE:
            self.spent += passed if self.moved < now else timedelta(0)
        per_pod = per_rollout / max(wish.replicas, 1)
        while self.old and self.spent >= per_pod:
            self.images.pop(next(index for index, image in enumerate(self.images) if image != wish.image))
            self.images.append(wish.image)
            self.spent -= per_pod
            self.moved = now

    def jump(self) -> None:
        """All pods run the wanted image at once."""
        self.images = [self.wish.image] * len(self.images)

    def status(self) -> Object:
        """`status` of the Deployment, without the generation."""
        surge = 1 if self.old else 0
        late = bool(self.old) and self.looked - self.moved >= self.wish.deadline
        reason = "ProgressDeadlineExceeded" if late else "ReplicaSetUpdated" if self.old else "NewReplicaSetAvailable"
        available: Object = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
        return {
            "replicas": len(self.images) + surge,
            "updatedReplicas": len(self.images) - self.old + surge,
            "readyReplicas": self.ready,
            "availableReplicas": self.ready,
            "unavailableReplicas": len(self.images) + surge - self.ready,
            "conditions": [
                available,
                {"type": "Progressing", "status": "False" if late else "True", "reason": reason},
            ],
        }

    def pods(self) -> list[Object]:
        """The pods as the API shows them; during a rollout one more, which is starting."""
        hurt = len(self.images) - self.ready
        settled = [
            self._pod(index, image, Trouble.NONE if index < len(self.images) - hurt else self.wish.trouble)
            for index, image in enumerate(self.images)
        ]
        if not self.old:
            return settled
        return [*settled, self._pod(len(self.images), self.wish.image, self.wish.trouble or Trouble.UNREADY)]

    def _pod(self, index: int, image: str, trouble: Trouble) -> Object:
        digest = hashlib.sha256(f"{self.name} {image}".encode()).hexdigest()
        waiting = trouble in {Trouble.IMAGE, Trouble.CRASH}
        ready = trouble is Trouble.NONE
        state: Object = {"waiting": {"reason": trouble.value}} if waiting else {"running": {}}
        restarts = 4 if trouble is Trouble.CRASH else 0
        container: Object = {
            "name": self.name,
            "image": image,
            "ready": ready,
            "restartCount": restarts,
            "state": state,
        }
        labels: Object = {"app": self.name, "pod-template-hash": digest[:10]}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{self.name}-{digest[:10]}-{digest[10:14]}{index}",
                "namespace": NAMESPACE,
                "labels": labels,
            },
            "spec": {"containers": [{"name": self.name, "image": image}]},
            "status": {
                "phase": "Pending" if trouble is Trouble.IMAGE else "Running",
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                "containerStatuses": [container],
            },
        }


class Rollouts:
    """The workloads of the namespace. Thread-safe: endpoints and the launch clock both look."""

    def __init__(self, wishes: Mapping[str, Wish], now: datetime) -> None:
        self._lock = threading.Lock()
        self._workloads = {
            name: Workload(name, [wish.image] * wish.replicas, wish, looked=now, moved=now)
            for name, wish in wishes.items()
        }
        self._jumping: set[str] = set()

    def jump(self, name: str) -> None:
        """At the next look all pods of the workload run what is wanted; takes no lock, so that a knob may call it."""
        self._jumping.add(name)

    def look(self, wishes: Mapping[str, Wish], now: datetime, per_rollout: timedelta) -> None:
        """Moves every workload on to `now`."""
        with self._lock:
            for name, wish in wishes.items():
                self._workloads[name].look(wish, now, per_rollout)
                if name in self._jumping:
                    self._jumping.discard(name)
                    self._workloads[name].jump()

    def status(self, name: str) -> Object:
        with self._lock:
            return self._workloads[name].status()

    def revision(self, name: str) -> int:
        with self._lock:
            return self._workloads[name].revision

    def pods(self) -> list[Object]:
        with self._lock:
            return [pod for workload in self._workloads.values() for pod in workload.pods()]

    def shares(self, name: str) -> dict[str, float]:
        """Image to the share of the workload's settled pods that run it, 0 to 1."""
        with self._lock:
            images = self._workloads[name].images
            return {image: images.count(image) / len(images) for image in dict.fromkeys(images)}
