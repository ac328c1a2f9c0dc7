"""Clients: their ranking page by page, the report on one, and the bills of a period."""

from __future__ import annotations

import base64
import binascii
import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from api.answers import as_json, file_fields
from api.guard import Access, Guard
from api.parameters import TEXT, arguments_of, query_of
from api.routes.common import (
    FILES,
    NOT_FOUND,
    NOT_MODIFIED,
    answer,
    given,
    guarded,
    router,
    run,
    with_signature,
)
from api.schemas import answer_of
from core.exceptions import BadParameterError
from core.reports import billing, client, clients
from core.reports.clients import MOST

PERIOD = r"^\d{4}-\d{2}$|^\d{4}-\d{2}-\d{2}\.\.\d{4}-\d{2}-\d{2}$"


def routes() -> APIRouter:
    made = router("clients")
    _add_ranking(made)
    _add_metrics(made)
    _add_billing(made)
    return made


def _add_ranking(made: APIRouter) -> None:
    def endpoint(request: Request, access: Access, asked: BaseModel) -> Response:
        now = datetime.now(UTC)
        arguments = arguments_of(clients, asked, now, request.app.state.settings.time_zone)
        offset = _offset(asked, arguments)
        result = run(request, clients, access, arguments | {"offset": offset}, now)
        read = offset + len(result["clients"])
        more = read < int(result["summary"]["clients"].iloc[0])
        return as_json(
            request, result, arguments, clients.tables, next_cursor=_cursor(read, arguments) if more else None
        )

    cursor = Field(
        None, description="Where to read on: `next_cursor` of the page before, with the same parameters.", **TEXT
    )
    limit = Field(100, ge=1, le=MOST, description=f"Clients per page, 1 to {MOST}.")
    made.add_api_route(
        "/clients",
        with_signature(
            endpoint,
            request=Request,
            access=guarded(Guard("read", "report")),
            asked=given(
                query_of(clients, leave_out=("offset",), more={"limit": (int, limit), "cursor": (str, cursor)})
            ),
        ),
        name="clients",
        summary="Clients, ranked",
        description=f"{clients.meaning}. Pages of a range that is over never change; while it runs, ranks may move.",
        response_model=answer_of(clients, paged=True),
        responses=NOT_MODIFIED,
    )


def _add_metrics(made: APIRouter) -> None:
    def endpoint(request: Request, access: Access, client_id: str, asked: BaseModel) -> Response:
        return answer(request, client, access, asked, client.tables, client=client_id)

    made.add_api_route(
        "/clients/{client_id:path}/metrics",
        with_signature(
            endpoint,
            request=Request,
            access=guarded(Guard("read", "client")),
            client_id=Annotated[str, Path(description="client_id of the client", examples=["address:4b1f0c"], **TEXT)],
            asked=given(query_of(client, leave_out=("client",), more=file_fields(client.tables))),
        ),
        name="client_metrics",
        summary="One client",
        description=f"{client.meaning}.",
        response_model=answer_of(client),
        responses=FILES | NOT_MODIFIED | NOT_FOUND,
    )


def _add_billing(made: APIRouter) -> None:
    def endpoint(request: Request, access: Access, period: str, asked: BaseModel) -> Response:
        first, _, last = period.partition("..")
        named = {"start": first, "end": last} if last else {"month": first}
        return answer(request, billing, access, asked, billing.tables, **named)

    about = "A calendar month of the time zone, `2024-01`, or the first and the last day, `2024-01-01..2024-01-15`"
    made.add_api_route(
        "/billing/{period}",
        with_signature(
            endpoint,
            request=Request,
            access=guarded(Guard("read", "billing")),
            period=Annotated[str, Path(description=about, pattern=PERIOD, examples=["2024-01"])],
            asked=given(query_of(billing, leave_out=("start", "end", "month"), more=file_fields(billing.tables))),
        ),
        name="billing_of_period",
        summary="Bills of a period",
        description=f"{billing.meaning}.",
        response_model=answer_of(billing),
        responses=FILES | NOT_MODIFIED,
    )


def _cursor(offset: int, arguments: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([offset, _mark(arguments)])).decode().rstrip("=")


def _offset(asked: BaseModel, arguments: dict[str, Any]) -> int:
    """How many clients the pages before held. Raises BadParameterError for a cursor of another question."""
    cursor: str | None = asked.cursor  # type: ignore[attr-defined]
    if cursor is None:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        offset, mark = msgspec.json.decode(
            base64.b64decode(padded, altchars=b"-_", validate=True), type=tuple[int, str]
        )
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise BadParameterError("cursor: is none that this endpoint gave out.") from error
    if mark != _mark(arguments) or not 0 <= offset < 2**31:
        raise BadParameterError("cursor: belongs to a call with other parameters.")
    return offset


def _mark(arguments: dict[str, Any]) -> str:
    asked = sorted((name, str(value)) for name, value in arguments.items() if name != "limit")
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]
