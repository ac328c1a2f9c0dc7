"""What is usual at this hour, read once an hour: what past hours were like does not change while the hour lasts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from core.alerts.baseline import Baseline, baseline, past_hours
from core.reports.percentiles import percentiles
from core.storage.reading import Read

FROM_HOURS = ("events_per_second", "bytes_per_second", "error_share", "connections")
Key = tuple[str, datetime]


class Usual:
    """Baselines of measures, for an evaluation that comes every few seconds."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._known: dict[Key, tuple[Baseline | None, int]] = {}

    def of(self, read: Read, measure: str, moment: datetime) -> tuple[Baseline | None, int]:
        """The baseline at a moment (None: not enough is known) and how many past weeks are known."""
        hour = moment.replace(minute=0, second=0, microsecond=0)
        if (measure, hour) not in self._known:
            self._known = {key: value for key, value in self._known.items() if key[1] == hour}
            values = self._values(read, measure, hour)
            self._known[measure, hour] = (baseline(values), len(values))
        return self._known[measure, hour]

    def _values(self, read: Read, measure: str, hour: datetime) -> list[float]:
        # the value of the last whole hour is held against that of the same hour of past weeks
        at = hour - timedelta(hours=1) if measure == "unique_clients" else hour
        return list(values_of_hours(read, measure, past_hours(at, self._zone)).values())


def values_of_hours(read: Read, measure: str, hours: list[datetime]) -> Mapping[datetime, float]:
    """What a measure was in UTC hours; those of which nothing is known are left out."""
    if measure in FROM_HOURS:
        place = 1 + FROM_HOURS.index(measure)
        return {row[0]: float(row[place]) for row in read("alert_usual", {"hours": hours}) if row[place] is not None}
    if measure == "unique_clients":
        return {bucket: float(clients) for bucket, clients in read("alert_clients_hour", {"hours": hours})}
    if measure == "response_time_p95":
        bins: dict[datetime, list[tuple[int, int]]] = {}
        for bucket, bin_, n in read("alert_usual_latency", {"hours": hours}):
            bins.setdefault(bucket, []).append((bin_, n))
        return {bucket: _p95(rows) for bucket, rows in bins.items()}
    raise ValueError(f"{measure} has no past hours")


def _p95(rows: list[tuple[int, int]]) -> float:
    table = np.array(rows, dtype=np.int64)
    return percentiles(table[:, 0], table[:, 1], (0.95,))[0]
