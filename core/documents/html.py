"""A document as HTML: for mail readers (styles inlined, images beside it) and for print."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.charts.theme import LIGHT, NEUTRAL
from core.delivery.message import Attachment
from core.documents import images
from core.documents.document import MOST_ROWS, Document
from core.documents.selection import CHARTS, LEGENDS
from core.reports.declaration import Result

TEMPLATES = Path(__file__).parent / "templates"
MAIL_CHART, PRINT_CHART = 624, 690
"""Pixels that a chart is wide."""
MAIL_ROWS = 31
"""Rows of a table in a mail: a month by days. Mail readers cut what is too long."""
TOKENS = {
    "page": "#F6F7F9", "card": "#FFFFFF", "ink": "#14181F", "muted": "#5B6472", "line": "#E3E7ED", "soft": "#F1F3F6",
    "violet": LIGHT[0], "red": "#C42B31", "amber": "#A85B04", "neutral": NEUTRAL,
}  # fmt: skip
"""The dashboard's light colours."""


@dataclass(frozen=True)
class Picture:
    """A chart or the logo where the HTML shows it."""

    source: str
    about: str
    legend: tuple[tuple[str, str], ...] = ()


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def as_mail(document: Document, result: Result | None, *, told: str) -> tuple[str, tuple[Attachment, ...]]:
    """HTML and the images it shows. Without `result` it is a cover: headline numbers only, the rest is in files.

    `told`: the sentence at the end that says why the reader gets this.
    """
    logo = Attachment("logo.png", "image/png", images.logo_png(), "logo")
    names = document.charts if result is not None else ()
    charts = [
        Attachment(f"{name}.png", "image/png", images.chart_png(result, name, MAIL_CHART), f"chart-{name}")
        for name in names
        if result is not None
    ]
    pictures = [_chart(f"cid:{chart.content_id}", name) for chart, name in zip(charts, names, strict=True)]
    html = _templates().get_template("mail.html.j2").render(
        document=document, pictures=pictures, logo=Picture("cid:logo", "Relay Analytics"), token=TOKENS, told=told,
        grids=document.grids if result is not None else (), most=MAIL_ROWS,
    )  # fmt: skip
    return css_inline.inline(html, keep_style_tags=True, load_remote_stylesheets=False), (logo, *charts)


def for_print(document: Document, result: Result, *, told: str) -> str:
    """HTML whose images are within it."""
    drawn = [
        _chart(_data("image/svg+xml", images.chart_svg(result, name, PRINT_CHART).encode()), name)
        for name in document.charts
    ]
    logo = Picture(_data("image/svg+xml", images.LOGO.read_bytes()), "Relay Analytics")
    return _templates().get_template("print.html.j2").render(
        document=document, pictures=drawn, logo=logo, token=TOKENS, told=told, font=images.FONT.as_uri(),
        grids=document.grids, most=MOST_ROWS, columns=4 if len(document.facts) == 4 else 3,
    )  # fmt: skip


def _chart(source: str, name: str) -> Picture:
    return Picture(source, CHARTS.get(name, name), LEGENDS.get(name, ()))


def _data(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{b64encode(content).decode()}"
