"""Where PostgreSQL's dates and times count from in binary form: 2000-01-01, against the Unix epoch."""

POSTGRES_EPOCH_US = 946_684_800_000_000
"""In microseconds since the Unix epoch, UTC."""
POSTGRES_EPOCH_DAYS = 10_957
