"""How long connections lasted: tables of the connections report, from bins of lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.reports.declaration import Column, Table
from core.reports.frame import Frame, ratio
from core.reports.percentiles import grouped
from core.reports.query import Rows
from core.storage.latency_bins import values_of

MEASURES = (
    Column("sessions", "connections that ended", "connections"),
    Column("mean_seconds", "mean length; null where none ended", "seconds"),
    Column("p50_seconds", "median length", "seconds"),
    Column("p95_seconds", "95th percentile of the length", "seconds"),
)
OVER_TIME = Table(
    "sessions_over_time",
    "one row per bucket of the end of connections, empty ones too",
    (Column("timestamp", "beginning of the bucket"), *MEASURES),
)
LENGTHS = Table(
    "session_lengths",
    "connections that ended by how long they lasted; all rows are present. A length within 0.75% of a limit may be "
    "counted on its other side",
    (
        Column("length", "name of the class"),
        Column("from_seconds", "shortest length of the class", "seconds"),
        Column("to_seconds", "lengths of the class are below this; null: no limit", "seconds"),
        Column("sessions", "connections that ended", "connections"),
        Column("share", "part of all that ended, 0 to 1"),
    ),
)
CLASSES = (
    ("under 1 s", 0), ("1-10 s", 1), ("10-60 s", 10), ("1-10 min", 60), ("10-60 min", 600), ("1-24 h", 3600),
    ("over 24 h", 86_400),
)  # fmt: skip
"""Name and shortest length in seconds."""
FRACTIONS = (0.50, 0.95)
MS = 1000.0
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ended:
    """Ended connections: the bucket, bin of length and number of each group of them, and all their ms by bucket."""

    bucket: Ints
    bin: Ints
    n: Ints
    duration_ms: dict[int, int]


def unpacked(rows: Rows) -> Ended:
    """`rows`: bucket, ms in all, then its bins and their counts as integers of 4 and 8 bytes."""
    bins = [np.frombuffer(row[2], dtype=">i4").astype(np.int64) for row in rows]
    counts = [np.frombuffer(row[3], dtype=">i8").astype(np.int64) for row in rows]
    none = np.zeros(0, dtype=np.int64)
    return Ended(
        np.repeat(np.array([row[0] for row in rows], dtype=np.int64), [len(found) for found in bins]),
        np.concatenate([none, *bins]),
        np.concatenate([none, *counts]),
        {row[0]: row[1] for row in rows},
    )


def over_time(ended: Ended, asked: Frame) -> pd.DataFrame:
    """The table OVER_TIME."""
    return pd.concat([pd.DataFrame({"timestamp": asked.index}), _measured(ended, asked.count)], axis=1)


def in_all(ended: Ended) -> pd.DataFrame:
    """The measures of all together, as one row."""
    return _measured(replace(ended, bucket=ended.bucket * 0, duration_ms={0: sum(ended.duration_ms.values())}), 1)


def _measured(ended: Ended, buckets: int) -> pd.DataFrame:
    counts, total = np.zeros(buckets, dtype=np.int64), np.zeros(buckets, dtype=np.int64)
    np.add.at(counts, ended.bucket, ended.n)
    for bucket, duration in ended.duration_ms.items():
        total[bucket] = duration
    percentiles = grouped(ended.bucket, ended.bin, ended.n, buckets, FRACTIONS) / MS
    columns = (counts, ratio(total, counts) / MS, *percentiles.T)
    return pd.DataFrame({column.name: values for column, values in zip(MEASURES, columns, strict=True)})


def lengths(ended: Ended) -> pd.DataFrame:
    """The table LENGTHS, from the value that stands for each bin."""
    limits = [limit for _, limit in CLASSES]
    counts = np.zeros(len(CLASSES), dtype=np.int64)
    np.add.at(counts, np.searchsorted(limits, values_of(ended.bin) / MS, side="right") - 1, ended.n)
    return pd.DataFrame(
        {
            "length": pd.array([name for name, _ in CLASSES], dtype="str"),
            "from_seconds": np.array(limits, dtype=np.float64),
            "to_seconds": np.array([*limits[1:], math.nan], dtype=np.float64),
            "sessions": counts,
            "share": ratio(counts, np.full(len(counts), counts.sum())),
        }
    )
