"""Release files: which version of which service a launch brings."""

from __future__ import annotations

from launch.document_text import read_document, read_model, refuse
from launch.findings import unknown
from launch.plan import Plan
from launch.release import Release


def load_release(text: str, plan: Plan, where: str = "release") -> Release:
    """Reads a release file: `version`, `commit`, `services`. Each service must be the plan's.

    Raises `PlanError` for text that is not YAML, `InvalidFileError` with all findings for a release that is wrong.
    """
    document = read_document(text, where)
    release = read_model(document, Release, where)
    known = [service.id for service in plan.rollout.services]
    strange = [unknown(f"services.{name}", "service", name, known) for name in release.services if name not in known]
    refuse(strange, document, where)
    return release
