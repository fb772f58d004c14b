"""Whether the server can take sales, for load balancers and monitors. Says no more than that, to anyone."""

import threading
import time
from typing import Any

import msgspec
from litestar import Request, Response, get

from malote import wire
from malote.api.admittance import PUBLIC
from malote.api.services import Services, services_of
from malote.database.errors import StoreError

FRESH_SECONDS = 1.0  # however often strangers ask, the store is asked once in this time


class Health(msgspec.Struct, frozen=True):
    status: str  # "ok" or "degraded"


class Pulse:
    """Whether the store database answers, remembered for a moment. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._is_well = False

    def is_well(self, services: Services) -> bool:
        with self._lock:
            if time.monotonic() >= self._until:
                self._is_well = _answers(services)
                self._until = time.monotonic() + FRESH_SECONDS
            return self._is_well


@get(wire.PATH_HEALTH, sync_to_thread=True, opt={PUBLIC: True})
def show_health(request: Request[Any, Any, Any]) -> Response[Health]:
    """200 and "ok", or 503 and "degraded"."""
    pulse: Pulse = request.app.state["pulse"]
    if pulse.is_well(services_of(request)):
        return Response(Health("ok"))
    return Response(Health("degraded"), status_code=503)


def _answers(services: Services) -> bool:
    try:
        services.spool.known(0, [b""])
    except StoreError:
        return False
    return True
