"""What happened, over a chart: in the zone of the report, cut to its range, and valid Vega-Lite."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import altair as alt
import pytest

from core import reports
from core.annotations import Annotation
from core.charts import history, live
from core.charts.happened import annotated, overlaid
from core.charts.parts import OVER, ROWS, spec, spec_with
from core.charts.series import Chart
from core.reports.declaration import Result
from core.storage.database import Database
from core.storage.writer import BatchWriter
from tests.support.records import NOON, batch, event

HOUR = timedelta(hours=1)


def happened(at: datetime, until: datetime | None = None, kind: str = "deploy", text: str = "v2") -> Annotation:
    return Annotation(1, at, until, kind, text, "ann", NOON)


@pytest.fixture
def day(database: Database) -> Result:
    with BatchWriter(database) as writer:
        writer.write([batch([event(NOON + number * HOUR) for number in range(3)])])
    span = {"start": NOON.date(), "end": NOON.date(), "now": NOON + 5 * HOUR}
    return reports.traffic(database, granularity="hour", time_zone="Europe/Berlin", **span)


def drawn(chart: alt.Chart | alt.LayerChart) -> list[dict[str, object]]:
    """The rows of annotations in the finished chart."""
    spec = chart.to_dict(validate=True)
    return [row for rows in spec["datasets"].values() for row in rows if "author" in row]


def test_it_is_drawn_at_the_clock_of_the_reporting_zone(day: Result) -> None:
    rows = drawn(annotated(history.traffic(day), [happened(NOON)], day.meta))
    assert {(row["timestamp"], row["clock"], row["kind"], row["text"]) for row in rows} == {
        ("2026-03-10T13:00:00", "Tue 10 Mar 2026 13:00", "Deploy", "v2")
    }


def test_what_lasted_is_a_band_within_the_range(day: Result) -> None:
    chart = annotated(history.traffic(day), [happened(NOON - 48 * HOUR, NOON, "restart")], day.meta)
    (row,) = {(row["timestamp"], row["until"]) for row in drawn(chart)}
    assert row == ("2026-03-10T00:00:00", "2026-03-10T13:00:00")
    assert sum("x2" in layer["encoding"] for layer in chart.to_dict()["layer"][-4:]) == 1


def test_without_any_the_chart_stays_as_it_is(day: Result) -> None:
    chart = history.traffic(day)
    assert annotated(chart, [happened(NOON + 48 * HOUR)], day.meta) is chart
    assert annotated(chart, [], day.meta) is chart


@pytest.mark.parametrize("build", [live.events, live.bandwidth, live.latency, live.connections, live.host])
def test_a_live_chart_takes_what_happened_as_a_set_of_rows_of_its_own(build: Callable[..., Chart]) -> None:
    plain, made = spec(build, height=100), spec_with(build, overlaid, height=100)
    assert made["data"] == {"name": ROWS}
    assert [layer.get("data") for layer in made["layer"][-4:]] == [{"name": OVER}] * 4
    assert made["layer"][:-4] == plain["layer"]
