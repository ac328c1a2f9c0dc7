"""How long connections lasted: tables of the connections report, from bins of lengths."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from core.reports.binned import Binned, Ints
from core.reports.declaration import Column, Table
from core.reports.frame import Frame, ratio
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


def over_time(ended: Binned, duration_ms: Ints, asked: Frame) -> pd.DataFrame:
    """The table OVER_TIME, from what `packed.sessions` gives."""
    measures = _measured(ended, duration_ms)
    return pd.concat([pd.DataFrame({"timestamp": asked.index}), measures], axis=1)


def in_all(ended: Binned, duration_ms: Ints) -> pd.DataFrame:
    """The measures of all buckets together, as one row."""
    return _measured(ended.together(), duration_ms.sum(keepdims=True))


def _measured(ended: Binned, duration_ms: Ints) -> pd.DataFrame:
    buckets = len(duration_ms)
    counts = ended.counts(buckets)
    columns = (counts, ratio(duration_ms, counts) / MS, *(ended.percentiles(buckets, FRACTIONS) / MS).T)
    return pd.DataFrame({column.name: values for column, values in zip(MEASURES, columns, strict=True)})


def lengths(ended: Binned) -> pd.DataFrame:
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
