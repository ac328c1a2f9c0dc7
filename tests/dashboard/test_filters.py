"""The state of a page as a value: arguments of reports, and the address that shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import parse_qs

import pytest

from core import reports
from core.exceptions import BadParameterError
from core.reports.declaration import Meta
from dashboard.filters import Filters, call, kind_of, labels, range_name, short

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)
PLAIN = Filters(time_zone="UTC")
NARROW = replace(PLAIN, event_type="EVENT", kind=7, client="key:acme", error_code="blocked")


def test_a_report_is_called_with_the_filters_it_takes() -> None:
    assert NARROW.arguments(reports.errors, NOW) == {
        "start": date(2026, 3, 23), "end": date(2026, 3, 29), "time_zone": "UTC", "granularity": "auto",
        "event_type": "EVENT", "kind": 7, "client": "key:acme", "error_code": "blocked",
    }  # fmt: skip
    assert NARROW.ignored_by(reports.errors) == []
    assert NARROW.ignored_by(reports.response_times) == ["error code"]
    assert PLAIN.arguments(reports.traffic, NOW)["compare"] is True
    assert "client" not in PLAIN.arguments(reports.traffic, NOW)


def test_a_custom_range_is_taken_as_it_is_given() -> None:
    custom = replace(PLAIN, range="custom", start="2026-01-01", end="2026-01-02T05:00")
    assert custom.span(NOW) == ("2026-01-01", "2026-01-02T05:00")
    with pytest.raises(BadParameterError, match="first and a last day"):
        replace(custom, end="").span(NOW)


def test_the_address_holds_what_differs_from_the_defaults() -> None:
    assert PLAIN.query("UTC") == ""
    everything = replace(
        NARROW, time_zone="Europe/Berlin", range="custom", start="2026-01-01", end="2026-01-31", granularity="week",
        compare=False,
    )  # fmt: skip
    assert parse_qs(everything.query("UTC")) == {
        "tz": ["Europe/Berlin"], "range": ["custom"], "from": ["2026-01-01"], "to": ["2026-01-31"], "by": ["week"],
        "compare": ["false"], "type": ["EVENT"], "kind": ["7"], "client": ["key:acme"], "code": ["blocked"],
    }  # fmt: skip


def test_the_period_before_is_as_long_and_of_the_same_weekdays() -> None:
    meta = Meta(
        "traffic", datetime(2026, 3, 23, tzinfo=UTC), datetime(2026, 3, 26, tzinfo=UTC), "UTC", NOW, None, "day"
    )
    before = NARROW.before(meta)
    assert (before.start, before.end) == ("2026-03-16T00:00:00+00:00", "2026-03-19T00:00:00+00:00")
    assert before.granularity == "day"
    assert before.chosen() == NARROW.chosen()


@pytest.mark.parametrize(
    ("text", "kind"), [("1", 1), (" 9735", 9735), ("0", 0), ("65535", 65535), ("", None), (None, None)]
)
def test_a_kind_is_a_number(text: str | None, kind: int | None) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize("text", ["note", "-1", "65536", "1.5", "²"])
def test_what_is_no_kind_is_said(text: str) -> None:
    with pytest.raises(BadParameterError, match="0 to 65535"):
        kind_of(text)


def test_chips_say_what_is_filtered() -> None:
    assert labels(NARROW) == {
        "event_type": "Event type: EVENT", "kind": "Kind: 7 · Reaction", "client": "Client: key:acme",
        "error_code": "Error code: blocked",
    }  # fmt: skip
    assert short("f" * 64) == "ffffffffffff…ffffff"


def test_a_range_has_a_name() -> None:
    assert range_name(PLAIN) == "last 7 days"
    assert range_name(replace(PLAIN, range="24h")) == "last 24 hours"
    zoomed = replace(PLAIN, range="custom", start="2026-11-06T11:00", end="2026-11-12")
    assert range_name(zoomed) == "6 Nov 11:00 to 12 Nov"


def test_the_call_for_a_notebook_gives_the_same_table() -> None:
    arguments = PLAIN.arguments(reports.traffic, NOW)
    text = call(reports.traffic, arguments, "kinds")
    assert "reports.traffic(start='2026-03-23', end='2026-03-29', time_zone='UTC'" in text
    assert text.endswith("result['kinds']")
    compile(text, "notebook", "exec")
