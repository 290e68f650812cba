"""Reading what people name on the command line. The only reader of plan files: the domain takes text."""

from __future__ import annotations

from pathlib import Path

from launch.errors import PlanError
from launch.plan_file import Loaded, load_plan


def read_text(path: str) -> str:
    """The text of a file in UTF-8. Raises `PlanError` in one sentence."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problem = f"this is not UTF-8 text (byte {error.start})"
        raise PlanError(problem, where=path) from error
    except OSError as error:
        problem = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise PlanError(problem, where=path) from error


def read_plan(path: str) -> Loaded:
    """A valid plan. Raises `PlanError`; its subclass `InvalidFileError` carries all findings."""
    return load_plan(read_text(path), path)
