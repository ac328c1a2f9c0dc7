"""What the REQs and COUNTs of a history cost by query shape: as counted from raw rows, whose shapes are left out.

A relay's apps ask in some hundreds of ways, of which few come often.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from string import ascii_letters

import numpy as np
from numpy.typing import NDArray

from benchmarks.history import ZIPF
from core.storage import shape_days, shape_hours
from core.storage.connections import Database
from core.storage.latency_bins import GAMMA
from core.storage.shape_bins import ENTRY, TOGETHER
from core.storage.shape_days import Costs, together

SHAPES = [f"kinds×1 #{one}×≤5 #{other}×≤50" for one, other in product(ascii_letters[:30], ascii_letters[30:50])]
SHARES = 1 / np.arange(1, len(SHAPES) + 1) ** ZIPF
SHARES /= SHARES.sum()
UNANSWERED = 0.01
STORED_EVENTS = 20
COLUMNS = ("timestamptz", "int2", "int2", "text", "int8", "int8", "int8", "int8", "float8", "bytea")
QUERIES = f"""
    SELECT bucket, relay_id, event_type_id, sum(n)::bigint FROM traffic_hour_current
    WHERE {shape_hours.QUERIES} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
COUNTED = f"""
    INSERT INTO shape_hour_counted
    SELECT bucket, sum(n), sum(n) FROM ({QUERIES}) AS queries (bucket, relay_id, event_type_id, n) GROUP BY 1"""


def fill(database: Database) -> None:
    """As many messages of each hour as its roll-ups know, and the days made of them; but where there are shapes."""
    random = np.random.default_rng(11)
    usual_ms = random.lognormal(3, 1, len(SHAPES))
    with database.connect(autocommit=True) as connection, connection.transaction():
        if connection.execute("SELECT 1 FROM shape_hour LIMIT 1").fetchone():
            return
        hours: dict[datetime, list[Costs]] = {}
        for bucket, relay, event_type, n in connection.execute(QUERIES.encode()).fetchall():
            hours.setdefault(bucket, []).extend(_costs(relay, event_type, n, usual_ms, random))
        with connection.cursor().copy("COPY shape_hour FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(COLUMNS)
            for bucket, costs in hours.items():
                for row in together(costs):
                    copy.write_row((bucket, *row))
        connection.execute(COUNTED.encode())
    shape_days.make(database, max(hours).astimezone(UTC) + 2 * shape_days.A_DAY)
    with database.connect(autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) shape_hour, shape_hour_counted, shape_day")


def _costs(
    relay: int, event_type: int, n: int, usual_ms: NDArray[np.float64], random: np.random.Generator
) -> list[Costs]:
    """What so many messages of an hour cost by shape."""
    shapes = np.sort(random.choice(len(SHAPES), n, p=SHARES))
    ms = np.ceil(random.lognormal(0, 1, n) * usual_ms[shapes] * 1024) / 1024
    answered = random.random(n) >= UNANSWERED
    bins = np.ceil(np.ceil(np.log(ms) / np.log(GAMMA)) / TOGETHER).astype(np.int64)
    found = []
    for shape in np.unique(shapes):
        of_shape = slice(*np.searchsorted(shapes, [shape, shape + 1]))
        known = answered[of_shape]
        rt_n, total = int(known.sum()), known.size
        rt_sum = float(ms[of_shape][known].sum())
        pack = _pack(bins[of_shape][known])
        found.append(
            Costs(relay, event_type, SHAPES[shape], total, total - rt_n, STORED_EVENTS * rt_n, rt_n, rt_sum, pack)
        )
    return found


def _pack(bins: NDArray[np.int64]) -> bytes:
    values, counts = np.unique(bins, return_counts=True)
    made = np.empty(len(values), dtype=ENTRY)
    made["bin"], made["n"] = values, counts
    return made.tobytes()
