"""A certificate for localhost from an authority that this process trusts, and the keys of a channel."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of `localhost`, trusted as a company's own authority would be: by SSL_CERT_FILE."""
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    return serving(authority, "localhost")


@pytest.fixture
def wrong_certificate(authority: trustme.CA, certificate: ssl.SSLContext) -> ssl.SSLContext:
    """From the same authority, but of another name."""
    return serving(authority, "elsewhere.example")


def serving(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context
