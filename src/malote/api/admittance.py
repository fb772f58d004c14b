"""Who may speak to the server, and in which version of the protocol. Looked at before a byte of the body is read."""

import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from anyio import to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from malote import wire
from malote.accounts.throttle import network
from malote.accounts.tills import Till, TokenError
from malote.api.faults import RefusedError
from malote.api.services import services_of
from malote.loopback import is_loopback

PUBLIC = "public"  # option of a handler: no token is asked for
ANY_CLIENT = "any_client"  # option of a handler: the protocol's header may be absent

Connection = ASGIConnection[Any, Any, Any, Any]

log = structlog.get_logger("malote.api")


class Throttle:
    """Counts refused tokens by address, in a window of time. A right token passes whatever its address did."""

    def __init__(
        self,
        *,
        refusals: int = 20,
        seconds: float = 60.0,
        addresses: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refusals = refusals
        self._seconds = seconds
        self._addresses = addresses
        self._clock = clock
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_over(self, address: str) -> bool:
        """Notes one more refused token from ``address``, and says whether that is too many."""
        now = self._clock()
        since, count = self._counts.pop(address, (now, 0))
        if now - since > self._seconds:
            since, count = now, 0
        self._counts[address] = (since, count + 1)
        while len(self._counts) > self._addresses:
            self._counts.popitem(last=False)
        return count >= self._refusals


async def check_protocol(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuses a till that speaks another version, and says which ones are understood."""
    spoken = connection.headers.get(wire.PROTOCOL_HEADER)
    if spoken is None and (handler.opt.get(PUBLIC) or handler.opt.get(ANY_CLIENT)):
        return
    version = int(spoken) if spoken and spoken.isascii() and spoken.isdigit() and len(spoken) < 9 else None
    if version is None or not wire.OLDEST_PROTOCOL_VERSION <= version <= wire.PROTOCOL_VERSION:
        raise unsupported(spoken[:20] if spoken else "?")


def unsupported(found: object) -> RefusedError:
    return RefusedError(
        "protocol_unsupported", found=found, oldest=wire.OLDEST_PROTOCOL_VERSION, newest=wire.PROTOCOL_VERSION
    )


async def require_till(connection: Connection, handler: BaseRouteHandler) -> None:
    """Finds out which till is speaking, by its token alone; the handler has it as ``request.auth``."""
    if handler.opt.get(PUBLIC):
        return
    scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise TokenError("token_invalid")
        connection.scope["auth"] = await to_thread.run_sync(services_of(connection).authenticate, token.strip())
    except TokenError as error:
        _slow_down(connection, error)
        raise
    _warn_of_clear_text(connection)


def _warn_of_clear_text(connection: Connection) -> None:
    """Says it once of each till whose token comes over a network in a way that anybody on it can read."""
    till: Till = connection.scope["auth"]
    warned: set[int] = connection.app.state["in_the_clear"]
    address = connection.client.host if connection.client else ""
    if connection.scope["scheme"] == "http" and till.id not in warned and not is_loopback(address):
        warned.add(till.id)
        log.warning("token_in_clear", till=till.name, address=address)


def _slow_down(connection: Connection, error: TokenError) -> None:
    address = network(connection.client.host) if connection.client else "?"
    throttle: Throttle = connection.app.state["throttle"]
    if error.code == "token_invalid" and throttle.is_over(address):
        log.warning("tokens_refused", address=address)
        raise RefusedError("server_busy", status=HTTPStatus.TOO_MANY_REQUESTS) from error
