"""Scheduled reports, and the ledger of what was sent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from api.guard import Access, Guard
from api.parameters import API_NAMES, LARGEST, Strict, api_name, field
from api.routes.common import NOT_FOUND, UNREADABLE, router, told
from core.schedules import ledger, store
from core.schedules.ledger import Run, State
from core.schedules.schedule import Format, Plan, Schedule
from core.schedules.timing import COVERS, in_words

Number = Annotated[int, Path(description="Number of the schedule", ge=1, le=LARGEST)]
RunNumber = Annotated[int, Path(description="Number of the entry", ge=1, le=2**53)]
Reading = Annotated[Access, Depends(Guard("read", "schedules"))]
Managing = Annotated[Access, Depends(Guard("manage", "schedules"))]
CORE_NAMES = {given: name for name, given in API_NAMES.items()}
FilterValue = str | int | bool


class ScheduleIn(Strict):
    name: str = Field(examples=["Monthly traffic"], max_length=100)
    report: str = Field(examples=["traffic"], max_length=100, description="A report over a range of days")
    cron: str = Field(examples=["0 6 1 * *"], max_length=100, description="Minute, hour, day, month, weekday")
    time_zone: str = Field("UTC", examples=["Europe/Berlin"], max_length=100)
    covers: str = Field(examples=["last-month"], max_length=20, description=f"One of {', '.join(COVERS)}")
    format: Format = Field(examples=["pdf"])
    channel: str = Field(examples=["books"], max_length=63, description="Where it is delivered")
    filters: dict[str, FilterValue] = Field(
        default={}, examples=[{"event_type": "EVENT"}], description="Parameters of the report but for its range"
    )
    skip_empty: bool = Field(False, description="Send nothing when nothing happened")


class RunOut(BaseModel):
    run_id: int
    schedule_id: int
    first_day: date = Field(description="First day covered, in the zone of the schedule")
    last_day: date = Field(description="Last day covered")
    due_at: datetime
    state: State
    attempts: int = Field(description="Attempts since someone last asked for it")
    resends: int = Field(description="How often someone asked for it again")
    error: str | None = Field(description="Why it failed, waits, or was not sent")
    detail: str | None = Field(description="What became of it")
    started_at: datetime | None
    finished_at: datetime | None


class ScheduleOut(ScheduleIn):
    schedule_id: int
    when: str = Field(description="`cron` in words", examples=["At 06:00 on the first day of every month"])
    active: bool = Field(description="False: paused")
    owner: str | None = Field(description="Whose rights it has; null: made by a command of the operator")
    created_by: str
    created_at: datetime
    next_due: datetime | None = Field(description="When it is due next; null while it is paused")


class SchedulesOut(BaseModel):
    data: list[ScheduleOut]


class RunsOut(BaseModel):
    data: list[RunOut]


class RunsQuery(Strict):
    limit: int = field(100, "Newest entries of the ledger.", ge=1, le=1000)


def routes() -> APIRouter:
    made = router("delivery")

    @made.get("/schedules", summary="Scheduled reports")
    def list_of_schedules(request: Request, access: Reading) -> SchedulesOut:
        """By name, with when each is due next."""
        now = datetime.now(UTC)
        return SchedulesOut(data=[_shown(one, now) for one in store.listing(request.app.state.database)])

    @made.post("/schedules", summary="Schedule a report", status_code=201, responses=NOT_FOUND | UNREADABLE)
    def add_schedule(request: Request, access: Managing, given: ScheduleIn) -> ScheduleOut:
        """Refused when the report does not take the filters. It has the rights of the token's user when it runs."""
        now = datetime.now(UTC)
        return _shown(store.add(request.app.state.database, access.actor, access.caller, _plan(given), now), now)

    @made.get("/schedules/{schedule_id}", summary="One scheduled report", responses=NOT_FOUND)
    def one_schedule(request: Request, access: Reading, schedule_id: Number) -> ScheduleOut:
        """What it sends, when and where to."""
        return _shown(store.get(request.app.state.database, schedule_id), datetime.now(UTC))

    @made.put("/schedules/{schedule_id}", summary="Change a scheduled report", responses=NOT_FOUND | UNREADABLE)
    def change_schedule(request: Request, access: Managing, schedule_id: Number, given: ScheduleIn) -> ScheduleOut:
        """Replaces all of it, from now on."""
        now, database = datetime.now(UTC), request.app.state.database
        return _shown(store.change(database, access.actor, access.caller, schedule_id, _plan(given), now), now)

    @made.delete("/schedules/{schedule_id}", summary="Remove a scheduled report", status_code=204, responses=NOT_FOUND)
    def remove_schedule(request: Request, access: Managing, schedule_id: Number) -> None:
        """With its ledger."""
        store.remove(request.app.state.database, access.actor, access.caller, schedule_id, datetime.now(UTC))

    @made.post("/schedules/{schedule_id}/pause", summary="Pause a scheduled report", responses=NOT_FOUND)
    def pause_schedule(request: Request, access: Managing, schedule_id: Number) -> ScheduleOut:
        """What is due while it is paused is not sent."""
        return _set_active(request, access, schedule_id, False)

    @made.post("/schedules/{schedule_id}/resume", summary="Let a paused report go on", responses=NOT_FOUND)
    def resume_schedule(request: Request, access: Managing, schedule_id: Number) -> ScheduleOut:
        """From now on."""
        return _set_active(request, access, schedule_id, True)

    @made.post("/schedules/{schedule_id}/send", summary="Send a report now", status_code=202, responses=NOT_FOUND)
    def send_schedule(request: Request, access: Managing, schedule_id: Number) -> RunOut:
        """The days that it would cover if it were due now. The worker sends it; its entry says what became of it."""
        now, database = datetime.now(UTC), request.app.state.database
        return _entry(ledger.send_now(database, access.actor, access.caller, schedule_id, now))

    @made.get("/schedules/{schedule_id}/runs", summary="What was sent", responses=NOT_FOUND)
    def ledger_of_schedule(
        request: Request, access: Reading, schedule_id: Number, asked: Annotated[RunsQuery, Query()]
    ) -> RunsOut:
        """The ledger: one entry for each period, whatever became of it; the newest first."""
        database = request.app.state.database
        store.get(database, schedule_id)
        return RunsOut(data=[_entry(run) for run in ledger.listing(database, schedule_id, asked.limit)])

    @made.post("/schedules/runs/{run_id}/send", summary="Send an entry again", status_code=202, responses=NOT_FOUND)
    def send_run_again(request: Request, access: Managing, run_id: RunNumber) -> RunOut:
        """To everyone, under another idempotency key; refused while it is under way."""
        now, database = datetime.now(UTC), request.app.state.database
        return _entry(ledger.send_again(database, access.actor, access.caller, run_id, now))

    return made


def _set_active(request: Request, access: Access, schedule_id: int, active: bool) -> ScheduleOut:
    now, database = datetime.now(UTC), request.app.state.database
    return _shown(store.set_active(database, access.actor, access.caller, schedule_id, active, now), now)


def _plan(given: ScheduleIn) -> Plan:
    filters: dict[str, Any] = {CORE_NAMES.get(name, name): value for name, value in given.filters.items()}
    return Plan(
        given.name, given.report, given.cron, given.covers, given.format, given.channel, given.time_zone, filters,
        given.skip_empty,
    )  # fmt: skip


def _shown(schedule: Schedule, now: datetime) -> ScheduleOut:
    plan = schedule.plan
    filters = {api_name(name): value for name, value in plan.filters.items()}
    sent = told(ScheduleIn, plan, format=plan.file_format, filters=filters)
    return told(ScheduleOut, schedule, **sent.model_dump(), when=in_words(plan.cron), next_due=schedule.next_due(now))


def _entry(run: Run) -> RunOut:
    return told(RunOut, run)
