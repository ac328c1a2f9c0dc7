"""Prices: exact integers by the documented formula, and clear refusals of what is no tariff."""

from __future__ import annotations

import ast
import json
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core import tariffs
from core.settings import ROOT, Settings
from core.tariffs import COST_LINES, Tariff, Usage, read_tariff
from core.tariffs.currencies import EXPONENTS, amount

DECIMALS = st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)).map(lambda parts: f"{parts[0]}.{parts[1]:06}")
COUNTS = st.integers(0, 2**70) | st.integers(0, 10**7)


@st.composite
def tiers(draw: st.DrawFn, border: str) -> list[dict[str, Any]]:
    borders = sorted(draw(st.sets(st.integers(1, 10**6), min_size=1, max_size=4)))
    return [*({border: up_to, "price": draw(DECIMALS)} for up_to in borders), {"price": draw(DECIMALS)}]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    gb, million = tiers("up_to_gb"), tiers("up_to_million")
    optional = {
        "bytes": st.sampled_from(["wire", "payload"]),
        "monthly_fee": DECIMALS,
        "per_gb_in": DECIMALS | gb,
        "per_gb_out": DECIMALS | gb,
        "per_million_events": DECIMALS | million,
        "per_million_reqs": DECIMALS | million,
        "per_million_delivered": DECIMALS | million,
    }
    required = {"currency": st.sampled_from(["EUR", "JPY", "KWD", "CLF", "msat"])}
    return dict(draw(st.fixed_dictionaries(required, optional=optional)))


USAGE = st.builds(Usage, **dict.fromkeys(vars(Usage()), COUNTS))
TARIFFS = documents().map(json.dumps).map(read_tariff)
FIELDS: dict[str, tuple[str, str | dict[str, str]]] = {
    "per_gb_in": ("cost_in", {"wire": "bytes_in", "payload": "payload_in"}),
    "per_gb_out": ("cost_out", {"wire": "bytes_out", "payload": "payload_out"}),
    "per_million_events": ("cost_events", "accepted"),
    "per_million_reqs": ("cost_reqs", "reqs"),
    "per_million_delivered": ("cost_delivered", "delivered"),
}


def by_hand(document: dict[str, Any], usage: Usage, months: Fraction) -> dict[str, int]:
    """The bill in decimals of 200 digits, straight from the document."""
    minor = Decimal(10) ** EXPONENTS[document["currency"]]
    with localcontext(prec=200):

        def rounded(value: Decimal) -> int:
            return int(value.quantize(Decimal(1), ROUND_HALF_UP))

        fee = Fraction(document.get("monthly_fee", "0")) * months
        bill = {"base_fee": rounded(minor * fee.numerator / fee.denominator)}
        for key, (line, field) in FIELDS.items():
            per = 10**9 if "gb" in key else 10**6
            name = field if isinstance(field, str) else field[document.get("bytes", "wire")]
            left, below, cost = getattr(usage, name), 0, Decimal(0)
            prices = document.get(key, "0")
            for tier in prices if isinstance(prices, list) else [{"price": prices}]:
                border = tier.get("up_to_gb", tier.get("up_to_million"))
                part = left if border is None else min(left, border * per - below)
                cost += Decimal(tier["price"]) * part / per
                left, below = left - part, below if border is None else border * per
            bill[line] = rounded(cost * minor)
    return bill


@given(document=documents(), usage=USAGE, months=st.fractions(0, 40, max_denominator=744))
def test_every_line_equals_the_formula_in_decimals(document: dict[str, Any], usage: Usage, months: Fraction) -> None:
    tariff = read_tariff(json.dumps(document))
    lines = tariff.lines(usage, months)
    assert tuple(lines) == COST_LINES
    assert lines == by_hand(document, usage, months)
    assert all(type(value) is int for value in lines.values())


@given(tariff=TARIFFS, usage=USAGE, field=st.sampled_from(sorted(vars(Usage()))), more=COUNTS)
def test_more_usage_never_costs_less(tariff: Tariff, usage: Usage, field: str, more: int) -> None:
    larger = Usage(**{**vars(usage), field: getattr(usage, field) + more})
    before, after = tariff.lines(usage), tariff.lines(larger)
    assert all(before[line] <= after[line] for line in COST_LINES)


@given(given=tiers("up_to_gb"))
def test_tiers_meet_at_their_borders(given: list[dict[str, Any]]) -> None:
    """One byte more costs the price of one byte more, on either side of a border: no jump."""
    price = read_tariff(json.dumps({"currency": "EUR", "per_gb_out": given})).per_gb_out
    assert price is not None
    for place, tier in enumerate(given[:-1]):
        border = tier["up_to_gb"] * 10**9
        steps = [
            Fraction(price.numerator(units + 1) - price.numerator(units), price.denominator)
            for units in (border - 1, border)
        ]
        wanted = [Fraction(given[place + side]["price"]) * 100 / 10**9 for side in (0, 1)]
        assert steps == wanted


@given(price=DECIMALS, borders=st.sets(st.integers(1, 10**6), min_size=1, max_size=5), units=COUNTS)
def test_tiers_of_one_price_cost_what_the_price_costs(price: str, borders: set[int], units: int) -> None:
    tiered = [*({"up_to_gb": border, "price": price} for border in sorted(borders)), {"price": price}]
    one, many = (
        read_tariff(json.dumps({"currency": "USD", "per_gb_in": prices})).per_gb_in for prices in (price, tiered)
    )
    assert one is not None
    assert many is not None
    assert one.cost(units) == many.cost(units)


@given(tariff=TARIFFS)
def test_a_tariff_is_read_again_from_its_source(tariff: Tariff) -> None:
    assert read_tariff(tariff.source) == tariff


def test_halves_round_up_once_per_line() -> None:
    tariff = read_tariff('{"currency": "EUR", "per_gb_in": "0.01", "per_gb_out": "0.01"}')
    half = 5 * 10**8
    assert tariff.lines(Usage(bytes_in=half, bytes_out=half - 1)) == dict.fromkeys(COST_LINES, 0) | {"cost_in": 1}


def test_a_worked_example() -> None:
    tariff = read_tariff(
        '{"currency": "EUR", "bytes": "payload", "monthly_fee": "5.00",'
        ' "per_gb_out": [{"up_to_gb": 100, "price": "0.05"}, {"price": "0.03"}], "per_million_events": "1.25"}'
    )
    usage = Usage(payload_out=150 * 10**9, bytes_out=10**15, accepted=2_000_000)
    bill = {"base_fee": 250, "cost_out": 650, "cost_events": 250}
    assert tariff.lines(usage, Fraction(1, 2)) == dict.fromkeys(COST_LINES, 0) | bill
    assert amount(sum(bill.values()), tariff.currency) == "11.50 EUR"


def test_amounts_are_written_by_the_currency() -> None:
    written = [amount(1234, "EUR"), amount(-5, "EUR"), amount(1234, "JPY"), amount(1, "KWD"), amount(7, "msat")]
    assert written == ["12.34 EUR", "-0.05 EUR", "1234 JPY", "0.001 KWD", "7 msat"]


def test_no_float_is_in_the_arithmetic() -> None:
    for file in Path(tariffs.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), file
            assert not (isinstance(node, ast.Name) and node.id == "float"), file
            assert not isinstance(node, ast.Div) or _joins_paths(file), file


def _joins_paths(file: Path) -> bool:
    """The only `/` there is joins a directory and a file name."""
    return file.name == "reading.py" and file.read_text().count(" / text") == 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"currency": "EURO"}, "ISO 4217"),
        ({}, "ISO 4217"),
        ({"currency": "EUR", "per_gb": "1"}, "the keys are currency, bytes"),
        ({"currency": "EUR", "bytes": "both"}, "wire or payload"),
        ({"currency": "EUR", "per_gb_in": 0.05}, "as strings"),
        ({"currency": "EUR", "per_gb_in": 5}, "decimal string"),
        ({"currency": "EUR", "per_gb_in": "-1"}, "not negative"),
        ({"currency": "EUR", "per_gb_in": "1e3"}, "decimal string"),
        ({"currency": "EUR", "per_gb_in": "0,05"}, "decimal string"),
        ({"currency": "EUR", "per_gb_in": []}, "no tiers"),
        ({"currency": "EUR", "per_gb_in": [{"up_to_gb": 5, "price": "1"}]}, "last tier is"),
        ({"currency": "EUR", "per_gb_in": [{"price": "1"}, {"price": "2"}]}, "a tier is"),
        ({"currency": "EUR", "per_million_reqs": [{"up_to_gb": 5, "price": "1"}, {"price": "2"}]}, "up_to_million"),
        ({"currency": "EUR", "per_gb_in": [{"up_to_gb": True, "price": "1"}, {"price": "2"}]}, "whole number"),
        (
            {"currency": "EUR", "per_gb_in": [*[{"up_to_gb": 5, "price": "1"}] * 2, {"price": "3"}]},
            "tier 2: up_to_gb must be larger",
        ),
        ({"currency": "EUR", "monthly_fee": None, "per_gb_in": ["1"]}, "tier 1"),
        (["EUR"], "neither JSON nor a file"),
    ],
)  # fmt: skip
def test_a_wrong_tariff_is_refused_with_what_is_right(wrong: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings(_env_file=None, tariff=json.dumps(wrong))


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'currency' is given twice"):
        read_tariff('{"currency": "EUR", "currency": "USD"}')


def test_the_setting_takes_json_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"currency": "msat", "per_gb_out": "1000.5"}'
    (tmp_path / "tariff.json").write_text(text)
    monkeypatch.setenv("TARIFF", text)
    inline = Settings(_env_file=None).tariff
    monkeypatch.setenv("TARIFF", str(tmp_path / "tariff.json"))
    assert Settings(_env_file=None).tariff == inline == read_tariff(text)
    monkeypatch.delenv("TARIFF")
    assert Settings(_env_file=None).tariff is None
    with pytest.raises(ValueError, match="can be read"):
        read_tariff("no-such-file.json", ROOT)
