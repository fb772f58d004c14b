"""Who may speak to the server, and in which version of the protocol. Looked at before a byte of the body is read."""

import base64
import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from anyio import to_thread
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from malote import log as logs
from malote import wire
from malote.accounts.throttle import network
from malote.api.api_services import services_of
from malote.api.faults import ApiRefusedError
from malote.loopback import is_loopback
from malote.trust.principals import Credential, CredentialError, Principal, Role

PUBLIC = "public"  # option of a handler: no token is asked for
ANY_CLIENT = "any_client"  # option of a handler: the protocol's header may be absent
CONSUMER = "consumer"  # option of a handler: a consumer's token is asked for instead of a till's
DESCRIPTION = "description"  # option of a handler: either will do, and as a browser's password too

Connection = ASGIConnection[Any, Any, Any, Any]

log = logs.get_logger("malote.api")


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


def unsupported(found: object) -> ApiRefusedError:
    return ApiRefusedError(
        "protocol_unsupported", found=found, oldest=wire.OLDEST_PROTOCOL_VERSION, newest=wire.PROTOCOL_VERSION
    )


async def require_sender(connection: Connection, handler: BaseRouteHandler) -> None:
    """Finds out which till, or consumer, is speaking, by what it shows; the handler has it as ``request.auth``."""
    if handler.opt.get(PUBLIC):
        return
    try:
        credential = _credential(connection, as_password=bool(handler.opt.get(DESCRIPTION)))
        gate = services_of(connection).gate
        principal = await to_thread.run_sync(gate.principal, credential, *_roles(handler))
    except CredentialError as error:
        _slow_down(connection, error)
        if handler.opt.get(DESCRIPTION):
            raise ApiRefusedError(error.code, challenge='Basic realm="Malote", charset="UTF-8"') from error
        raise
    connection.scope["auth"] = principal.subject
    _warn_of_clear_text(connection, principal)


def _credential(connection: Connection, *, as_password: bool) -> Credential:
    """What the request shows. Raises ``CredentialError``."""
    scheme, _, given = connection.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic" and as_password:
        try:
            return Credential("bearer", base64.b64decode(given.strip(), validate=True).decode().partition(":")[2])
        except ValueError as error:
            raise CredentialError("token_invalid") from error
    return Credential(scheme.lower(), given.strip())


def _roles(handler: BaseRouteHandler) -> tuple[Role, ...]:
    if handler.opt.get(DESCRIPTION):
        return ("till", "consumer")
    return ("consumer",) if handler.opt.get(CONSUMER) else ("till",)


def _warn_of_clear_text(connection: Connection, sender: Principal[object]) -> None:
    """Says it once of each sender whose token comes over a network in a way that anybody on it can read."""
    warned: set[tuple[str, int]] = connection.app.state["in_the_clear"]
    address = connection.client.host if connection.client else ""
    if connection.scope["scheme"] == "http" and (sender.role, sender.id) not in warned and not is_loopback(address):
        warned.add((sender.role, sender.id))
        log.warning("token_in_clear", **{sender.role: sender.name}, address=address)


def _slow_down(connection: Connection, error: CredentialError) -> None:
    address = network(connection.client.host) if connection.client else "?"
    throttle: Throttle = connection.app.state["throttle"]
    if error.code == "token_invalid" and throttle.is_over(address):
        log.warning("tokens_refused", address=address)
        raise ApiRefusedError("token_invalid", status=HTTPStatus.TOO_MANY_REQUESTS) from error
