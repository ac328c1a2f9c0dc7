"""What a page is asked to show: its range, buckets and filters, as a plain value. The address bar holds the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from core import kinds
from core.exceptions import BadParameterError
from core.periods import Granularity, Period
from core.ranges import DAY, NAMES, last
from core.reports.declaration import Meta, Report

CUSTOM = "custom"
RANGES = (*NAMES, CUSTOM)
DEFAULT_RANGE = "7d"
FILTERS = {"event_type": "type", "kind": "kind", "client": "client", "error_code": "code"}
"""Parameter of a report → its name in the address."""
KEYS = FILTERS | {
    "range": "range", "start": "from", "end": "to", "granularity": "by", "compare": "compare", "time_zone": "tz"
}  # fmt: skip
"""Field of `Filters` → its name in the address."""


@dataclass(frozen=True)
class Filters:
    """The state of a page. `start` and `end` are as given, for the range `custom` only; None: no such filter."""

    time_zone: str
    range: str = DEFAULT_RANGE
    start: str = ""
    end: str = ""
    granularity: str = "auto"
    compare: bool = True
    event_type: str | None = None
    kind: int | None = None
    client: str | None = None
    error_code: str | None = None

    def span(self, now: datetime) -> tuple[str | date | datetime, str | date | datetime]:
        """First and last of the range, as reports take them. Raises BadParameterError for a custom one with a gap."""
        if self.range != CUSTOM:
            return last(self.range, now, ZoneInfo(self.time_zone))
        if not self.start or not self.end:
            raise BadParameterError("A custom range needs a first and a last day.")
        return self.start, self.end

    def arguments(self, report: Report, now: datetime) -> dict[str, Any]:
        """What `report` is called with: of the filters, those it takes.

        Raises BadParameterError for a custom range with a gap.
        """
        start, end = self.span(now)
        taken = {parameter.name for parameter in report.parameters}
        values = {"start": start, "end": end, "time_zone": self.time_zone, "granularity": self.granularity}
        values |= {"compare": self.compare} | self.chosen()
        return {name: value for name, value in values.items() if name in taken}

    def chosen(self) -> dict[str, Any]:
        """The filters that are set."""
        return {name: getattr(self, name) for name in FILTERS if getattr(self, name) is not None}

    def ignored_by(self, report: Report) -> list[str]:
        """The filters that are set and that `report` does not take, in words for a card's subtitle."""
        taken = {parameter.name for parameter in report.parameters}
        return [name.replace("_", " ") for name in self.chosen() if name not in taken]

    def over(self, start: datetime, end: datetime, granularity: str) -> Filters:
        """The same filters over [start, end), in buckets of this width."""
        return replace(self, range=CUSTOM, start=start.isoformat(), end=end.isoformat(), granularity=granularity)

    def before(self, meta: Meta) -> Filters:
        """The same filters over the period before that of a result, as `core.periods` compares."""
        width = cast("Granularity", meta.granularity)
        period = Period(meta.start, meta.end, ZoneInfo(meta.time_zone), width).previous()
        return self.over(period.start, period.end, width)

    def by_hour(self, meta: Meta) -> Filters:
        """The same filters and range, hour by hour."""
        return self.over(meta.start, meta.end, "hour")

    def query(self, home_zone: str) -> str:
        """Query string of the address that shows this; what is at its default is left out. `home_zone`: the zone's."""
        shown = {} if self.time_zone == home_zone else {KEYS["time_zone"]: self.time_zone}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "time_zone" and value not in (None, "", field.default):
                shown[KEYS[field.name]] = str(value).lower() if isinstance(value, bool) else str(value)
        return urlencode(shown)


def kind_of(text: str | None) -> int | None:
    """The kind in what was chosen or typed: `1`, `1 · Text note`. Raises BadParameterError for anything else."""
    if not text:
        return None
    number = text.split("·")[0].strip()
    if not number.isdecimal() or int(number) > 65535:
        raise BadParameterError(f"{text!r} is no kind; give a number from 0 to 65535.")
    return int(number)


def labels(filters: Filters) -> Mapping[str, str]:
    """Filter → what its chip says."""
    words = {name: f"{name.replace('_', ' ').capitalize()}: {value}" for name, value in filters.chosen().items()}
    if filters.kind is not None:
        words["kind"] = f"Kind: {kinds.label(filters.kind)}"
    if filters.client is not None:
        words["client"] = f"Client: {short(filters.client)}"
    return words


def short(client: str) -> str:
    """A client's name, cut in its middle where it is long: the ends tell two apart."""
    return client if len(client) <= 22 else f"{client[:12]}…{client[-6:]}"


def call(report: Report, arguments: Mapping[str, Any], table: str | None = None) -> str:
    """The Python call that gives this very table, or all of a report's, for a notebook."""
    given = ", ".join(
        f"{name}={str(value)!r}" if isinstance(value, date) else f"{name}={value!r}"
        for name, value in arguments.items()
    )
    made = f"from core import reports\n\nresult = reports.{report.name}({given})"
    return made if table is None else f"{made}\nresult[{table!r}]"


def _readable(text: str) -> str:
    """`6 Nov 11:00` for 2026-11-06T11:00; what is no instant stays as it is."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{moment:%-d %b %H:%M}" if "T" in text else f"{moment:%-d %b}"


def range_name(filters: Filters) -> str:
    """The range in words: `last 7 days`."""
    if filters.range == CUSTOM:
        return f"{_readable(filters.start)} to {_readable(filters.end)}"
    words = {DAY: "last 24 hours", "12m": "last 12 months"}
    return words.get(filters.range, f"last {filters.range.removesuffix('d')} days")
