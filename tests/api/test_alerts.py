"""Alerts over the API: incidents and why, rules and what would have been, who saw it, all of it in the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core import audit
from core.records import Batch
from core.storage.database import Database
from core.storage.writer import BatchWriter
from tests.alerts.conftest import World, only
from tests.alerts.test_evaluation import ERRORS
from tests.api.served import OWN, PREFIX, Served, messages, serve


@pytest.fixture
def admin(database: Database) -> Iterator[Served]:
    with serve(database) as made:
        made.client.headers = {"Authorization": f"Bearer {made.tokens['admin']}"}
        yield made


@pytest.fixture
def incident(admin: Served) -> int:
    world = World(admin.database)
    with only(ERRORS):
        world.pass_(60, 10, client="steady")
        world.pass_(40, 10, outcome="rejected", error_code="blocked", client="loud", event_type="EVENT", kind=7)
    return world.incidents[0].incident_id


MINE: dict[str, Any] = {"name": "mine", "title": "Mine", "measure": "events_per_second", "threshold": 1000}


def test_an_incident_says_why_and_is_acknowledged_once(admin: Served, incident: int) -> None:
    (listed,) = admin.get("/alerts/incidents", "business", open="true").json()["data"]
    assert listed["headline"] == "Errors: client loud, kind 7 · Reaction, code blocked"
    assert (listed["rule"], listed["unit"], listed["ended_at"]) == ("errors", "percent", None)
    path = f"{PREFIX}/alerts/incidents/{incident}"
    headers = {"Authorization": f"Bearer {admin.tokens['analyst']}"}
    assert admin.client.post(f"{path}/acknowledge", headers=headers).json()["acknowledged_by"] == "analyst"
    assert admin.client.post(f"{path}/acknowledge").json()["acknowledged_by"] == "analyst"
    whole = admin.client.get(path).json()
    assert len(whole["values"]) >= 2
    assert whole["notices"] == []
    assert admin.client.get(f"{PREFIX}/alerts/incidents/999").status_code == 404
    assert [entry.action for entry in audit.entries(admin.database, action="alerts.")] == ["alerts.acknowledge"] * 2


def test_what_is_over_cannot_be_acknowledged(admin: Served, incident: int) -> None:
    world = World(admin.database)
    world.now += timedelta(seconds=200)
    with only():
        world.look()
    refused = admin.client.post(f"{PREFIX}/alerts/incidents/{incident}/acknowledge")
    assert (refused.status_code, refused.json()["detail"]) == (404, f"Incident {incident} is over.")
    assert admin.get("/alerts/incidents", open="true").json()["data"] == []


def test_a_rule_is_added_changed_muted_and_removed(admin: Served) -> None:
    rules = f"{PREFIX}/alerts/rules"
    assert admin.client.post(rules, json=MINE).status_code == 201
    assert admin.client.post(rules, json=MINE).status_code == 422
    changed = admin.client.put(f"{rules}/mine", json=MINE | {"threshold": 5, "severity": "critical"}).json()
    assert (changed["rule"]["threshold"], changed["origin"], changed["changed_by"]) == (5, "own", "admin")
    until = "2030-01-01T00:00:00Z"
    assert admin.client.post(f"{rules}/mine/mute", json={"until": until}).json()["muted_until"] == until
    assert admin.client.delete(f"{rules}/mine").status_code == 204
    assert admin.client.delete(f"{rules}/mine").status_code == 404
    done = [entry.action for entry in audit.entries(admin.database, action="alerts.")]
    assert done == ["alerts.rule.remove", "alerts.rule.mute", "alerts.rule.change", "alerts.rule.add"]


def test_a_default_that_was_changed_stays_so_and_becomes_what_it_was_when_it_is_removed(admin: Served) -> None:
    def rule(name: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = admin.get("/alerts/rules").json()["data"]
        return next(each for each in found if each["rule"]["name"] == name)

    first = rule("cpu")
    assert first["origin"] == "default"
    body = first["rule"] | {"enabled": False, "threshold": 95}
    assert admin.client.put(f"{PREFIX}/alerts/rules/cpu", json=body).status_code == 200
    assert (rule("cpu")["origin"], rule("cpu")["rule"]["threshold"]) == ("edited", 95)
    assert admin.client.delete(f"{PREFIX}/alerts/rules/cpu").status_code == 204
    assert rule("cpu") == first


@pytest.mark.parametrize(
    ("change", "said"),
    [({"measure": "karma"}, "karma"), ({"recover": 2000}, "good side"), ({"channels": ["nobody"]}, "nobody"),
     ({"title": "a\x00b"}, "title"), ({"name": "other"}, "other")],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused_with_a_reason(change: dict[str, Any], said: str, admin: Served) -> None:
    admin.client.post(f"{PREFIX}/alerts/rules", json=MINE)
    refused = admin.client.put(f"{PREFIX}/alerts/rules/mine", json=MINE | change)
    assert refused.status_code == 422
    assert said in refused.text


def test_a_preview_keeps_nothing(admin: Served) -> None:
    past = messages(datetime.now(UTC) - timedelta(hours=1), OWN)
    with BatchWriter(admin.database) as writer:
        writer.write([Batch("tap:past", 1, "relay.example", past, [], [], [])])
    answer = admin.client.post(f"{PREFIX}/alerts/preview", json=MINE | {"threshold": 0, "hold": 0, "window": 60})
    assert answer.status_code == 200
    assert answer.json()["fired"] >= 1
    assert answer.json()["step_seconds"] == 60
    assert all(each["rule"]["name"] != "mine" for each in admin.get("/alerts/rules").json()["data"])


def test_channels_are_chosen(admin: Served) -> None:
    admin.client.post(f"{PREFIX}/channels", json={"name": "night", "kind": "directory", "address": "night"})
    told = f"{PREFIX}/alerts/channels"
    assert admin.client.put(told, json={"channels": ["night"]}).json() == {"channels": ["night"]}
    assert admin.client.put(told, json={"channels": ["day"]}).status_code == 404
    assert admin.get("/alerts/channels", "analyst").json() == {"channels": ["night"]}
