"""The shapes of rollout that runbooks ask for, as small plans: a flag's share, two colours, a mesh, a cut-over, a window.

Every step is entered by an action `s<n>` (and in the mesh by more), watched by the guard `errors`, and wants clean samples.
"""

from collections.abc import Callable, Sequence
from typing import Any

from launch.plan import Plan
from tests.fakes import plans

Item = plans.Item


def step(n: int, percent: float | None, offset: str, hold: str, **more: Any) -> Item:
    """A step with an action of its own, `clean_samples` of 2."""
    item = {"n": n, "percent": percent, "target": f"step {n}", "offset": offset, "minimum_hold": hold}
    return item | {"clean_samples": 2, "actions": [f"s{n}"]} | more


def entering(offset: str, name: str, **more: Any) -> Item:
    """An action of a step, in the phase its moment lies in."""
    late = offset.startswith("T+")
    return plans.action(name, offset, phase="watch" if late else "countdown", **more)


def rollout(
    strategy: str, steps: Sequence[Item], *, every: str = "1m", extra: Sequence[Item] = (), **more: Any
) -> Plan:
    """A plan that does nothing but this rollout."""
    acted = {str(one["id"]) for one in extra}
    entered = [(str(one["offset"]), str(name)) for one in steps for name in one["actions"] if name not in acted]
    content: dict[str, Any] = {"guards": [plans.guard("errors", watched=[])]} | more
    return plans.plan(
        actions=[*(entering(offset, name) for offset, name in entered), *extra],
        rollout={
            "strategy": strategy,
            "watch": ["errors"],
            "every": every,
            "steps": list(steps),
            "services": content.pop("services", []),
            "groups": content.pop("groups", []),
        },
        **content,
    )


def flag_percentage(**more: Any) -> Plan:
    """10, 30, 50, 100 % of the users behind a flag, ten minutes each."""
    moments = ["T-10m", "T0", "T+10m", "T+20m"]
    shares = [10, 30, 50, 100]
    steps = [step(n, share, at, "10m") for n, share, at in zip(range(1, 5), shares, moments, strict=True)]
    return rollout("flag-percentage", steps, **more)


def blue_green(**more: Any) -> Plan:
    """5, 10, 25, 50, 100 % of the traffic to green, a minute each."""
    shares = [5, 10, 25, 50, 100]
    steps = [step(n, share, f"T+{9 + n}m", "1m") for n, share in enumerate(shares, start=1)]
    return rollout("blue-green", steps, **({"every": "30s"} | more))


def mesh_weights(**more: Any) -> Plan:
    """5, 25, 50, 100 % of the mesh's traffic; first the services in their groups, and a cohort's flag with the canary."""
    groups = [
        {"id": "a", "parallel": False, "services": ["auth", "gateway"]},
        {"id": "b", "parallel": True, "services": ["search", "sync"], "after": ["a"]},
    ]
    services = [{"id": one} for one in ("auth", "gateway", "search", "sync")] + [
        {"id": "playback", "depends_on": ["search", "sync"]},
    ]
    deploys = [
        entering("T-40m", f"deploy-{one}", service=one) for one in ("playback", "sync", "search", "gateway", "auth")
    ]
    first = step(1, 5, "T-40m", "20m", actions=[*(str(one["id"]) for one in deploys), "s1", "cohort"])
    weight = entering("T-40m", "s1", after=[str(one["id"]) for one in deploys])
    cohort = entering("T-40m", "cohort", after=["s1"])
    later = [step(2, 25, "T-15m", "15m"), step(3, 50, "T0", "10m"), step(4, 100, "T+15m", "30m")]
    extra = [*deploys, weight, cohort]
    return rollout("mesh-weights", [first, *later], extra=extra, services=services, groups=groups, **more)


def cut_over(**more: Any) -> Plan:
    """All at once, at T0."""
    return rollout("cut-over", [step(1, 100, "T0", "10m")], **more)


def rolling(**more: Any) -> Plan:
    """A rolling update in a maintenance window, then the origin of the web."""
    steps = [step(1, None, "T-45m", "5m", cohort="pods"), step(2, 100, "T-30m", "5m")]
    return rollout("rolling", steps, **more)


STRATEGIES: dict[str, Callable[..., Plan]] = {
    "flag-percentage": flag_percentage,
    "blue-green": blue_green,
    "mesh-weights": mesh_weights,
    "cut-over": cut_over,
    "rolling": rolling,
}
