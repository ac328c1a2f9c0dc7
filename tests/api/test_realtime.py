"""`GET /api/v1/analytics/dashboard/realtime`: the realtime report behind a bearer token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from core.accounts import tokens, users
from core.records import Batch, Event, Sample
from core.reports import realtime
from core.settings import Settings
from core.storage.database import Database
from core.storage.writer import BatchWriter

PATH = "/api/v1/analytics/dashboard/realtime"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def problem_of(response: Any) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["request_id"] == response.headers["x-request-id"]
    return body


def test_an_empty_database_gives_a_well_formed_report(client: TestClient, token: str) -> None:
    response = client.get(PATH, headers=bearer(token))
    assert response.status_code == 200
    body = response.json()
    assert list(body["data"]) == [table.name for table in realtime.tables]
    summary = body["data"]["summary"][0]
    assert summary["events_today"] == 0
    assert summary["active_connections"] is None
    assert body["data"]["latest_errors"] == []
    assert body["meta"]["complete_up_to"] is None


def test_numbers_are_those_of_the_report(client: TestClient, token: str, database: Database) -> None:
    second = int(datetime.now(UTC).timestamp()) - 4
    events = [Event(second * 1_000_000, "addr:1", "REQ", "ok", response_time_ms=12.0, bytes_in=50, bytes_out=500)] * 3
    events.append(Event(second * 1_000_000, "addr:2", "EVENT", "rejected", "rate-limited", 3.0, bytes_in=300, kind=1))
    events.append(Event((second - 1) * 1_000_000, "addr:2", "REQ", "rejected", "auth-required"))
    sample = Sample(second * 1_000_000, 0, 2, 3, 1, 0, 4, 9, 350, 1500, cpu_percent=12.5)
    with BatchWriter(database) as writer:
        writer.write([Batch("test", 1, "relay.test", events, [], [], [sample])])
    body = client.get(PATH, params={"window": 60}, headers=bearer(token)).json()
    summary = body["data"]["summary"][0]
    assert summary["active_connections"] == 2
    assert summary["events_per_second"] == 4
    assert summary["cpu_percent"] == 12.5
    assert {row["event_type"]: row["events"] for row in body["data"]["event_types"]} == {"REQ": 4, "EVENT": 1}
    refused, denied = body["data"]["latest_errors"]
    assert (refused["client_id"], refused["error_code"], refused["kind"]) == ("addr:2", "rate-limited", 1)
    assert (denied["event_type"], denied["kind"], denied["response_time_ms"]) == ("REQ", None, None)


def test_every_column_is_described(client: TestClient, token: str) -> None:
    body = client.get(PATH, headers=bearer(token)).json()
    for table in realtime.tables:
        described = [column["name"] for column in body["meta"]["columns"][table.name]]
        assert described == table.column_names
        assert all(column["meaning"] for column in body["meta"]["columns"][table.name])
        for row in body["data"][table.name]:
            assert list(row) == described


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer rat_wrong"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": "rat_wrong"},
        {"Authorization": "Bearer ' OR 1=1 --"},
    ],
)
def test_without_a_valid_token_it_is_401_with_a_clear_error(
    client: TestClient, token: str, headers: dict[str, str]
) -> None:
    response = client.get(PATH, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert "token" in problem_of(response)["detail"]


def test_truncated_expired_and_revoked_tokens_are_401(client: TestClient, token: str, database: Database) -> None:
    now = datetime.now(UTC)
    expired = tokens.issue(database, "admin", now - timedelta(days=2), lifetime=timedelta(days=1))
    revoked = tokens.issue(database, "admin", now, label="revoked")
    (revoked_id,) = [info.token_id for info in tokens.listing(database) if info.label == "revoked"]
    assert client.get(PATH, headers=bearer(revoked)).status_code == 200
    assert tokens.revoke(database, revoked_id, now)
    for wrong in (token[:-1], expired, revoked):
        assert client.get(PATH, headers=bearer(wrong)).status_code == 401
    assert client.get(PATH, headers=bearer(token)).status_code == 200


def test_a_client_may_not_see_the_whole_relay(client: TestClient, database: Database) -> None:
    now = datetime.now(UTC)
    users.add(database, "customer", "a long password", now, role="client", client_id="addr:1")
    response = client.get(PATH, headers=bearer(tokens.issue(database, "customer", now)))
    assert response.status_code == 403
    assert "its own" in problem_of(response)["detail"]


@pytest.mark.parametrize(
    ("window", "says"), [("61", "60, 300, 900"), ("-1", "60, 300, 900"), ("9" * 30, "60, 300, 900"), ("abc", "integer")]
)
def test_another_window_is_422_and_says_what_is_possible(
    client: TestClient, token: str, window: str, says: str
) -> None:
    response = client.get(PATH, params={"window": window}, headers=bearer(token))
    assert response.status_code == 422
    assert says in problem_of(response)["detail"]


def test_a_database_that_is_away_is_503() -> None:
    nowhere = Database("postgresql://nobody:nothing@127.0.0.1:1/nothing")
    with TestClient(create_app(nowhere, Settings(_env_file=None))) as client:
        for response in (client.get(PATH, headers=bearer("rat_any")), client.get("/healthz")):
            assert response.status_code == 503
            assert response.headers["retry-after"] == "5"
            assert "127.0.0.1" not in problem_of(response)["detail"]
    nowhere.close()


def test_health_and_docs_need_no_token(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/docs").status_code == 200
    assert PATH in client.get("/openapi.json").json()["paths"]


def test_the_docs_page_loads_nothing_from_other_hosts(client: TestClient) -> None:
    assert "https://" not in client.get("/docs").text


def test_the_token_itself_is_stored_nowhere(token: str, database: Database) -> None:
    with database.connect() as connection:
        (row,) = connection.execute("SELECT api_tokens::text FROM api_tokens").fetchall()
    assert token not in row[0]
    assert token.removeprefix("rat_") not in row[0]
