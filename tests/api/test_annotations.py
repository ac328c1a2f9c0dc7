"""Annotations over the API: added by a deploy script, listed for charts, removed."""

from __future__ import annotations

from typing import Any

from core.storage.database import Database
from tests.api.served import PREFIX, serve


def test_an_annotation_is_added_listed_by_range_and_removed(database: Database) -> None:
    with serve(database) as served:
        headers = {"Authorization": f"Bearer {served.tokens['admin']}"}
        given = {"text": "strfry 1.1 deployed", "at": "2024-01-05T22:30:00+00:00", "kind": "deploy"}
        added = served.client.post(f"{PREFIX}/annotations", json=given, headers=headers)
        assert added.status_code == 201
        number = added.json()["annotation_id"]

        def listed(**query: Any) -> list[int]:
            answer = served.get("/annotations", "business", **query)
            assert answer.status_code == 200, answer.text
            return [row["annotation_id"] for row in answer.json()["data"]]

        assert listed(start_date="2024-01-05", end_date="2024-01-05") == [number]
        assert listed(start_date="2024-01-06", end_date="2024-01-06") == []
        # the day begins two hours earlier there
        assert listed(start_date="2024-01-06", end_date="2024-01-06", tz="Africa/Cairo") == [number]
        assert listed(start_date="2024-01-05", end_date="2024-01-05", kind="note") == []
        without_offset = served.client.post(
            f"{PREFIX}/annotations", json=given | {"at": "2024-01-05T22:30:00"}, headers=headers
        )
        assert without_offset.status_code == 422
        assert served.client.delete(f"{PREFIX}/annotations/{number}", headers=headers).status_code == 204
        assert served.client.delete(f"{PREFIX}/annotations/{number}", headers=headers).status_code == 404
        assert listed(start_date="2024-01-05", end_date="2024-01-05") == []
