"""Hears from the server that there is another version of the loads, or that another wave may have it, so that
the courier asks for it now.

What is missed is no loss: the next contact tells the same. So nothing here is told as a trouble, and a server that is
older, busy or away is left alone for a while.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from malote.load_format.wire import LoadNews
from malote.till.server_client import ServerClient, ServerError

REST_SECONDS = 30.0  # after a request that failed
_OLDER_SECONDS = 600.0  # from a server that knows nothing of it
_SHORTEST_SECONDS = 1.0  # of an answer without news: whatever gives it sooner isn't waiting


@contextmanager
def listening(connect: Callable[[], ServerClient], tell: Callable[[], None]) -> Iterator[None]:
    """In a thread while the block lasts, which isn't waited for: it may hang on the line, and holds nothing else."""
    over = threading.Event()

    def work() -> None:
        with connect() as server:
            listen(server, tell, over.wait)

    threading.Thread(target=work, name="load news", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def listen(
    server: ServerClient,
    tell: Callable[[], None],
    wait: Callable[[float], bool],
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Calls ``tell`` for each version, and each wave, after the first. ``wait``: so many seconds; whether to
    end instead."""
    known, rest = LoadNews(-1), 0.0
    while not wait(rest):
        began, rest = monotonic(), 0.0
        try:
            newest = server.newest_load(known)
        except ServerError as error:
            rest = max(error.retry_after or 0.0, _OLDER_SECONDS if error.kind == "shut" else REST_SECONDS)
            continue
        if newest != known:
            if known.version != -1:
                tell()
            known = newest
        elif monotonic() - began < _SHORTEST_SECONDS:
            rest = REST_SECONDS
