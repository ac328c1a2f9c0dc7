"""Query parameters of a report, made from its declaration: names, types, defaults and what they accept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta, tzinfo
from inspect import Parameter as Argument
from inspect import signature
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from core.exceptions import BadParameterError
from core.periods import FIRST_YEAR, LAST_YEAR, parsed, zone_of
from core.reports.declaration import Parameter, Report

API_NAMES = {"start": "start_date", "end": "end_date", "client": "client_id", "time_zone": "tz"}
"""What the API calls parameters of reports; all others keep their names."""
DEFAULT_DAYS = 7
"""Length in days of a range that is not given."""
LARGEST = 2**31 - 1
TEXT: dict[str, Any] = {"min_length": 1, "max_length": 200, "pattern": r"^[^\x00]+$"}
EXAMPLES = {
    "start_date": "2024-01-01", "end_date": "2024-01-07", "tz": "Europe/Berlin", "month": "2024-01",
    "client_id": "address:4b1f0c", "search": "damus", "relay": "relay.example",
}  # fmt: skip
HOUR = timedelta(hours=1)


class Strict(BaseModel):
    """A parameter that is not known is refused: a slip of the pen shall not silently mean the default."""

    model_config = ConfigDict(extra="forbid")


def _day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        found = parsed(value, "the value")
    except BadParameterError as error:
        raise ValueError(str(error)) from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"the year can be {FIRST_YEAR} to {LAST_YEAR}.")
    return found


Day = Annotated[date | datetime, BeforeValidator(_day)]
"""A date, or an instant in ISO 8601; pydantic's own reading would take midnight for a date and numbers for seconds."""


def api_name(parameter: str) -> str:
    """What the API calls a parameter of a report."""
    return API_NAMES.get(parameter, parameter)


def query_of(report: Report, *, leave_out: Collection[str] = (), more: dict[str, Any] | None = None) -> type[Strict]:
    """The query parameters of a report as a model; `leave_out` names parameters of the report, `more` adds fields."""
    hints = get_type_hints(report.run)
    arguments = signature(report.run).parameters
    fields: dict[str, Any] = {
        api_name(parameter.name): _field(parameter, hints[parameter.name], arguments[parameter.name])
        for parameter in report.parameters
        if parameter.name not in leave_out
    }
    if "tz" not in fields and "time_zone" in arguments:
        fields["tz"] = _tz("IANA zone in which days begin. Default: the setting TIME_ZONE")
    made: type[Strict] = create_model(f"{report.name}_query", __base__=Strict, **fields | (more or {}))
    return made


def arguments_of(report: Report, asked: BaseModel, now: datetime, time_zone: str) -> dict[str, Any]:
    """The arguments of a report from its query; a range that is not given is the last seven days, up to today."""
    found = {
        parameter.name: value
        for parameter in report.parameters
        if (value := getattr(asked, api_name(parameter.name), None)) is not None
    }
    found["time_zone"] = getattr(asked, "tz", None) or time_zone
    takes = signature(report.run).parameters
    if "start" in takes and takes["start"].default is Argument.empty:
        found |= whole_range(found.get("start"), found.get("end"), found["time_zone"], now)
    return found


def whole_range(
    start: date | None, end: date | None, time_zone: str, now: datetime, *, widen: bool = True
) -> dict[str, date]:
    """`start` and `end` of a range, of which either may be missing. `widen` takes instants to whole hours, by which
    history is kept."""
    zone = zone_of(time_zone)
    last = end if end is not None else now.astimezone(zone).date()
    days = DEFAULT_DAYS if isinstance(last, datetime) else DEFAULT_DAYS - 1
    first = start if start is not None else last - timedelta(days=days)
    return {"start": _down(first, zone), "end": _up(last, zone)} if widen else {"start": first, "end": last}


def _down(value: date, zone: tzinfo) -> date:
    if not isinstance(value, datetime):
        return value
    instant = (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    return instant.replace(minute=0, second=0, microsecond=0)


def _up(value: date, zone: tzinfo) -> date:
    down = _down(value, zone)
    if not isinstance(value, datetime) or not isinstance(down, datetime):
        return down
    exact = (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    return down if down == exact else down + HOUR


def _field(parameter: Parameter, hint: Any, argument: Argument) -> tuple[Any, FieldInfo]:
    name = api_name(parameter.name)
    about = f"{parameter.meaning[0].upper()}{parameter.meaning[1:]}."
    if name == "tz":
        return _tz(f"{about} Default: the setting TIME_ZONE.")
    if name in ("start_date", "end_date"):
        about = "First day, in the time zone, or an instant." if name == "start_date" else "Last day, included, or the "
        about += "" if name == "start_date" else "instant before which the range ends."
        about += f" Default: {DEFAULT_DAYS} days, up to today." if argument.default is Argument.empty else ""
        return Day, field(None, about, name)
    default: Any = ... if argument.default is Argument.empty else parameter.default
    kinds = set(get_args(hint) or (hint,)) - {type(None)}
    if bool in kinds:
        return bool, field(default, about, name)
    if int in kinds:
        if (
            parameter.choices is not None
        ):  # pydantic would not read "60" as Literal[60]; the report itself refuses others
            return int, field(default, about, name, json_schema_extra={"enum": list(parameter.choices)})
        return int, field(default, about, name, ge=0, le=LARGEST)
    if parameter.choices is not None:
        return Literal[parameter.choices], field(default, about, name)
    return str, field(default, about, name, **TEXT)


def _tz(about: str) -> tuple[Any, FieldInfo]:
    return str, field(None, about, "tz", **TEXT)


def field(default: Any, about: str, name: str = "", **limits: Any) -> Any:
    """A field of a query. One that may be left out has the default None without its type saying so: a caller cannot
    send null in a query."""
    examples: dict[str, Any] = {"examples": [EXAMPLES[name]]} if name in EXAMPLES else {}
    return Field(default, description=about, **examples, **limits)
