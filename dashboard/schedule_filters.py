"""The filters of a report in the form of a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.records import ERROR_CODES, EVENT_TYPES
from core.reports import REPORTS
from core.schedules.schedule import RANGE
from dashboard.filters import kind_of

LABELS = {"client": "Client", "kind": "Kind", "relay": "Relay", "search": "Search"}
HINTS = {
    "client": "All clients; a client_id", "kind": "All kinds; a number, such as 1", "relay": "All relays",
    "search": "Part of a client's id or name",
}  # fmt: skip
CHOICES = {"event_type": ("Event type", EVENT_TYPES), "error_code": ("Error code", ERROR_CODES)}


def fields(report: str, begun: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A field for each filter of the report; those without a field are kept as they are."""
    taken = [parameter.name for parameter in REPORTS[report].parameters if parameter.name not in RANGE]
    offered = [name for name in taken if name in CHOICES or name in LABELS]
    values = {name: value for name, value in begun.items() if name not in offered}
    if not offered:
        return values
    columns = st.columns(2, gap="small")
    for place, name in enumerate(offered):
        with columns[place % 2]:
            values[name] = _field(name, begun.get(name), f"{key}-{report}-{name}")
    return values


def _field(name: str, begun: Any, key: str) -> str | None:
    if name in CHOICES:
        label, choices = CHOICES[name]
        place = choices.index(begun) if begun in choices else None
        return st.selectbox(label, choices, place, key=key, placeholder="All")
    return st.text_input(LABELS[name], "" if begun is None else str(begun), key=key, placeholder=HINTS[name])


def chosen(values: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that are set, as the report takes them. Raises BadParameterError for what is no kind."""
    found = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
    found = {name: value for name, value in found.items() if value not in (None, "")}
    if isinstance(found.get("kind"), str):
        found["kind"] = kind_of(found["kind"])
    return found
