"""Errors as RFC 9457 problem details: `application/problem+json`, with a request id, never with a stack trace."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.limits import BUSY_RETRY_SECONDS, TooManyCallsError, TooManyExportsError
from core.exceptions import (
    BadParameterError,
    BadRuleError,
    ChannelInUseError,
    ClientHeldError,
    DatabaseUnavailableError,
    DeliveryFailed,
    InvalidTokenError,
    NotAllowedError,
    NotHeldError,
    StatementTimeoutError,
    UnknownAnnotationError,
    UnknownChannelError,
    UnknownClientError,
    UnknownIncidentError,
    UnknownPolicyError,
    UnknownRuleError,
    UnknownRunError,
    UnknownScheduleError,
)

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


async def _unknown(request: Request, error: Exception) -> ProblemResponse:
    return problem(request, 404, str(error))


async def _in_use(request: Request, error: Exception) -> ProblemResponse:
    return problem(request, 409, str(error))


async def _not_delivered(request: Request, error: Exception) -> ProblemResponse:
    return problem(request, 502, str(error))


async def _not_allowed(request: Request, error: Exception) -> ProblemResponse:
    return problem(request, 403, str(error))


async def _too_many_calls(request: Request, error: Exception) -> ProblemResponse:
    return problem(request, 429, str(error))  # the middleware adds Retry-After with the other fields of the limit


async def _busy(request: Request, error: Exception) -> ProblemResponse:
    return problem(request, 503, str(error), {"Retry-After": str(BUSY_RETRY_SECONDS)})


async def _timeout(request: Request, error: Exception) -> ProblemResponse:
    log.warning("statement_timeout", path=request.url.path)
    return problem(request, 504, str(error))


async def _database(request: Request, error: Exception) -> ProblemResponse:
    log.warning("database_unavailable", path=request.url.path, error=str(error))
    return problem(request, 503, "The database does not answer at the moment; try again shortly.", {"Retry-After": "5"})


def unexpected(request: Request, error: Exception) -> ProblemResponse:
    """For the edge of a request: what nobody foresaw is logged whole and answered without details."""
    log.error("unexpected_error", path=request.url.path, exc_info=error)
    return problem(request, 500, "Something went wrong; the log has the details under this request id.")


def install(app: FastAPI) -> None:
    """Answer every error of `app` that is known with a problem; the middleware answers the others."""
    app.add_exception_handler(InvalidTokenError, _invalid_token)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(BadParameterError, _bad_parameter)
    app.add_exception_handler(BadRuleError, _bad_parameter)
    app.add_exception_handler(UnknownRuleError, _unknown)
    app.add_exception_handler(UnknownIncidentError, _unknown)
    app.add_exception_handler(UnknownClientError, _unknown)
    app.add_exception_handler(UnknownChannelError, _unknown)
    app.add_exception_handler(UnknownAnnotationError, _unknown)
    app.add_exception_handler(UnknownScheduleError, _unknown)
    app.add_exception_handler(UnknownRunError, _unknown)
    app.add_exception_handler(UnknownPolicyError, _unknown)
    app.add_exception_handler(NotHeldError, _unknown)
    app.add_exception_handler(ClientHeldError, _in_use)
    app.add_exception_handler(ChannelInUseError, _in_use)
    app.add_exception_handler(DeliveryFailed, _not_delivered)
    app.add_exception_handler(NotAllowedError, _not_allowed)
    app.add_exception_handler(TooManyCallsError, _too_many_calls)
    app.add_exception_handler(TooManyExportsError, _busy)
    app.add_exception_handler(StatementTimeoutError, _timeout)
    app.add_exception_handler(DatabaseUnavailableError, _database)
