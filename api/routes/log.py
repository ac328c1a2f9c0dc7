"""The audit log, for administrators."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.guard import Access, Guard
from api.parameters import LARGEST, TEXT, Strict, field
from api.routes.common import router
from core import audit


class AuditQuery(Strict):
    actor: str = field(None, "Only what this user did.", **TEXT)
    action: str = field(None, "Only actions that begin so, such as `export.`", **TEXT)
    request_id: str = field(None, "Only what belongs to this request.", **TEXT)
    limit: int = field(100, "Entries per page.", ge=1, le=1000)
    before: int = field(None, "Only entries before this one: `next_before` of a page.", ge=1, le=LARGEST)


class EntryOut(BaseModel):
    entry_id: int
    at: datetime
    actor: str = Field(description="Name of the user; of the machine's user for commands")
    via: str = Field(examples=["token 3f9a12cd"])
    action: str = Field(examples=["export.events"])
    request_id: str | None
    details: dict[str, Any]


class AuditOut(BaseModel):
    data: list[EntryOut]
    next_before: int | None = Field(description="Give it as `before` to read on; null on the last page")


def routes() -> APIRouter:
    made = router("audit")

    @made.get("/audit", summary="Who exported and administered what")
    def audit_log(
        request: Request,
        access: Annotated[Access, Depends(Guard("read", "audit"))],
        asked: Annotated[AuditQuery, Query()],
    ) -> AuditOut:
        """Every export and every change to users, tokens and bills, the newest first."""
        found = audit.entries(request.app.state.database, **asked.model_dump())
        more = found[-1].entry_id if len(found) == asked.limit else None
        return AuditOut(data=[EntryOut(**asdict(entry)) for entry in found], next_before=more)

    return made
