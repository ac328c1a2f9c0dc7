"""Charts and the logo as images, drawn by vl-convert in the light colours and the dashboard's typeface."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from fontTools.ttLib import TTFont

from core.reports.declaration import Result
from core.settings import ROOT

FONT, LOGO = ROOT / "static" / "inter.woff2", ROOT / "static" / "logo-light.svg"
RAMP = ("#F3F0FF", "#D0C4FF", "#A38BFF", "#7552F5", "#4A2DB5", "#36208A")
"""From little to much: the dashboard's `chartSequentialColors`."""
TITLE = {"anchor": "start", "frame": "group", "fontSize": 15, "fontWeight": 600, "color": "#14181F", "offset": 14,
         "subtitleFontSize": 12, "subtitleColor": "#5B6472", "subtitlePadding": 5}  # fmt: skip
SCALE = 2.0
"""Pixels of a PNG per pixel of the page: sharp on dense screens."""


@cache
def _typeface() -> str:
    """Name of the typeface, made known to vl-convert, which reads no WOFF2."""
    place = Path(tempfile.mkdtemp(prefix="relay-analytics-fonts-"))
    font = TTFont(FONT)
    font.flavor = None
    font.save(place / "Inter.ttf")
    vl_convert.register_font_directory(str(place))
    return str(font["name"].getBestFamilyName())


def chart_svg(result: Result, name: str, width: int, caption: tuple[str, str] | None = None) -> str:
    """A chart of a result as SVG, `width` pixels wide; `caption`: its title, and a line below that."""
    return vl_convert.vegalite_to_svg(_spec(result, name, width, caption), allowed_base_urls=[])


def chart_png(result: Result, name: str, width: int, caption: tuple[str, str] | None = None) -> bytes:
    """The same as PNG, in SCALE times the pixels."""
    return vl_convert.vegalite_to_png(_spec(result, name, width, caption), scale=SCALE, allowed_base_urls=[])


def logo_png() -> bytes:
    return vl_convert.svg_to_png(LOGO.read_text(), scale=SCALE)


def _spec(result: Result, name: str, width: int, caption: tuple[str, str] | None) -> dict[str, Any]:
    """The chart's specification, `width` pixels wide with its axes, on white."""
    drawn: dict[str, Any] = result.chart(name).to_dict()
    drawn |= {"width": width, "autosize": {"type": "fit-x", "contains": "padding"}}
    if caption is not None:
        drawn["title"] = TITLE | {"text": caption[0], "subtitle": caption[1]}
        drawn["padding"] = 16
    config = drawn["config"]
    config |= {"font": _typeface(), "background": "#FFFFFF"}
    config["range"] = {**config.get("range", {}), "heatmap": list(RAMP), "ramp": list(RAMP)}
    return drawn
