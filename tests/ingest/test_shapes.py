"""What is told of filters: their shape in words, and never what they ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.filter_shapes import KEYS, LONGEST, PATTERN
from core.metadata import FACTS, allowed
from ingest.shapes import read_filters

SECRET = "c0ffee5ecret"
SECRETS = st.sampled_from([SECRET, f"{SECRET} 203.0.113.7", f"2001:db8::{SECRET}"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SECRETS | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(SECRETS, inner, max_size=2),
    max_leaves=8,
)
INVENTED = SECRETS.flatmap(
    lambda text: st.sampled_from([text, f"#{text}", f"kinds {text}", f"{text} | ids", "#", "#é"])
)
FILTERS = st.lists(st.dictionaries(st.sampled_from(KEYS) | INVENTED, VALUES, max_size=8) | VALUES, max_size=30)


def shape(*filters: Any) -> str:
    read = read_filters(json.dumps(["REQ", "sub", *filters]).encode())
    assert read is not None
    assert read.number == len(filters)
    return read.shape


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ([{"authors": ["a"] * 40, "kinds": [1], "limit": 100, "since": 5, "#e": ["x"] * 3}],
         "kinds×1 authors×≤50 #e×≤5 since limit≤100"),
        ([{"kinds": [], "limit": 0}], "kinds×0 limit=0"),
        ([{"limit": 1}], "limit=1"),
        ([{"ids": ["a"] * 9999, "limit": 10_000}], "ids×>5000 limit>5000"),
        ([{"search": "best bitcoin wallet", "until": 7}], "search until"),
        ([{"kinds": [1]}, {"ids": ["a"]}], "ids×1 | kinds×1"),
        ([{"kinds": [1]}, {"kinds": [2]}, {"ids": ["a"]}], "ids×1 | kinds×1 (×≤5)"),
        ([{"#alice": ["x"], "#1": [], "wallet": 3, "kinds": [1]}], "kinds×1 other"),
        ([{"kinds": 1, "limit": "10"}], "kinds×? limit?"),
        ([{"limit": True}], "limit?"),
        ([{}], "all"),
        ([7], "invalid"),
        ([], "none"),
    ],
)  # fmt: skip
def test_a_shape_is_read_like_this(filters: list[Any], text: str) -> None:
    assert shape(*filters) == text


@given(FILTERS)
def test_no_value_and_no_invented_key_gets_into_a_shape(filters: list[Any]) -> None:
    told = shape(*filters)
    assert PATTERN.fullmatch(told)
    assert len(told) <= LONGEST
    assert SECRET not in told
    assert allowed({"shape": told}) == ({"shape": told}, True)


@given(st.permutations([{"kinds": [1], "ids": ["a"]}, {"limit": 5}, {"authors": ["a"] * 7}]), st.randoms())
def test_the_order_of_filters_and_keys_does_not_matter(filters: list[dict[str, Any]], chance: Any) -> None:
    mixed = [dict(sorted(each.items(), key=lambda _: chance.random())) for each in filters]
    assert shape(*mixed) == "authors×≤10 | ids×1 kinds×1 | limit≤5"


def test_a_long_shape_is_cut_and_told_apart_from_others_by_a_hash() -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGH"
    one = {f"#{letter}": ["x"] for letter in letters}
    long, other = shape(one), shape(one | {"#z": ["x"] * 3})
    assert long != other
    assert long.partition("… ")[0] == other.partition("… ")[0]
    assert max(len(long), len(other)) <= LONGEST


def test_many_filters_of_many_shapes_are_one_bounded_text() -> None:
    many = [{"kinds": [1] * number, "limit": number} for number in range(200)]
    assert len(shape(*many)) <= LONGEST


@pytest.mark.parametrize("text", ["kinds×1", "all (×≤5)", "0123456789ab", "none"])
def test_what_a_shape_or_its_hash_can_be_is_kept(text: str) -> None:
    assert allowed({"shape": text}) == ({"shape": text}, True)


@pytest.mark.parametrize(
    "text",
    ["", "alice", "203.0.113.7", "#203.0.113.7×1", "kinds×7", "kinds×1 alice", "limit=203", "kinds×1 | ", "… alice",
     "kinds×1\nalice", "×1", "0123456789abc", "kinds×1 " * 40],
)  # fmt: skip
def test_anything_else_that_is_sent_as_a_shape_is_left_out(text: str) -> None:
    assert FACTS["shape"].longest == LONGEST
    assert allowed({"shape": text}) == ({}, False)
