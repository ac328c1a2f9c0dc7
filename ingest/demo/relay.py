"""The demo's relay: nostr-sdk's LocalRelay with policies that refuse some things, so that refusals are real.

Run it with `python -m ingest.demo.relay --port 7780`; it prints its address once it listens and stops on SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
from typing import TYPE_CHECKING

from nostr_sdk import (
    Event,
    Filter,
    LocalRelay,
    LocalRelayBuilder,
    QueryPolicy,
    QueryPolicyResult,
    RateLimit,
    WritePolicy,
    WritePolicyResult,
)
from nostr_sdk.nostr_sdk import uniffi_set_event_loop

from ingest.demo.world import BLOCKED_KINDS, SPAM_WORD

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_SUBSCRIPTIONS = 20
NOTES_PER_MINUTE = 40


class DemoWrites(WritePolicy):  # type: ignore[misc]
    """Refuses blocked kinds, blocked pubkeys and spam; takes a little while over everything."""

    def __init__(self, blocked_pubkeys: frozenset[str] = frozenset(), *, slow: bool = True) -> None:
        super().__init__()
        self._blocked_pubkeys = blocked_pubkeys
        self._slow = slow

    async def admit_event(self, event: Event, socket_addr: str) -> WritePolicyResult:
        if self._slow:
            await asyncio.sleep(min(random.lognormvariate(-5.2, 0.8), 0.5))
        kind = event.kind().as_u16()
        if kind in BLOCKED_KINDS:
            return WritePolicyResult.REJECT(f"kind {kind} is not accepted here")
        if event.author().to_hex() in self._blocked_pubkeys:
            return WritePolicyResult.REJECT("pubkey is not welcome here")
        if SPAM_WORD in event.content():
            return WritePolicyResult.REJECT("spam")
        return WritePolicyResult.ACCEPT()


class DemoQueries(QueryPolicy):  # type: ignore[misc]
    """Refuses to search, and answers as fast as relays do: half within 15 ms, one in a hundred after 800 ms."""

    def __init__(self, *, slow: bool = True) -> None:
        super().__init__()
        self._slow = slow

    async def admit_query(self, query: Filter, socket_addr: str) -> QueryPolicyResult:
        if '"search"' in query.as_json():
            return QueryPolicyResult.REJECT("search is not offered")
        if self._slow:
            await asyncio.sleep(min(random.lognormvariate(-4.3, 1.7), 2.0))
        return QueryPolicyResult.ACCEPT()


def build_relay(
    port: int | None = None,
    *,
    host: str = "127.0.0.1",
    min_pow: int = 0,
    blocked_pubkeys: frozenset[str] = frozenset(),
    slow: bool = True,
) -> LocalRelay:
    """A relay that is not running yet, on `port` (None: any free one). Call from a running event loop.

    It asks for NIP-42 authentication before it hands out gift wraps (kind 1059), allows each connection
    MAX_SUBSCRIPTIONS subscriptions and NOTES_PER_MINUTE events, and `min_pow` bits of work when above zero.
    """
    uniffi_set_event_loop(asyncio.get_running_loop())  # the policies are called from the relay's own threads
    builder = (
        LocalRelayBuilder()
        .addr(host)
        .auth_dm(True)
        .max_connections(5000)
        .max_filter_limit(200)
        .rate_limit(RateLimit(max_reqs=MAX_SUBSCRIPTIONS, notes_per_minute=NOTES_PER_MINUTE))
        .write_policy(DemoWrites(blocked_pubkeys, slow=slow))
        .query_policy(DemoQueries(slow=slow))
    )
    if port is not None:
        builder = builder.port(port)
    if min_pow > 0:
        builder = builder.min_pow(min_pow)
    return builder.build()


async def serve(relay: LocalRelay) -> None:
    """Runs the relay until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await relay.run()
    print(f"demo relay listens on {await relay.url()}", flush=True)
    await stop.wait()
    relay.shutdown()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m ingest.demo.relay", description="The demo's relay.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, help="port to listen on (default: a free one, printed at start)")
    parser.add_argument("--min-pow", type=int, default=0, help="bits of proof of work asked of events")
    parser.add_argument("--blocked-pubkey", action="append", default=[], help="hex pubkey to refuse; may be repeated")
    parser.add_argument("--fast", action="store_true", help="answer at once instead of at a public relay's pace")
    options = parser.parse_args(arguments)

    async def run() -> None:
        await serve(
            build_relay(
                options.port,
                host=options.host,
                min_pow=options.min_pow,
                blocked_pubkeys=frozenset(options.blocked_pubkey),
                slow=not options.fast,
            )
        )

    asyncio.run(run())


if __name__ == "__main__":
    main()
