"""What the HTTP face needs of the server; the composition root fills it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from litestar import Request
from litestar.connection import ASGIConnection

from malote.accounts.tills import Till
from malote.config import Settings
from malote.intake.receive import Intake
from malote.spool.sql import Spool
from malote.wire import Contact


@dataclass(frozen=True, kw_only=True)
class Services:
    settings: Settings
    spool: Spool
    intake: Intake
    authenticate: Callable[[str], Till]  # raises TokenError, StoreError
    record_contact: Callable[[Till, Contact], float]  # seconds the till's clock is ahead; raises StoreError


TillRequest = Request[None, Till, Any]


def services_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Services:
    return cast(Services, connection.app.state["services"])
