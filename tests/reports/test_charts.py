"""The charts of reports: every declared one draws, within the size that notebooks take, on the clock of the zone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from core import reports
from core.charts import history, series
from core.charts.theme import LIGHT
from core.exceptions import BadParameterError
from core.records import Batch, Connection
from core.reports.declaration import Report, Result
from core.storage.database import Database
from core.storage.writer import BatchWriter
from tests.reports import oracle
from tests.support.traffic import messages, micro, refusal, samples

CHARTS = [(report, name) for report in reports.REPORTS.values() for name in report.charts]
LONG = {"start": "2026-02-10", "end": "2026-04-12", "granularity": "hour", "time_zone": "Europe/Berlin"}


@pytest.fixture
def filled(database: Database) -> Database:
    then = oracle.NOW - timedelta(days=3)
    found = [*messages(oracle.NOW, 30), *messages(then, 20, "EVENT"), *messages(then, 5, "NEG-OPEN")]
    found += [refusal(oracle.NOW, "no"), refusal(then, "no")]
    ended = [Connection(1, "address:1", "address", micro(then), micro(oracle.NOW))]
    with BatchWriter(database) as writer:
        writer.write([Batch("test", 1, "relay.test", found, [], ended, samples(oracle.NOW, 90))])
    return database


def rows_of(spec: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return list(spec["datasets"].values())


@pytest.mark.parametrize(("report", "name"), CHARTS, ids=lambda value: getattr(value, "name", value))
def test_each_chart_draws_a_long_range_within_its_points(report: Report, name: str, filled: Database) -> None:
    spec = report(filled, now=oracle.NOW, **LONG).chart(name).to_dict()
    for rows in rows_of(spec):
        points = Counter(row.get("series") for row in rows)
        assert max(points.values(), default=0) <= series.MOST_POINTS
    assert spec["width"] > 0
    assert spec["config"]["range"] == {"category": list(LIGHT)}
    short = report(filled, now=oracle.NOW, start="2026-04-01", end="2026-04-10", granularity="day").chart(name)
    assert "title" not in short.to_dict()


@pytest.mark.parametrize(("report", "name"), CHARTS, ids=lambda value: getattr(value, "name", value))
def test_each_chart_draws_an_empty_database(report: Report, name: str, database: Database) -> None:
    assert report(database, now=oracle.NOW, start="2026-04-01", end="2026-04-10").chart(name).to_dict()


def test_buckets_drawn_as_one_keep_their_sum_and_the_chart_says_so(filled: Database) -> None:
    result = reports.traffic(filled, now=oracle.NOW, **LONG)
    spec = result.chart().to_dict()
    drawn = next(rows for rows in rows_of(spec) if rows and "series" in rows[0])
    assert sum(row["value"] for row in drawn) == result.frame["events"].sum() == 57
    assert max(row["upper"] for row in drawn) == 30 + 1
    assert "4 hours: their sum" in spec["title"]["text"]
    assert {row["series"] for row in drawn} == {"EVENT", "REQ", "Other"}


def test_times_are_those_of_the_reporting_zone_and_bars_end_with_their_bucket(filled: Database) -> None:
    result = reports.traffic(
        filled, now=oracle.NOW, start="2026-03-28", end="2026-03-30", granularity="day", time_zone="Europe/Berlin"
    )
    spec = history.errors(
        reports.errors(filled, now=oracle.NOW, start="2026-04-07", end="2026-04-10", granularity="day",
                       time_zone="Europe/Berlin")
    ).to_dict()  # fmt: skip
    first = next(rows for rows in rows_of(spec) if rows and "series" in rows[0])[0]
    assert first["timestamp"].startswith("2026-04-07T00:00:00")
    assert first["clock"] == "Tue 07 Apr 2026"
    assert first["until"].startswith("2026-04-07T22:")
    assert spec["layer"][0]["encoding"]["x"]["scale"] == {"type": "utc"}
    assert result.chart().to_dict()["layer"][0]["encoding"]["x"]["scale"] == {"type": "utc"}


def test_the_period_before_lies_under_the_same_buckets(filled: Database) -> None:
    def of(start: str, end: str) -> Result:
        return reports.traffic(filled, now=oracle.NOW, start=start, end=end, granularity="day")

    spec = of("2026-04-09", "2026-04-10").chart(previous=of("2026-04-06", "2026-04-07")).to_dict()
    wide = next(rows for rows in rows_of(spec) if rows and "previous" in rows[0])
    assert [row["previous"] for row in wide] == [0, 26]


def test_pages_give_charts_their_own_colours(filled: Database) -> None:
    result = reports.traffic(filled, now=oracle.NOW, start="2026-04-01", end="2026-04-10")
    assert "range" not in history.traffic(result).to_dict()["config"]


def test_an_unknown_chart_is_refused_with_those_there_are(database: Database) -> None:
    result = reports.connections(database, now=oracle.NOW, start="2026-04-01", end="2026-04-10")
    with pytest.raises(BadParameterError, match="connections, session_lengths"):
        result.chart("pie")
    with pytest.raises(BadParameterError, match="none"):
        reports.realtime(database, now=oracle.NOW).chart()
