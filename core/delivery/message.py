"""What is sent: a subject, a text, perhaps the same as HTML, and files. Every channel makes of it what it can carry."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Attachment:
    """A file. With a `content_id` it is an image that the HTML shows as `cid:<content_id>`, not a file of its own."""

    name: str
    media_type: str
    content: bytes
    content_id: str | None = None


@dataclass(frozen=True)
class Message:
    """`at` is when it was made, and stays the same however often it is tried: recipients know a repetition by it.

    `text` says everything on its own; `html` is the same for mail readers that show it. `data` is the same for
    machines (JSON values; webhooks carry it), `kind` what it is: `report`, `alert`, `recovery`, `test`.
    """

    subject: str
    text: str
    at: datetime
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    html_name: str = ""
    """Name of the HTML as a file, where it becomes one; without it that of the key."""
    kind: str = "message"
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The subject in one line."""
        return " ".join(self.subject.split())

    @property
    def images(self) -> tuple[Attachment, ...]:
        """What the HTML shows."""
        return tuple(one for one in self.attachments if one.content_id is not None)

    def files(self, key: str) -> tuple[Attachment, ...]:
        """What a channel of files carries: the attachments, else the HTML as one file with its images within."""
        files = tuple(one for one in self.attachments if one.content_id is None)
        if files or self.html is None:
            return files
        return (
            Attachment(
                self.html_name or f"{key}.html", "text/html; charset=utf-8", standalone(self.html, self.images).encode()
            ),
        )


def standalone(html: str, images: tuple[Attachment, ...]) -> str:
    """`html` with its images written into it, so that it can be opened without them."""
    for image in images:
        encoded = b64encode(image.content).decode()
        html = html.replace(f"cid:{image.content_id}", f"data:{image.media_type};base64,{encoded}")
    return html
