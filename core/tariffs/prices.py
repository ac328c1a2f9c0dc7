"""Prices and what usage costs by them. Integers in, integers out; nothing here is ever a float.

**Formula.** A price is `price / scale` minor units of the currency (cents for EUR, msat for msat) for every `per`
units: per GB = 10^9 bytes, or per million = 10^6 messages. Tiers are graduated: what lies between the previous border
and the tier's own costs the tier's price. For `u` units, with borders 0 = b0 < b1 < … < bn = ∞ and prices p1 … pn:

    line = half_up( Σ_i  (min(u, b_i) - min(u, b_(i-1))) · p_i  /  (per · scale) )
    half_up(x) = floor(x + 1/2)

computed as one exact quotient of integers and rounded that one time. The base fee is `half_up(fee · months)`, `months`
being the exact fraction of calendar months that a period covers. The total of a bill is the sum of its rounded lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

GB = 10**9
"""Bytes of a GB in prices."""
MILLION = 10**6

ChargedBytes = Literal["wire", "payload"]

COST_LINES = ("base_fee", "cost_in", "cost_out", "cost_events", "cost_reqs", "cost_delivered")
"""The lines of a bill, in order: monthly fee, bytes in, bytes out, accepted EVENTs, REQs, events delivered."""


@dataclass(frozen=True)
class Tier:
    """`up_to`: the border in units (bytes, messages), None for the last tier. `price`: see `Price.scale`."""

    up_to: int | None
    price: int


@dataclass(frozen=True)
class Price:
    """Graduated tiers in ascending order, the last without a border; a single price is a single tier."""

    per: int
    scale: int
    tiers: tuple[Tier, ...]

    def cost(self, units: int) -> int:
        """Minor units for so many units (not negative), rounded half-up once."""
        return half_up(self.numerator(units), self.denominator)

    def numerator(self, units: int) -> int:
        """The exact cost is this over `denominator`."""
        total, below = 0, 0
        for tier in self.tiers:
            reached = units if tier.up_to is None else min(units, tier.up_to)
            total += (reached - below) * tier.price
            below = reached
        return total

    @property
    def denominator(self) -> int:
        return self.per * self.scale


@dataclass(frozen=True)
class Usage:
    """What is charged of a client in a period: bytes and messages, not negative."""

    bytes_in: int = 0
    bytes_out: int = 0
    payload_in: int = 0
    payload_out: int = 0
    accepted: int = 0
    reqs: int = 0
    delivered: int = 0


@dataclass(frozen=True)
class Tariff:
    """The operator's prices; None: not charged. `monthly_fee`: minor units per client and calendar month, exact.

    `source` is the same as canonical JSON, from which `read_tariff` makes an equal tariff.
    """

    currency: str
    charged_bytes: ChargedBytes
    monthly_fee: Fraction
    per_gb_in: Price | None
    per_gb_out: Price | None
    per_million_events: Price | None
    per_million_reqs: Price | None
    per_million_delivered: Price | None
    source: str

    def __str__(self) -> str:
        return self.source

    @property
    def charged(self) -> dict[str, tuple[Price | None, str]]:
        """For each line of `COST_LINES` but the fee: its price, and the field of `Usage` it is charged on."""
        kind = "bytes" if self.charged_bytes == "wire" else "payload"
        return {
            "cost_in": (self.per_gb_in, f"{kind}_in"),
            "cost_out": (self.per_gb_out, f"{kind}_out"),
            "cost_events": (self.per_million_events, "accepted"),
            "cost_reqs": (self.per_million_reqs, "reqs"),
            "cost_delivered": (self.per_million_delivered, "delivered"),
        }

    def lines(self, usage: Usage, months: Fraction = Fraction(0)) -> dict[str, int]:
        """Minor units of each of `COST_LINES` for one client; `months`: calendar months covered."""
        units: Mapping[str, Any] = vars(usage)
        charged = {
            line: 0 if price is None else price.cost(units[field]) for line, (price, field) in self.charged.items()
        }
        return {"base_fee": self.base_fee(months), **charged}

    def base_fee(self, months: Fraction) -> int:
        """Minor units for so many calendar months."""
        fee = self.monthly_fee * months
        return half_up(fee.numerator, fee.denominator)


def half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest integer, halves upwards; `denominator` > 0."""
    return (2 * numerator + denominator) // (2 * denominator)
