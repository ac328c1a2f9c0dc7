"""Columns in few bytes come back as they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.storage.narrow import Narrow, narrow, widen

INTEGERS = st.integers(-(2**63), 2**63 - 1)


@given(
    st.one_of(
        st.lists(INTEGERS, min_size=1, max_size=5),
        st.builds(lambda low, steps: [min(low + step, 2**63 - 1) for step in steps],
                  INTEGERS, st.lists(st.integers(0, 2**33), min_size=1, max_size=5)),
    )
)  # fmt: skip
def test_integers_come_back_as_they_were(values: list[int]) -> None:
    column = narrow(np.array(values, dtype=np.int64))
    assert [int(value) for value in widen(column, len(values))] == values


@pytest.mark.parametrize(
    ("values", "size"),
    [
        ([7, 7, 7, 7], 8),
        ([2**60, 2**60 + 255], 2),
        ([-1, 65535, 3], 3 * 4),
        ([0, 65535, 3], 3 * 2),
        ([0, 2**32], 2 * 8),
    ],
)
def test_numbers_near_each_other_take_few_bytes(values: list[int], size: int) -> None:
    assert len(narrow(np.array(values, dtype=np.int64)).data) == size


@given(st.lists(st.floats(), min_size=1, max_size=5))
def test_floats_keep_every_bit(values: list[float]) -> None:
    given = np.array(values, dtype=np.float64)
    assert widen(narrow(given), len(values)).tobytes() == given.tobytes()


@pytest.mark.parametrize(
    "column",
    [Narrow("O", bytes(8)), Narrow("|u1", bytes(2)), Narrow("<u2", bytes(3)), Narrow("|u1", b""),
     Narrow("|u1", bytes(3), 2**64)],
    ids=str,
)  # fmt: skip
def test_bytes_that_are_no_column_are_told(column: Narrow) -> None:
    with pytest.raises((ValueError, OverflowError)):
        widen(column, 3)
