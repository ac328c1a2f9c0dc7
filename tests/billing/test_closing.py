"""Closing freezes; what comes later is an adjustment; what was changed by hand is found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import billing
from core.billing import closing
from core.billing.checksums import line_checksum
from core.billing.lines import AMOUNTS, FIELDS
from core.exceptions import (
    BadParameterError,
    PeriodClosedError,
    PeriodNotOverError,
    PeriodOverlapsError,
    RelayAnalyticsError,
    UnknownPeriodError,
)
from core.records import Delivery, Event
from core.storage.database import Database
from core.storage.fold import fold
from core.tariffs import Usage
from tests.billing import history
from tests.reports import oracle
from tests.support.clearing import clear

MARCH = {"month": "2026-03"}
GB = 10**9


def frozen(database: Database) -> dict[tuple[int, str], dict[str, int]]:
    """(number, client_id) → the numbers of each line that is not zero, of all periods together."""
    with database.connect() as connection:
        rows = connection.execute(
            f"SELECT number, client_id, {', '.join(FIELDS)} FROM billing_lines ORDER BY 1, 2"
        ).fetchall()
    return {row[:2]: {name: value for name, value in zip(FIELDS, row[2:], strict=True) if value} for row in rows}


def bill(used: dict[str, int]) -> dict[str, int]:
    """The usage of a client with its cost for a whole month."""
    charged = Usage(**{name: used[name] for name in vars(Usage())})
    return used | history.TARIFF.lines(charged, Fraction(1))


@given(
    everything=history.EVERYTHING, split=st.integers(0, 60), zone=st.sampled_from(["Europe/Berlin", "America/New_York"])
)
@oracle.examples
def test_what_comes_late_is_the_adjustment(
    everything: tuple[list[Event], list[Delivery]], split: int, zone: str, database: Database
) -> None:
    events, delivered = everything
    clear(database)
    march = {**MARCH, "time_zone": zone}
    days = (date(2026, 3, 1), date(2026, 3, 31))
    oracle.store(database, events[:split], 1, delivered[:split])
    billing.close(database, oracle.LATER, **march, tariff=history.TARIFF)
    before = {
        name: bill(numbers) for name, numbers in history.used(events[:split], delivered[:split], zone, *days).items()
    }
    closed = frozen(database)
    assert closed == {(0, name): {key: n for key, n in numbers.items() if n} for name, numbers in before.items()}
    assert billing.adjust(database, oracle.LATER, **march) is None

    oracle.store(database, events[split:], 2, delivered[split:])
    fold(database, oracle.LATER)
    after = {name: bill(numbers) for name, numbers in history.used(events, delivered, zone, *days).items()}
    assert frozen(database) == closed
    made = billing.adjust(database, oracle.LATER, **march)
    difference = {
        (1, name): {key: n - before.get(name, {}).get(key, 0) for key, n in numbers.items()}
        for name, numbers in after.items()
        if numbers != before.get(name)
    }
    assert (made is None) == (not difference)
    assert frozen(database) == closed | {
        key: {name: n for name, n in numbers.items() if n} for key, numbers in difference.items()
    }
    assert billing.adjust(database, oracle.LATER, **march) is None
    assert billing.check(database) == []


def test_a_closed_period_says_what_was_frozen(database: Database) -> None:
    oracle.store(database, [history.at(5, bytes_out=150 * GB), history.at(6, client="bob", bytes_in=GB)])
    closed = billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    assert (closed.period_id, closed.lines, closed.tariff) == (1, 2, history.TARIFF)
    assert str(closed) == "2026-03-01 00:00 to 2026-04-01 00:00 UTC"
    assert frozen(database) == {
        (0, "alice"): {"accepted": 1, "bytes_out": 150 * GB, "base_fee": 500, "cost_out": 650},
        (0, "bob"): {"accepted": 1, "bytes_in": GB, "base_fee": 500, "cost_in": 1},
    }


def test_the_frozen_tariff_prices_adjustments(database: Database) -> None:
    """Graduated tiers: the difference costs what is more on the whole bill, not what it would cost alone."""
    oracle.store(database, [history.at(5, bytes_out=90 * GB)])
    billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    oracle.store(database, [history.at(6, bytes_out=20 * GB)], 2)
    made = billing.adjust(database, history.LATER, **MARCH, reason="the import of 6 March")
    assert made is not None
    assert (made.number, made.lines, made.reason) == (1, 1, "the import of 6 March")
    assert frozen(database)[1, "alice"] == {"accepted": 1, "bytes_out": 20 * GB, "cost_out": 10 * 5 + 10 * 3}


def test_a_credit_stays_out_of_later_adjustments(database: Database) -> None:
    oracle.store(database, [history.at(5, bytes_out=90 * GB)])
    billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    given_ = billing.credit(database, history.LATER, "alice", "2.50", "outage on 5 March", **MARCH)
    assert (given_.number, given_.credit) == (1, True)
    assert frozen(database)[1, "alice"] == {"credit": -250}
    assert billing.adjust(database, history.LATER, **MARCH) is None
    assert billing.credit(database, history.LATER, "alice", "-0.01", "undone in part", **MARCH).number == 2
    assert frozen(database)[2, "alice"] == {"credit": 1}
    assert billing.check(database) == []


@pytest.mark.parametrize(
    ("client", "amount", "reason", "says"),
    [
        ("nobody", "1", "r", "no client 'nobody'"),
        ("alice", "1.234", "r", "up to 2 decimals, such as 12.50"),
        ("alice", "1e3", "r", "no amount of EUR"),
        ("alice", "0.00", "r", "nothing"),
        ("alice", "1", " ", "give a reason"),
    ],
)
def test_a_wrong_credit_is_refused(client: str, amount: str, reason: str, says: str, database: Database) -> None:
    oracle.store(database, [history.at(5)])
    billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    with pytest.raises(BadParameterError, match=says):
        billing.credit(database, history.LATER, client, amount, reason, **MARCH)


def test_without_a_tariff_usage_is_frozen_and_nothing_costs(database: Database) -> None:
    oracle.store(database, [history.at(5, bytes_out=5)])
    assert billing.close(database, history.LATER, **MARCH, tariff=None).tariff is None
    assert frozen(database) == {(0, "alice"): {"accepted": 1, "bytes_out": 5}}
    assert not set(AMOUNTS) & set(frozen(database)[0, "alice"])
    with pytest.raises(BadParameterError, match="without a tariff"):
        billing.credit(database, history.LATER, "alice", "1", "r", **MARCH)


@pytest.mark.parametrize(
    ("period", "error"),
    [
        (MARCH, PeriodClosedError),
        ({"start": "2026-03-01", "end": "2026-03-31"}, PeriodClosedError),
        ({"start": "2026-03-31", "end": "2026-04-02"}, PeriodOverlapsError),
        ({**MARCH, "time_zone": "Europe/Berlin"}, PeriodOverlapsError),
        ({"start": "2026-12-31", "end": "2027-01-01"}, PeriodNotOverError),
    ],
)
def test_what_cannot_be_closed_is_refused_and_leaves_nothing(
    period: dict[str, Any], error: type[RelayAnalyticsError], database: Database
) -> None:
    oracle.store(database, [history.at(5)])
    billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    before = frozen(database)
    with pytest.raises(error):
        billing.close(database, history.LATER, **period, tariff=history.TARIFF)
    assert frozen(database) == before
    assert billing.check(database) == []


def test_periods_that_only_touch_do_not_overlap(database: Database) -> None:
    for month in ("2026-03", "2026-02", "2026-04"):
        billing.close(database, history.LATER, month=month, tariff=history.TARIFF)
    assert billing.check(database) == []


def test_a_period_ends_when_its_zone_says(database: Database) -> None:
    """In New York March is over at 04:00 UTC."""
    early, due = datetime(2026, 4, 1, 3, 59, tzinfo=UTC), datetime(2026, 4, 1, 4, tzinfo=UTC)
    new_york = {**MARCH, "time_zone": "America/New_York"}
    with pytest.raises(PeriodNotOverError, match="2026-04-01 00:00 America/New_York"):
        billing.close(database, early, **new_york, tariff=None)
    assert billing.close(database, due, **new_york, tariff=None).lines == 0


def test_a_period_that_is_not_closed_cannot_be_adjusted(database: Database) -> None:
    with pytest.raises(UnknownPeriodError, match="close it first"):
        billing.adjust(database, history.LATER, **MARCH)
    with pytest.raises(UnknownPeriodError, match="2026-03-01 00:00"):
        billing.credit(database, history.LATER, "alice", "1", "r", **MARCH)


@pytest.mark.parametrize("place", ["usage", "rows_of", "store_rows"])
def test_a_failure_in_the_middle_leaves_nothing(
    place: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle.store(database, [history.at(5), history.at(6, client="bob")])
    genuine = getattr(closing, place)

    def failing(*arguments: Any) -> Any:
        genuine(*arguments)
        raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(closing, place, failing)
        with pytest.raises(RuntimeError, match="power"):
            billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    assert frozen(database) == {}
    assert database.read("SELECT * FROM billing_periods").empty
    assert billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF).lines == 2


def test_of_two_that_close_at_once_one_wins(database: Database) -> None:
    oracle.store(database, [history.at(5), history.at(6, client="bob")])

    def attempt(_: int) -> str:
        try:
            return f"closed {billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF).lines}"
        except PeriodClosedError:
            return "closed already"

    with ThreadPoolExecutor(4) as threads:
        outcomes = sorted(threads.map(attempt, range(4)))
    assert outcomes == ["closed 2", *["closed already"] * 3]
    assert len(frozen(database)) == 2
    assert billing.check(database) == []


def test_of_two_that_adjust_at_once_only_one_finds_a_difference(database: Database) -> None:
    oracle.store(database, [history.at(5)])
    billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    oracle.store(database, [history.at(6)], 2)
    with ThreadPoolExecutor(3) as threads:
        made = list(threads.map(lambda _: billing.adjust(database, history.LATER, **MARCH), range(3)))
    assert sorted(one is None for one in made) == [False, True, True]


TAMPERING = {
    "UPDATE billing_lines SET cost_out = 1 WHERE number = 0 AND client_id = 'bob'": [(1, 0, "bob")],
    "UPDATE billing_lines SET credit = 0 WHERE number = 2": [(1, 2, "alice")],
    "UPDATE billing_lines SET client_id = 'eve' WHERE number = 0 AND client_id = 'bob'": [(1, 0, "eve")],
    "DELETE FROM billing_lines WHERE number = 0 AND client_id = 'bob'": [(1, 0, None)],
    "INSERT INTO billing_lines SELECT 1, 1, 77, 'eve', 0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0, -5, '\\x00'": [
        (1, 1, "eve"), (1, 1, None),
    ],
    "UPDATE billing_periods SET tariff = NULL WHERE period_id = 1": [(1, 0, None)],
    "UPDATE billing_periods SET closed_at = closed_at + interval '1 s' WHERE period_id = 2": [(2, 0, None)],
    "UPDATE billing_periods SET lines = 9 WHERE period_id = 1": [(1, 0, None)],
    "UPDATE billing_adjustments SET reason = 'another' WHERE number = 2": [(1, 2, None)],
    "UPDATE billing_adjustments SET checksum = '\\x00' WHERE number = 1": [(1, 1, None), (1, 2, None)],
    "DELETE FROM billing_adjustments WHERE number = 1": [(1, 1, None), (1, 2, None)],
    "DELETE FROM billing_adjustments WHERE number = 2": [(1, 2, None)],
}  # fmt: skip


@pytest.mark.parametrize("statement", TAMPERING)
def test_what_was_changed_by_hand_is_found(statement: str, database: Database) -> None:
    oracle.store(database, [history.at(5, bytes_out=GB), history.at(6, client="bob", bytes_out=40 * GB)])
    billing.close(database, history.LATER, **MARCH, tariff=history.TARIFF)
    oracle.store(database, [history.at(7, bytes_out=GB)], 2)
    billing.adjust(database, history.LATER, **MARCH)
    billing.credit(database, history.LATER, "alice", "1", "outage", **MARCH)
    billing.close(database, history.LATER, month="2026-04", tariff=history.TARIFF)
    assert billing.check(database) == []
    with database.borrow() as connection:
        connection.execute(statement.encode())
    found = billing.check(database)
    assert [(one.period_id, one.number, one.client_id) for one in found] == TAMPERING[statement]
    assert all("period" in str(one) for one in found)


def test_a_removed_period_is_missed(database: Database) -> None:
    for month in ("2026-03", "2026-04"):
        billing.close(database, history.LATER, month=month, tariff=None)
    with database.borrow() as connection:
        connection.execute("DELETE FROM billing_periods WHERE period_id = 1")
    assert [str(one).split(":")[0] for one in billing.check(database)] == ["period 1", "period 2"]


def test_checksums_depend_on_every_number() -> None:
    numbers = list(range(len(FIELDS)))
    sums = {line_checksum(1, 0, "alice", numbers)}
    for place in range(len(numbers)):
        sums.add(line_checksum(1, 0, "alice", [*numbers[:place], -1, *numbers[place + 1 :]]))
    sums |= {
        line_checksum(1, 1, "alice", numbers),
        line_checksum(2, 0, "alice", numbers),
        line_checksum(1, 0, "b", numbers),
    }
    assert len(sums) == len(numbers) + 4
