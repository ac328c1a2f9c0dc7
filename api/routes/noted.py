"""What happened: annotations that are drawn on charts over time."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from api.guard import Access, Guard
from api.parameters import LARGEST, Day, Strict, field, whole_range
from api.routes.common import NOT_FOUND, UNREADABLE, router
from core import annotations as noted
from core import periods
from core.annotations import KINDS, MOST_CHARACTERS, Kind

Managing = Annotated[Access, Depends(Guard("manage", "annotations"))]


class AnnotationsQuery(Strict):
    start_date: Day = field(None, "First day, in the time zone, or an instant. Default: 7 days, up to today.")
    end_date: Day = field(None, "Last day, included, or the instant before which the range ends.")
    tz: str = field(None, "IANA zone in which days begin. Default: the setting TIME_ZONE.", max_length=100)
    kind: Literal["note", "deploy", "restart", "alert"] = field(None, "Only this kind.")


class AnnotationIn(Strict):
    text: str = Field(min_length=1, max_length=MOST_CHARACTERS, examples=["strfry 1.1 deployed"])
    at: AwareDatetime | None = Field(None, description="When it happened, with an offset. Default: now")
    until: AwareDatetime | None = Field(None, description="When it was over; null: a moment")
    kind: Kind = "note"


class AnnotationOut(BaseModel):
    annotation_id: int
    at: datetime
    until: datetime | None = Field(description="When it was over; null: a moment")
    kind: Kind
    text: str
    author: str = Field(description="A user, or `relay-analytics` for what was found by itself")
    created_at: datetime


class AnnotationsOut(BaseModel):
    data: list[AnnotationOut]


def routes() -> APIRouter:
    made = router("annotations")

    @made.get("/annotations", summary="What happened in a range")
    def list_of_annotations(
        request: Request,
        access: Annotated[Access, Depends(Guard("read", "annotations"))],
        asked: Annotated[AnnotationsQuery, Query()],
    ) -> AnnotationsOut:
        """What happened within the range or reaches into it, in order of time."""
        zone = asked.tz or request.app.state.settings.time_zone
        span = whole_range(asked.start_date, asked.end_date, zone, datetime.now(UTC), widen=False)
        period = periods.resolve(span["start"], span["end"], zone=zone)
        kinds = [asked.kind] if asked.kind else KINDS
        found = noted.listing(request.app.state.database, period.start, period.end, kinds)
        return AnnotationsOut(data=[AnnotationOut(**asdict(one)) for one in found])

    @made.post("/annotations", summary="Say that something happened", status_code=201, responses=UNREADABLE)
    def add_annotation(request: Request, access: Managing, given: AnnotationIn) -> AnnotationOut:
        """It is drawn on every chart over time."""
        made = noted.add(
            request.app.state.database, access.actor, given.text, datetime.now(UTC),
            at=given.at, until=given.until, kind=given.kind,
        )  # fmt: skip
        return AnnotationOut(**asdict(made))

    @made.delete("/annotations/{annotation_id}", summary="Remove an annotation", status_code=204, responses=NOT_FOUND)
    def remove_annotation(
        request: Request, access: Managing, annotation_id: Annotated[int, Path(ge=1, le=LARGEST)]
    ) -> None:
        """One that was found by itself is not found again."""
        noted.remove(request.app.state.database, access.actor, annotation_id, datetime.now(UTC))

    return made
