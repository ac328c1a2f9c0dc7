"""Schedules over the API, from their making to their end; what belongs to others stays theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from core.audit import Actor
from core.delivery import registry
from core.schedules import running
from core.storage.database import Database
from tests.api.served import OWN, PREFIX, Served, serve

MONTHLY: dict[str, Any] = {
    "name": "Monthly", "report": "traffic", "cron": "0 6 1 * *", "time_zone": "Europe/Berlin", "covers": "last-month",
    "format": "csv", "channel": "files",
}  # fmt: skip


@pytest.fixture
def served_alone(database: Database, tmp_path: Path) -> Iterator[Served]:
    registry.add(database, Actor("admin", "page"), "files", "directory", "in", datetime.now(UTC))
    with serve(database, delivery_dir=tmp_path) as made:
        yield made


def call(served: Served, role: str, method: str, path: str, json: Any = None) -> Response:
    headers = {"Authorization": f"Bearer {served.tokens[role]}"}
    found: Response = served.client.request(method, PREFIX + path, headers=headers, json=json)
    return found


def test_a_schedule_from_its_making_to_its_end(served_alone: Served, tmp_path: Path) -> None:
    made = call(served_alone, "business", "POST", "/schedules", MONTHLY | {"filters": {"client_id": OWN}})
    assert made.status_code == 201
    body = made.json()
    assert (body["when"], body["owner"]) == ("At 06:00 on the first day of every month", "business")
    assert body["filters"] == {"client_id": OWN}
    assert datetime.fromisoformat(body["next_due"]) > datetime.now(UTC)
    at = f"/schedules/{body['schedule_id']}"

    changed = call(served_alone, "business", "PUT", at, MONTHLY | {"covers": "yesterday", "format": "json"})
    assert (changed.json()["covers"], changed.json()["filters"]) == ("yesterday", {})
    assert call(served_alone, "business", "POST", f"{at}/pause").json()["next_due"] is None
    assert call(served_alone, "business", "POST", f"{at}/resume").json()["active"]

    sent = call(served_alone, "business", "POST", f"{at}/send")
    assert (sent.status_code, sent.json()["state"]) == (202, "waiting")
    settings = served_alone.app.state.settings
    running.run(served_alone.database, settings, sent.json()["run_id"], datetime.now(UTC))
    (entry,) = call(served_alone, "analyst", "GET", f"{at}/runs").json()["data"]
    assert (entry["state"], entry["attempts"]) == ("delivered", 1)
    assert next((tmp_path / "in").iterdir()).name in entry["detail"]
    again = call(served_alone, "business", "POST", f"/schedules/runs/{entry['run_id']}/send").json()
    assert (again["state"], again["resends"]) == ("waiting", 1)
    assert call(served_alone, "business", "POST", f"/schedules/runs/{entry['run_id']}/send").status_code == 422

    assert call(served_alone, "business", "DELETE", at).status_code == 204
    assert call(served_alone, "business", "GET", at).status_code == 404
    actions = [one["action"] for one in call(served_alone, "admin", "GET", "/audit").json()["data"]]
    for action in ("schedule.add", "schedule.change", "schedule.active", "schedule.send", "schedule.resend"):
        assert action in actions


def test_everyone_changes_their_own_and_an_admin_all(served_alone: Served) -> None:
    number = call(served_alone, "analyst", "POST", "/schedules", MONTHLY).json()["schedule_id"]
    for method, path in (("DELETE", ""), ("POST", "/send"), ("POST", "/pause")):
        refused = call(served_alone, "business", method, f"/schedules/{number}{path}")
        assert refused.status_code == 403
        assert "only an admin" in refused.json()["detail"]
    assert call(served_alone, "admin", "POST", f"/schedules/{number}/pause").status_code == 200


@pytest.mark.parametrize(
    ("differs", "status", "says"),
    [
        ({"report": "realtime"}, 422, "cannot be scheduled"),
        ({"filters": {"colour": "red"}}, 422, "no filter"),
        ({"cron": "daily"}, 422, "cron"),
        ({"channel": "nowhere"}, 404, "nowhere"),
        ({"time_zone": "Mars"}, 422, "Mars"),
        ({"format": "doc"}, 422, "format"),
        ({"more": 1}, 422, "more"),
    ],
)
def test_what_could_not_be_sent_is_refused(
    differs: dict[str, Any], status: int, says: str, served_alone: Served
) -> None:
    refused = call(served_alone, "admin", "POST", "/schedules", MONTHLY | differs)
    assert refused.status_code == status
    assert says in refused.json()["detail"]
