"""The charts of reports: every declared one draws, within the size that notebooks take, on the clock of the zone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from core import reports
from core.charts import history, series
from core.charts.theme import LIGHT
from core.exceptions import BadParameterError
from core.records import Batch, Connection
from core.reports.declaration import Report, Result
from core.storage.database import Database
from core.storage.writer import BatchWriter
from core.tariffs import read_tariff
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


def ask(report: Report, database: Database, **arguments: Any) -> Result:
    """With those of the arguments that it takes; the report of one client of a client there is."""
    takes = {parameter.name for parameter in report.parameters}
    chosen = {name: value for name, value in arguments.items() if name in takes}
    return report(database, now=oracle.NOW, **chosen, **({"client": "address:1"} if report is reports.client else {}))


@pytest.mark.parametrize(("report", "name"), CHARTS, ids=lambda value: getattr(value, "name", value))
def test_each_chart_draws_a_long_range_within_its_points(report: Report, name: str, filled: Database) -> None:
    spec = ask(report, filled, **LONG).chart(name).to_dict()
    for rows in rows_of(spec):
        points = Counter(row.get("series") for row in rows)
        assert max(points.values(), default=0) <= series.MOST_POINTS
    assert spec["width"] > 0
    assert spec["config"]["range"] == {"category": list(LIGHT)}
    short = ask(report, filled, start="2026-04-01", end="2026-04-10", granularity="day").chart(name)
    assert "title" not in short.to_dict()


@pytest.mark.parametrize(
    ("report", "name"),
    [(report, name) for report, name in CHARTS if report is not reports.client],
    ids=lambda value: getattr(value, "name", value),
)
def test_each_chart_draws_an_empty_database(report: Report, name: str, database: Database) -> None:
    assert ask(report, database, start="2026-04-01", end="2026-04-10").chart(name).to_dict()


@pytest.mark.parametrize(("report", "name"), CHARTS, ids=lambda value: getattr(value, "name", value))
def test_each_chart_draws_a_range_without_anything(report: Report, name: str, filled: Database) -> None:
    assert ask(report, filled, start="2026-02-01", end="2026-02-10").chart(name).to_dict()


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


def test_bills_are_drawn_in_units_of_the_currency_and_without_a_tariff_as_bytes(filled: Database) -> None:
    def bars(tariff: str | None) -> list[dict[str, Any]]:
        prices = None if tariff is None else read_tariff(tariff)
        result = reports.billing(filled, now=oracle.NOW, month="2026-04", tariff=prices)
        [rows] = rows_of(result.chart().to_dict())
        return rows

    assert [row["tip"] for row in bars('{"currency": "EUR", "monthly_fee": "1.50"}')] == ["1.50 EUR"] * len(bars(None))
    assert sum(row["share"] for row in bars(None)) == pytest.approx(1)


def test_clients_that_look_alike_when_short_have_bars_of_their_own(database: Database) -> None:
    alike = [f"address:{'0' * 6}{middle}{'0' * 20}" for middle in "ab"]
    with BatchWriter(database) as writer:
        found = [one for client in alike for one in messages(oracle.NOW, 3, client=client)]
        writer.write([Batch("test", 1, "relay.test", found, [], [], [])])
    result = ask(reports.clients, database, start="2026-04-01", end="2026-04-10")
    [rows] = rows_of(result.chart().to_dict())
    assert [row["name"] for row in rows] == alike


@pytest.mark.parametrize(
    ("least", "most", "ticks"),
    [
        (0.9, 400, [1, 3, 10, 30, 100, 300]),
        (18, 66, [20, 30, 50]),
        (18, 26, [20]),
        (41, 74, [40, 50, 60, 70, 80]),
    ],
)
def test_an_axis_of_times_has_a_few_round_labels(least: float, most: float, ticks: list[float]) -> None:
    assert history._ticks(pd.Series([least, most, float("nan")])) == ticks


def test_cohorts_of_nobody_take_no_place_from_those_of_somebody(filled: Database) -> None:
    spec = reports.users(filled, now=oracle.NOW, start="2026-02-10", end="2026-04-12", granularity="day").chart(
        "retention"
    )
    sizes = {row["name"]: row["size"] for rows in rows_of(spec.to_dict()) for row in rows}
    assert sizes
    assert all(sizes.values())
