"""The HTTP application: routes, what is looked at before each, and how it fails."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from malote import log as logs
from malote import wire
from malote.api import faults, health, load_news, loads, metrics, sales, tills
from malote.api.admittance import Throttle, check_protocol, require_sender
from malote.api.api_services import ApiServices
from malote.api.beside_sales import BesideSales
from malote.api.bodies import Places, room_of
from malote.api.description_page import described
from malote.api.health import Pulse
from malote.api.proxies import Trusted, believing
from malote.consumers.accounts import Consumer
from malote.database.errors import StoreError
from malote.intake.quota import SlowedError
from malote.sealing import PouchUnreadableError
from malote.tills.till import Till
from malote.trust.principals import CredentialError

EXCEPTION_HANDLERS: Mapping[Any, Any] = {
    faults.ApiRefusedError: faults.refused,
    CredentialError: faults.no_till,
    PouchUnreadableError: faults.no_pouch,
    SlowedError: faults.slowed,
    StoreError: faults.no_store,
    HTTPException: faults.not_routed,
    Exception: faults.failed,
}

_HANDLERS = [
    *tills.HANDLERS,
    *loads.HANDLERS,
    *load_news.HANDLERS,
    *sales.HANDLERS,
    health.show_health,
    metrics.show_metrics,
]

log = logs.get_logger("malote.api")


def create_app(
    services: ApiServices,
    *,
    pages: Sequence[Router | HTTPRouteHandler] = (),
    stopping: Callable[[], bool] = lambda: False,
) -> Litestar:
    """The application for any ASGI server. Whatever isn't marked public asks for a token: a till's, or a consumer's.

    ``pages``: other faces, mounted beside this one. ``stopping``: whether the server is about to
    stop, so that no till that waits for news keeps it. Raises ``ValueError`` for a proxy that has no address.
    """
    limit = services.settings.intake.max_body_bytes
    beside_sales = BesideSales()
    return Litestar(
        route_handlers=[*_HANDLERS, *pages],
        middleware=[beside_sales.watching, _spelt_out, believing(Trusted(services.settings.server.trusted_proxies))],
        guards=[check_protocol, require_sender],
        exception_handlers=dict(EXCEPTION_HANDLERS),
        request_max_body_size=limit,
        before_send=[_finish],
        openapi_config=described(services.settings.language),
        logging_config=None,
        debug=False,
        state=State(
            {
                "services": services,
                "throttle": Throttle(),
                "room": room_of(limit),
                "places": Places(),
                "pulls": Places(sales.PULLED_AT_ONCE),
                "manifests": Places(loads.MADE_AT_ONCE),
                "beside_sales": beside_sales,
                "loads_waiting_room": load_news.waiting_room(services, stopping),
                "sending": Counter(),
                "pulse": Pulse(),
                "in_the_clear": set(),
            }
        ),
    )


def _spelt_out(app: ASGIApp) -> ASGIApp:
    """Bytes that no address may hold are written as the address would have to: a reader of the query chokes on them."""

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        query: bytes = scope.get("query_string") or b""
        if not query.isascii():
            scope["query_string"] = quote(query, safe="%&=+;/?:@!$'()*,-._~").encode()
        await app(scope, receive, send)

    return run


_ASKED_ALL_THE_TIME = (wire.PATH_CONTACT, wire.PATH_RECEIPTS, wire.PATH_HEALTH)  # every few seconds, by each till


async def _finish(message: Message, scope: Scope) -> None:
    """Every reply says which protocol the server speaks, and leaves a line in the log unless it is everyday."""
    if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
        return
    name, version = wire.PROTOCOL_HEADER.lower().encode(), str(wire.PROTOCOL_VERSION).encode()
    message["headers"] = [*message["headers"], (name, version)]
    if scope["path"] in _ASKED_ALL_THE_TIME and int(message["status"]) < 400:
        return
    sender = scope.get("auth")
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=int(message["status"]),
        till=sender.name if isinstance(sender, Till) else None,
        **({"consumer": sender.name} if isinstance(sender, Consumer) else {}),
    )
