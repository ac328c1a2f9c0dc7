"""The HTTP routes beside Streamlit: cookies and downloads."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from core import audit, reports
from core.accounts import sessions, tickets
from core.exceptions import BadParameterError, DatabaseUnavailableError, NotAllowedError
from core.export.tables import as_csv
from core.storage.database import Database
from dashboard import exports, server
from dashboard.places import BASE, COOKIE
from tests.support import traffic


@pytest.fixture
def http(people: Database) -> TestClient:
    """The routes of dashboard/server.py without Streamlit's own."""
    app = Starlette(
        routes=[
            Route(f"{BASE}/auth/start", server.start),
            Route(f"{BASE}/auth/end", server.end),
            Route(f"{BASE}/export/{{report}}/{{file}}", exports.download),
            Route(f"{BASE}/chart/{{report}}/{{file}}", exports.download_chart),
            Route(f"{BASE}/export/raw.{{format}}", exports.download_raw),
        ],
        middleware=server.MIDDLEWARE,
        exception_handlers={
            DatabaseUnavailableError: server.unavailable,
            BadParameterError: exports.refused,
            NotAllowedError: exports.refused,
        },
    )
    return TestClient(app, follow_redirects=False)


def signed_in(http: TestClient, database: Database, username: str) -> TestClient:
    http.cookies.set(COOKIE, sessions.start(database, username, datetime.now(UTC), timedelta(days=1)))
    return http


def ticket(database: Database, subject: str = "analyst") -> str:
    return tickets.issue(database, "sign-in", subject, datetime.now(UTC))


def test_a_ticket_becomes_a_cookie_that_scripts_cannot_read(http: TestClient, people: Database) -> None:
    answer = http.get(f"{BASE}/auth/start", params={"ticket": ticket(people), "next": f"{BASE}/?window=1m"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{BASE}/?window=1m"
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=lax", f"path={BASE}", "max-age=604800"):
        assert part in cookie
    user = sessions.user_of(people, answer.cookies[COOKIE], datetime.now(UTC))
    assert user is not None
    assert user.username == "analyst"


def test_under_https_the_cookie_is_secure(http: TestClient, people: Database) -> None:
    http.base_url = http.base_url.copy_with(scheme="https")
    answer = http.get(f"{BASE}/auth/start", params={"ticket": ticket(people)})
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_ticket_works_once(http: TestClient, people: Database) -> None:
    once = ticket(people)
    assert http.get(f"{BASE}/auth/start", params={"ticket": once}).status_code == 303
    again = http.get(f"{BASE}/auth/start", params={"ticket": once})
    assert again.status_code == 400
    assert "set-cookie" not in again.headers


def test_another_site_cannot_sign_anyone_in(http: TestClient, people: Database) -> None:
    answer = http.get(f"{BASE}/auth/start", params={"ticket": ticket(people)}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        f"{BASE}//evil.example",
        f"{BASE}.evil.example/",
        f"{BASE}/\\evil.example",
        "/other",
        "",
        f"{BASE}/a\r\nX: y",
    ],
)
def test_signing_in_never_leads_elsewhere(elsewhere: str) -> None:
    assert server.local_path(elsewhere) == f"{BASE}/"


def test_signing_out_ends_the_session_and_drops_the_cookie(http: TestClient, people: Database) -> None:
    token = sessions.start(people, "analyst", datetime.now(UTC), timedelta(days=1))
    out = tickets.issue(people, "sign-out", sessions.token_hash(token).hex(), datetime.now(UTC))
    answer = http.get(f"{BASE}/auth/end", params={"ticket": out})
    assert answer.status_code == 303
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert sessions.user_of(people, token, datetime.now(UTC)) is None


def test_a_download_wants_a_user_of_a_role_that_includes_it(http: TestClient, people: Database) -> None:
    path = f"{BASE}/export/realtime/latest_errors.csv"
    assert http.get(path).status_code == 401
    assert signed_in(http, people, "client").get(path).status_code == 403
    assert signed_in(http, people, "business").get(path).status_code == 200


def test_a_table_of_any_report_is_the_report_with_the_arguments_of_the_address(
    http: TestClient, people: Database
) -> None:
    now = datetime.now(UTC)
    traffic.write(people, [*traffic.messages(now, 30, "REQ"), *traffic.messages(now, 12, "EVENT")], [])
    day = (now - timedelta(seconds=40)).date().isoformat()
    query = {"start": day, "end": now.date().isoformat(), "time_zone": "UTC", "event_type": "EVENT", "compare": "False"}
    answer = signed_in(http, people, "business").get(f"{BASE}/export/traffic/event_types.csv", params=query)
    assert f'filename="traffic_event_types_{day}_' in answer.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["event_type"], row["events"]) == ("EVENT", "12")
    expected = reports.traffic(people, start=day, end=now.date().isoformat(), event_type="EVENT", compare=False)
    declared = next(table for table in reports.traffic.tables if table.name == "event_types")
    assert answer.content == as_csv(expected["event_types"], declared)


def test_a_chart_is_an_image_of_the_report_that_says_what_it_shows(http: TestClient, people: Database) -> None:
    now = datetime.now(UTC)
    traffic.write(people, [*traffic.messages(now, 30, "REQ"), *traffic.messages(now, 12, "EVENT")], [])
    day = (now - timedelta(seconds=40)).date().isoformat()
    query = {"start": day, "end": now.date().isoformat(), "time_zone": "UTC", "event_type": "EVENT"}
    path = f"{BASE}/chart/traffic/traffic"
    assert http.get(f"{path}.svg", params=query).status_code == 401
    assert signed_in(http, people, "client").get(f"{path}.svg", params=query).status_code == 403
    business = signed_in(http, people, "business")
    drawn = business.get(f"{path}.svg", params=query)
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert f'filename="traffic_traffic_{day}_' in drawn.headers["content-disposition"]
    assert ">Traffic<" in drawn.text
    assert f"{day} to {now.date().isoformat()} · UTC · type EVENT" in drawn.text
    assert business.get(f"{path}.png", params=query).content.startswith(b"\x89PNG\r\n")
    (newest, *_) = audit.entries(people)
    assert (newest.action, newest.details["chart"]) == ("export.chart", "traffic")
    assert business.get(f"{BASE}/chart/traffic/nothing.svg", params=query).status_code == 404
    assert business.get(f"{path}.gif", params=query).status_code == 404


def test_raw_events_stream_as_they_are_stored(http: TestClient, people: Database) -> None:
    now = datetime.now(UTC)
    traffic.write(people, [*traffic.messages(now, 20, "REQ"), *traffic.messages(now, 3, "REQ", "address:2")], [])
    day = (now - timedelta(seconds=40)).date().isoformat()
    query = {"start": day, "end": now.date().isoformat(), "event_type": "REQ"}
    path = f"{BASE}/export/raw.csv"
    assert http.get(path, params=query).status_code == 401
    own = signed_in(http, people, "client").get(path, params=query | {"client": "address:2"}).text
    assert {row["client_id"] for row in csv.DictReader(io.StringIO(own))} == {"address:1"}
    rows = list(csv.DictReader(io.StringIO(signed_in(http, people, "analyst").get(path, params=query).text)))
    assert len(rows) == 23
    assert {row["event_type"] for row in rows} == {"REQ"}
    assert "metadata" in rows[0]
    business = signed_in(http, people, "business").get(path, params=query).text
    assert "metadata" not in business.splitlines()[0]
    assert signed_in(http, people, "analyst").get(f"{BASE}/export/raw.xml", params=query).status_code == 422


def test_a_client_downloads_its_own_report_whatever_the_address_says(http: TestClient, people: Database) -> None:
    now = datetime.now(UTC)
    traffic.write(people, [*traffic.messages(now, 5), *traffic.messages(now, 9, client="address:2")], [])
    day = (now - timedelta(seconds=40)).date().isoformat()
    query = {"start": day, "end": now.date().isoformat(), "client": "address:2"}
    client = signed_in(http, people, "client")
    answer = client.get(f"{BASE}/export/client/summary.csv", params=query)
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["client_id"], row["events"]) == ("address:1", "5")
    (entry,) = audit.entries(people)
    assert (entry.actor, entry.via, entry.action) == ("client", "page", "export.report")
    assert entry.request_id == answer.headers["x-request-id"]
    assert entry.details["query"]["client"] == "address:1"
    for other in ("traffic", "clients", "errors"):
        assert client.get(f"{BASE}/export/{other}/timeline.csv", params=query).status_code == 403


def test_csv_holds_the_table_and_no_formulas(http: TestClient, people: Database) -> None:
    now = datetime.now(UTC)
    traffic.write(people, [traffic.refusal(now, '=HYPERLINK("http://evil.example")')], traffic.samples(now))
    answer = signed_in(http, people, "analyst").get(f"{BASE}/export/realtime/latest_errors.csv?window=60")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'attachment; filename="realtime_latest_errors_' in answer.headers["content-disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["error_code"] == "rate-limited"
    assert row["reason"] == '\'=HYPERLINK("http://evil.example")'


def test_json_says_what_it_is(http: TestClient, people: Database) -> None:
    now = datetime.now(UTC)
    traffic.write(people, traffic.messages(now, 10), traffic.samples(now))
    at = now.isoformat()
    answer = signed_in(http, people, "analyst").get(
        f"{BASE}/export/realtime/event_types.json", params={"window": "60", "at": at}
    )
    body = answer.json()
    assert body["data"] == [{"event_type": "REQ", "events": 10, "share": 1.0, "bytes": 12000}]
    assert body["meta"]["generated_at"] == at
    assert body["meta"]["demo"] is False


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("realtime/summary.csv?window=61", 422),
        ("realtime/summary.csv?window=x", 422),
        ("realtime/summary.csv?at=2024-01-01T00:00:00", 422),
        ("realtime/users.csv", 404),
        ("realtime/summary.xml", 404),
        ("nobody/summary.csv", 404),
        ("traffic/timeline.csv", 422),
        ("traffic/timeline.csv?start=2026-01-01", 422),
        ("traffic/timeline.csv?start=2026-01-02&end=2026-01-01", 422),
        ("traffic/timeline.csv?start=2026-01-01&end=2026-01-02&kind=x", 422),
        ("traffic/timeline.csv?start=2026-01-01&end=2026-01-02&compare=perhaps", 422),
        ("traffic/timeline.csv?start=2026-01-01&end=2026-01-02&colour=red", 422),
    ],
)
def test_what_cannot_be_downloaded_is_said(http: TestClient, people: Database, path: str, status: int) -> None:
    assert signed_in(http, people, "analyst").get(f"{BASE}/export/{path}").status_code == status


def test_every_answer_carries_the_security_headers(http: TestClient) -> None:
    headers = http.get(f"{BASE}/export/realtime/summary.csv").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "same-origin"
