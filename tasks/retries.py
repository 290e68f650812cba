"""The one retry mechanism: a task that only asks, or that may be repeated, is tried again on transient faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from launch.errors import TransientFaultError

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3


async def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """A fault that asking again can help; anything else fails at once."""
    return isinstance(await state.aresult(raise_on_failure=False), TransientFaultError)


def retryable(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Makes an idempotent verb a task: four tries on `TransientFaultError`, one on any other error.

    `name` is how its runs are called; parameters of the verb may stand in it (`{check.id}`).
    """
    return task(
        task_run_name=name,
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(backoff_factor=2),
        retry_jitter_factor=0.5,
        retry_condition_fn=_is_transient,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def impatient(task_of: Task[P, R]) -> Task[P, R]:
    """The same task without waiting between tries: a rehearsal's clock does not run while a task waits."""
    return task_of.with_options(retries=1, retry_delay_seconds=0, retry_jitter_factor=0)
