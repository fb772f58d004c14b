"""The HTTP server: uvicorn with a protocol that waits for nobody without end, and limits that follow the machine's."""

import asyncio
import socket
import sys
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import uvicorn

from malote.api.arrivals import ArrivalGate, Arrivals
from malote.api.connections import ConnectionLimits, HttpConnections
from malote.api.log_throttle import Seldom
from malote.api.protocol import PatientProtocol, refusal
from malote.api.proxies import Trusted
from malote.config import ServerSettings, Settings

GRACE_SECONDS = 10  # for requests under way when the server stops
FILES_KEPT_BACK = 1024  # descriptors for databases and documents, at most; half of them where there are few
ACCEPTED_AT_ONCE = 128  # connections, at most
LONGEST_QUEUE = 1024  # of connections that the system has accepted and this process hasn't
MOST_DESCRIPTORS = 65_536  # asked of the system
TICK_TENTHS = 5  # between looks whether the server should end; a divisor of ten: `Date` is renewed at full seconds


class ListeningServer(uvicorn.Server):
    """Accepts few connections at once, so that descriptors last, and lets the others queue with the system."""

    def __init__(self, config: uvicorn.Config, arrivals: Arrivals, endings: Seldom, refusal: bytes) -> None:
        """``refusal``: what one hears that connects too often, before it is looked at."""
        super().__init__(config)
        self._arrivals = arrivals
        self._seldom = (endings, arrivals.refusals)
        self._refusal = refusal

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes the sockets over."""
        gates: list[socket.socket] = [
            ArrivalGate(listener, self._arrivals, self._refusal) for listener in sockets or ()
        ]
        await super().startup(gates if sockets is not None else None)
        for gate in gates:
            gate.listen(LONGEST_QUEUE)

    async def on_tick(self, counter: int) -> bool:
        for one in self._seldom:
            one.catch_up()
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        """Looks less often whether it should end: ten looks a second are a good part of what an idle server does."""
        tenths = 0
        while not await self.on_tick(tenths):
            await asyncio.sleep(TICK_TENTHS / 10)
            tenths += TICK_TENTHS


def server(app: Any, settings: Settings) -> uvicorn.Server:
    """A server for the application, to be run on a socket or on ``host`` and ``port``. Raises ``ValueError``."""
    limits, at_once = limits_for(settings.server, _descriptors())
    is_proxy = Trusted(settings.server.trusted_proxies).has
    connections = HttpConnections(limits, is_proxy=is_proxy)
    endings = Seldom("connection_ended")
    protocol = partial(PatientProtocol, connections=connections, settings=settings, endings=endings)
    config = uvicorn.Config(
        app,
        host=settings.server.host,
        port=settings.server.port,
        http=cast(Any, protocol),
        ws="none",
        backlog=at_once,
        timeout_keep_alive=cast(Any, settings.server.idle_seconds),
        timeout_graceful_shutdown=GRACE_SECONDS,
        proxy_headers=False,  # `proxies` believes them, of whom the settings name
        server_header=False,
        access_log=False,
        log_config=None,
    )
    per_address = settings.server.connections_per_address
    arrivals = Arrivals(per_address / 2, at_once=2 * per_address, is_proxy=is_proxy)
    busy = refusal(HTTPStatus.SERVICE_UNAVAILABLE, "server_busy", {}, settings.language)
    return ListeningServer(config, arrivals, endings, busy)


def limits_for(settings: ServerSettings, descriptors: int | None) -> tuple[ConnectionLimits, int]:
    """What may be open at once, and how many connections may be accepted in one go.

    ``descriptors``: files that the process may have open; None for any number.
    """
    most, at_once = settings.connections, ACCEPTED_AT_ONCE
    if descriptors is not None:
        kept_back = min(descriptors // 2, FILES_KEPT_BACK)
        # Several lots of them may be on their way in or out.
        most, at_once = min(most, descriptors - kept_back), kept_back // 8
    limits = ConnectionLimits(
        most=most,
        per_address=settings.connections_per_address,
        for_tills=min(settings.connections_for_tills, most // 4),
        lingering=at_once,
    )
    return limits, at_once


def _descriptors() -> int | None:
    """How many files this process may have open, once it has asked for all it can get; None where nothing limits it."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return None if soft == resource.RLIM_INFINITY else soft
