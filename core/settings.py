"""Every setting of Relay Analytics, in one list: environment variables or a `.env` file beside `pyproject.toml`.

The descriptions below are the documentation: `docs/settings.md` and `relay-analytics settings` show them.
"""

from __future__ import annotations

import os
import re
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, InstanceOf, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from core.tariffs import Tariff, read_tariff

ROOT = Path(__file__).resolve().parent.parent

Port = Annotated[int, Field(ge=1, le=65535)]
MAX_WORKERS = 64
PLACEHOLDERS = frozenset({"changeme", "change-me", "secret", "password", "example", "replace-me"})
CONTAINER_SECRETS = Path("/run/secrets")
"""Where Docker and Podman put the files of secrets."""


class Settings(BaseSettings):
    """Validated once at start. A wrong value stops the process with the name of the setting and what it accepts."""

    model_config = SettingsConfigDict(env_file=ROOT / ".env", extra="ignore", frozen=True, env_ignore_empty=True)

    relay_url: str | None = Field(
        None,
        description="The relay behind the tap, `ws://host:port/path` or `wss://…`. Unset: `make dev` runs the demo.",
    )
    relay_name: str | None = Field(
        None, description="Name of the relay on every row and report. Default: the host and port of `RELAY_URL`."
    )
    database_url: SecretStr | None = Field(
        None,
        description="PostgreSQL or TimescaleDB server, `postgresql://user:password@host:port/database`. "
        "Unset: an embedded PostgreSQL in `DATA_DIR`.",
    )
    database_read_url: SecretStr | None = Field(
        None,
        description="A read replica of that server, in the same form: pages, API and exports read from it while it "
        "answers.",
    )
    database_read_max_lag: float = Field(
        60.0,
        gt=0,
        description="Seconds that the replica may be behind; reports are read from the server itself beyond.",
    )
    database_password: SecretStr | None = Field(
        None,
        description="Password of `DATABASE_URL` and `DATABASE_READ_URL` where they hold none, so that it can come from "
        "a file of its own.",
    )
    demo: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether to use the demo database. `auto`: when `RELAY_URL` and `COLLECTOR_PORT` are "
        "unset and no real database exists.",
    )
    data_dir: Path = Field(
        ROOT / "var", description="Directory of the embedded database, the spool and generated secrets."
    )
    time_zone: str = Field("UTC", description="Reporting time zone (IANA name): where days, weeks and months begin.")

    tap_host: str = Field("127.0.0.1", description="Address the tap listens on. `0.0.0.0` for all interfaces.")
    tap_port: Port = Field(7777, description="Port the tap listens on.")
    tap_max_connections: int = Field(
        10_000,
        ge=1,
        description="Connections per tap worker; more are answered with 503. Each takes two open files: `ulimit -n` "
        "(`LimitNOFILE`) must be over twice this, else it is lowered to what fits.",
    )
    host_name: str | None = Field(
        None, description="Name of this machine where several have taps. Default: its host name."
    )
    tap_workers: int = Field(
        1, ge=1, le=MAX_WORKERS, description="Processes that share the tap's port, each with its own spool."
    )
    tap_max_message_bytes: int = Field(
        512 * 1024, ge=1024, description="A larger message is forwarded but not read (counted as oversized)."
    )
    tap_compression: Literal["inflate", "strip"] = Field(
        "inflate",
        description="Compressed connections: `inflate` reads a copy; `strip` removes the offer of compression "
        "(cheaper for the tap, more egress for the relay).",
    )
    tap_trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="Networks (comma separated) whose `X-Forwarded-For`, `X-Real-IP`, `CF-Connecting-IP` are believed.",
    )
    tap_proxy_protocol: bool = Field(
        False,
        description="Connections from `TAP_TRUSTED_PROXIES` begin with a header of the PROXY protocol (version 1 or "
        "2), and are closed without one. Others have none, and theirs would not be believed.",
    )
    tap_forward_address: bool = Field(
        False, description="Set `X-Real-IP` and `X-Forwarded-For` on the upgrade request to the relay."
    )
    tap_handshake_timeout: float = Field(10.0, gt=0, description="Seconds a client may take to send its request.")
    tap_dial_timeout: float = Field(5.0, gt=0, description="Seconds to reach the relay before a 502.")
    tap_dead_peer_seconds: int = Field(
        120,
        ge=2,
        le=7200,
        description="Seconds after which a client or relay that vanished without a word is given up (TCP keep-alive, "
        "`TCP_USER_TIMEOUT`).",
    )
    tap_answer_timeout: float = Field(
        30.0, gt=0, description="Seconds without an answer after which a message counts as `unanswered`."
    )
    tap_drain_seconds: float = Field(
        10.0,
        ge=0,
        description="Seconds that connections go on after SIGTERM, while the tap takes no new ones; then they end.",
    )
    client_key: Literal["address", "path", "subdomain", "header"] = Field(
        "address",
        description="What names a client that has not authenticated: its hashed address, or a configured key.",
    )
    client_key_header: str = Field("X-Client-Key", description="The header read when `CLIENT_KEY=header`.")
    address_key_days: int = Field(
        30, ge=0, description="Days after which the key that hashes addresses rotates; 0 keeps one key for ever."
    )

    collector_port: Port | None = Field(
        None, description="Port the collector listens on, for batches of events of other services. Unset: no collector."
    )
    collector_host: str = Field("127.0.0.1", description="Address the collector listens on.")
    collector_max_message_bytes: int = Field(
        8 * 1024**2, ge=1024, description="Largest batch the collector takes, in bytes, inflated."
    )
    collector_token_days: int = Field(
        7, ge=1, description="Days that the collector trusts the tokens it knows while the database is away."
    )
    collector_batch_days: int = Field(
        30, ge=1, description="Days that the collector recognises a repeated batch; see docs/collector.md."
    )

    spool_max_bytes: int = Field(
        2 * 1024**3, ge=1024**2, description="Size of the local spool; beyond it new rows are dropped and counted."
    )
    flush_interval: float = Field(0.2, gt=0, description="Seconds between two batches from the tap to the spool.")
    raw_retention_days: int = Field(
        90,
        ge=1,
        description="Days that raw events and samples are kept; sums stay. An administrator may set others "
        "(docs/operators.md).",
    )

    tariff: Annotated[InstanceOf[Tariff] | None, NoDecode] = Field(
        None,
        description="Prices for costs and bills: JSON, or the path of a JSON file, relative to `pyproject.toml`. "
        'For example `{"currency": "EUR", "per_gb_out": "0.05", "monthly_fee": "5.00"}`; '
        "every key is in docs/billing.md. Unset: no costs.",
    )

    smtp_host: str | None = Field(None, description="Mail server that reports and alerts are sent by. Unset: no mail.")
    smtp_port: Port = Field(587, description="Port of the mail server.")
    smtp_tls: Literal["starttls", "tls", "off"] = Field(
        "starttls",
        description="Encryption to the mail server: `starttls` (mostly port 587), `tls` from the first byte (465), "
        "`off` (for a server on this machine). Certificates are checked.",
    )
    smtp_user: str | None = Field(None, description="User name at the mail server. Unset: no sign-in.")
    smtp_password_file: Path | None = Field(None, description="File that holds the password of `SMTP_USER`.")
    smtp_from: str | None = Field(
        None, description="Sender of mails, such as `Relay Analytics <reports@example.org>`. Needed with `SMTP_HOST`."
    )
    nostr_key_file: Path | None = Field(
        None,
        description="File that holds the secret key (`nsec1…` or 64 hex digits) that Nostr messages are sent with; "
        "`relay-analytics channel key FILE` makes one. Unset: no Nostr messages.",
    )
    nostr_relays: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Relays (comma separated) where recipients of Nostr messages are looked up, and which get the "
        "messages for those who name no relays of their own (kind 10050).",
    )
    delivery_dir: Path | None = Field(
        None,
        description="Directory below which channels of the kind `directory` write. Default: `delivered` in `DATA_DIR`.",
    )
    delivery_private_addresses: bool = Field(
        False,
        description="Whether webhooks and relays of recipients may be at private or loopback addresses; `http://` is "
        "allowed only there.",
    )

    api_host: str = Field("127.0.0.1", description="Address the API listens on.")
    api_port: Port = Field(8002, description="Port the API listens on.")
    api_rate_limit: str = Field(
        "600/minute",
        pattern=r"^off$|^[1-9]\d{0,8}/(second|minute|hour|day)$",
        description="Calls per token, such as `600/minute` or `20/second`; more get a 429. `off`: no limit.",
    )
    api_exports: int = Field(
        4, ge=1, description="Exports of raw events that the API runs at once; more are answered with 503."
    )
    api_statement_timeout: float = Field(
        30.0, gt=0, description="Seconds a query of the API may take; exports of raw events have no limit."
    )
    api_cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins (comma separated) whose pages may call the API from a browser. Unset: none."
    )
    dashboard_host: str = Field("127.0.0.1", description="Address the dashboard listens on.")
    dashboard_port: Port = Field(3000, description="Port the dashboard listens on.")
    dashboard_url: str | None = Field(
        None,
        description="Where people open the dashboard behind a front proxy, such as `https://analytics.example.org`; it "
        "answers under no other name then. Unset: `localhost`, while it listens there.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address of `/metrics` and `/healthz`. They ask for no token.")
    metrics_port: int = Field(
        9464, ge=0, le=65535, description="Port of `/metrics` (Prometheus) and `/healthz`; 0 switches them off."
    )
    session_days: int = Field(7, ge=1, description="Days until a dashboard sign-in ends by itself.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe log line shown.")
    log_format: Literal["auto", "text", "json"] = Field(
        "auto", description="One line of `text` or one object of `json` per entry. `auto`: JSON unless on a terminal."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment, `.env`, then files of secrets: of systemd's `LoadCredential=`, or of a container."""
        directory = Path(os.environ.get("CREDENTIALS_DIRECTORY") or CONTAINER_SECRETS)
        files = [SecretsSettingsSource(settings_cls, directory)] if directory.is_dir() else []
        return (init_settings, env_settings, dotenv_settings, *files)

    @field_validator("tap_trusted_proxies", "api_cors_origins", "nostr_relays", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("tariff", mode="before")
    @classmethod
    def _read_tariff(cls, value: object) -> object:
        return read_tariff(value, ROOT) if isinstance(value, str) else value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone such as UTC or Europe/Berlin") from error
        return value

    @field_validator("smtp_from")
    @classmethod
    def _mail_sender(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*", parseaddr(value)[1]):
            raise ValueError("must look like reports@example.org or Relay Analytics <reports@example.org>")
        return value

    @field_validator("nostr_relays")
    @classmethod
    def _websocket_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            cls._websocket_url(one)
        return value

    @field_validator("relay_url")
    @classmethod
    def _websocket_url(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"ws", "wss"} or not urlsplit(value).hostname):
            raise ValueError("must look like ws://host:port or wss://host")
        return value

    @field_validator("dashboard_url")
    @classmethod
    def _web_url(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("must look like https://analytics.example.org")
        return value

    @field_validator("database_url", "database_read_url")
    @classmethod
    def _database_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return value
        url = urlsplit(value.get_secret_value())
        if url.scheme not in {"postgresql", "postgres"} or not url.path.strip("/"):
            raise ValueError("must look like postgresql://user:password@host:port/database")
        if (url.password or "").lower() in PLACEHOLDERS:
            raise ValueError("still holds a placeholder password; set a real one")
        return value

    @field_validator("database_password")
    @classmethod
    def _no_placeholder(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value().strip().lower() in PLACEHOLDERS:
            raise ValueError("is still a placeholder; set a real password")
        return value

    @property
    def database_dsn(self) -> str | None:
        """`database_url`, with `database_password` where it has no password."""
        return _dsn(self.database_url, self.database_password)

    @property
    def database_read_dsn(self) -> str | None:
        """`database_read_url`, with `database_password` where it has no password."""
        return _dsn(self.database_read_url, self.database_password)

    @property
    def relay(self) -> str:
        """Name of the relay on rows: `relay_name`, else host and port of `relay_url`, else `demo`."""
        if self.relay_name:
            return self.relay_name
        return urlsplit(self.relay_url).netloc if self.relay_url else "demo"

    @property
    def delivery_root(self) -> Path:
        """`delivery_dir`, else `delivered` in the directory of data."""
        return self.delivery_dir or self.data_dir / "delivered"

    @property
    def expects_traffic(self) -> bool:
        """Whether real events can come in: from a relay behind the tap, or through the collector."""
        return self.relay_url is not None or self.collector_port is not None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


def _dsn(url: SecretStr | None, password: SecretStr | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url.get_secret_value())
    if parts.password is not None or password is None:
        return url.get_secret_value()
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password.get_secret_value().strip(), safe='')}@{host}"))


@cache
def get_settings() -> Settings:
    """The process's settings, read once. Raises pydantic's ValidationError when a value is wrong."""
    return Settings()
