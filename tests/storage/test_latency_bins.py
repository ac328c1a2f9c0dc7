"""Latency bins: within their bound, the same in NumPy and SQL."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.reports.percentiles import percentiles
from core.storage import latency_bins as bins
from core.storage.database import Database

times = st.floats(0.001, 1e9)


@given(ms=times)
def test_a_value_read_back_is_within_the_bound(ms: float) -> None:
    (value,) = bins.values_of(bins.bins_of([ms]))
    assert abs(value - ms) <= bins.ACCURACY * ms * (1 + 1e-9)


@given(ms=st.lists(times, min_size=1, max_size=50), thousandths=st.integers(0, 1000))
def test_a_percentile_is_within_the_bound_of_the_true_one(ms: list[float], thousandths: int) -> None:
    numbers, counts = np.unique(bins.bins_of(ms), return_counts=True)
    rank = -(-thousandths * len(ms) // 1000)  # rounded up, in whole numbers
    true = sorted(ms)[max(0, rank - 1)]
    (found,) = percentiles(numbers, counts, [thousandths / 1000])
    assert abs(found - true) <= bins.ACCURACY * true * (1 + 1e-6)


def test_no_times_have_no_percentile() -> None:
    nothing = np.array([], dtype=np.int64)
    assert np.isnan(percentiles(nothing, nothing)).all()


def test_sql_and_numpy_agree(database: Database) -> None:
    ms = np.random.default_rng(1).lognormal(3, 3, 500)
    with database.borrow() as connection:
        rows = connection.execute(
            f"SELECT {bins.BIN_SQL.format(ms='ms')} FROM unnest(%s::float8[]) AS ms".encode(), [[*ms, 0.0, 1.0]]
        )
        in_sql = [number for (number,) in rows]
    assert in_sql == bins.bins_of([*ms, 0.0, 1.0]).tolist()
