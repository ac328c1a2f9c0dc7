"""Addresses of channels: what each kind takes, in the one form that is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.utils import getaddresses
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from core.delivery.channels import Kind
from core.exceptions import BadParameterError

LONGEST = 2000
MOST_RECIPIENTS = 50


def address_of(kind: Kind, given: str) -> str:
    """`given` as an address of this kind. Raises BadParameterError with what it should look like."""
    if not given.isprintable() or not 0 < len(given) <= LONGEST:
        raise BadParameterError(f"An address has 1 to {LONGEST} printable characters.")
    return _READERS[kind](given.strip())


def _mail(given: str) -> str:
    """Addresses separated by commas, without names."""
    found = [address for _, address in getaddresses([given])]
    if not found or len(found) > MOST_RECIPIENTS:
        raise BadParameterError(f"A mail channel has 1 to {MOST_RECIPIENTS} addresses, separated by commas.")
    return ", ".join(dict.fromkeys(_mailbox(address) for address in found))


def _mailbox(address: str) -> str:
    try:
        read = Address(addr_spec=address)
    except (HeaderParseError, ValueError, IndexError) as error:
        raise BadParameterError(f"{address!r} is no mail address such as name@example.org.") from error
    if not read.username or not read.domain or not address.isascii():
        raise BadParameterError(f"{address!r} is no mail address such as name@example.org.")
    return read.addr_spec


def _webhook(given: str) -> str:
    try:
        url = urlsplit(given)
        known = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        known = False
    if not known or " " in given:
        raise BadParameterError("A webhook is a URL such as https://example.org/hook.")
    if url.username is not None or url.password is not None:
        raise BadParameterError("The URL of a webhook holds no user and no password: calls are signed.")
    if url.fragment:
        raise BadParameterError("The URL of a webhook ends before its #.")
    return given


def _directory(given: str) -> str:
    """A path below DELIVERY_DIR."""
    path = PurePosixPath(given)
    if path.is_absolute() or ".." in path.parts:
        raise BadParameterError("A directory is a path below DELIVERY_DIR, such as bookkeeping/monthly, without `..`.")
    return str(path)


def _nostr(given: str) -> str:
    from nostr_sdk import NostrSdkError, PublicKey

    try:
        return str(PublicKey.parse(given.removeprefix("nostr:")).to_bech32())
    except NostrSdkError as error:
        raise BadParameterError("A Nostr recipient is a public key: npub1… or 64 hex digits.") from error


_READERS: Mapping[Kind, Callable[[str], str]] = {
    "mail": _mail,
    "webhook": _webhook,
    "directory": _directory,
    "nostr": _nostr,
}
