"""Every report of `core` through the API: the same numbers, as declared, in every format."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel

from api.parameters import api_name
from api.schemas import answer_of
from core.export.formulas import harmless
from core.reports import REPORTS, traffic
from core.reports.declaration import Report
from tests.api.served import OWN, PREFIX, RANGE, Served

pytestmark = pytest.mark.xdist_group("api-reports")


def asked(report: Report) -> dict[str, Any]:
    """A query that the report can answer from the history."""
    takes = {api_name(parameter.name) for parameter in report.parameters}
    return {name: value for name, value in RANGE.items() if name in takes} | (
        {"client_id": OWN} if report.name == "client" else {}
    )


def expected(report: Report, served: Served) -> Any:
    names = {"start_date": "start", "end_date": "end", "client_id": "client"}
    arguments = {names[name]: value for name, value in asked(report).items()}
    return report(served.database, now=datetime.now(UTC), time_zone="UTC", **arguments)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_answer_is_as_declared_and_the_numbers_are_those_of_the_report(report: Report, served: Served) -> None:
    response = served.get(f"/reports/{report.name}", **asked(report))
    assert response.status_code == 200, response.text
    model: type[BaseModel] = answer_of(report)
    model.model_validate_json(response.content, strict=True)
    body = response.json()
    result = expected(report, served)
    assert list(body["data"]) == [table.name for table in report.tables]
    if report.name == "realtime":
        return  # another moment
    assert any(body["data"].values())
    for table in report.tables:
        wanted = json.loads(
            result[table.name][table.column_names].to_json(
                orient="records", date_format="iso", date_unit="us", double_precision=15
            )
        )
        found = body["data"][table.name]
        assert len(found) == len(wanted)
        for row, other in zip(found, wanted, strict=True):
            assert list(row) == table.column_names
            for name in table.column_names:
                assert same(row[name], other[name]), (table.name, name, row[name], other[name])


def same(found: Any, wanted: Any) -> bool:
    if isinstance(found, str) and isinstance(wanted, str) and found != wanted:
        return bool(pd.Timestamp(found) == pd.Timestamp(wanted))
    return bool(found == pytest.approx(wanted))


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_every_table_comes_as_every_kind_of_file(report: Report, served: Served) -> None:
    for table in report.tables:
        query = asked(report) | {"table": table.name}
        path = f"/reports/{report.name}"
        rows = served.get(path, **query).json()["data"][table.name]
        live = report.name == "realtime"
        columns, *lines = csv.reader(io.StringIO(served.get(path, format="csv", **query).text, newline=""))
        assert columns == table.column_names
        parquet = pq.read_table(io.BytesIO(served.get(path, format="parquet", **query).content))
        assert parquet.column_names == table.column_names
        objects = [json.loads(line) for line in served.get(path, format="ndjson", **query).text.splitlines()]
        assert live or len(lines) == parquet.num_rows == len(objects) == len(rows)
    book = pd.read_excel(io.BytesIO(served.get(path, format="xlsx", **asked(report)).content), sheet_name=None)
    assert list(book) == [table.name for table in report.tables]


def test_instants_in_files_are_iso_8601_in_utc(served: Served) -> None:
    query: dict[str, Any] = RANGE | {"tz": "Europe/Berlin"}
    answer = served.get("/reports/traffic", **query).json()
    assert answer["data"]["timeline"][0]["timestamp"] == "2024-01-01T00:00:00+01:00"
    text = served.get("/reports/traffic", format="csv", **query).text
    assert text.splitlines()[1].startswith("2023-12-31T23:00:00Z,")


def test_a_name_that_a_spreadsheet_would_run_is_made_text_in_csv(served: Served) -> None:
    with served.database.connect() as connection:
        connection.execute("UPDATE clients SET name = '=HYPERLINK(1)' WHERE client_id = %s", [OWN])
    text = served.get("/reports/clients", format="csv", **RANGE).text
    assert "'=HYPERLINK(1)" in text
    assert harmless(-1.5) == -1.5
    row = served.get("/reports/clients", search="own", **RANGE).json()["data"]["clients"][0]
    assert row["name"] == "=HYPERLINK(1)"


def test_dates_are_inclusive_days_of_the_zone(served: Served) -> None:
    body = served.get("/reports/traffic", start_date="2024-01-02", end_date="2024-01-02", tz="Asia/Tokyo").json()
    assert body["meta"]["start"] == "2024-01-02T00:00:00+09:00"
    assert body["meta"]["end"] == "2024-01-03T00:00:00+09:00"
    assert body["meta"]["time_zone"] == "Asia/Tokyo"


def test_without_a_range_it_is_the_last_seven_days(served: Served) -> None:
    meta = served.get("/reports/traffic").json()["meta"]
    assert datetime.fromisoformat(meta["end"]) - datetime.fromisoformat(meta["start"]) == pd.Timedelta(days=7)
    assert datetime.fromisoformat(meta["end"]) > datetime.now(UTC)
    assert meta["query"]["granularity"] == "auto"


def test_instants_are_widened_to_whole_hours(served: Served) -> None:
    query: dict[str, Any] = {"start_date": "2024-01-01T00:59:59Z", "end_date": "2024-01-01T02:00:00.5+00:00"}
    meta = served.get("/reports/traffic", **query).json()["meta"]
    assert (meta["start"], meta["end"]) == ("2024-01-01T00:00:00+00:00", "2024-01-01T03:00:00+00:00")
    midnight = served.get("/reports/traffic", start_date="2024-01-01", end_date="2024-01-02T00:00:00Z").json()["meta"]
    assert midnight["end"] == "2024-01-02T00:00:00+00:00"  # an instant, not the whole day


def test_filters_are_those_of_the_report(served: Served) -> None:
    body = served.get("/reports/traffic", event_type="EVENT", kind=7, compare="false", **RANGE).json()
    assert [row["kind"] for row in body["data"]["kinds"]] == [7]
    assert body["data"]["comparison"] == []
    both = served.get("/reports/errors", client_id=OWN, kind=1, **RANGE)
    assert both.status_code == 422
    assert "not both" in both.json()["detail"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"start_date": "yesterday"}, "YYYY-MM-DD"),
        ({"start_date": "2024-01-07", "end_date": "2024-01-01"}, "swap them"),
        ({"start_date": "0001-01-01", "end_date": "0001-01-01"}, "1970"),
        ({"start_date": "1990-01-01", "end_date": "2024-01-01"}, "longer than"),
        ({"start_date": "1704067200"}, "YYYY-MM-DD"),
        ({"granularity": "minute"}, "granularity"),
        ({"granularity": "hour", "start_date": "2023-01-01", "end_date": "2024-01-01"}, "granularity day"),
        ({"tz": "Mars/Olympus"}, "IANA"),
        ({"tz": "../../etc/passwd"}, "IANA"),
        ({"event_type": "PUBLISH"}, "event_type"),
        ({"kind": "-1"}, "kind"),
        ({"kind": "9" * 40}, "kind"),
        ({"kind": "70000"}, "65535"),
        ({"client_id": "x" * 1000}, "client_id"),
        ({"client_id": "a\0b"}, "client_id"),
        ({"startdate": "2024-01-01"}, "startdate"),
        ({"table": "users"}, "table"),
        ({"format": "xml"}, "format"),
    ],
)
def test_what_cannot_be_used_is_422_and_says_what_can(query: dict[str, Any], says: str, served: Served) -> None:
    response = served.get("/reports/traffic", **(RANGE | query))
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert says in response.json()["detail"]


@pytest.mark.parametrize("value", ["' OR 1=1 --", "x'; DROP TABLE users; --", "%27", "$1", "\\", "%s", "{start}"])
def test_text_is_never_sql(value: str, served: Served) -> None:
    response = served.get("/reports/traffic", client_id=value, **RANGE)
    assert response.status_code == 200
    assert sum(row["events"] for row in response.json()["data"]["timeline"]) == 0
    assert served.get("/clients", search=value, **RANGE).json()["data"]["clients"] == []
    assert served.get("/reports/traffic", **RANGE).status_code == 200


def test_a_parameter_given_twice_is_refused(served: Served) -> None:
    response = served.client.get(
        f"{PREFIX}/reports/traffic?start_date=2024-01-01&start_date=2024-01-02",
        headers={"Authorization": f"Bearer {served.tokens['admin']}"},
    )
    assert response.status_code == 422
    assert "more than once" in response.json()["detail"]


@pytest.mark.parametrize(
    "query", [{}, {"table": "kinds"}, {"format": "csv"}, {"format": "xlsx"}, {"format": "parquet"}]
)
def test_a_result_that_did_not_change_is_not_sent_again(query: dict[str, Any], served: Served) -> None:
    first = served.get("/reports/traffic", **RANGE, **query)
    tag = first.headers["etag"]
    again = served.get("/reports/traffic", headers={"If-None-Match": f'"other", {tag}'}, **RANGE, **query)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = served.get(
        "/reports/traffic", headers={"If-None-Match": tag}, **(RANGE | {"end_date": "2024-01-06"}), **query
    )
    assert other.status_code == 200
    assert other.headers["etag"] != tag


def test_the_list_of_reports_says_what_each_takes_and_gives(served: Served) -> None:
    listed = {entry["name"]: entry for entry in served.get("/reports").json()["data"]}
    assert list(listed) == list(REPORTS)
    found = listed["traffic"]
    assert [table["name"] for table in found["tables"]] == [table.name for table in traffic.tables]
    parameters = {parameter["name"]: parameter for parameter in found["parameters"]}
    assert parameters["granularity"]["accepts"] == ["hour", "day", "week", "month", "auto"]
    assert served.get(found["path"].removeprefix(PREFIX)).status_code == 200
    assert [entry["name"] for entry in served.get("/reports", "client").json()["data"]] == ["client", "billing"]
