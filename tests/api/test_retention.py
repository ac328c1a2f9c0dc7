"""Retention and holds over the API."""

from __future__ import annotations

from core.storage.database import Database
from tests.api.served import OWN, PREFIX, serve


def test_an_administrator_changes_a_policy_and_holds_a_client(database: Database) -> None:
    with serve(database) as served:
        served.client.headers = {"Authorization": f"Bearer {served.tokens['admin']}"}
        changed = served.client.put(f"{PREFIX}/retention/raw", json={"days": 30})
        assert changed.json() == {
            "name": "raw", "what": "raw events, deliveries and connections", "days": 30, "changed_by": "admin",
        }  # fmt: skip
        shown = served.get("/retention", "admin").json()
        assert {one["name"]: one["days"] for one in shown["policies"]}["raw"] == 30
        assert sum(part["rows"] for part in shown["would_go"]) > 0  # the fixture's traffic is years old
        assert served.client.put(f"{PREFIX}/retention/minutes", json={"days": 1}).status_code == 422
        assert served.client.put(f"{PREFIX}/retention/nothing", json={"days": 1}).status_code == 404
        given = {"client_id": OWN, "why": "court order"}
        assert served.client.post(f"{PREFIX}/holds", json=given).status_code == 204
        assert served.client.post(f"{PREFIX}/holds", json=given).status_code == 409
        (hold,) = served.get("/holds", "admin").json()["data"]
        assert (hold["client_id"], hold["why"], hold["placed_by"]) == (OWN, "court order", "admin")
        assert served.client.delete(f"{PREFIX}/holds/{OWN}").status_code == 204
        assert served.client.delete(f"{PREFIX}/holds/{OWN}").status_code == 404
