"""All work that happens by itself, in one table. Times are UTC; a sixth field of a period is seconds.

Two things that come regularly are not here, because rows depend on them: the fold and the partitions of the next days
stay in the writer (`ingest/upkeep.py`). Reports are exact without a fold, but each read gets slower with what waits for
it, and it must see just the deltas that the writer commits, at its pace; and a day without its partition would fill
DEFAULT. Neither may wait for a worker that is down or busy.
"""

from __future__ import annotations

from core.alerts import notices
from ingest.jobs import alerting, housekeeping, reports, restarts
from ingest.jobs.task import Task

PERIODIC = (
    Task("retention", "Remove what is older than its policy keeps", housekeeping.retention, "7 * * * *"),
    Task("shapes", "Count query shapes of hours and days that have ended", housekeeping.shapes, "3-59/5 * * * *"),
    Task("restarts", "Annotate restarts of relays and taps", restarts.annotate, "* * * * *"),
    Task("sign-ins", "Remove ended sessions, tickets and failed sign-ins", housekeeping.sign_ins, "52 * * * *"),
    Task("schedules", "Enter the scheduled reports that are due", reports.enter, "* * * * *"),
    Task("alert-notices", "Send notices of incidents whose job was lost", alerting.requeue_notices, "* * * * *"),
    Task("job-history", "Remove finished jobs from the queue", housekeeping.job_history, "23 4 * * *"),
)
"""Name, what it does, the function, when."""

ON_DEMAND = (
    Task("report", "Make and deliver a scheduled report", reports.send, retry=reports.RETRY),
    Task(notices.JOB, "Tell a channel of an incident that opened or is over", alerting.send_notice),
)
"""What is done when it is asked for, through `core.jobs.defer`."""

TABLE = (*PERIODIC, *ON_DEMAND)
