"""What the HTTP face needs of the server; the composition root fills it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, cast

from litestar import Request
from litestar.connection import ASGIConnection

from malote.accounts.consumers import Consumer
from malote.accounts.tills import Recorded, Till
from malote.config import Settings
from malote.consumers.lines import SaleTold
from malote.consumers.pulling import Page
from malote.intake.receive import Intake
from malote.spool.sql import Spool
from malote.wire import Contact, StructureOrder, TillStructure


@dataclass(frozen=True, kw_only=True)
class Services:
    settings: Settings
    spool: Spool
    intake: Intake
    authenticate: Callable[[str], Till]  # raises TokenError, StoreError
    record_contact: Callable[[Till, Contact], Recorded]  # raises StoreError
    # Which synchronisation the till must obey, 0 for none; told the last one it says it has. Raises StoreError.
    sync_due: Callable[[Till, int | None], int]
    # Which files the till asked about, and which of them it holds. Raises StoreError.
    note_custody: Callable[[Till, Sequence[bytes], Collection[bytes]], None]
    troubles: Callable[[], list[str]] = list  # codes of what is wrong with the server itself; raises nothing
    # The structure that the till must have, told what it says of its own; None for an old agent. Raises StoreError.
    structure_due: Callable[[Till, TillStructure | None], StructureOrder | None] = lambda till, said: None
    authenticate_consumer: Callable[[str], Consumer]  # raises TokenError, StoreError
    # The next page for a consumer after a cursor, at most so many lines. Raises CursorError, StoreError.
    pull: Callable[[Consumer, str, int], Page]
    find_sale: Callable[[Consumer, str], SaleTold | None]  # raises StoreError
    metrics: Callable[[], str]  # in Prometheus's text format; raises StoreError
    server_key: str = ""  # the public half of what structures are signed with, in hex


TillRequest = Request[None, Till, Any]


def services_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Services:
    return cast(Services, connection.app.state["services"])
