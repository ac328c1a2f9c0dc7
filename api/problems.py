"""Errors as RFC 9457 problem details: `application/problem+json`, with a request id, never with a stack trace."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from core.exceptions import BadParameterError, DatabaseUnavailableError, InvalidTokenError

log = structlog.get_logger(__name__)


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def problem(
    request: Request, status: int, detail: str, headers: dict[str, str] | None = None, **more: Any
) -> ProblemResponse:
    """A problem-details response. `more` holds extension members, such as the `errors` of a validation."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": getattr(request.state, "request_id", None),
        **more,
    }
    return ProblemResponse(body, status_code=status, headers=headers)


async def _invalid_token(request: Request, error: Exception) -> ProblemResponse:
    challenge = 'Bearer realm="relay-analytics"'
    if request.headers.get("authorization"):
        challenge += ', error="invalid_token"'
    return problem(request, 401, str(error), {"WWW-Authenticate": challenge})


async def _http(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return problem(request, error.status_code, str(error.detail), dict(error.headers or {}))


async def _validation(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = [{"parameter": str(item["loc"][-1]), "message": item["msg"]} for item in error.errors()]
    detail = "; ".join(f"{item['parameter']}: {item['message']}" for item in errors)
    return problem(request, 422, detail, errors=errors)


async def _bad_parameter(request: Request, error: Exception) -> ProblemResponse:
    return problem(request, 422, str(error))


async def _database(request: Request, error: Exception) -> ProblemResponse:
    log.warning("database_unavailable", path=request.url.path, request_id=request.state.request_id, error=str(error))
    return problem(request, 503, "The database does not answer at the moment; try again shortly.", {"Retry-After": "5"})


async def _unexpected(request: Request, error: Exception) -> ProblemResponse:
    log.error("unexpected_error", path=request.url.path, request_id=request.state.request_id, exc_info=error)
    return problem(request, 500, "Something went wrong; the log has the details under this request id.")


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""
    app.add_exception_handler(InvalidTokenError, _invalid_token)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(BadParameterError, _bad_parameter)
    app.add_exception_handler(DatabaseUnavailableError, _database)
    app.add_exception_handler(Exception, _unexpected)
