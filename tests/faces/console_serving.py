"""An application that really listens, on a port of its own, for as long as a block lasts."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from litestar import Litestar

from malote.api import listening
from malote.config import ServerSettings, Settings


@contextmanager
def serving(application: Litestar) -> Iterator[str]:
    """Its address."""
    server = listening.server(application, Settings(server=ServerSettings(port=0)))
    server.config.timeout_graceful_shutdown = 2
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
