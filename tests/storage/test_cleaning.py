"""What is asked of many names at once is what each of them would be asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.metadata import is_address
from core.storage.cleaning import any_address

ADDRESSES = st.ip_addresses().map(str)
SPACES = st.text(st.sampled_from(" \t\r\v\u00a0\u2003"), max_size=2)
NAMES = st.one_of(
    st.text(max_size=8),
    st.builds(
        "{}{}{}".format, SPACES, ADDRESSES | ADDRESSES.map("[{}]:443".format) | ADDRESSES.map("{}%eth0".format), SPACES
    ),
    st.sampled_from(["addr:12", "f" * 64, "key:1.2.3.4", "a.b:c", "1.2.3", "::g"]),
)


@given(st.lists(NAMES, max_size=4))
def test_a_raw_address_among_names_is_found(names: list[str]) -> None:
    names = [name for name in names if "\n" not in name]  # a line of its own is looked at like a name
    assert any_address(names) == any(map(is_address, names))
