"""Why: the parts that moved the whole, the largest first, with their share of its change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerts.contributions import MOST_PARTS, contributions

RATES = st.floats(0, 1e6)
PARTS = st.dictionaries(st.text(min_size=1, max_size=8), st.tuples(RATES, RATES), max_size=30)


@given(PARTS, st.booleans())
def test_the_largest_come_first_and_all_moved_that_way(parts: dict[str, tuple[float, float]], falling: bool) -> None:
    whole = (sum(before for before, _ in parts.values()), sum(during for _, during in parts.values()))
    amounts = [(name, before, during) for name, (before, during) in parts.items()]
    found = contributions("client", amounts, whole, falling=falling)
    assert [each.share for each in found] == sorted((each.share for each in found), reverse=True)
    assert len(found) <= MOST_PARTS
    for each in found:
        assert (each.during < each.before) if falling else (each.during > each.before)


def test_shares_are_of_the_change_and_not_of_the_whole() -> None:
    found = contributions("app", [("steady", 900, 900), ("trystero", 10, 4010)], (1000, 5000))
    assert [(each.name, each.share) for each in found] == [("trystero", 1.0)]


def test_a_part_that_shrank_lets_others_exceed_the_change() -> None:
    found = contributions("app", [("new", 0, 300), ("old", 200, 100)], (200, 400))
    assert [each.name for each in found] == ["new"]
    assert found[0].share == pytest.approx(1.5)


def test_what_fell_with_the_whole_explains_a_fall() -> None:
    found = contributions("app", [("gone", 500, 0), ("more", 0, 50)], (500, 50), falling=True)
    assert [each.name for each in found] == ["gone"]


def test_a_whole_that_did_not_move_is_explained_by_nobody() -> None:
    assert contributions("app", [("a", 1, 2), ("b", 2, 1)], (3, 3)) == []
