"""Plans as people write them: text in, a checked model with lines and hash out, or everything that is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from launch.document_text import read_document, read_model, refuse
from launch.plan import Plan
from launch.plan_rules import broken_rules


@dataclass(frozen=True)
class Loaded:
    """A valid plan, the line of every path in its text, and the hash that ballots are bound to."""

    plan: Plan
    lines: Mapping[str, int]
    text: str
    hash: str


def load_plan(text: str, where: str = "plan") -> Loaded:
    """Reads a plan and holds it against every rule; `where` is the file's name for the sentences.

    Raises `PlanError` for text that is not YAML and `InvalidFileError` with all findings for a plan that is wrong.
    """
    document = read_document(text, where)
    plan = read_model(document, Plan, where)
    refuse(broken_rules(plan), document, where)
    return Loaded(plan=plan, lines=document.lines, text=text, hash=plan_hash(plan))


def plan_hash(plan: Plan) -> str:
    """SHA-256 of the plan's canonical JSON: the same for every spelling of the same plan."""
    content = json.dumps(plan.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()
