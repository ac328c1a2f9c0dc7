"""Real receivers: an SMTP server, an HTTP(S) server, and a certificate authority that this process trusts."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from core.settings import Settings


class Mailbox:
    """What an SMTP server took. `refuse` maps recipients to the answer they get instead, once."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refuse: dict[str, str] = {}
        self.port = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse.pop(address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        return "250 taken"


@contextmanager
def smtp_server(context: ssl.SSLContext | None = None, port: int = 0, **options: Any) -> Iterator[Mailbox]:
    """A server on `port` (0: any); with a `context` it offers STARTTLS."""
    box = Mailbox()
    controller = _Listening(box, hostname="127.0.0.1", port=port, tls_context=context, **options)
    controller.start()
    box.port = controller.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield box
    finally:
        controller.stop()


class _Listening(Controller):
    """aiosmtpd's own start() greets the port it was told, which is 0 here."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def password_is(password: str) -> Any:
    """An aiosmtpd authenticator that knows one password."""

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        matches = isinstance(given, LoginPassword) and given.password == password.encode()
        return AuthResult(success=matches, handled=matches)

    return check


@dataclass
class Call:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Hook:
    """An HTTP server that remembers its calls and answers with `status` (one after the other, the last for ever)."""

    port: int = 0
    statuses: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    """What happens between a call and its answer."""

    def take(self, call: Call) -> int:
        self.calls.append(call)
        self.before()
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextmanager
def hook_server(context: ssl.SSLContext | None = None) -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = hook.take(Call(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            said = b"" if status == 204 else b"what the receiver says"
            self.send_response(status)
            for name, value in (hook.headers | {"Content-Length": str(len(said))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a caller that does not like the certificate goes away

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        hook.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


def settings(**values: Any) -> Settings:
    """Settings with these values only, whatever the environment says."""
    return Settings(_env_file=None, **values)


def in_loop(coroutine: Any) -> Any:
    return asyncio.run(coroutine)
