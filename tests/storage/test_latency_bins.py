"""Latency bins: within their bound, the same in Python, NumPy and SQL."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.storage import latency_bins as bins
from core.storage.database import Database

times = st.floats(0.001, 1e9)


@given(ms=times)
def test_a_value_read_back_is_within_the_bound(ms: float) -> None:
    assert abs(bins.value_of(bins.bin_of(ms)) - ms) <= bins.ACCURACY * ms * (1 + 1e-9)


@given(ms=st.lists(times, min_size=1, max_size=50), p=st.floats(0, 1))
def test_a_percentile_is_within_the_bound_of_the_true_one(ms: list[float], p: float) -> None:
    numbers, counts = np.unique(bins.bins_of(ms), return_counts=True)
    true = sorted(ms)[max(0, int(np.ceil(p * len(ms))) - 1)]
    found = bins.percentile(numbers, counts, p)
    assert found is not None
    assert abs(found - true) <= bins.ACCURACY * true * (1 + 1e-6)


def test_no_times_have_no_percentile() -> None:
    assert bins.percentile([], [], 0.5) is None


def test_sql_numpy_and_python_agree(database: Database) -> None:
    ms = np.random.default_rng(1).lognormal(3, 3, 500)
    with database.borrow() as connection:
        rows = connection.execute(
            f"SELECT {bins.BIN_SQL.format(ms='ms')} FROM unnest(%s::float8[]) AS ms".encode(), [[*ms, 0.0, 1.0]]
        )
        in_sql = [number for (number,) in rows]
    assert in_sql == bins.bins_of([*ms, 0.0, 1.0]).tolist() == [bins.bin_of(one) for one in [*ms, 0.0, 1.0]]
