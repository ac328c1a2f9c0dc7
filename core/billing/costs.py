"""What many clients' usage costs: the formula of core/tariffs for whole columns."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from core.billing.lines import FIELDS, Integers, Lines
from core.tariffs import Price, Tariff

LARGEST = 2**63 - 1


def priced(usage: Lines, tariff: Tariff | None, months: Fraction) -> Lines:
    """The same lines with the amounts of the tariff for each client; without one they stay zero.

    Raises OverflowError for an amount that is no 64-bit integer.
    """
    if tariff is None:
        return usage
    table = usage.table.copy()
    table[:, FIELDS.index("base_fee")] = _fitting(tariff.base_fee(months))
    for line, (price, field) in tariff.charged.items():
        if price is not None:
            table[:, FIELDS.index(line)] = cost(price, usage.column(field))
    return Lines(usage.clients, table)


def cost(price: Price, units: Integers) -> Integers:
    """`price.cost` of each number of units. In 64-bit integers where nothing can overflow, else in Python's own."""
    if not len(units):
        return units.copy()
    highest = int(units.max())
    dearest = max(tier.price for tier in price.tiers)
    small = 2 * highest * dearest + 2 * price.denominator <= LARGEST
    numbers: Any = units if small else units.astype(object)
    total, below = numbers * 0, numbers * 0
    for tier in price.tiers:
        border = None if tier.up_to is None else min(tier.up_to, LARGEST)
        reached = numbers if border is None else np.minimum(numbers, border)
        total = total + (reached - below) * tier.price
        below = reached
    rounded = (2 * total + price.denominator) // (2 * price.denominator)
    if not small:
        _fitting(max(rounded))
    return np.asarray(rounded, dtype=np.int64)


def _fitting(amount: int) -> int:
    if abs(amount) > LARGEST:
        raise OverflowError(f"an amount of {amount} minor units does not fit 64 bits; is a price too high?")
    return amount
