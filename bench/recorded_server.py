"""A server that answers tills with what another once answered, and does nothing else: the bound of serving a load.

What its tills cost on the same machine they cost here too; what it lacks is all that a server does for them.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

Replies = dict[str, bytes]  # by path


@contextmanager
def recorded(replies: Replies) -> Iterator[str]:
    """Its address, while the block lasts; in a process of its own."""
    words = [sys.executable, "-m", "bench.recorded_server"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(msgspec.msgpack.encode(replies))
        process.stdin.close()
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        process.wait()


async def _serve(replies: Replies) -> None:
    whole = {
        path: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body for path, body in replies.items()
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.lower().split("\r\n")
                size = next((int(one[16:]) for one in lines if one.startswith("content-length: ")), 0)
                await reader.readexactly(size)
                writer.write(whole[head.split(" ")[1]])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Replies)))
