"""Whether what was measured arrives: one quiet line while it does, and what to do when it does not."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from core import formats, spools
from core.exceptions import DatabaseUnavailableError
from core.reports import ingest
from core.reports.ingest import waiting
from core.reports.ingest_advice import advice
from core.settings import get_settings
from dashboard.components import notice
from dashboard.places import database

EVERY = timedelta(seconds=10)
"""How often it is read anew: it sums over all runs there ever were."""


def troubles(scope: str, at: datetime) -> str:
    """What is wrong at a moment, for viewers of `scope`; gives the quiet line when nothing is, else an empty text."""
    ten_seconds = datetime.fromtimestamp(at.timestamp() // EVERY.total_seconds() * EVERY.total_seconds(), at.tzinfo)
    try:
        summary = _read(scope, ten_seconds)
    except DatabaseUnavailableError:
        _away(at)
        return ""
    found = advice(summary)
    for one in found:
        notice(one.what, one.do, grave=one.grave)
    return "" if found or not summary["received"] else _counts(summary)


def _counts(summary: dict[str, float]) -> str:
    parts = [f"{formats.count(summary['received'])} records received, {formats.count(summary['stored'])} stored"]
    parts += [
        f"{formats.count(summary[name])} {words}"
        for name, words in (("quarantined", "refused"), ("dropped", "dropped"), ("in_flight", "on their way"))
        if summary[name] > 0
    ]
    if summary["broken_off"] > 0:
        parts.append(f"{formats.count(summary['broken_off'])} times the tap was killed")
    return "Ingest: " + " · ".join(parts)


def _away(at: datetime) -> None:
    settings = get_settings()
    directory = spools.spool_directory(settings.model_copy(update={"demo": "on" if database().demo else "off"}))
    now = waiting(spools.states(directory), at)
    kept = "What the tap measures waits in its spool"
    if now["waiting_records"] == now["waiting_records"]:
        full = formats.share(now["spool_share"])
        kept = f"{formats.count(now['waiting_records'])} records wait in the spool, {full} full"
    notice(
        f"The database does not answer. {kept}; traffic flows on.",
        "Start the database. Nothing is lost until the spool is full (SPOOL_MAX_BYTES).",
        grave=not now["spool_share"] < 1,
    )


@st.cache_data(ttl=20, max_entries=4, show_spinner=False)
def _read(scope: str, at: datetime) -> dict[str, float]:
    """`scope` and `at` are the cache's key."""
    result = ingest(database(), now=at, time_zone=get_settings().time_zone)
    return {str(name): float(value) for name, value in result["summary"].iloc[0].items()}
