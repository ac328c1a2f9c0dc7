"""The Grafana dashboard: every query in it runs, and finds the columns it names."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from core.settings import ROOT
from tests.api.served import PREFIX, Served

pytestmark = pytest.mark.xdist_group("api-grafana")

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "relay-analytics.json").read_text())
VALUES = {
    "${api}": "http://api",
    "${__from:date:iso}": "2024-01-01T00:12:34.567Z",
    "${__to:date:iso}": "2024-01-07T23:45:00.001Z",
}
"""What Grafana puts for its variables."""


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_every_query_runs_and_finds_its_columns(panel: dict[str, Any], served: Served) -> None:
    for target in panel["targets"]:
        address = target["url"]
        for name, value in VALUES.items():
            address = address.replace(name, value)
        assert "${" not in address
        url = urlsplit(address)
        response = served.get(url.path.removeprefix(PREFIX), "business", **dict(parse_qsl(url.query)))
        assert response.status_code == 200, response.text
        found: Any = response.json()
        for key in target["root_selector"].split("."):
            found = found[key]
        assert found, target["root_selector"]
        assert {column["selector"] for column in target["columns"]} <= set(found[0])


def test_panels_do_not_lie_over_each_other_and_have_numbers_of_their_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
