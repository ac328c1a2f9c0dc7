"""The realtime page says whether what was measured arrives."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
import streamlit as st

from core.exceptions import DatabaseUnavailableError
from core.storage.database import Database
from dashboard import ingest_state
from tests.dashboard.conftest import OpenApp
from tests.dashboard.test_realtime_page import html
from tests.support import traffic


@pytest.fixture(autouse=True)
def nothing_cached() -> None:
    st.cache_data.clear()


def test_while_all_is_well_there_is_one_quiet_line(app: OpenApp, people: Database) -> None:
    now = datetime.now(UTC)
    traffic.write(people, traffic.messages(now, 5), traffic.samples(now))
    page = app("analyst").run()
    assert not page.exception
    assert 'class="quiet">Ingest: 65 records received, 65 stored' in html(page)
    assert 'class="notice' not in html(page)


def test_dropped_records_are_an_alarm_with_what_to_do(app: OpenApp, people: Database) -> None:
    now = datetime.now(UTC)
    samples = [
        msgspec.structs.replace(sample, dropped=250 if place < 10 else 0)
        for place, sample in enumerate(traffic.samples(now))
    ]
    traffic.write(people, [], samples)
    text = html(app("analyst").run())
    assert 'class="notice grave" role="alert"><b>250 records were dropped within the last hour' in text
    assert "SPOOL_MAX_BYTES" in text
    assert 'class="quiet"' not in text


def test_while_the_database_is_away_it_says_where_the_records_are(
    app: OpenApp, people: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    traffic.write(people, [], traffic.samples(now))

    def away(*_: object) -> None:
        raise DatabaseUnavailableError

    monkeypatch.setattr(ingest_state, "_read", away)
    text = html(app("analyst").run())
    assert "The database does not answer." in text
    assert "traffic flows on" in text
