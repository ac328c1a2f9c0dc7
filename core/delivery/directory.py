"""Files in a directory below DELIVERY_DIR, each complete at the moment it appears."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path

from core.delivery.channels import Channel, Receipt
from core.delivery.message import Attachment, Message
from core.exceptions import DeliveryFailed
from core.settings import Settings

UNFIT = re.compile(r"[^\w.,+ -]+")
LONGEST_NAME = 200


def send(channel: Channel, message: Message, *, key: str, settings: Settings, reached: Collection[str]) -> Receipt:
    """Write the files of the message, or its text where it has none. A file of the same name is replaced."""
    text = Attachment(f"{key}.txt", "text/plain", f"{message.title}\n\n{message.text}\n".encode())
    try:
        place = _place(settings.delivery_root, channel.address)
        written = [write(place, file) for file in message.files(key) or (text,)]
    except OSError as error:
        raise DeliveryFailed(f"The directory {channel.address} cannot be written: {error}", retryable=True) from error
    return Receipt(f"wrote {', '.join(str(path) for path in written)}", tuple(str(path) for path in written))


def _place(root: Path, address: str) -> Path:
    """The directory, made where it is missing. Raises DeliveryFailed when a link leads out of `root`."""
    root.mkdir(parents=True, exist_ok=True)
    place = root / address
    if not place.resolve().is_relative_to(root.resolve()):
        raise DeliveryFailed(f"The directory {address} leads out of DELIVERY_DIR.", retryable=False)
    place.mkdir(parents=True, exist_ok=True)
    return place


def write(place: Path, file: Attachment) -> Path:
    """Write a file beside its place, flush it to the disk and move it there. Raises OSError."""
    path = place / safe_name(file.name)
    draft = place / f".{secrets.token_hex(8)}.part"
    try:
        with draft.open("xb") as opened:
            opened.write(file.content)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    directory = os.open(place, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return path


def safe_name(name: str) -> str:
    """A name that stays in its directory and is no hidden file."""
    return UNFIT.sub("_", name).lstrip(". ")[-LONGEST_NAME:] or "file"
