"""The texts that relays refuse with, and the codes they become."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import ERROR_CODES
from ingest import reasons


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("duplicate: already have this event", "duplicate"),
        ("pow: difficulty 25>=24", "pow"),
        ("blocked: you are banned", "blocked"),
        ("blocked: blocked: kind not accepted", "blocked"),
        ("rate-limited: slow down", "rate-limited"),
        ("Rate limited: slow down", "rate-limited"),
        ("invalid: bad signature", "invalid"),
        ("restricted: members only", "restricted"),
        ("mute: no one was listening", "mute"),
        ("error: could not connect to the database", "error"),
        ("auth-required: we only serve members", "auth-required"),
        ("auth-required", "auth-required"),
        ("unsupported: filter", "unsupported"),
        ("closed: took too long", "closed"),
        ("ERROR: bad req: subscription id too long", "bad-req"),
        ("ERROR: count-failed: too many", "count-failed"),
        ("replaced: have newer event", "replaced"),
        ("deleted: user requested deletion", "deleted"),
        ("rejected: not allowed", "other"),
        ("", "other"),
        ("no prefix at all", "other"),
        ("::::", "other"),
    ],
)
def test_prefixes_in_the_wild(text: str, code: str) -> None:
    assert reasons.error_code(text) == code


@given(st.text())
def test_the_set_of_codes_is_bounded(text: str) -> None:
    assert reasons.error_code(text) in {*ERROR_CODES, "duplicate"}


@given(st.text(max_size=500))
def test_a_sample_is_short_and_can_be_stored(text: str) -> None:
    sample = reasons.sample(text)
    assert len(sample) <= 200
    assert "\x00" not in sample


@pytest.mark.parametrize("cut", range(170, 205))
def test_a_sample_holds_no_address_wherever_it_is_cut(cut: int) -> None:
    for address in ("203.0.113.7", "2001:db8:85a3::8a2e:370:7334", "203-0-113-7"):
        assert address[:8] not in reasons.sample("x" * cut + " " + address + " is banned")
