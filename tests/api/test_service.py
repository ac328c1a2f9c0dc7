"""What holds for every call: limits, headers, logs, and errors that give nothing away."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import structlog
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from api.app import create_app
from core.exceptions import StatementTimeoutError
from core.settings import Settings
from core.storage.database import Database
from tests.api.served import PREFIX, RANGE, Served, serve

pytestmark = pytest.mark.xdist_group("api-service")


@pytest.fixture
def narrow(database: Database) -> Iterator[Served]:
    with serve(database, api_rate_limit="3/hour", api_cors_origins="https://grafana.example") as made:
        yield made


def test_a_token_has_so_many_calls_and_is_told_where_it_stands(narrow: Served) -> None:
    for left in (2, 1, 0):
        response = narrow.get("/reports")
        assert response.status_code == 200
        assert response.headers["ratelimit-policy"] == '"token";q=3;w=3600'
        assert response.headers["ratelimit"].startswith(f'"token";r={left};t=')
        assert response.headers["ratelimit-remaining"] == str(left)
        assert response.headers["ratelimit-limit"] == "3"
    refused = narrow.get("/reports")
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert narrow.get("/reports", "analyst").status_code == 200  # another token
    assert narrow.client.get("/healthz").status_code == 200


def test_a_call_without_a_valid_token_costs_nobody_a_call(narrow: Served) -> None:
    for _ in range(5):
        assert narrow.client.get(f"{PREFIX}/reports", headers={"Authorization": "Bearer rat_x"}).status_code == 401
    assert narrow.get("/reports").headers["ratelimit-remaining"] == "2"


def test_pages_of_other_origins_may_call_only_where_that_is_set(narrow: Served, served: Served) -> None:
    headers = {"Origin": "https://grafana.example"}
    assert narrow.get("/reports", headers=headers).headers["access-control-allow-origin"] == "https://grafana.example"
    other = narrow.get("/reports", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    assert "access-control-allow-origin" not in served.get("/reports", headers=headers).headers


def test_every_response_has_the_security_headers_and_a_request_id(served: Served) -> None:
    seen = set()
    for response in (
        served.get("/reports"), served.get("/reports/traffic", "client"), served.client.get(f"{PREFIX}/reports"),
        served.client.get("/nothing"), served.client.get("/healthz"), served.get("/export/csv", **RANGE),
    ):  # fmt: skip
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "server" not in response.headers
        seen.add(response.headers["x-request-id"])
    assert len(seen) == 6


def test_answers_are_compressed_for_whoever_takes_it(served: Served) -> None:
    response = served.get("/reports/traffic", headers={"Accept-Encoding": "gzip"}, **RANGE)
    assert response.headers["content-encoding"] == "gzip"
    assert response.json()["data"]["timeline"]


def test_requests_that_are_too_large_are_refused_at_the_door(served: Served) -> None:
    long = served.get("/reports/traffic", relay="x" * 9000)
    assert long.status_code == long.json()["status"] == 414
    body = served.client.request("GET", f"{PREFIX}/reports", content=b"x" * 10)
    assert body.status_code == 413
    chunked = served.client.request("GET", f"{PREFIX}/reports", content=iter([b"x"]))
    assert chunked.status_code == 413
    assert served.client.post(f"{PREFIX}/channels", content=b"x" * 65537).status_code == 413
    assert served.client.post(f"{PREFIX}/channels", content=iter([b"x"])).status_code == 413


def test_header_values_come_back_nowhere(served: Served) -> None:
    strange = "x\r\nSet-Cookie: a=b"
    response = served.get(
        "/reports",
        headers={"X-Request-ID": "mine", "If-None-Match": '"a"'},
    )
    assert response.headers["x-request-id"] != "mine"
    refused = served.get("/reports/traffic", client_id=strange, format="csv", **RANGE)
    assert "set-cookie" not in refused.headers
    assert served.get("/clients/" + strange.replace("\r\n", "%0d%0a") + "/metrics").status_code == 404


def test_there_is_one_line_per_request_without_token_and_query(served: Served) -> None:
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        response = served.get("/reports/traffic", "analyst", client_id="someone", **RANGE)
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["request_id"] == response.headers["x-request-id"]
    assert (line["method"], line["path"], line["status"], line["user"]) == (
        "GET", f"{PREFIX}/reports/traffic", 200, "analyst",
    )  # fmt: skip
    assert line["bytes"] > 0
    text = json.dumps(lines)
    assert served.tokens["analyst"] not in text
    assert "someone" not in text


def test_an_unexpected_error_shows_no_trace(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail in api/guard.py")

    monkeypatch.setattr("api.guard.tokens.authenticate", broken)
    response = served.get("/reports")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert response.json()["request_id"] == response.headers["x-request-id"]


def test_a_query_that_takes_too_long_is_504_and_says_what_to_do(served: Served) -> None:
    with served.database.connect() as holding:
        holding.execute("LOCK TABLE traffic_hour IN ACCESS EXCLUSIVE MODE")
        hurried = Database(served.database.dsn, read_timeout=0.2)
        settings = Settings(_env_file=None)
        with TestClient(create_app(hurried, settings), raise_server_exceptions=False) as client:
            headers = {"Authorization": f"Bearer {served.tokens['admin']}"}
            response = client.get(f"{PREFIX}/reports/traffic", params=RANGE, headers=headers)
        hurried.close()
    assert response.status_code == 504
    assert response.json()["detail"] == str(StatementTimeoutError())


def test_clients_are_read_page_by_page(served: Served) -> None:
    first = served.get("/clients", limit=1, **RANGE).json()
    second = served.get("/clients", limit=1, cursor=first["next_cursor"], **RANGE).json()
    assert second["next_cursor"] is None
    found = first["data"]["clients"] + second["data"]["clients"]
    assert found == served.get("/clients", **RANGE).json()["data"]["clients"]
    assert [row["rank"] for row in found] == [1, 2]
    for cursor in ("nonsense", "WzEsIDJd", "!!!", first["next_cursor"] + "A"):
        assert served.get("/clients", cursor=cursor, **RANGE).status_code == 422
    other = served.get("/clients", cursor=first["next_cursor"], sort="bytes_in", **RANGE)
    assert other.status_code == 422
    assert "other parameters" in other.json()["detail"]


def test_series_are_of_the_last_hours_the_running_one_included(served: Served) -> None:
    rows = served.get("/timeseries/events", hours=24).json()["data"]["timeline"]
    assert len(rows) == 24
    assert sum(row["events"] for row in rows[-2:]) == 8
    assert len(served.get("/timeseries/bandwidth", hours=1).json()["data"]["timeline"]) == 1
    assert served.get("/timeseries/connections").json()["meta"]["granularity"] == "hour"
    for hours in ("0", "-1", "99999999999999999999", "x"):
        assert served.get("/timeseries/events", hours=hours).status_code == 422


def test_bills_are_of_a_month_or_of_days(served: Served) -> None:
    month = served.get("/billing/2024-01").json()
    assert (month["meta"]["start"], month["meta"]["end"]) == ("2024-01-01T00:00:00+00:00", "2024-02-01T00:00:00+00:00")
    days = served.get("/billing/2024-01-02..2024-01-03").json()
    assert days["meta"]["end"] == "2024-01-04T00:00:00+00:00"
    for period in ("2024", "2024-13", "january", "2024-01-03..2024-01-02"):
        assert served.get(f"/billing/{period}").status_code == 422


def test_an_unknown_client_is_404(served: Served) -> None:
    response = served.get("/clients/nobody/metrics", **RANGE)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert (
        served.get("/clients/address:own/metrics", **RANGE).json()["data"]["summary"][0]["client_id"] == "address:own"
    )


def test_the_api_counts_its_calls_per_route_for_prometheus(narrow: Served) -> None:
    narrow.get("/clients/address:own/metrics", **RANGE)
    narrow.client.get("/no/such/path/4711")
    response = narrow.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    found = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
        if sample.name == "relay_analytics_api_calls_total"
    }
    assert found == {(f"{PREFIX}/clients/{{client_id}}/metrics", "200"): 1, ("none", "404"): 1}
    assert "4711" not in response.text
