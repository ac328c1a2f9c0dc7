"""Raw events as files: `for chunk in export.raw_events(database, start=…, end=…, file_format="csv"): …`.

CSV, NDJSON and JSON are made by the database and passed through in chunks; Parquet is made from that CSV. Memory stays
the same however long the range is.
"""

from core.export.columns import COLUMNS, column_names
from core.export.raw import FORMATS, RawExport, raw_events

__all__ = ["COLUMNS", "FORMATS", "RawExport", "column_names", "raw_events"]
