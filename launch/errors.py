"""Errors of the launch domain: they carry fields, build their own sentence, and say whether asking again can help."""

from __future__ import annotations

_LONGEST_ANSWER = 256


class LaunchError(Exception):
    """Base of every error a command answers with one sentence: `str(error)`, in lower case, without a full stop."""


class PlanError(LaunchError):
    """Something written by a person is wrong: a plan, a release file, a ballots file, an argument."""

    def __init__(self, problem: str, *, where: str = "") -> None:
        self.problem = problem
        self.where = where
        super().__init__(f"{where}: {problem}" if where else problem)


class RefusedError(LaunchError):
    """An act of a person or a run that the rules do not allow now (exit code 1)."""


class SystemFaultError(LaunchError):
    """A system of the outside world could not be asked or told.

    Raised by blocks only, always `from` the vendor's exception. `answer` is cut at 256 characters and must carry
    neither secrets nor bodies. The sentence names the system, the question, the answer and the next step.
    """

    retryable: bool = False

    def __init__(self, *, system: str, question: str, answer: str, next_step: str = "") -> None:
        self.system = system
        self.question = question
        self.answer = answer if len(answer) <= _LONGEST_ANSWER else answer[: _LONGEST_ANSWER - 1] + "…"
        self.next_step = next_step
        sentence = f'{system} answered "{self.answer}" to {question}'
        super().__init__(f"{sentence}; {next_step}" if next_step else sentence)


class TransientFaultError(SystemFaultError):
    """Asking again can help: a time-out, a 429, a 5xx, a refused connection."""

    retryable = True


class PermanentFaultError(SystemFaultError):
    """Asking again cannot help: refused credentials, a missing right, an unknown name, a malformed request."""
