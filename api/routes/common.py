"""What endpoints share: their place, what can go wrong, signatures made at run time, and running a report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from inspect import Parameter, Signature
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from api.answers import FILE_FORMATS, as_file, as_json
from api.guard import Access, Guard
from api.parameters import arguments_of
from api.schemas import ProblemOut
from api.sharing import Shared
from core.export.tables import MEDIA_TYPES
from core.permissions import Resource, resource_of
from core.reports.declaration import Report, Result, Table

PREFIX = "/api/v1/analytics"
Answer = TypeVar("Answer", bound=BaseModel)

_PROBLEM = {"application/problem+json": {"schema": ProblemOut.model_json_schema()}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"description": "No token, or one that is unknown, revoked or expired", "content": _PROBLEM},
    403: {"description": "The role or the scopes of the token do not include this", "content": _PROBLEM},
    413: {"description": "The request has a body where it takes none, or too long a one", "content": _PROBLEM},
    414: {"description": "Path and query are too long", "content": _PROBLEM},
    422: {"description": "A parameter has a value that cannot be used", "content": _PROBLEM},
    429: {"description": "The token has no calls left; go on after `Retry-After` seconds", "content": _PROBLEM},
    503: {"description": "The database does not answer, or is busy", "content": _PROBLEM},
    504: {"description": "The database took too long; ask for a shorter range", "content": _PROBLEM},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "There is none of this name", "content": _PROBLEM}}
UNREADABLE: dict[int | str, dict[str, Any]] = {400: {"description": "The body is no JSON", "content": _PROBLEM}}
CONFLICT: dict[int | str, dict[str, Any]] = {409: {"description": "It is in use", "content": _PROBLEM}}
NOT_DELIVERED: dict[int | str, dict[str, Any]] = {
    502: {"description": "The other side did not take the message", "content": _PROBLEM}
}
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The same as the caller has (`If-None-Match`)"}}
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report, as JSON or as a file",
        "content": {
            MEDIA_TYPES[name].partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
            for name in FILE_FORMATS
        },
    }
}


def told(answer: type[Answer], of: object, **more: Any) -> Answer:
    """The answer of this type about something: each field is its attribute of that name, but for those given."""
    return answer(**{name: getattr(of, name) for name in answer.model_fields if name not in more} | more)


def router(tag: str) -> APIRouter:
    return APIRouter(prefix=PREFIX, tags=[tag], responses=PROBLEMS)


def given(annotation: Any) -> Any:
    """The annotation of an argument that comes from the query, as this model."""
    return Annotated[annotation, Query()]


def guarded(guard: Guard) -> Any:
    return Annotated[Access, Depends(guard)]


def with_signature(endpoint: Callable[..., Response], **annotations: Any) -> Callable[..., Response]:
    """`endpoint` as a function of these keyword arguments: FastAPI reads from it what a caller may send."""
    arguments = [Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in annotations.items()]
    endpoint.__signature__ = Signature(arguments, return_annotation=Response)  # type: ignore[attr-defined]
    return endpoint


def run(request: Request, report: Report, access: Access, arguments: dict[str, Any], now: datetime) -> Result:
    """Run a report for a caller: one that may see a single client gets that client whatever it asks for."""
    if any(parameter.name == "client" for parameter in report.parameters):
        client = access.limited_to(arguments.get("client"))
        arguments = arguments | ({} if client is None else {"client": client})
    key = (report.name, *sorted(arguments.items()))
    shared: Shared = request.app.state.shared
    return shared(key, lambda: report(request.app.state.database, now=now, **arguments))


def answer(
    request: Request, report: Report, access: Access, asked: BaseModel, tables: tuple[Table, ...], **fixed: Any
) -> Response:
    """Run `report` as `asked`, with `fixed` arguments, and answer in the format asked for."""
    now = datetime.now(UTC)
    file_format = getattr(asked, "format", "json")
    if file_format != "json":
        access.require("export", resource_of(report.name), getattr(asked, "client_id", None))
    arguments = arguments_of(report, asked, now, request.app.state.settings.time_zone) | fixed
    result = run(request, report, access, arguments, now)
    if file_format != "json":
        asked_for = arguments | {"format": file_format, "table": getattr(asked, "table", None)}
        return as_file(request, report, result, asked_for, access, now)
    wanted = getattr(asked, "table", None)
    return as_json(request, result, arguments, [table for table in tables if wanted in (None, table.name)])


def resource(report: Report) -> Resource:
    return resource_of(report.name)
