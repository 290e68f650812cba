"""What is wrong in something a person wrote, said so that it can be put right: where, what, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from launch.errors import PlanError
from launch.model import Model


class PlanFinding(Model):
    """One thing wrong at `path` (as `checks[3].offset`) in line `line` (from 1; 0 where there is none).

    `code` is stable: P0xx the text and its types, P1xx references, P2xx what no single item can see.
    """

    code: str
    path: str
    line: int = 0
    problem: str
    right: str = ""

    def __str__(self) -> str:
        """`line 12: P101 checks[3].gate: the plan has no gate "go-eve"; did you mean "go-no-go-eve"?`."""
        line = f"line {self.line}: " if self.line else ""
        path = f"{self.path}: " if self.path else ""
        return f"{line}{self.code} {path}{self.problem}" + (f"; {self.right}" if self.right else "")


class InvalidFileError(PlanError):
    """A file that was read and is wrong. `findings` holds everything that was found; the sentence tells the first."""

    def __init__(self, where: str, findings: Sequence[PlanFinding]) -> None:
        self.findings = tuple(findings)
        more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
        super().__init__(f"{findings[0]}{more}", where=where)


def near(name: str, known: Iterable[str]) -> str:
    """`did you mean "x"?`, or the few names there are, or nothing."""
    names = sorted(set(known))
    match = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if match:
        return f'did you mean "{match[0]}"?'
    few = 12
    return f"there is {', '.join(names)}" if 0 < len(names) <= few else ""


def unknown(path: str, kind: str, name: str, known: Iterable[str]) -> PlanFinding:
    """P101: a reference to nothing, with the name that may have been meant."""
    return PlanFinding(code="P101", path=path, problem=f'the plan has no {kind} "{name}"', right=near(name, known))


def on_lines(findings: Iterable[PlanFinding], lines: Mapping[str, int]) -> list[PlanFinding]:
    """The findings with their lines, in the order of the file."""
    placed = [finding.model_copy(update={"line": line_of(finding.path, lines)}) for finding in findings]
    return sorted(placed, key=lambda finding: (finding.line, finding.path, finding.code))


def line_of(path: str, lines: Mapping[str, int]) -> int:
    """The line of a path, or of the nearest thing around it that is written in the file."""
    while path and path not in lines:
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return lines.get(path, 0)
