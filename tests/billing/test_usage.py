"""Usage and costs per client: exact, whatever the zone, the size of the numbers and the state of the roll-ups."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.billing.costs import cost, priced
from core.billing.lines import FIELDS, Lines, combine, lines
from core.billing.periods import billing_period, months_of
from core.billing.usage import usage
from core.exceptions import BadParameterError
from core.records import Delivery, Event
from core.storage.database import Database
from core.storage.fold import fold
from core.tariffs import COST_LINES, Price, Tariff, Usage
from tests.billing import history
from tests.core.test_tariff import TARIFFS
from tests.reports import oracle
from tests.support.clearing import clear


def counted(database: Database, start: datetime, end: datetime, client: str | None = None) -> dict[str, dict[str, int]]:
    with database.connect() as connection:
        found = usage(connection, start, end, client)
        names = dict(connection.execute("SELECT client_no, client_id FROM clients").fetchall())
    return {
        names[number]: dict(zip(history.USAGE, row, strict=False))
        for number, row in zip(found.clients.tolist(), found.table.tolist(), strict=True)
    }


@given(
    everything=history.EVERYTHING,
    split=st.integers(0, 60),
    days=oracle.RANGES,
    zone=st.sampled_from(oracle.ZONES),
    folded=st.sampled_from(oracle.FOLDS),
)
@oracle.examples
def test_usage_equals_a_recount_of_the_records(
    everything: tuple[list[Event], list[Delivery]],
    split: int,
    days: tuple[date, date],
    zone: str,
    folded: datetime,
    database: Database,
) -> None:
    events, delivered = everything
    clear(database)
    oracle.forget_built_days(database)
    oracle.store(database, events[:split], 1, delivered[:split])
    fold(database, folded)  # builds the days and blocks before it; what follows comes late
    oracle.store(database, events[split:], 2, delivered[split:])
    period = billing_period(days[0], days[1], None, zone)
    expected = history.used(events, delivered, zone, *days)
    assert counted(database, period.start, period.end) == expected
    fold(database, oracle.LATER)
    assert counted(database, period.start, period.end) == expected
    for client in oracle.CLIENTS:
        one = {client: expected[client]} if client in expected else {}
        assert counted(database, period.start, period.end, client) == one


@given(tariff=TARIFFS, units=st.lists(st.integers(0, 2**62) | st.integers(0, 10**12), max_size=8))
def test_costs_of_columns_equal_those_of_each_client(tariff: Tariff, units: list[int]) -> None:
    column = np.array(units, dtype=np.int64)
    for price, _ in tariff.charged.values():
        if price is not None:
            wanted = [price.cost(value) for value in units]
            if max(wanted, default=0) < 2**63:
                assert cost(price, column).tolist() == wanted
            else:
                with pytest.raises(OverflowError, match="does not fit"):
                    cost(price, column)


@given(tariff=TARIFFS, numbers=st.lists(st.integers(0, 2**40), min_size=10, max_size=10))
def test_the_lines_of_a_bill_add_up_to_its_total(tariff: Tariff, numbers: list[int]) -> None:
    bill = priced(lines(np.array([7]), np.array([numbers])), tariff, Fraction(1, 3))
    fields = dict(zip(history.USAGE, numbers, strict=True))
    charged = {name: fields[name] for name in vars(Usage())}
    by_line = tariff.lines(Usage(**charged), Fraction(1, 3))
    assert {name: int(bill.column(name)[0]) for name in COST_LINES} == by_line
    assert bill.cost.tolist() == [sum(by_line.values())]


def test_sums_beyond_2_to_the_53_are_exact(database: Database) -> None:
    odd = 2**53 - 1
    oracle.store(database, [history.at(day, bytes_in=odd, bytes_out=odd) for day in (5, 6, 7)])
    period = billing_period(None, None, "2026-03", "UTC")
    assert counted(database, period.start, period.end)["alice"]["bytes_in"] == 3 * odd
    assert float(3 * odd) != 3 * odd  # a float would not do
    fold(database, history.LATER)
    assert counted(database, period.start, period.end)["alice"]["bytes_out"] == 3 * odd


def test_totals_do_not_wrap_around() -> None:
    table = np.zeros((3, len(FIELDS)), dtype=np.int64)
    table[:, FIELDS.index("bytes_in")] = 2**62
    assert Lines(np.arange(3), table).totals()["bytes_in"] == 3 * 2**62


def test_lines_combine_by_client() -> None:
    one, two = lines(np.array([5, 2]), np.array([[10], [1]])), lines(np.array([2, 9]), np.array([[1], [4]]))
    together = combine([(1, one), (-1, two)])
    assert dict(zip(together.clients.tolist(), together.column("accepted").tolist(), strict=True)) == {
        2: 0,
        5: 10,
        9: -4,
    }
    assert together.without_zeros().clients.tolist() == [5, 9]


@pytest.mark.parametrize(
    ("month", "zone", "hours"),
    [
        ("2026-03", "Europe/Berlin", 743),
        ("2026-10", "Europe/Berlin", 745),
        ("2026-03", "America/New_York", 743),
        ("2026-11", "America/New_York", 721),
        ("2026-02", "UTC", 672),
    ],
)
def test_a_month_is_one_month_whatever_the_clocks_do(month: str, zone: str, hours: int) -> None:
    period = billing_period(None, None, month, zone)
    assert period.end - period.start == timedelta(hours=hours)
    assert period.start.astimezone(ZoneInfo(zone)).hour == 0
    assert months_of(period) == 1


def test_parts_of_months_count_by_their_hours() -> None:
    assert months_of(billing_period("2026-01-31", "2026-02-14", None, "UTC")) == Fraction(1, 31) + Fraction(1, 2)
    assert months_of(billing_period("2026-01-01", "2026-12-31", None, "Europe/Berlin")) == 12
    first, rest = (
        billing_period(*days, None, "Europe/Berlin")
        for days in (("2026-03-01", "2026-03-29"), ("2026-03-30", "2026-03-31"))
    )
    assert months_of(first) == Fraction(29 * 24 - 1, 743)
    assert months_of(first) + months_of(rest) == 1


def test_the_hours_of_a_dst_month_belong_to_it(database: Database) -> None:
    """In Berlin March 2026 lasts from 28 February 23:00 to 31 March 22:00 UTC."""
    edges = [(28, 22, 2), (28, 23, 2), (31, 21, 3), (31, 22, 3)]
    oracle.store(
        database,
        [history.at(day, hour, month=month, bytes_in=10**place) for place, (day, hour, month) in enumerate(edges)],
    )
    for zone, wanted in (("Europe/Berlin", 110), ("UTC", 1100), ("America/New_York", 1100)):
        period = billing_period(None, None, "2026-03", zone)
        assert counted(database, period.start, period.end)["alice"]["bytes_in"] == wanted, zone


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ((None, None, None, "UTC"), "give either month"),
        (("2026-03-01", None, None, "UTC"), "give either month"),
        (("2026-03-01", "2026-03-02", "2026-03", "UTC"), "give either month"),
        ((None, None, "2026-13", "UTC"), "YYYY-MM"),
        ((None, None, "March", "UTC"), "YYYY-MM"),
        ((None, None, "2026-03", "Asia/Kathmandu"), "whole hour"),
        (("2026-03-01T00:30", "2026-03-02", None, "UTC"), "whole hour"),
        ((None, None, "2026-03", "Mars/Olympus"), "IANA"),
    ],
)
def test_a_wrong_period_is_refused(wrong: tuple[str | None, str | None, str | None, str], says: str) -> None:
    with pytest.raises(BadParameterError, match=says):
        billing_period(*wrong)


def test_a_price_without_units_costs_nothing() -> None:
    assert cost(Price(10**9, 1, ()), np.zeros(0, dtype=np.int64)).tolist() == []
