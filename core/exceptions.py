"""Named errors. The docstring of a class is its default message; the edge turns it into a sentence for people."""

from __future__ import annotations

import math
from datetime import timedelta


class RelayAnalyticsError(Exception):
    """Something went wrong in Relay Analytics."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class DatabaseUnavailableError(RelayAnalyticsError):
    """The database does not answer. Check DATABASE_URL, or the server log of the embedded database."""


class MigrationError(RelayAnalyticsError):
    """The database schema does not match this version of Relay Analytics."""


class SpoolFullError(RelayAnalyticsError):
    """The local spool has reached SPOOL_MAX_BYTES; new rows are dropped and counted until the database catches up."""


class SpoolReplacedError(RelayAnalyticsError):
    """The file of the spool was set aside, because it was damaged; a new one has to be opened."""


class BadProxyHeaderError(RelayAnalyticsError):
    """These bytes are no header of the PROXY protocol."""


class BadParameterError(RelayAnalyticsError):
    """A report parameter has a value the report cannot use."""


class HoursGoneError(BadParameterError):
    """Hours of then are not kept any more; only days of UTC are."""


class UnknownUserError(RelayAnalyticsError):
    """There is no user of this name."""


class UnknownTokenError(RelayAnalyticsError):
    """There is no such token, or it is revoked already."""


class NotAllowedError(RelayAnalyticsError):
    """Your role does not include this."""


class StatementTimeoutError(RelayAnalyticsError):
    """The database took longer than it may; ask for a shorter range."""


class InvalidTokenError(RelayAnalyticsError):
    """The API token is unknown, revoked or expired."""


class BadSourceNameError(RelayAnalyticsError):
    """The name of a source has 1 to 63 characters: small letters, digits, `.`, `_` and `-`, beginning with one of the
    first two."""


class UnknownSourceError(RelayAnalyticsError):
    """There is no valid token of this source, or with this id."""


class SourcesUnknownError(RelayAnalyticsError):
    """This token is not known here, and the database that could tell does not answer."""


class BadBatchError(RelayAnalyticsError):
    """What was sent to the collector is no batch."""


class TooLargeError(RelayAnalyticsError):
    """A batch is larger than the collector takes."""


class CollectorBusyError(RelayAnalyticsError):
    """The collector cannot keep this batch now; send it again shortly."""


class WrongPasswordError(RelayAnalyticsError):
    """Wrong user name or password."""


class TooManyAttemptsError(RelayAnalyticsError):
    """Too many failed attempts."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        seconds = math.ceil(wait.total_seconds())
        super().__init__(f"Too many failed attempts. Try again in {seconds} s.")


class UnknownClientError(BadParameterError):
    """No client has this client_id; the report `clients` finds clients by part of it."""


class PeriodNotOverError(RelayAnalyticsError):
    """A billing period can be closed once it has ended."""


class PeriodClosedError(RelayAnalyticsError):
    """This billing period is closed already; corrections are adjustments."""


class PeriodOverlapsError(RelayAnalyticsError):
    """This billing period overlaps one that is closed."""


class UnknownPeriodError(RelayAnalyticsError):
    """This billing period is not closed."""


class ClientBilledError(RelayAnalyticsError):
    """The client stands on closed bills; with --include-bills its name is erased there too."""


class UnknownAnnotationError(RelayAnalyticsError):
    """There is no annotation of this number."""


class UnknownPolicyError(RelayAnalyticsError):
    """There is no retention policy of this name."""


class ClientHeldError(RelayAnalyticsError):
    """The client is under a legal hold."""


class NotHeldError(RelayAnalyticsError):
    """The client is not under a legal hold."""


class UnknownJobError(RelayAnalyticsError):
    """There is no job of this name."""


class ImportFileError(RelayAnalyticsError):
    """The file cannot be imported."""


class UnknownChannelError(RelayAnalyticsError):
    """There is no channel of this name."""


class ChannelInUseError(RelayAnalyticsError):
    """Something is delivered through this channel."""


class UnknownScheduleError(RelayAnalyticsError):
    """There is no such schedule."""


class UnknownRunError(RelayAnalyticsError):
    """The ledger of schedules has no such entry."""


class ReportFailedError(RelayAnalyticsError):
    """A scheduled report could not be made or delivered."""


class DeliveryFailed(RelayAnalyticsError):
    """A message was not delivered. `retryable`: whether another attempt makes sense; `reached`: recipients that have
    it all the same, and get nothing more from another attempt."""

    def __init__(self, message: str, *, retryable: bool, reached: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.reached = reached


class PdfUnavailableError(RelayAnalyticsError):
    """PDF needs the library Pango: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0."""


class ApartError(RelayAnalyticsError):
    """Work in a process of its own did not come to its end."""


class BadRuleError(RelayAnalyticsError):
    """A rule for alerts has a value it cannot use."""


class UnknownRuleError(RelayAnalyticsError):
    """There is no rule for alerts of this name."""


class UnknownIncidentError(RelayAnalyticsError):
    """There is no such incident, or it is over."""
