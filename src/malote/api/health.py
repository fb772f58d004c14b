"""Whether sales are taken and booked, for load balancers and monitors: codes of the catalogue, and no more."""

import threading
import time
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.params import FromQuery

from malote import wire
from malote.api.admittance import PUBLIC
from malote.api.api_services import ApiServices, services_of

FRESH_SECONDS = 1.0  # however often strangers ask, the store is asked once in this time
# What keeps this server from taking sales; with anything else they come in and wait.
_TAKES_NOTHING = frozenset({"store_away", "store_damaged", "store_newer", "disk_full"})


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    status: str  # "ok" or "degraded"
    codes: list[str] = []


class Pulse:
    """What is wrong, remembered for a moment. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._codes: list[str] = []

    def codes(self, services: ApiServices) -> list[str]:
        with self._lock:
            if time.monotonic() >= self._until:
                self._codes = services.troubles()
                self._until = time.monotonic() + FRESH_SECONDS
            return self._codes


@get(wire.PATH_HEALTH, sync_to_thread=True, opt={PUBLIC: True})
def show_health(request: Request[Any, Any, Any], of: FromQuery[str] = "") -> Response[Health]:
    """200 and "ok", or 503 and "degraded" with codes. ``of=intake``: 503 only where sales can't be taken."""
    pulse: Pulse = request.app.state["pulse"]
    codes = pulse.codes(services_of(request))
    wrong = [code for code in codes if of != "intake" or code in _TAKES_NOTHING]
    return Response(Health("degraded" if wrong else "ok", codes), status_code=503 if wrong else 200)
