"""Numbers read the same everywhere; colours belong to event types, not to rows."""

from __future__ import annotations

import pandas as pd
import pytest

from core import formats
from core.charts import live
from core.charts.parts import spec, wall_clock
from core.charts.theme import DARK, EVENT_TYPES, LIGHT
from core.settings import ROOT

NAN = float("nan")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formats.count(99_999), "99,999"),
        (formats.count(123_400), "123.4k"),
        (formats.count(2_500_000_000), "2.5B"),
        (formats.rate(0.0), "0"),
        (formats.rate(0.034), "0.03"),
        (formats.rate(7.25), "7.2"),
        (formats.rate(1234.5), "1,234"),
        (formats.size(999), "999 B"),
        (formats.size(1000), "1.0 kB"),
        (formats.size(3.42e12), "3.4 TB"),
        (formats.milliseconds(0.424), "0.42 ms"),
        (formats.milliseconds(12.34), "12.3 ms"),
        (formats.milliseconds(1240), "1.24 s"),
        (formats.percent(7.25), "7.2%"),
        (formats.percent(42.4), "42%"),
        (formats.share(0.004), "<1%"),
        (formats.share(0), "0%"),
        (formats.change(110, 100), "+10%"),
        (formats.change(100.1, 100), formats.UNCHANGED),
        (formats.change(5000, 1), "×5000"),
        (formats.change(1, 0), None),
        (formats.change(NAN, 1), None),
    ],
)
def test_formats(shown: str | None, expected: str | None) -> None:
    assert shown == expected


@pytest.mark.parametrize(
    "show",
    [formats.count, formats.rate, formats.size, formats.milliseconds, formats.percent, formats.share],
)
def test_what_is_missing_is_a_dash_never_a_zero(show: object) -> None:
    assert callable(show)
    assert show(None) == show(NAN) == formats.MISSING


def test_event_type_colours_do_not_depend_on_the_rows() -> None:
    for chart in (live.events, live.types):
        encoding = spec(chart)["layer"][0]["encoding"]
        assert encoding["color"]["scale"] == {"domain": list(EVENT_TYPES)}


def test_live_specs_carry_no_rows_and_no_colours_of_the_theme() -> None:
    for chart in (live.events, live.types, live.bandwidth, live.latency, live.connections, live.host):
        built = spec(chart)
        assert "data" not in built
        assert "datasets" not in built
        assert "range" not in built["config"]


def test_legends_use_the_colours_of_the_charts() -> None:
    config = (ROOT / ".streamlit" / "config.toml").read_text()
    for colours in (LIGHT, DARK):
        assert "chartCategoricalColors = [" + ", ".join(f'"{colour}"' for colour in colours) + "]" in config


def test_verbs_beyond_the_categories_fold_into_other_without_loss() -> None:
    frame = pd.DataFrame({"event_type": ["NEG-OPEN", "REQ", "NEG-MSG", "OTHER"], "events": [1, 10, 2, 4]})
    folded = live.fold(frame, [], ["events"])
    assert list(zip(folded["event_type"], folded["events"], strict=True)) == [("REQ", 10), ("Other", 7)]


def test_charts_show_the_clock_of_the_reporting_zone() -> None:
    moment = pd.Timestamp("2026-03-29T01:30:00Z").tz_convert("Europe/Berlin")
    shown = wall_clock(pd.DataFrame({"timestamp": [moment]}))
    assert shown["clock"].tolist() == ["03:30:00"]
    assert shown["timestamp"].dt.tz is None
