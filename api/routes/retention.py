"""What is kept how long, what goes next, and clients whose raw rows have to stay."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import AwareDatetime, BaseModel, Field

from api.guard import Access, Guard
from api.parameters import TEXT, Strict
from api.routes.common import CONFLICT, NOT_FOUND, UNREADABLE, router
from core.retention import applying, holds, policies
from core.retention.policies import Policy

Reading = Annotated[Access, Depends(Guard("read", "retention"))]
Managing = Annotated[Access, Depends(Guard("manage", "retention"))]


class PolicyIn(Strict):
    days: int | None = Field(description="Days to keep it; null: for ever", examples=[30], ge=1, le=36_500)


class PolicyOut(BaseModel):
    name: str = Field(examples=["raw"])
    what: str
    days: int | None = Field(description="null: for ever")
    changed_by: str | None = Field(description="Who set it; null: the default")


class PartOut(BaseModel):
    policy: str
    table: str
    part: str = Field(description="A partition or chunk, or which rows")
    rows: int
    bytes: int
    held: int = Field(description="Rows of clients under a hold, which are kept")


class RetentionOut(BaseModel):
    policies: list[PolicyOut]
    would_go: list[PartOut] = Field(description="What would go now")


class HoldIn(Strict):
    client_id: str = Field(**TEXT, examples=["address:4b1f0c"])
    why: str = Field(min_length=1, max_length=holds.MOST_CHARACTERS)
    until: AwareDatetime | None = Field(None, description="When it ends by itself; null: when it is released")


class HoldOut(BaseModel):
    client_id: str
    why: str
    until: datetime | None
    placed_at: datetime
    placed_by: str
    rows: int = Field(description="Raw rows that are there only because of the hold")


class HoldsOut(BaseModel):
    data: list[HoldOut]


def routes() -> APIRouter:
    made = router("retention")

    @made.get("/retention", summary="What is kept how long, and what would go now")
    def kept(request: Request, access: Reading) -> RetentionOut:
        """A dry run: it counts rows, and may take a while."""
        state, now = request.app.state, datetime.now(UTC)
        return RetentionOut(
            policies=[_policy(one) for one in policies.policies(state.database, state.settings)],
            would_go=[PartOut(**asdict(part)) for part in applying.plan(state.database, state.settings, now)],
        )

    @made.put(
        "/retention/{name}", summary="Keep something for another number of days", responses=NOT_FOUND | UNREADABLE
    )
    def keep(request: Request, access: Managing, name: Annotated[str, Path(**TEXT)], given: PolicyIn) -> PolicyOut:
        """It acts within the hour."""
        state = request.app.state
        policies.keep(state.database, access.actor, name, given.days, datetime.now(UTC))
        return next(_policy(one) for one in policies.policies(state.database, state.settings) if one.name == name)

    @made.get("/holds", summary="Clients whose raw rows have to stay")
    def list_of_holds(request: Request, access: Reading) -> HoldsOut:
        """The newest first."""
        return HoldsOut(data=[HoldOut(**asdict(hold)) for hold in holds.listing(request.app.state.database)])

    @made.post(
        "/holds", summary="Hold a client's raw rows", status_code=204, responses=NOT_FOUND | CONFLICT | UNREADABLE
    )
    def place_hold(request: Request, access: Managing, given: HoldIn) -> None:
        """They stay, however old, until it is released or ends."""
        database = request.app.state.database
        holds.place(database, access.actor, given.client_id, given.why, datetime.now(UTC), given.until)

    @made.delete("/holds/{client_id:path}", summary="Release a client", status_code=204, responses=NOT_FOUND)
    def release_hold(request: Request, access: Managing, client_id: Annotated[str, Path(**TEXT)]) -> None:
        """Rows that are there only because of the hold go with the next retention."""
        holds.release(request.app.state.database, access.actor, client_id, datetime.now(UTC))

    return made


def _policy(policy: Policy) -> PolicyOut:
    return PolicyOut(name=policy.name, what=policy.what, days=policy.days, changed_by=policy.changed_by)
