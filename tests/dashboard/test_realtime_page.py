"""The realtime page shows what the realtime report says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.storage.database import Database
from dashboard import places
from tests.dashboard.conftest import OpenApp
from tests.support import traffic


def html(page: AppTest) -> str:
    """All HTML of the page."""
    return "\n".join(str(getattr(element.proto, "body", "")) for element in page.get("html"))


def metrics(page: AppTest) -> dict[str, str]:
    """Label (without its small print) to value of the metric cards."""
    return {metric.label.split(" :small")[0]: metric.value for metric in page.metric}


@pytest.fixture
def busy(people: Database) -> Database:
    now = datetime.now(UTC)
    events = [
        *traffic.messages(now, 40, "REQ"),
        *traffic.messages(now, 20, "EVENT", client="address:2"),
        traffic.refusal(now, "rate-limited: <b>slow down</b>"),
    ]
    traffic.write(people, events, traffic.samples(now, connections=42, events=7))
    return people


def test_before_any_data_the_page_says_what_to_do(app: OpenApp) -> None:
    page = app("analyst").run()
    assert not page.exception
    assert "Waiting for the first data" in html(page)
    assert "ws://localhost:7777" in html(page)
    assert not page.metric


def test_a_quiet_relay_shows_its_numbers_and_how_to_get_traffic(app: OpenApp, people: Database) -> None:
    traffic.write(people, [], traffic.samples(datetime.now(UTC), connections=0, events=0))
    page = app("analyst").run()
    assert not page.exception
    assert "No traffic in the last 5 min" in html(page)
    assert "ws://localhost:7777" in html(page)
    assert metrics(page)["Connections"] == "0"
    assert metrics(page)["Response p95"] == "–"


@pytest.mark.usefixtures("busy")
def test_live_numbers_of_the_report_are_on_the_cards(app: OpenApp) -> None:
    page = app("business").run()
    assert not page.exception
    shown = metrics(page)
    assert shown["Connections"] == "42"
    assert shown["Events / s"] == "7.0"
    assert shown["Bytes out / s"] == "7.0 kB"
    assert shown["Bytes in / s"] == "1.4 kB"
    assert shown["Response p95"].endswith(" ms")
    assert set(shown) == {"Connections", "Events / s", "Bytes out / s", "Bytes in / s", "Response p95", "Errors / s"}
    text = html(page)
    for title in ("Peak connections", "Unique clients", "Unanswered", "Bandwidth", "Response time", "Host", "CPU"):
        assert title in text
    assert "<span>Unique clients</span><b>2</b>" in text
    assert "<span>Events</span><b>61</b>" in text


@pytest.mark.usefixtures("busy")
def test_every_live_number_says_what_time_it_covers(app: OpenApp) -> None:
    page = app("analyst").run()
    assert all(":small[:gray[" in metric.label for metric in page.metric)


@pytest.mark.usefixtures("busy")
def test_a_relays_words_are_shown_as_text_never_as_markup(app: OpenApp) -> None:
    text = html(app("analyst").run())
    assert "rate-limited: &lt;b&gt;slow down&lt;/b&gt;" in text
    assert "<b>slow down</b>" not in text


@pytest.mark.usefixtures("busy")
def test_the_window_comes_from_the_url(app: OpenApp) -> None:
    page = app("analyst")
    page.query_params["window"] = "1m"
    page.run()
    assert not page.exception
    assert page.segmented_control(key="window").value == "1m"
    assert "by type, last 1 min" in html(page)
    assert "timeline.csv?window=60" in html(page)


def test_data_that_lags_is_said_to(app: OpenApp, people: Database) -> None:
    late = datetime.now(UTC) - timedelta(seconds=40)
    traffic.write(people, traffic.messages(late, 5), traffic.samples(late))
    text = html(app("analyst").run())
    assert "complete up to" in text
    assert 'class="live lagging"' in text


@pytest.mark.usefixtures("busy")
def test_paused_the_page_keeps_its_moment(app: OpenApp) -> None:
    page = app("analyst").run()
    page.toggle(key="paused").set_value(True).run()
    first = html(page)
    assert 'class="live paused"' in first
    assert "&amp;at=" in first  # downloads are of the moment shown
    page.run()
    assert html(page) == first


def test_demo_data_is_called_so_in_header_and_sidebar(app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    places.database().demo = True
    text = html(app("analyst").run())
    assert 'class="badge demo"' in text
    assert 'class="demo-note"' in text


@pytest.mark.usefixtures("busy")
def test_real_data_is_not_called_demo(app: OpenApp) -> None:
    text = html(app("analyst").run())
    assert 'class="badge demo"' not in text
    assert 'class="demo-note"' not in text
