"""What the HTTP face needs of the server; the composition root fills it."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol, cast

from litestar import Request
from litestar.connection import ASGIConnection

from malote.config import Settings
from malote.consumers.accounts import Consumer
from malote.consumers.lines import SaleTold
from malote.consumers.pulling import Page
from malote.intake.receive import Intake
from malote.load_format.wire import LoadNews, Manifest, ManifestQuery
from malote.loads.files_made import PublishedFile
from malote.orders.older_agents import ToldOrders
from malote.register.documents import TillStatus
from malote.spool.queue import Queue
from malote.tills.contact import Recorded
from malote.tills.till import Till
from malote.trust.principals import Gate
from malote.wire import Asked, Contact


class ApiServices(Protocol):
    """The composition root is one. Methods raise ``StoreError`` besides what stands beside them."""

    @property
    def settings(self) -> Settings: ...
    @property
    def spool(self) -> Queue: ...
    @property
    def intake(self) -> Intake: ...
    @property
    def gate(self) -> Gate: ...
    @property
    def server_key(self) -> str:
        """The public half of what orders to tills are signed with, in hex."""

    def file_of(self, till: Till, access_key: str) -> bytes | None: ...  # the hash of the last file with this key
    def status_of(self, till: Till) -> TillStatus | None: ...
    def record_contact(self, till: Till, contact: Contact) -> Recorded: ...

    def orders_due(self, till: Till, contact: Contact) -> ToldOrders:
        """What the till must do, told what its sign of life says of orders before."""

    def note_custody(self, till: Till, asked: Sequence[bytes], held: Collection[bytes]) -> None:
        """Which files the till asked about, and which of them it holds."""

    def outside_erp(self, till: Till) -> tuple[int, int]:
        """What was booked of the till's and the ERP has no more: documents, and cents."""

    def asked_of(self, till: Till) -> Asked | None:
        """What the till is asked about its own books; told what it answers by ``record_contact``."""

    def pull(self, consumer: Consumer, after: str, limit: int) -> Page:
        """The next page for a consumer after a cursor, at most so many lines. Raises ``CursorError``."""

    def find_sale(self, consumer: Consumer, access_key: str) -> SaleTold | None: ...

    def manifest(self, till: Till, query: ManifestQuery) -> Manifest:
        """By which files the till comes to what it was ordered. Raises ``LoadError``, ``OSError``."""

    def newest_load(self) -> LoadNews:
        """The version of the loads that tills should have, and up to which wave they may."""

    def load_file(self, sha256: str) -> PublishedFile | None:
        """The file of a load with this hash, however it was asked for; None where there is none."""

    def metrics(self) -> str:
        """In Prometheus's text format."""

    def troubles(self) -> list[str]:
        """Codes of what is wrong with the server itself. Raises nothing."""


TillRequest = Request[None, Till, Any]


def services_of(connection: ASGIConnection[Any, Any, Any, Any]) -> ApiServices:
    return cast(ApiServices, connection.app.state["services"])
