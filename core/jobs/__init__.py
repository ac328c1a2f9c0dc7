"""Work that happens by itself: what there is of it, how it went, asking for some. The tasks are in `ingest/jobs`."""

from core.jobs.deferring import defer
from core.jobs.listing import Job, listing

__all__ = ["Job", "defer", "listing"]
