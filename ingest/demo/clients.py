"""The demo's clients: several applications used by many people, talking to a relay through the tap.

Run it with `python -m ingest.demo.clients --url ws://127.0.0.1:7777`. It waits for the tap, dials again after every
interruption and stops on SIGTERM. Each person has an address of their own in `X-Forwarded-For`, taken from the ranges
reserved for documentation, which the tap believes because the peer is the loopback interface.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Sequence
from random import Random

from ingest.demo.messages import MINUTE, PEOPLE, Conversation, Person
from ingest.demo.session import Session

HOUR = 60 * MINUTE
DEFAULT_RATE = 25.0
CONNECTIONS_PER_RATE = 2.0  # one client speaks every two seconds on average


class Fleet:
    """Keeps `connections` sessions going and lets one of them speak `rate` times a second on average."""

    def __init__(
        self,
        url: str,
        relay_url: str,
        rate: float = DEFAULT_RATE,
        connections: int | None = None,
        seed: int | None = None,
    ) -> None:
        self._url = url
        self._relay_url = relay_url
        self._rate = rate
        self._random = Random(seed)
        self._conversation = Conversation(self._random)
        self._connections = min(connections or max(4, round(rate * CONNECTIONS_PER_RATE)), PEOPLE // 2)
        self._sessions: list[Session] = []
        self.sent = 0

    async def run(self) -> None:
        """Runs until cancelled; every connection is closed properly."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._connections):
                tasks.create_task(self._seat())
            tasks.create_task(self._conduct())

    async def _seat(self) -> None:
        """One place in the fleet: people come and go."""
        await asyncio.sleep(self._random.uniform(0, 2))  # not everyone at once
        while True:
            session = Session(self._newcomer(), self._conversation, self._url, self._relay_url)
            self._sessions.append(session)
            try:
                await session.run(self._lifetime())
            finally:
                self._sessions.remove(session)

    async def _conduct(self) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(self._rate))
            if self._sessions:
                self.sent += await self._random.choice(self._sessions).speak()

    def _newcomer(self) -> Person:
        present = {session.person.number for session in self._sessions}
        while (person := self._conversation.someone()).number in present:
            pass
        return person

    def _lifetime(self) -> float:
        """Seconds that a session lasts: 40% under half a minute, 40% some minutes, 20% hours."""
        low, high = self._random.choices(((3, 30), (MINUTE, 20 * MINUTE), (HOUR, 6 * HOUR)), (40, 40, 20))[0]
        return self._random.uniform(low, high)


async def run_clients(fleet: Fleet) -> None:
    """Runs the fleet until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(fleet.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()  # shows what went wrong


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m ingest.demo.clients", description="The demo's clients.")
    parser.add_argument("--url", default="ws://127.0.0.1:7777", help="where to connect: the tap")
    parser.add_argument("--relay-url", help="what the relay calls itself in AUTH, when that is not --url")
    parser.add_argument("--rate", type=float, default=DEFAULT_RATE, help="client messages per second, all together")
    parser.add_argument("--connections", type=int, help="clients at once (default: twice the rate)")
    parser.add_argument("--seed", type=int, help="makes the choices repeatable")
    options = parser.parse_args(arguments)
    if options.rate <= 0:
        parser.error("--rate must be above 0")
    fleet = Fleet(options.url, options.relay_url or options.url, options.rate, options.connections, options.seed)
    asyncio.run(run_clients(fleet))


if __name__ == "__main__":
    main()
