"""The door of vendor endpoints that take a bearer token: 401 without it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse


def refused(request: Request, token: str, *, scheme: str = "Bearer") -> JSONResponse | None:
    """The refusal that a request without the right token gets; None lets it in."""
    if request.headers.get("authorization") == f"{scheme} {token}":
        return None
    return JSONResponse({"message": "Unauthorized"}, status_code=401, headers={"WWW-Authenticate": scheme})
