"""The pages of history show what their reports say, for the filters of the address, and say when there is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import streamlit as st
from msgspec.structs import replace
from psycopg.conninfo import conninfo_to_dict
from streamlit.testing.v1 import AppTest

from core import formats, reports
from core.exceptions import HoursGoneError
from core.records import Event
from core.reports.declaration import Meta
from core.storage import connections, shape_hours
from core.storage.database import Database
from core.tariffs import read_tariff
from core.tariffs.currencies import amount
from dashboard import places
from dashboard.filters import Filters
from tests.dashboard.conftest import OpenApp
from tests.dashboard.test_realtime_page import html, metrics
from tests.support import traffic

HISTORY = ("traffic", "users", "performance", "errors", "bandwidth", "clients", "reports")


def opened(app: AppTest, page: str, **query: str) -> AppTest:
    app.run()
    for name, value in query.items():
        app.query_params[name] = value
    return app.switch_page(f"pages/{page}.py").run()


@pytest.fixture
def busy(people: Database) -> Database:
    now = datetime.now(UTC)
    events: list[Event] = []
    for days in range(20):
        then = now - timedelta(days=days, hours=2)
        events += traffic.messages(then, 30 + days, "REQ")
        events += traffic.messages(then, 12, "EVENT", client=f"key:client{days % 4}")
        events.append(traffic.refusal(then, "rate-limited: slow down"))
    traffic.write(people, events, traffic.samples(now))
    return people


def range_of(days: int) -> dict[str, str]:
    today = datetime.now(UTC).date()
    return {"start": str(today - timedelta(days=days - 1)), "end": str(today)}


@pytest.mark.parametrize("page", [*HISTORY, "billing"])
def test_without_data_every_page_says_so(app: OpenApp, page: str) -> None:
    shown = opened(app("admin"), page)
    assert not shown.exception
    if page != "reports":
        assert 'class="empty"' in html(shown)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("page", [*HISTORY, "billing"])
def test_every_page_draws_for_each_range(app: OpenApp, page: str) -> None:
    for name in ("24h", "30d", "12m"):
        shown = opened(app("admin"), page, range=name)
        assert not shown.exception, (page, name, shown.exception)
        assert not shown.error


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("page", ["traffic", "bandwidth", "performance", "errors"])
def test_a_page_says_why_it_compares_nothing(app: OpenApp, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    def gone(self: Filters, meta: Meta) -> Filters:
        raise HoursGoneError("Those hours are gone.")

    monkeypatch.setattr(Filters, "before", gone)
    shown = opened(app("analyst"), page, range="30d")
    assert not shown.exception
    assert "Not compared with the period before. Those hours are gone." in [each.value for each in shown.caption]


def test_the_numbers_of_traffic_are_those_of_the_report(app: OpenApp, busy: Database) -> None:
    shown = metrics(opened(app("analyst"), "traffic", range="30d", compare="false"))
    timeline = reports.traffic(busy, **range_of(30), compare=False)["timeline"]
    assert shown["Events"] == formats.count(timeline["events"].sum())
    assert shown["Errors"] == formats.count(timeline["errors"].sum())
    assert shown["Bytes out"] == formats.size(timeline["bytes_out"].sum())
    users = reports.users(busy, **range_of(30))["summary"].iloc[0]
    assert shown["Unique clients"] == formats.count(users["clients"])


def test_filters_of_the_address_narrow_every_number(app: OpenApp, busy: Database) -> None:
    page = opened(app("analyst"), "traffic", range="30d", type="EVENT", client="key:client1", compare="false")
    expected = reports.traffic(busy, **range_of(30), event_type="EVENT", client="key:client1", compare=False)
    assert metrics(page)["Events"] == formats.count(expected["timeline"]["events"].sum())
    chips = [button.label for button in page.button if button.key and button.key.startswith("chip-")]
    assert chips == ["Event type: EVENT", "Client: key:client1"]


def test_a_chip_takes_its_filter_off(app: OpenApp, busy: Database) -> None:
    page = opened(app("analyst"), "traffic", range="30d", type="EVENT", compare="false")
    narrow = metrics(page)["Events"]
    page.button("chip-event_type").click().run()
    expected = reports.traffic(busy, **range_of(30), compare=False)["timeline"]["events"].sum()
    assert metrics(page)["Events"] == formats.count(expected) != narrow


@pytest.mark.usefixtures("busy")
def test_what_cannot_be_used_is_said_and_the_rest_works(app: OpenApp) -> None:
    page = opened(app("analyst"), "traffic", range="custom", **{"from": "2026-01-10", "to": "2026-01-01"})
    assert "swap them" in html(page)
    page = opened(app("analyst"), "traffic", range="30d", kind="note")
    assert any("no kind" in warning.value for warning in page.warning)
    assert metrics(page)["Events"] != "0"


def test_a_client_sees_itself_and_nothing_else(app: OpenApp, busy: Database) -> None:
    page = opened(app("client"), "client", range="30d", client="key:client1", compare="false")
    assert not page.exception
    own = reports.client(busy, client="address:1", **range_of(30))["summary"].iloc[0]
    assert metrics(page)["Events"] == formats.count(own["events"])
    assert "key:client1" not in html(page)
    for other in HISTORY:
        refused = opened(app("client"), other)
        assert not refused.metric
        assert any("role does not include" in error.value for error in refused.error)


def test_an_analyst_sees_any_client(app: OpenApp, busy: Database) -> None:
    page = opened(app("analyst"), "client", range="30d", client="key:client1")
    expected = reports.client(busy, client="key:client1", **range_of(30))["summary"].iloc[0]
    assert metrics(page)["Events"] == formats.count(expected["events"])
    unknown = opened(app("analyst"), "client", range="30d", client="key:nobody")
    assert not unknown.exception
    assert "key:nobody" in html(unknown)


def test_percentiles_and_silence_are_shown_apart(app: OpenApp, busy: Database) -> None:
    shown = metrics(opened(app("analyst"), "performance", range="30d", compare="false"))
    expected = reports.response_times(busy, **range_of(30))["summary"].iloc[0]
    assert shown["P95"] == formats.milliseconds(expected["p95_ms"])
    assert shown["Unanswered"] == "0"


def test_prices_can_be_tried_on_the_bandwidth_of_the_page(app: OpenApp, busy: Database) -> None:
    query = {"range": "30d", "compare": "false"}
    assert metrics(opened(app("analyst"), "bandwidth", **query))["Cost of transfer"] == formats.MISSING
    tried = metrics(opened(app("analyst"), "bandwidth", **query, per_gb_out="100000", currency="USD"))
    prices = read_tariff('{"currency": "USD", "per_gb_out": "100000"}')
    expected = reports.bandwidth(busy, **range_of(30), tariff=prices)["summary"].iloc[0]
    assert tried["Cost of transfer"] == amount(int(expected["cost"]), "USD")
    assert int(expected["cost"]) > 0
    wrong = opened(app("analyst"), "bandwidth", **query, per_gb_out="much")
    assert any("left out" in warning.value for warning in wrong.warning)


def test_an_administrator_closes_a_month_once(app: OpenApp, people: Database) -> None:
    month = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).replace(hour=12)
    traffic.write(people, traffic.messages(month, 30, "EVENT"), [])
    page = opened(app("admin"), "billing")
    assert metrics(page)["State"] == "Open"
    page.button("close-month").click().run()
    assert [e.value for e in page.error] == []
    assert metrics(page)["State"] == "Closed"
    frozen = reports.billing(people, month=f"{month:%Y-%m}")["period"].iloc[0]
    assert any(frozen["checksum"] in code.value for code in page.code)
    business = opened(app("business"), "billing")
    assert not [button for button in business.button if button.key == "close-month"]


@pytest.mark.usefixtures("busy")
def test_a_key_lists_the_keys(app: OpenApp) -> None:
    page = opened(app("analyst"), "errors")
    page.session_state["_routed_by_home"] = True
    page.button(key="key-help").click().run()
    assert not page.exception
    listed = next(text.value for text in page.markdown if "What it does" in text.value)
    assert "| `X` | compare" in listed
    assert "| `3` | the last 30d |" in listed


@contextmanager
def outage(database: Database) -> Iterator[None]:
    """The database refuses connections, and those it had are cut."""
    name = conninfo_to_dict(database.dsn)["dbname"]
    with psycopg.connect(database.dsn, dbname="postgres", autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


@pytest.mark.parametrize("page", ["traffic", "errors", "billing"])
def test_while_the_database_is_away_a_page_keeps_its_numbers_and_says_how_old_they_are(
    page: str, app: OpenApp, busy: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 1)
    places.close_database()
    shown = opened(app("admin"), page, range="30d")
    before = metrics(shown)
    for _ in range(2):  # a second outage is said as the first
        with outage(busy):
            st.cache_data.clear()
            shown.session_state["_routed_by_home"] = True
            shown.run()
            assert not shown.exception
            assert metrics(shown) == before
            assert any("The database does not answer" in warning.value for warning in shown.warning)
        st.cache_data.clear()
        del shown.session_state["_said_that_the_database_is_away"]  # as Home.py does before every page
        shown.session_state["_routed_by_home"] = True
        shown.run()
        assert not shown.exception
        assert not any("does not answer" in warning.value for warning in shown.warning)


@pytest.mark.parametrize("page", [*HISTORY, "billing"])
def test_a_single_event_is_enough_for_every_page(page: str, app: OpenApp, people: Database) -> None:
    traffic.write(people, traffic.messages(datetime.now(UTC), 1, "EVENT"), [])
    shown = opened(app("admin"), page, range="7d")
    assert not shown.exception
    assert not shown.error


def test_shapes_are_shown_once_they_are_counted_and_only_where_they_are_kept(app: OpenApp, people: Database) -> None:
    then = datetime.now(UTC) - timedelta(hours=3)
    asked = [replace(one, metadata={"shape": "kinds×1 limit≤50"}) for one in traffic.messages(then, 5)]
    traffic.write(people, asked, traffic.samples(then))
    waiting = opened(app("analyst"), "performance", range="7d")
    assert any("5 REQ and COUNT messages are not counted" in one.value for one in waiting.caption)
    shape_hours.count(people, datetime.now(UTC))
    shown = opened(app("analyst"), "performance", range="30d")
    assert not shown.exception
    [frame] = [one.value for one in shown.dataframe if "shape" in one.value]
    report = reports.shapes(people, **range_of(30)).frame
    assert frame["shape"].tolist() == report["shape"].tolist() == ["kinds×1 limit≤50"]
    assert frame["share"].tolist() == [1.0]
    for query in ({"type": "EVENT"}, {"kind": "1"}, {"client": "address:1"}):
        assert not any("shape" in one.value for one in opened(app("analyst"), "performance", **query).dataframe)


@pytest.mark.usefixtures("busy")
def test_share_has_the_python_call_of_the_page(app: OpenApp) -> None:
    page = opened(app("analyst"), "errors", range="30d", code="rate-limited")
    calls = [code.value for code in page.code if "reports.errors(" in code.value]
    assert len(calls) == 1
    assert "error_code='rate-limited'" in calls[0]
    scope: dict[str, Any] = {}
    exec(calls[0], scope)  # noqa: S102 (it must run as it is shown)
    assert scope["result"]["error_codes"]["error_code"].tolist() == ["rate-limited"]
