"""Rules for alerts and the incidents they opened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from api.guard import Access, Guard
from api.parameters import LARGEST, TEXT, Strict, field
from api.routes.common import NOT_FOUND, UNREADABLE, router
from core.alerts import administration, notices, store, wording
from core.alerts.contributions import Contribution, Dimension
from core.alerts.preview import preview
from core.alerts.rules import Rule
from core.alerts.store import Incident, Kept, Standing
from core.exceptions import BadRuleError

Reading = Annotated[Access, Depends(Guard("read", "alerts"))]
Managing = Annotated[Access, Depends(Guard("manage", "alerts"))]
Seeing = Annotated[Access, Depends(Guard("manage", "incidents"))]
Name = Annotated[str, Path(description="Name of the rule", examples=["answers-stopped"], **TEXT)]
Number = Annotated[int, Path(description="Number of the incident", ge=1, le=LARGEST)]


class IncidentsQuery(Strict):
    open: bool = field(False, "Only those that are not over.")
    rule: str = field(None, "Only of this rule.", **TEXT)
    limit: int = field(100, "Incidents per page.", ge=1, le=1000)
    before: int = field(None, "Only those with a smaller number: `next_before` of a page.", ge=1, le=LARGEST)


class CauseOut(BaseModel):
    dimension: Dimension
    name: str = Field(examples=["trystero"])
    before: float = Field(description="Amount per second before; of a tap, table or reason see docs/alerts.md")
    during: float = Field(description="Amount per second during the incident")
    share: float = Field(description="Part of the whole change that it explains; 1.0: all of it")


class IncidentOut(BaseModel):
    incident_id: int
    rule: str = Field(examples=["answers-stopped"])
    title: str
    severity: Literal["info", "warning", "critical"]
    measure: str
    unit: str
    condition: str = Field(examples=["above 5.0 s for 5.0 s"])
    headline: str = Field(description="What is wrong and what explains most of it")
    opened_at: datetime
    ended_at: datetime | None
    ended_how: str | None = Field(description="`recovered` or `switched off`; null while it is open")
    value: float | None = Field(description="At the last look; null: not known")
    worst_value: float | None
    limit: float | None = Field(description="The value from which on it is bad")
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    why: list[CauseOut]


class SeenOut(BaseModel):
    at: datetime
    value: float | None
    limit: float | None


class NoticeOut(BaseModel):
    transition: str
    channel: str
    made_at: datetime
    attempts: int
    sent_at: datetime | None
    given_up_at: datetime | None
    detail: str | None


class WholeIncidentOut(IncidentOut):
    values: list[SeenOut]
    notices: list[NoticeOut]


class IncidentsOut(BaseModel):
    data: list[IncidentOut]
    next_before: int | None = Field(description="Give it as `before` to read on; null on the last page")


class RuleOut(BaseModel):
    rule: Rule
    origin: Literal["default", "edited", "own"]
    muted_until: datetime | None
    changed_at: datetime | None
    changed_by: str | None
    phase: str = Field(description="quiet, pending, open, recovering or cooling", examples=["quiet"])
    value: float | None = Field(description="At the last look; null: not known")
    limit: float | None
    note: str = Field(description="Why it is not known, or does not count")


class RulesOut(BaseModel):
    data: list[RuleOut]
    looked_at: datetime | None = Field(description="When all rules were last looked at")
    milliseconds: float | None = Field(description="How long that took")


class WouldOut(BaseModel):
    opened_at: datetime
    ended_at: datetime | None


class PreviewOut(BaseModel):
    fired: int = Field(description="How often it would have fired")
    days: int
    step_seconds: int | None = Field(description="Grain in which the past is known; null: it is not")
    note: str
    incidents: list[WouldOut]


class MuteIn(Strict):
    until: AwareDatetime | None = Field(description="Until when nobody is told of openings; null: no longer muted")


class ToldOut(Strict):
    channels: list[Annotated[str, Field(**TEXT)]] = Field(
        max_length=50, description="Channels that are told of alerts whose rule names none", examples=[["night"]]
    )


def routes() -> APIRouter:
    made = router("alerts")
    _incidents(made)
    _rules(made)
    return made


def _incidents(made: APIRouter) -> None:
    @made.get("/alerts/incidents", summary="Incidents, open ones first, then the newest")
    def list_of_incidents(request: Request, access: Reading, asked: Annotated[IncidentsQuery, Query()]) -> IncidentsOut:
        """With why they opened."""
        found = store.incidents(
            request.app.state.database, open_only=asked.open, rule=asked.rule, before=asked.before, limit=asked.limit
        )
        more = min(each.incident_id for each in found) if len(found) == asked.limit else None
        return IncidentsOut(data=[IncidentOut(**_shown(each)) for each in found], next_before=more)

    @made.get("/alerts/incidents/{incident_id}", summary="One incident", responses=NOT_FOUND)
    def one_incident(request: Request, access: Reading, incident_id: Number) -> WholeIncidentOut:
        """With its values over time, and who was told."""
        database = request.app.state.database
        found = store.incident(database, incident_id)
        return WholeIncidentOut(
            **_shown(found),
            values=[SeenOut(**vars(each)) for each in store.seen(database, incident_id)],
            notices=[NoticeOut(**vars(each)) for each in notices.of_incident(database, incident_id)],
        )

    @made.post("/alerts/incidents/{incident_id}/acknowledge", summary="Say that it was seen", responses=NOT_FOUND)
    def acknowledge(request: Request, access: Seeing, incident_id: Number) -> IncidentOut:
        """Who said so first stays. Only of an open one."""
        database = request.app.state.database
        administration.acknowledge(database, access.actor, incident_id, datetime.now(UTC))
        return IncidentOut(**_shown(store.incident(database, incident_id)))


def _rules(made: APIRouter) -> None:
    @made.get("/alerts/rules", summary="Rules, and how each stands")
    def list_of_rules(request: Request, access: Reading) -> RulesOut:
        """The defaults in their order, then the operator's own."""
        database = request.app.state.database
        standings = store.standings(database)
        at, milliseconds = store.last_round(database)
        data = [_rule(kept, standings.get(kept.rule.name, Standing())) for kept in store.rules(database)]
        return RulesOut(data=data, looked_at=at, milliseconds=milliseconds)

    @made.post("/alerts/rules", summary="Add a rule", status_code=201, responses=UNREADABLE)
    def add_rule(request: Request, access: Managing, given: Rule) -> RuleOut:
        """It is looked at from the next round on."""
        return _rule(administration.add_rule(request.app.state.database, access.actor, given, datetime.now(UTC)))

    @made.put("/alerts/rules/{name}", summary="Change a rule", responses=UNREADABLE | NOT_FOUND)
    def change_rule(request: Request, access: Managing, name: Name, given: Rule) -> RuleOut:
        """A default that was changed stays so: no later version changes it."""
        if given.name != name:
            raise BadRuleError(f"The rule in the body is named {given.name!r}, in the path {name!r}.")
        database = request.app.state.database
        store.rule_named(database, name)
        return _rule(administration.change_rule(database, access.actor, given, datetime.now(UTC)))

    @made.delete("/alerts/rules/{name}", summary="Remove a rule", status_code=204, responses=NOT_FOUND)
    def remove_rule(request: Request, access: Managing, name: Name) -> None:
        """A default becomes what it was; to be rid of it, change it to `enabled: false`."""
        administration.remove_rule(request.app.state.database, access.actor, name, datetime.now(UTC))

    @made.post("/alerts/rules/{name}/mute", summary="Mute a rule", responses=UNREADABLE | NOT_FOUND)
    def mute(request: Request, access: Managing, name: Name, given: MuteIn) -> RuleOut:
        """Incidents open and close all the same. Of one that is still open when it ends, people are told then."""
        now = datetime.now(UTC)
        return _rule(administration.mute(request.app.state.database, access.actor, name, given.until, now))

    @made.post("/alerts/preview", summary="What a rule would have done in the last 7 days", responses=UNREADABLE)
    def what_it_would_have_done(request: Request, access: Reading, given: Rule) -> PreviewOut:
        """Nothing is kept of it. The past is known by the minute of some measures, by the hour of others."""
        state = request.app.state
        found = preview(state.database, given, datetime.now(UTC), state.settings.zone)
        return PreviewOut(
            fired=len(found.incidents), days=found.days, note=found.note,
            step_seconds=None if found.grain is None else int(found.grain.total_seconds()),
            incidents=[WouldOut(**vars(each)) for each in found.incidents],
        )  # fmt: skip

    @made.get("/alerts/channels", summary="Channels that are told where a rule names none")
    def told_of_all(request: Request, access: Reading) -> ToldOut:
        """By name."""
        return ToldOut(channels=administration.told_of_all(request.app.state.database))

    @made.put("/alerts/channels", summary="Choose those channels", responses=UNREADABLE | NOT_FOUND)
    def choose_channels(request: Request, access: Managing, given: ToldOut) -> ToldOut:
        """Instead of those that were chosen before."""
        administration.tell(request.app.state.database, access.actor, given.channels, datetime.now(UTC))
        return told_of_all(request, access)


def _shown(incident: Incident) -> dict[str, object]:
    rule = incident.rule
    return {
        "incident_id": incident.incident_id, "rule": rule.name, "title": rule.title, "severity": rule.severity,
        "measure": rule.measure, "unit": rule.what.unit, "condition": wording.condition(rule),
        "headline": wording.headline(incident), "opened_at": incident.opened_at, "ended_at": incident.ended_at,
        "ended_how": incident.ended_how, "value": incident.last_value, "worst_value": incident.worst_value,
        "limit": incident.limit, "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by, "why": [_cause(each) for each in incident.why],
    }  # fmt: skip


def _cause(part: Contribution) -> dict[str, object]:
    return dict(vars(part))


def _rule(kept: Kept, standing: Standing | None = None) -> RuleOut:
    stands = standing or Standing()
    return RuleOut(
        rule=kept.rule, origin=kept.origin, muted_until=kept.muted_until, changed_at=kept.changed_at,
        changed_by=kept.changed_by, phase=stands.state.phase, value=stands.value, limit=stands.limit, note=stands.note,
    )  # fmt: skip
