"""The `relay-analytics` command."""

from __future__ import annotations

import sys

import typer
from pydantic import ValidationError

from cli import (
    alerts,
    annotate,
    audit,
    billing,
    channel,
    demo,
    dev,
    doctor,
    export,
    forget,
    hold,
    import_,
    jobs,
    metrics,
    migrate,
    noted,
    reports,
    retention,
    schedule,
    serve,
    settings,
    source,
    status,
    token,
    user,
    verify,
)
from core.exceptions import RelayAnalyticsError

app = typer.Typer(
    no_args_is_help=True, help="Traffic analytics and reporting for Nostr relays.", pretty_exceptions_enable=False
)
app.command("annotate")(annotate.annotate)
app.command("audit")(audit.audit)
app.command("dev")(dev.dev)
app.command("doctor")(doctor.doctor)
app.command("export")(export.export)
app.command("forget")(forget.forget)
app.command("import")(import_.import_)
app.command("metrics")(metrics.show)
app.command("migrate")(migrate.migrate)
app.command("reports")(reports.show)
app.command("serve")(serve.serve)
app.command("settings")(settings.show)
app.command("status")(status.status)
app.command("verify")(verify.verify)
app.add_typer(noted.app, name="annotations")
app.add_typer(alerts.app, name="alerts")
app.add_typer(billing.app, name="billing")
app.add_typer(channel.app, name="channel")
app.add_typer(hold.app, name="hold")
app.add_typer(jobs.app, name="jobs")
app.add_typer(schedule.app, name="schedule")
app.add_typer(retention.app, name="retention")
app.add_typer(source.app, name="source")
app.add_typer(token.app, name="token")
app.add_typer(user.app, name="user")
app.add_typer(demo.app, name="demo")


def main() -> None:
    """Run a command; a known error becomes one sentence and exit code 1, a wrong setting exit code 2."""
    try:
        app()
    except RelayAnalyticsError as error:
        sys.exit(f"relay-analytics: {error}")
    except ValidationError as error:
        for item in error.errors():
            name = ".".join(str(part) for part in item["loc"]).upper() or "settings"
            print(f"relay-analytics: {name}: {item['msg']}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
