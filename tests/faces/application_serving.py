"""An application that really listens, on a port of its own, for as long as a block lasts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from litestar import Litestar

from malote.api import listening
from malote.config import Settings


@contextmanager
def serving(
    application: Litestar, settings: Settings | None = None, *, graceful_seconds: int | None = 2
) -> Iterator[str]:
    """Its address. ``settings``: of which only the port is another."""
    chosen = settings or Settings()
    chosen = msgspec.structs.replace(chosen, server=msgspec.structs.replace(chosen.server, port=0))
    server = listening.server(application, chosen)
    if graceful_seconds is not None:
        server.config.timeout_graceful_shutdown = graceful_seconds
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 300
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()
