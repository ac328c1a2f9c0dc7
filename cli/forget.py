"""`relay-analytics forget`: erase a client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import structlog
import typer

from cli.database import Demo, opened
from core import audit, forgetting
from core.forgetting import Traces
from core.logs import configure_logs
from core.settings import get_settings
from ingest import forgetting as files

log = structlog.get_logger()

Client = Annotated[str, typer.Argument(help="The client_id, as reports show it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be touched, and change nothing.")]
Bills = Annotated[
    bool, typer.Option("--include-bills", help="Erase the name on closed bills too; amounts and checks stay.")
]


def forget(
    client: Client, yes: Yes = False, dry_run: DryRun = False, include_bills: Bills = False, demo: Demo = None
) -> None:
    """Erase who a client was, everywhere; totals and counts stay as they are. Cannot be undone."""
    settings = get_settings()
    configure_logs(settings.log_level, "forget", settings.log_format)
    with opened(demo) as database:
        settings = settings.model_copy(update={"demo": "on" if database.demo else "off"})
        found = forgetting.traces(database, client)
        print("\n".join(told(client, found)))
        if dry_run:
            return
        if not yes:
            typer.confirm(f"Forget {client}? This cannot be undone", abort=True)
        files.drain(settings, database)
        now = datetime.now(UTC)
        with audit.recorded(
            database, audit.operator(), "client.forget", now, client_no=found.client_no, include_bills=include_bills
        ):
            found = forgetting.rename(database, client, now, include_bills=include_bills)
        changed = files.erase_from_files(settings, client)
        for number in forgetting.unfinished(database):
            rows = forgetting.clear_raw(database, number, datetime.now(UTC))
            log.info("A client was forgotten", client_no=number, rows_cleared=rows, bills=len(found.bills),
                     users=len(found.users), files=changed)  # fmt: skip
    print(f"Forgotten. Rows of {len(found.days)} days are anonymous now; every total is as it was.")
    for period, number in found.reasons:
        print(f"The reason of adjustment {number} of period {period} names the client; what is frozen keeps its words.")
    for path in files.unreadable(settings):
        print(f"A damaged spool may hold rows of the client; delete it when you need it no more: {path}")


def told(client: str, found: Traces) -> Iterator[str]:
    """What would be touched, in lines for people."""
    span = f" from {found.days[0]} to {found.days[-1]}" if found.days else ""
    yield f"{client} is client number {found.client_no}, with rows on {len(found.days)} days{span}."
    if found.users:
        yield f"Users that end, with their sessions and API tokens: {', '.join(found.users)}."
    if found.quarantined:
        yield f"Samples in the quarantine that name it: {found.quarantined}."
    if found.bills:
        yield f"Lines on closed bills: {len(found.bills)}; they need --include-bills."
