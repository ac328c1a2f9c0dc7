"""The pieces pages are made of: headers, cards, legends, meters, empty states. HTML is escaped here, once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Literal

import streamlit as st

from core.charts.theme import DARK, EVENT_TYPES, LIGHT
from core.formats import percent
from core.reports.declaration import Result
from core.reports.frame import REACHES_AHEAD
from dashboard.places import database

Downloads = Sequence[tuple[str, str]]
"""Label and address of each download of a card."""


@contextmanager
def card(title: str, sub: str = "", *, key: str, downloads: Downloads = (), fill: bool = True) -> Iterator[None]:
    """A panel with a one-line head: title, what it covers, downloads. `key` is its CSS hook `st-key-card-<key>`."""
    with st.container(key=f"card-{key}", height="stretch" if fill else "content"):
        links = "".join(
            f'<a href="{escape(href)}" download title="Download {escape(title)} as {escape(label)}">{escape(label)}</a>'
            for label, href in downloads
        )
        st.html(
            f'<div class="card-head"><span class="card-title">{escape(title)}</span>'
            f'<span class="card-sub">{escape(sub)}</span>'
            + (f'<span class="card-links">{links}</span>' if links else "")
            + "</div>"
        )
        yield


def link_row(links: Downloads) -> None:
    """Downloads as a row of buttons."""
    st.html(
        '<div class="links">'
        + "".join(f'<a href="{escape(href)}" download>{escape(label)}</a>' for label, href in links)
        + "</div>"
    )


def page_header(title: str, badges: str = "") -> None:
    """The page's title, with `badges` (HTML of this module) and, over demo data, the badge that says so."""
    demo = '<span class="badge demo" title="Simulated relay and clients">Demo data</span>' if database().demo else ""
    st.html(f'<div class="page-head"><h1 class="page-title">{escape(title)}</h1>{demo}{badges}</div>')


LiveState = Literal["live", "paused", "lagging", "away"]


def live_badge(state: LiveState, text: str) -> str:
    """A dot and a line of text: pulsing green while live."""
    return f'<span class="live {state}" role="status"><i></i>{escape(text)}</span>'


def colour(category: str) -> str:
    """The CSS colour of an event-type category, by its place in the fixed domain, in both themes."""
    return colour_of(EVENT_TYPES.index(category))


def colour_of(place: int) -> str:
    """The CSS colour of the n-th category of a chart, in both themes."""
    return f"light-dark({LIGHT[place]},{DARK[place]})"


def legend(items: Iterable[tuple[str, str, str]]) -> None:
    """An inline legend with current values: name, value, CSS colour."""
    keys = "".join(
        f'<span class="k" style="--c:{shade}">{escape(name)} <b>{escape(value)}</b></span>'
        for name, value, shade in items
    )
    st.html(f'<div class="legend">{keys}</div>')


def legend_rows(items: Iterable[tuple[str, str, str, str]]) -> None:
    """A legend as rows: name, value, share, CSS colour."""
    rows = "".join(
        f'<span class="k" style="--c:{shade}">{escape(name)}</span><b>{escape(value)}</b><em>{escape(part)}</em>'
        for name, value, part, shade in items
    )
    st.html(f'<div class="legend rows">{rows}</div>')


@dataclass(frozen=True)
class Fact:
    """One number of a strip: what it is, its value, and what it covers. `alarm` colours it red."""

    label: str
    value: str
    covers: str
    alarm: bool = False


def strip(facts: Iterable[Fact]) -> None:
    """A row of numbers in one card, each with the time it covers."""
    tiles = "".join(
        f'<div class="fact{" alarm" if fact.alarm else ""}"><span>{escape(fact.label)}</span>'
        f"<b>{escape(fact.value)}</b><em>{escape(fact.covers)}</em></div>"
        for fact in facts
    )
    st.html(f'<div class="strip">{tiles}</div>')


def meters(items: Iterable[tuple[str, float | None, str, str]]) -> None:
    """Gauges as bars: name, per cent (None: unknown), detail, CSS colour. From 90 % on a bar turns red."""
    bars = []
    for name, value, detail, shade in items:
        filled = 0.0 if value is None or value != value else min(max(value, 0.0), 100.0)
        shade = "light-dark(#DC3D43,#F26A6F)" if filled >= 90 else shade
        bars.append(
            f'<div class="meter"><span class="k" style="--c:{shade}">{escape(name)}</span><em>{escape(detail)}</em>'
            f'<b>{escape(percent(value))}</b><i style="--w:{filled:.1f}%;--c:{shade}"></i></div>'
        )
    st.html(f'<div class="meters">{"".join(bars)}</div>')


def notes(result: Result, *known: str) -> None:
    """What a result warns of, in one quiet line above its numbers; but for `known`, which the page says elsewhere.

    That a range ends with today goes without saying.
    """
    said = [warning for warning in result.meta.warnings if warning not in (REACHES_AHEAD, *known)]
    if said:
        st.html(f'<div class="until" role="status">{escape(" ".join(said))}</div>')


def nothing_here(text: str, height: int) -> None:
    """In place of a chart without rows; as high as the chart, so that nothing jumps when rows come."""
    st.html(f'<div class="nothing" style="height:{height}px">{escape(text)}</div>')


def notice(what: str, do: str, *, grave: bool) -> None:
    """Something an operator should know, and what to do about it; red when grave, else amber."""
    kind = "grave" if grave else "mild"
    role = "alert" if grave else "status"
    st.html(f'<div class="notice {kind}" role="{role}"><b>{escape(what)}</b> <span>{escape(do)}</span></div>')


def quiet_line(text: str) -> None:
    """A line of small print."""
    st.html(f'<div class="quiet">{escape(text)}</div>')


def empty_state(title: str, hint: str, *, code: str = "", page: tuple[str, str] | None = None) -> None:
    """What to do next, where there is nothing to show yet. `page`: file and name of where to go for it."""
    with st.container(key="card-empty", horizontal_alignment="center"):
        block = f"<code>{escape(code)}</code>" if code else ""
        st.html(f'<div class="empty"><h2>{escape(title)}</h2><p>{escape(hint)}</p>{block}</div>')
        if page is not None:
            st.page_link(page[0], label=page[1], icon=":material/arrow_forward:")
