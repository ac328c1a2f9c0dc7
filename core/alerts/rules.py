"""A rule: what is watched, when it is bad, for how long, and who is told."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.alerts.measures import MEASURES, Measure
from core.exceptions import BadRuleError
from core.records import ERROR_CODES, EVENT_TYPES

Condition = Literal["threshold", "baseline", "no_data"]
Direction = Literal["above", "below"]
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[str, ...] = get_args(Severity)
"""From the mildest to the gravest."""

LONGEST_WINDOW = 3600
WEEK = 7 * 86_400

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL cannot store the character."""
Seconds = Annotated[int, Field(ge=0, le=WEEK)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Filters(BaseModel):
    """What the measure is narrowed to; empty: everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_type: str | None = Field(None, description="Verb of the client message, such as EVENT.")
    kind: int | None = Field(None, ge=0, le=65535, description="Kind of the Nostr event.")
    client: str | None = Field(None, min_length=1, max_length=200, pattern=NO_NUL, description="A client_id.")
    error_code: str | None = Field(None, description="Normalised error code, such as rate-limited.")

    @property
    def given(self) -> dict[str, str | int]:
        return {name: value for name, value in self.model_dump().items() if value is not None}


class Rule(BaseModel):
    """Validated where it is made: an impossible rule is refused, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="What it is called in addresses and commands.")
    title: str = Field(min_length=1, max_length=120, pattern=NO_NUL, description="What notices call it.")
    measure: str = Field(description="What is watched: one of the measures of docs/alerts.md.")
    condition: Condition = Field(
        "threshold",
        description="`threshold`: the value itself; `baseline`: how far it is from the same weekday hour of past "
        "weeks; `no_data`: there is no value, or nothing to count.",
    )
    direction: Direction = Field("above", description="On which side of the threshold it is bad.")
    threshold: Number = Field(
        0.0, description="In the unit of the measure; of `baseline`: in deviations, see docs/alerts.md."
    )
    recover: Number | None = Field(
        None, description="Where it counts as over, at or on the other side of the threshold. Default: the threshold."
    )
    window: int = Field(300, ge=10, le=LONGEST_WINDOW, description="Seconds that the measure is taken over.")
    hold: Seconds = Field(60, description="Seconds that it must be bad before an incident opens.")
    recover_after: Seconds = Field(60, description="Seconds that it must be good before the incident closes.")
    cooldown: Seconds = Field(300, description="Seconds after an incident in which no new one opens.")
    minimum: int = Field(0, ge=0, description="Messages of the window below which it counts as good: few say little.")
    severity: Severity = Field("warning", description="How grave an incident is.")
    filters: Filters = Filters()
    channels: tuple[Annotated[str, Field(max_length=63, pattern=NO_NUL)], ...] = Field(
        (), max_length=20, description="Names of the channels that are told. None: every channel for alerts."
    )
    advice: str = Field("", max_length=500, pattern=NO_NUL, description="What to do about it, for notices.")
    enabled: bool = Field(True, description="Whether it is looked at.")

    @property
    def what(self) -> Measure:
        return MEASURES[self.measure]

    @property
    def recovers_at(self) -> float:
        return self.threshold if self.recover is None else self.recover

    @model_validator(mode="after")
    def _possible(self) -> Rule:
        measure = MEASURES.get(self.measure)
        if measure is None:
            raise ValueError(f"measure {self.measure!r} is unknown; use one of {', '.join(MEASURES)}")
        if self.condition == "baseline" and not measure.baseline:
            possible = ", ".join(name for name, each in MEASURES.items() if each.baseline)
            raise ValueError(f"{self.measure} has no baseline; use one of {possible}")
        if self.condition == "baseline" and self.threshold <= 0:
            raise ValueError("threshold of a baseline is a number of deviations above 0")
        _check_filters(self.filters, measure)
        if self.condition == "baseline" and self.filters.given:
            raise ValueError("a baseline is of the whole relay: leave out filters")
        worse = self.recovers_at - self.threshold
        if worse > 0 if self.direction == "above" or self.condition == "baseline" else worse < 0:
            raise ValueError("recover must be on the good side of threshold")
        return self


def _check_filters(filters: Filters, measure: Measure) -> None:
    given = filters.given
    unfit = [name for name in given if name not in measure.filters]
    if unfit:
        fit = ", ".join(measure.filters) or "none"
        raise ValueError(f"{measure.name} cannot be narrowed by {', '.join(unfit)}; filters it takes: {fit}")
    if filters.event_type is not None and filters.event_type not in EVENT_TYPES:
        raise ValueError(f"event_type {filters.event_type!r} is unknown; use one of {', '.join(EVENT_TYPES)}")
    if filters.error_code is not None and filters.error_code not in ERROR_CODES:
        raise ValueError(f"error_code {filters.error_code!r} is unknown; use one of {', '.join(ERROR_CODES)}")
    if filters.kind is not None and (filters.client is not None or filters.event_type not in (None, "EVENT")):
        raise ValueError("kind goes with no client, and with no other event_type than EVENT")
    if filters.client is not None and filters.error_code is not None and filters.event_type is not None:
        raise ValueError("client and error_code go without event_type")


def read_rule(fields: dict[str, Any]) -> Rule:
    """A rule from plain values. Raises BadRuleError with a sentence that says what is wrong."""
    try:
        return Rule.model_validate(fields)
    except ValidationError as error:
        raise BadRuleError(" ".join(_sentence(dict(item)) for item in error.errors())) from error


def _sentence(item: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{place + ': ' if place else ''}{str(item['msg']).removeprefix('Value error, ')}."
