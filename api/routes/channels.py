"""Channels that reports and alerts are delivered to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from api.guard import Access, Guard
from api.parameters import TEXT, Strict
from api.routes.common import CONFLICT, NOT_DELIVERED, NOT_FOUND, UNREADABLE, router, told
from core.delivery import registry
from core.delivery.channels import Channel, Kind

Name = Annotated[str, Path(description="Name of the channel", examples=["books"], **TEXT)]
Managing = Annotated[Access, Depends(Guard("manage", "channels"))]


class ChannelIn(Strict):
    name: str = Field(examples=["books"], max_length=63, description="Small letters, digits, `.`, `_` and `-`")
    kind: Kind
    address: str = Field(
        examples=["ann@example.org, bob@example.org"],
        max_length=2000,
        description="Mail addresses, a URL, a directory below `DELIVERY_DIR`, or an npub",
    )


class ChangeIn(Strict):
    address: str | None = Field(
        None,
        examples=["carol@example.org"],
        max_length=2000,
        description="Where it delivers from now on; null: as before",
    )
    renew_secret: bool = Field(False, description="Sign with a new secret: only of a webhook")


class ChannelOut(BaseModel):
    name: str = Field(examples=["books"])
    kind: Kind
    delivers_to: str = Field(description="Its address; of a webhook only the host", examples=["ann@example.org"])
    created_at: datetime
    created_by: str


class NewChannelOut(ChannelOut):
    secret: str | None = Field(description="A new secret that calls of a webhook are signed with; shown this once")


class ChannelsOut(BaseModel):
    data: list[ChannelOut]


class SentOut(BaseModel):
    detail: str = Field(description="What became of it", examples=["hook.example.org answered 204"])


def routes() -> APIRouter:
    made = router("delivery")

    @made.get("/channels", summary="Channels that reports and alerts are delivered to")
    def list_of_channels(
        request: Request, access: Annotated[Access, Depends(Guard("read", "channels"))]
    ) -> ChannelsOut:
        """By name; their secrets are not shown."""
        return ChannelsOut(data=[_shown(channel) for channel in registry.listing(request.app.state.database)])

    @made.post("/channels", summary="Add a channel", status_code=201, responses=UNREADABLE)
    def add_channel(request: Request, access: Managing, given: ChannelIn) -> NewChannelOut:
        """The signing secret of a webhook is in this answer and in no other."""
        database, now = request.app.state.database, datetime.now(UTC)
        return _with_secret(registry.add(database, access.actor, given.name, given.kind, given.address, now))

    @made.patch("/channels/{name}", summary="Change a channel", responses=NOT_FOUND | UNREADABLE)
    def change_channel(request: Request, access: Managing, name: Name, given: ChangeIn) -> NewChannelOut:
        """Its address, its secret, or both; what is left out stays. A new secret is in this answer and in no other."""
        database, now = request.app.state.database, datetime.now(UTC)
        changed = registry.change(
            database, access.actor, name, now, address=given.address, renew_secret=given.renew_secret
        )
        return _with_secret(changed, new=given.renew_secret)

    @made.delete("/channels/{name}", summary="Remove a channel", status_code=204, responses=NOT_FOUND | CONFLICT)
    def remove_channel(request: Request, access: Managing, name: Name) -> None:
        """Refused while something is delivered through it."""
        registry.remove(request.app.state.database, access.actor, name, datetime.now(UTC))

    @made.post("/channels/{name}/test", summary="Send a test message", responses=NOT_FOUND | NOT_DELIVERED)
    def test_channel(request: Request, access: Managing, name: Name) -> SentOut:
        """Answers once the other side has taken it, which may last up to a minute."""
        state = request.app.state
        receipt = registry.send_test(state.database, access.actor, name, datetime.now(UTC), state.settings)
        return SentOut(detail=receipt.detail)

    return made


def _with_secret(channel: Channel, *, new: bool = True) -> NewChannelOut:
    secret = channel.secret.get_secret_value() if new and channel.secret else None
    return told(NewChannelOut, channel, delivers_to=channel.shown, secret=secret)


def _shown(channel: Channel) -> ChannelOut:
    return told(ChannelOut, channel, delivers_to=channel.shown)
