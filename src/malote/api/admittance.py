"""Who may speak to the server, and in which version of the protocol. Looked at before a byte of the body is read."""

import base64
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
from malote.api.api_services import services_of
from malote.api.faults import RefusedError
from malote.consumers import accounts as consumers
from malote.consumers.accounts import Consumer
from malote.loopback import is_loopback
from malote.tills.till import Till, TokenError

PUBLIC = "public"  # option of a handler: no token is asked for
ANY_CLIENT = "any_client"  # option of a handler: the protocol's header may be absent
CONSUMER = "consumer"  # option of a handler: a consumer's token is asked for instead of a till's
DESCRIPTION = "description"  # option of a handler: either will do, and as a browser's password too

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


async def require_sender(connection: Connection, handler: BaseRouteHandler) -> None:
    """Finds out which till, or consumer, is speaking, by its token alone; the handler has it as ``request.auth``."""
    if handler.opt.get(PUBLIC):
        return
    try:
        token = _token(connection, as_password=bool(handler.opt.get(DESCRIPTION)))
        connection.scope["auth"] = await to_thread.run_sync(_way_in(connection, handler, token), token)
    except TokenError as error:
        _slow_down(connection, error)
        if handler.opt.get(DESCRIPTION):
            raise RefusedError(error.code, challenge='Basic realm="Malote", charset="UTF-8"') from error
        raise
    _warn_of_clear_text(connection)


def _token(connection: Connection, *, as_password: bool) -> str:
    """Raises ``TokenError``."""
    scheme, _, given = connection.headers.get("Authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return given.strip()
        case "basic" if as_password:
            try:
                return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
            except ValueError as error:
                raise TokenError("token_invalid") from error
    raise TokenError("token_invalid")


def _way_in(connection: Connection, handler: BaseRouteHandler, token: str) -> Callable[[str], Till | Consumer]:
    services = services_of(connection)
    either = handler.opt.get(DESCRIPTION) and consumers.is_token(token)
    return services.authenticate_consumer if handler.opt.get(CONSUMER) or either else services.authenticate


def _warn_of_clear_text(connection: Connection) -> None:
    """Says it once of each sender whose token comes over a network in a way that anybody on it can read."""
    sender: Till | Consumer = connection.scope["auth"]
    who = "till" if isinstance(sender, Till) else "consumer"
    warned: set[tuple[str, int]] = connection.app.state["in_the_clear"]
    address = connection.client.host if connection.client else ""
    if connection.scope["scheme"] == "http" and (who, sender.id) not in warned and not is_loopback(address):
        warned.add((who, sender.id))
        log.warning("token_in_clear", **{who: sender.name}, address=address)


def _slow_down(connection: Connection, error: TokenError) -> None:
    address = network(connection.client.host) if connection.client else "?"
    throttle: Throttle = connection.app.state["throttle"]
    if error.code == "token_invalid" and throttle.is_over(address):
        log.warning("tokens_refused", address=address)
        raise RefusedError("token_invalid", status=HTTPStatus.TOO_MANY_REQUESTS) from error
