"""How far a rollout is, and in which words a captain hears why it does not move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from blocks.platform.manifests import Deployment, Pod
from launch.ports import Observation, Standing, State
from launch.readings import Quantity

_IMAGE_TROUBLE = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull"})
_CRASHING = frozenset({"CrashLoopBackOff", "RunContainerError", "CreateContainerError"})


@dataclass(frozen=True)
class Progress:
    """The state of one workload's rollout; `share` is 0 to 1."""

    workload: str
    complete: bool
    failed: bool
    share: float
    detail: str


class MissingContainerError(LookupError):
    """A workload has no container whose image could be meant."""


def image_of(deployment: Deployment) -> str:
    """The image of the container that bears the workload's name, or of its only container."""
    return container_of(deployment)[1]


def container_of(deployment: Deployment) -> tuple[str, str]:
    """Name and image of that container. Raises `MissingContainerError`: a sidecar is never the one meant."""
    containers = deployment.spec.template.spec.containers
    named = [container for container in containers if container.name == deployment.name]
    chosen = named or (containers if len(containers) == 1 else [])
    if not chosen:
        raise MissingContainerError(deployment.name)
    return chosen[0].name, chosen[0].image


def own_pods(deployment: Deployment, pods: Iterable[Pod]) -> list[Pod]:
    return [pod for pod in pods if deployment.spec.selector.selects(pod.metadata.labels)]


def runs(pod: Pod, image: str) -> bool:
    return any(container.image == image for container in pod.spec.containers)


def progress(deployment: Deployment, pods: Sequence[Pod]) -> Progress:
    """The rules of `kubectl rollout status`, with the pods asked for the reason."""
    status, want = deployment.status, deployment.spec.replicas
    image = image_of(deployment)
    mine = own_pods(deployment, pods)
    new_ready = sum(pod.ready and runs(pod, image) for pod in mine)
    seen = status.observed_generation >= deployment.metadata.generation
    settled = status.updated_replicas >= want and status.replicas <= status.updated_replicas
    complete = seen and settled and status.available_replicas >= want
    failed = seen and not complete and _deadline_passed(deployment)
    share = 1.0 if complete else min(new_ready, want) / want if want else 0.0
    detail = _reason(deployment, [pod for pod in mine if runs(pod, image) and not pod.ready], new_ready, failed=failed)
    return Progress(deployment.name, complete, failed, share, "" if complete else detail)


def _deadline_passed(deployment: Deployment) -> bool:
    return any(
        condition.type == "Progressing" and condition.reason == "ProgressDeadlineExceeded"
        for condition in deployment.status.conditions
    )


def _reason(deployment: Deployment, unready: Sequence[Pod], ready: int, *, failed: bool) -> str:
    name, image = deployment.name, image_of(deployment)
    late = "; its progress deadline has passed" if failed else ""
    waits = frozenset(reason for pod in unready for reason in pod.waits_for)
    if waits & _IMAGE_TROUBLE:
        return f'{name}: image "{image}" cannot be pulled, no pod starts with it{late}'
    if waits & _CRASHING:
        return f'{name}: pods of "{image}" start and crash again{late}'
    if unready and failed:
        return f'{name}: pods of "{image}" run but never become ready{late}'
    return f"{name}: {ready} of {deployment.spec.replicas} pods ready{late}"


def find(names: Iterable[str], deployments: Iterable[Deployment]) -> tuple[list[Deployment], list[str]]:
    """The named workloads that exist, and the names that do not."""
    known = {deployment.name: deployment for deployment in deployments}
    wanted = tuple(names)
    return [known[name] for name in wanted if name in known], [name for name in wanted if name not in known]


def standing_of_images(
    images: Mapping[str, str], deployments: Sequence[Deployment], pods: Sequence[Pod]
) -> Observation:
    """How the cluster stands to the wanted image of each workload; its state is the image that each has now."""
    found, missing = find(images, deployments)
    if missing:
        return Observation(standing=Standing.FAILED, detail=f"no such deployment: {', '.join(missing)}")
    state: State = {deployment.name: image_of(deployment) for deployment in found}
    other = [deployment.name for deployment in found if image_of(deployment) != images[deployment.name]]
    if other:
        return Observation(standing=Standing.ABSENT, state=state, detail=f"another image is set: {', '.join(other)}")
    return standing_of_rollout(found, pods).model_copy(update={"state": state})


def share_on(images: Mapping[str, str], deployments: Sequence[Deployment], pods: Sequence[Pod]) -> float | None:
    """Share of ready pods that run these images, in %: the mean over the workloads; None where one has no ready pod."""
    found, missing = find(images, deployments)
    shares = []
    for deployment in found:
        ready = [pod for pod in own_pods(deployment, pods) if pod.ready]
        if not ready:
            return None
        shares.append(100 * sum(runs(pod, images[deployment.name]) for pod in ready) / len(ready))
    return sum(shares) / len(shares) if shares and not missing else None


def standing_of_replicas(
    replicas: Mapping[str, int], deployments: Sequence[Deployment], pods: Sequence[Pod]
) -> Observation:
    """How the cluster stands to the wanted number of pods; its state is the number that each workload wants now."""
    found, missing = find(replicas, deployments)
    if missing:
        return Observation(standing=Standing.FAILED, detail=f"no such deployment: {', '.join(missing)}")
    state: State = {deployment.name: deployment.spec.replicas for deployment in found}
    other = [f"{each.name} wants {each.spec.replicas}" for each in found if each.spec.replicas != replicas[each.name]]
    if other:
        return Observation(standing=Standing.ABSENT, state=state, detail=f"other sizes: {', '.join(other)}")
    ending = [f"{each.name}: {each.status.replicas} pods still end" for each in found if _too_many(each)]
    if ending:
        return Observation(standing=Standing.UNDER_WAY, state=state, detail="; ".join(ending))
    return standing_of_rollout(found, pods).model_copy(update={"state": state})


def _too_many(deployment: Deployment) -> bool:
    return deployment.spec.replicas == 0 and deployment.status.replicas > 0


def standing_of_rollout(deployments: Sequence[Deployment], pods: Sequence[Pod]) -> Observation:
    """HOLDS when every workload is rolled out, FAILED as soon as one has passed its deadline, else UNDER_WAY."""
    steps = [progress(deployment, pods) for deployment in deployments]
    share = sum(step.share for step in steps) / len(steps) if steps else 0.0
    broken = [step for step in steps if step.failed]
    if broken:
        detail = "; ".join(step.detail for step in broken)
        return Observation(standing=Standing.FAILED, detail=detail, progress=share)
    if all(step.complete for step in steps):
        return Observation(standing=Standing.HOLDS, detail=f"{len(steps)} of {len(steps)} rolled out", progress=1.0)
    detail = "; ".join(step.detail for step in steps if not step.complete)
    return Observation(standing=Standing.UNDER_WAY, detail=detail, progress=share)


def rollout_values(
    names: Iterable[str], versions: Mapping[str, str], deployments: Sequence[Deployment], pods: Sequence[Pod]
) -> tuple[dict[str, Quantity], str]:
    """The values of a `RolloutState` reading, and what stands in the way in words.

    A workload that does not exist leaves `pods_ready` out: a share of unknown pods is unknown.
    """
    found, missing = find(names, deployments)
    steps = [progress(deployment, pods) for deployment in found]
    values = {
        "rollouts_complete": Quantity(value=sum(step.complete for step in steps)),
        "workloads_on_release": Quantity(value=sum(_on_version(each, versions.get(each.name), pods) for each in found)),
    }
    want = sum(deployment.spec.replicas for deployment in found)
    if want and not missing:
        ready = sum(min(deployment.status.ready_replicas, deployment.spec.replicas) for deployment in found)
        unsettled = sum(not step.complete for step in steps)
        # During a surge every wanted pod may be ready and still be the old one: ready means ready on its new image.
        new = sum(round(step.share * each.spec.replicas) for step, each in zip(steps, found, strict=True))
        values["pods_ready"] = Quantity(value=100.0 * (min(ready, new) if unsettled else ready) / want, unit="%")
    problems = [step.detail for step in steps if not step.complete]
    problems += [f"no such deployment: {name}" for name in missing]
    return values, "; ".join(problems)


def _on_version(deployment: Deployment, version: str | None, pods: Sequence[Pod]) -> bool:
    images = {container.image for pod in own_pods(deployment, pods) for container in pod.spec.containers}
    main = image_of(deployment)
    repository = main.partition("@")[0].rpartition(":")[0]
    own = {image for image in images if image.startswith(repository + ":")}
    return version is not None and own == {f"{repository}:{version}"}
