"""The allow-list of metadata, and texts from outside made free of addresses."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.metadata import FACTS, allowed, is_address, without_addresses

WORDS = st.sampled_from(["blocked:", "rate-limited:", "from ", "(", "client=", "x,", " ", "ip:", "host-", '"'])
ENDS = st.sampled_from(["", " is banned", ".", ")", ", slow down", ": no", ":443", "\n", '"'])
IPV4 = st.ip_addresses(v=4).map(str)
IPV6 = st.one_of(st.ip_addresses(v=6).map(str), st.ip_addresses(v=6).map(lambda address: address.exploded)).filter(
    lambda text: text != "::"
)


@given(WORDS, IPV4 | IPV6 | IPV4.map(lambda text: f"::ffff:{text}"), ENDS)
def test_an_address_is_masked_wherever_it_stands(before: str, address: str, after: str) -> None:
    masked = without_addresses(before + address + after)
    assert address not in masked
    assert "[address]" in masked


@pytest.mark.parametrize(
    "text",
    ["at 12:30:00 UTC", "std::bad_alloc", "Damus 1.2.3", "version 1.2.3.4.5", "2026-03-10", "::", "a:b:c", ""],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert without_addresses(text) == text


@given(st.text())
def test_masking_never_fails_and_is_done_at_once(text: str) -> None:
    assert without_addresses(without_addresses(text)) == without_addresses(text)


@given(st.ip_addresses())
def test_an_address_is_known_as_one(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert is_address(str(address))


@pytest.mark.parametrize("name", ["addr:12", "f" * 64, "key:1.2.3.4", "alice", "a.b:c", ""])
def test_a_name_is_no_address(name: str) -> None:
    assert not is_address(name)


@given(st.dictionaries(st.sampled_from([*FACTS, "content", "tags"]), st.text() | st.integers() | st.booleans()))
def test_only_listed_facts_of_their_type_pass(metadata: dict[str, object]) -> None:
    kept, whole = allowed(metadata)
    assert all(type(value) is FACTS[name].kind for name, value in kept.items())
    assert whole == (kept.keys() == metadata.keys())
