"""One vendor's HTTP API as a block sees it: its address, its credentials, and answers read into typed values."""

from __future__ import annotations

import weakref
from collections.abc import Container, Mapping
from functools import cached_property
from typing import TypeVar

import httpx
from pydantic import BaseModel, JsonValue

from blocks import payloads, wire

P = TypeVar("P", bound=BaseModel)


class Endpoint:
    """Keeps one connection. A fault's sentence tells the captain `system`, and `needs` when a right is missing."""

    def __init__(
        self, system: str, base_url: str, *, headers: Mapping[str, str], timeout_seconds: float, needs: str = ""
    ) -> None:
        self.system = system
        self._needs = needs
        self._base_url = base_url
        self._headers = headers
        self._timeout_seconds = timeout_seconds

    @cached_property
    def _client(self) -> httpx.Client:
        opened = wire.client(self._base_url, timeout_seconds=self._timeout_seconds, headers=self._headers)
        # A block has no end of life of its own: its connection is closed when the block is forgotten.
        weakref.finalize(self, opened.close)
        return opened

    def send(
        self,
        method: str,
        path: str,
        *,
        question: str,
        ok: Container[int] = wire.SUCCESS,
        params: Mapping[str, str | int | float | bool] | None = None,
        json: JsonValue = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The response, its status in `ok`. Raises `SystemFaultError`."""
        return wire.fetch(
            self._client,
            method,
            path,
            system=self.system,
            question=question,
            ok=ok,
            params=params,
            json=json,
            data=data,
            headers=headers,
            needs=self._needs,
        )

    def ask(
        self,
        shape: type[P],
        method: str,
        path: str,
        *,
        question: str,
        params: Mapping[str, str | int | float | bool] | None = None,
        json: JsonValue = None,
        data: Mapping[str, str] | None = None,
    ) -> P:
        """The answer as `shape`. Raises `SystemFaultError`, also for an answer of another form."""
        response = self.send(method, path, question=question, params=params, json=json, data=data)
        return payloads.read(shape, response, system=self.system, question=question)
