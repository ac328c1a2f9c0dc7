"""The setting TARIFF → a `Tariff`: strict, so that a wrong price is found at the start and not on a bill."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any, cast

from core.tariffs.currencies import EXPONENTS
from core.tariffs.prices import GB, MILLION, ChargedBytes, Price, Tariff, Tier

PER = {
    "per_gb_in": GB, "per_gb_out": GB, "per_million_events": MILLION, "per_million_reqs": MILLION,
    "per_million_delivered": MILLION,
}  # fmt: skip
BORDERS = {GB: "up_to_gb", MILLION: "up_to_million"}
KEYS = ("currency", "bytes", "monthly_fee", *PER)
DECIMAL = re.compile(r"\d{1,12}(\.\d{1,18})?")
LARGEST_BORDER = 10**15
"""In GB or millions: far above what is ever counted, and small enough to be no slip of the keyboard."""


def read_tariff(text: str, directory: Path | None = None) -> Tariff:
    """A tariff from JSON, or from the JSON file of this path (a relative one starts at `directory`).

    Raises ValueError saying what is wrong and what would be right.
    """
    text = text.strip()
    if not text.startswith("{"):
        path = (directory or Path()) / text
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise ValueError(f"is neither JSON nor a file that can be read: {path}") from error
    try:
        document = json.loads(text, parse_float=_no_float, parse_constant=_no_float, object_pairs_hook=_unique)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ValueError('must be a JSON object such as {"currency": "EUR", "per_gb_out": "0.05"}')
    return _tariff(document)


def _tariff(document: Mapping[str, Any]) -> Tariff:
    for key in document:
        if key not in KEYS:
            raise ValueError(f"{key!r} is unknown; the keys are {', '.join(KEYS)}")
    currency = document.get("currency")
    if not isinstance(currency, str) or currency not in EXPONENTS:
        raise ValueError(f"currency is {currency!r}; use an ISO 4217 code such as EUR, USD or JPY, or msat")
    charged = document.get("bytes", "wire")
    if charged not in ("wire", "payload"):
        raise ValueError(f"bytes is {charged!r}; use wire or payload")
    minor = 10 ** EXPONENTS[currency]
    source: dict[str, Any] = {"bytes": charged, "currency": currency}
    prices: dict[str, Price | None] = dict.fromkeys(PER)
    for name, per in PER.items():
        if (given := document.get(name)) is not None:
            prices[name], source[name] = _price(name, given, per, minor)
    fee = Fraction(0)
    if (given := document.get("monthly_fee")) is not None:
        fee = _decimal("monthly_fee", given) * minor
        source["monthly_fee"] = given
    return Tariff(
        currency=currency,
        charged_bytes=cast("ChargedBytes", charged),
        monthly_fee=fee,
        source=json.dumps(source, sort_keys=True, separators=(",", ":")),
        **prices,
    )


def _price(name: str, given: object, per: int, minor: int) -> tuple[Price, object]:
    """The price, and the same as it goes into the canonical JSON."""
    if not isinstance(given, list):
        exact = _decimal(name, given) * minor
        return Price(per, exact.denominator, (Tier(None, exact.numerator),)), given
    if not given:
        raise ValueError(f"{name} has no tiers; leave it out, or give it a price")
    key = BORDERS[per]
    borders: list[int | None] = []
    prices: list[Fraction] = []
    canonical: list[dict[str, object]] = []
    for place, tier in enumerate(given, 1):
        last = place == len(given)
        wanted = {"price"} if last else {"price", key}
        if not isinstance(tier, dict) or set(tier) != wanted:
            what = 'the last tier is {"price": "…"}' if last else f'a tier is {{"{key}": 100, "price": "…"}}'
            raise ValueError(f"{name}, tier {place}: {what}, and only the last has no border")
        border = None if last else _border(f"{name}, tier {place}: {key}", tier[key]) * per
        if border is not None and borders and border <= (borders[-1] or 0):
            raise ValueError(f"{name}, tier {place}: {key} must be larger than that of the tier before")
        borders.append(border)
        prices.append(_decimal(f"{name}, tier {place}: price", tier["price"]) * minor)
        canonical.append(dict(sorted(tier.items())))
    scale = lcm(*(price.denominator for price in prices))
    tiers = tuple(Tier(border, int(price * scale)) for border, price in zip(borders, prices, strict=True))
    return Price(per, scale, tiers), canonical


def _decimal(name: str, given: object) -> Fraction:
    if not isinstance(given, str) or DECIMAL.fullmatch(given) is None:
        raise ValueError(
            f'{name} is {json.dumps(given, default=str)}; write it as a decimal string such as "0.05", not negative'
        )
    return Fraction(given)


def _border(name: str, given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < given <= LARGEST_BORDER:
        raise ValueError(f"{name} is {json.dumps(given, default=str)}; use a whole number from 1 to 10^15")
    return given


def _no_float(text: str) -> object:
    raise ValueError(f'{text} is a number with a point; write prices as strings: "{text}"')


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise ValueError(f"{twice!r} is given twice")
    return found
