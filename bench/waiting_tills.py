"""Tills that wait at a server for the next version of the loads, in a process of its own: one connection each.

Tells a line for each version after the first that a till hears of: when, in seconds since the epoch.
"""

import asyncio
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager

import httpx
import msgspec

from malote import wire
from malote.load_format.wire import PATH_NEWS, LoadNews

REST_SECONDS = 5.0  # after a request that was refused
_READY = "all wait"


class Waiting:
    """``heard``: when tills heard of another version; ``refused``: requests without an answer."""

    def __init__(self) -> None:
        self.heard: list[float] = []
        self.refused = 0
        self.ready = threading.Event()

    def read(self, lines: Iterator[str]) -> None:
        for line in map(str.strip, lines):
            if line == _READY:
                self.ready.set()
            elif line == "refused":
                self.refused += 1
            else:
                self.heard.append(float(line))


@contextmanager
def waiting(address: str, tokens: Sequence[str]) -> Iterator[Waiting]:
    """So many tills wait while the block lasts; it begins once each has had its first answer."""
    words = [sys.executable, "-m", "bench.waiting_tills", address]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(" ".join(tokens))
        process.stdin.close()
        found = Waiting()
        reader = threading.Thread(target=found.read, args=(iter(process.stdout.readline, ""),))
        reader.start()
        try:
            assert found.ready.wait(600), "not all tills wait"
            yield found
        finally:
            process.terminate()
            reader.join()


async def wait(address: str, tokens: Sequence[str]) -> None:
    ready = [asyncio.Event() for _ in tokens]
    trusted = ssl.create_default_context()  # made once: it takes milliseconds
    async with AsyncExitStack() as clients:
        tills = []
        for token, one in zip(tokens, ready, strict=True):
            # A client each: one of a thousand connections goes through all of them at every answer.
            http = httpx.AsyncClient(base_url=address, timeout=120, verify=trusted)
            tills.append(asyncio.create_task(_till(await clients.enter_async_context(http), token, one)))
        for one in ready:
            await one.wait()
        print(_READY, flush=True)
        await asyncio.gather(*tills)


async def _till(http: httpx.AsyncClient, token: str, ready: asyncio.Event) -> None:
    headers = {"Authorization": f"Bearer {token}", wire.PROTOCOL_HEADER: str(wire.PROTOCOL_VERSION)}
    known = -1
    while True:
        try:
            reply = await http.get(PATH_NEWS, params={"known": known}, headers=headers)
            newest = msgspec.json.decode(reply.raise_for_status().content, type=LoadNews).version
        except httpx.HTTPError:
            print("refused", flush=True)
            await asyncio.sleep(REST_SECONDS)
            continue
        if known not in (-1, newest):
            print(time.time(), flush=True)
        known = newest
        ready.set()


if __name__ == "__main__":
    asyncio.run(wait(sys.argv[1], sys.stdin.read().split()))
