"""Small plans for tests: every item with sensible defaults, any field of it changed by keyword."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from launch.plan import Plan

T0 = datetime(2026, 12, 7, 7, tzinfo=UTC)

Item = dict[str, Any]

_PHASES: tuple[Item, ...] = (
    {"id": "hardening", "title": "Hardening", "flow_phase": "hardening", "start": "T-7d", "end": "T-1d"},
    {"id": "eve", "title": "Eve", "flow_phase": "eve", "start": "T-13h", "end": "T-10h"},
    {"id": "countdown", "title": "Countdown", "flow_phase": "countdown", "start": "T-60m", "end": "T0"},
    {"id": "watch", "title": "Watch", "flow_phase": "stabilization", "start": "T0", "end": "T+4h"},
    {"id": "review", "title": "Review", "flow_phase": "review", "start": "T+4h", "end": "T+7d"},
    {"id": "back", "title": "Back", "flow_phase": "rollback"},
)

PEOPLE = {"ana": ("captain",), "ben": ("sre",), "cleo": ("sre", "support"), "dan": ("lead",)}
ROLES = ("captain", "sre", "support", "lead")


def check(name: str, offset: str | None = "T-2d", *, phase: str = "hardening", **more: Any) -> Item:
    """An automated check on the standby's lag; attested by the captain with `mode="attested"`."""
    item: Item = {"id": name, "phase": phase, "offset": offset, "what": f"{name} is so", "mode": "automated"} | more
    if item["mode"] != "attested":
        item.setdefault("integration", ["postgres"])
        item.setdefault("probes", [{"ask": "replication", "of": "database"}])
        item.setdefault("thresholds", [{"metric": "replication_lag", "comparator": "<", "value": 5, "unit": "s"}])
    if item["mode"] != "automated":
        item.setdefault("integration", ["people"])
        item.setdefault("attested_by", ["captain"])
    return item


def action(name: str, offset: str | None = "T-30m", *, phase: str = "countdown", **more: Any) -> Item:
    """An action that turns a flag of its own on, and is undone by putting the flag back."""
    item: Item = {
        "id": name,
        "phase": phase,
        "offset": offset,
        "what": f"{name} is done",
        "integration": ["flags"],
        "role": "changes",
        "effect": {"do": "set-flag", "on": "flags", "flag": name, "state": "on"},
        "undo": {"how": "restore"},
    }
    return item | more


def telling(name: str, offset: str | None = "T-30m", *, phase: str = "countdown", **more: Any) -> Item:
    """An action that only tells people something."""
    effect = {"do": "post-message", "on": "room", "channel": "launch", "message": name, "text": name}
    keep = {"how": "keep", "because": "words stay said"}
    told: Item = {"integration": ["slack"], "role": "announces", "effect": effect, "undo": keep}
    return action(name, offset, phase=phase, **(told | more))


def undoing(name: str, **more: Any) -> Item:
    """An action of the rollback."""
    keep = {"how": "keep", "because": "it is the way back"}
    return action(name, None, phase="back", **({"role": "undoes", "undo": keep} | more))


def gate(name: str, offset: str | None = "T-40m", *, phase: str = "countdown", **more: Any) -> Item:
    """A gate on everything before it, with a signing seat for the captain and one for an SRE."""
    item: Item = {
        "id": name,
        "name": name,
        "phase": phase,
        "offset": offset,
        "style": "approval",
        "seats": [{"role": "captain", "signs": True}, {"role": "sre"}],
        "criteria": [{"what": "everything before is green", "all_before": True}],
        "on_no_go": "stop",
        "at_deadline": "no-go",
    }
    return item | more


def guard(name: str, **more: Any) -> Item:
    """Error rate above 5 % for 5 minutes is a breach, watched every 30 s from T0 to T+1h."""
    item: Item = {
        "id": name,
        "metric": "error_rate",
        "comparator": ">",
        "value": 5,
        "unit": "%",
        "sustained": "5m",
        "polarity": "breach",
        "query": {"of": "metrics", "query": "errors"},
        "watched": [{"start": "T0", "end": "T+1h", "every": "30s"}],
    }
    return item | more


def procedure(*steps: Sequence[str], name: str = "full", **more: Any) -> Item:
    """A rollback procedure with these actions step by step; a step without actions is the verification."""
    printed = [{"n": n, "what": f"step {n}", "actions": list(actions)} for n, actions in enumerate(steps, start=1)]
    return {"id": name, "title": name, "steps": printed or [{"n": 1, "what": "verify"}]} | more


def plan(
    *,
    checks: Sequence[Item] = (),
    actions: Sequence[Item] = (),
    gates: Sequence[Item] = (),
    guards: Sequence[Item] = (),
    triggers: Sequence[Item] = (),
    procedures: Sequence[Item] | None = None,
    people: Mapping[str, Sequence[str]] = PEOPLE,
    rollback: Item | None = None,
    **more: Any,
) -> Plan:
    """A valid plan of all six phases with these items. `procedures` defaults to one that only verifies.

    `rollback` is what else its rollback says: authority, promotions, windows.
    """
    content: dict[str, Any] = {
        "schema_version": 1,
        "product": {"id": "cockpit", "name": "Cockpit"},
        "launch_time": {"t0": "Monday morning"},
        "roles": [{"id": role, "title": role.title()} for role in ROLES],
        "people": [{"id": one, "name": one.title(), "roles": list(roles)} for one, roles in people.items()],
        "systems": [
            {"id": "database", "integration": "postgres", "what": "Primary"},
            {"id": "flags", "integration": "flags", "what": "Flags"},
            {"id": "metrics", "integration": "metrics", "what": "Metrics"},
            {"id": "room", "integration": "slack", "what": "Chat"},
        ],
        "environments": [{"id": "sandbox", "title": "Sandbox", "blocks": {}}],
        "phases": list(_PHASES),
        "checks": list(checks),
        "actions": list(actions),
        "gates": list(gates),
        "rollout": {"strategy": "rolling", "services": [{"id": "api"}, {"id": "web"}]},
        "thresholds": list(guards),
        "rollback": {
            "triggers": list(triggers),
            "authority": [{"tier": "all", "who": ["captain"]}],
            "procedures": [procedure()] if procedures is None else list(procedures),
        }
        | (rollback or {}),
    }
    return Plan.model_validate(content | more)
