"""Documents, pouches and settlements for tests of the spool."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

from sqlalchemy import Engine, case, func, select

from malote import wire
from malote.database.engine import reading
from malote.database.tables import document, tally
from malote.fiscal.documents import Cancellation, Document, Item, Payment, Protocol, Sale, Taxes, Totals, kind
from malote.sealing import seal
from malote.spool.documents import IncomingDocument, IncomingFile, LeasedDocument, Reason, Settlement
from malote.spool.sql_queue import Spool
from malote.spool.states import State
from malote.tills.till import Till, by_token
from malote.trust.principals import Credential, Gate

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START = NOON.timestamp()
ISSUER = "12ABC34501DE35"


class Clock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def access_key(number: int) -> str:
    return f"352611{ISSUER}65001{number:09d}1000000010"


def sale(number: int, *, issued_at: datetime | None = None, authorised: bool = True, items: int = 2) -> Sale:
    """A sale that differs from every other one by its number."""
    lines = tuple(
        Item(
            line, f"P{line}", "", f"Produto {line}", "22030000", "5102", "UN", Decimal(1), Decimal(5), 500,
            0, 0, 0, 0, True, Taxes(icms_status="102"),
        )
        for line in range(1, items + 1)
    )  # fmt: skip
    total = 500 * items
    return Sale(
        access_key=access_key(number),
        model="65",
        layout="4.00",
        issuer=ISSUER,
        series=1,
        number=number,
        issued_at=issued_at or NOON + timedelta(seconds=number),
        environment=1,
        emission=1,
        consumer="",
        items=lines,
        payments=(Payment("17", total),),
        change=0,
        totals=Totals(total, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, total),
        protocol=Protocol("135", 100, NOON) if authorised else None,
    )


def cancellation(number: int) -> Cancellation:
    protocol = Protocol("136", 135, NOON)
    return Cancellation(access_key(number), "110111", 1, ISSUER, NOON, 1, "135", protocol, "Erro de digitação")


def incoming(document_: Document | None, position: int = 0, reason: Reason | None = None) -> IncomingDocument:
    """As intake hands it over: accepted, or rejected for ``reason``."""
    state: State = "accepted" if reason is None else "rejected"
    if document_ is None:
        return IncomingDocument(position, None, state, reason)
    described = document_ if isinstance(document_, Sale) else None
    issued = described.issued_at if described else getattr(document_, "at", None)
    return IncomingDocument(
        position=position,
        document=document_,
        state=state,
        reason=reason,
        kind=kind(document_),
        access_key=getattr(document_, "access_key", None),
        model=getattr(document_, "model", "65"),
        issuer=getattr(document_, "issuer", ISSUER),
        series=getattr(document_, "series", 1),
        number=described.number if described else getattr(document_, "first", None),
        issued_at=issued.isoformat() if issued else None,
        total=described.totals.total if described else None,
        authorised=getattr(document_, "authorised", None),
    )


def content_of(label: object) -> bytes:
    return f"<nfeProc>{label}</nfeProc>".encode()


def sha256_of(label: object) -> bytes:
    return hashlib.sha256(content_of(label)).digest()


def file_with(label: object, *documents: IncomingDocument) -> IncomingFile:
    return IncomingFile(f"{label}.xml", sha256_of(label), list(documents))


def file_of_sale(number: int) -> IncomingFile:
    return file_with(number, incoming(sale(number)))


def body_of(labels: Sequence[object]) -> bytes:
    files = [wire.PouchFile(f"{label}.xml", sha256_of(label), content_of(label)) for label in labels]
    return seal(files, NOON)[0]


def send_sales(spool: Spool, till: Till, numbers: Sequence[int], at: float = START) -> list[wire.FileReceipt]:
    files = [file_of_sale(number) for number in numbers]
    return spool.accept(till.id, body_of(numbers), files, received_at=at)


def posted(leased: LeasedDocument, *, duplicate: bool = False) -> Settlement:
    return Settlement(leased.id, leased.lease, "posted", duplicate=duplicate)


def waiting(leased: LeasedDocument, retry_at: float, code: str = "erp_locked") -> Settlement:
    return Settlement(leased.id, leased.lease, "waiting", Reason(code), retry_at)


def rejected(leased: LeasedDocument, code: str = "erp_constraint") -> Settlement:
    return Settlement(leased.id, leased.lease, "rejected", Reason(code, {"detail": "chk_total"}))


def states_of(engine: Engine) -> list[str]:
    """The states of all documents in order of arrival."""
    with reading(engine) as connection:
        return list(connection.execute(select(document.c.state).order_by(document.c.id)).scalars())


def assert_tallies_true(engine: Engine) -> None:
    """The tallies say what counting the documents says."""
    code = func.coalesce(document.c.reason_code, "")
    with reading(engine) as connection:
        sales = func.coalesce(func.sum(case((document.c.kind == "sale", document.c.total))), 0)
        counted = select(document.c.till_id, document.c.state, code, func.count(), sales)
        counts = connection.execute(counted.group_by(document.c.till_id, document.c.state, code)).all()
        columns = (tally.c.till_id, tally.c.state, tally.c.reason_code, tally.c.count, tally.c.total)
        tallies = connection.execute(select(*columns).where(tally.c.count != 0)).all()
    assert sorted(map(tuple, counts)) == sorted(map(tuple, tallies))


def authenticated(engine: Engine, token: str) -> Till:
    """The till whose token it is. Raises ``CredentialError``."""
    till = Gate([partial(by_token, engine)]).principal(Credential("bearer", token), "till").subject
    assert isinstance(till, Till)
    return till


def drop_pouch(engine: Engine, pouch: int) -> None:
    """As somebody does who is in the database: past its foreign keys."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    sqlite = engine.dialect.name == "sqlite"
    cursor.execute("PRAGMA foreign_keys = OFF" if sqlite else "SET session_replication_role = replica")
    cursor.execute(f"DELETE FROM pouch WHERE id = {pouch}")
    raw.commit()
    cursor.execute("PRAGMA foreign_keys = ON" if sqlite else "RESET session_replication_role")
    raw.close()
