"""Gathers what the proof compares, from each place by its own means: the tills' ledgers and folders, their outboxes,
the server's spool and rejected files, and the ERP.
"""

import hashlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from malote.database.engine import open_database
from malote.demo.erp_books import ErpBooks
from malote.demo.ledger import DemoLedger
from malote.demo.pos import TillPlan
from malote.demo.proof import ExpectedSale, Planted, ProofEvidence, ServerDocument, TillFile
from malote.register import till_documents
from malote.register.documents import StoredDocument, TillStatus

_PAGE = 1000


class TillPlace(msgspec.Struct, frozen=True):
    """Where the things of one till are."""

    plan: TillPlan
    folder: Path  # where the POS writes
    ledger: Path
    outbox: Path


class StoreEvidence:
    """Looks into the store database beside the running server."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    def status(self) -> list[TillStatus]:
        return till_documents.status(self._engine, now=time.time())

    def documents(self) -> Iterator[StoredDocument]:
        after = 0
        while page := till_documents.documents_of(self._engine, after_id=after, limit=_PAGE):
            yield from page
            after = page[-1].id

    def close(self) -> None:
        self._engine.dispose()


def gather(
    tills: Sequence[TillPlace],
    server: StoreEvidence,
    rejected: Path,
    erp: ErpBooks,
    planted: list[Planted],
    refused: set[str],
) -> ProofEvidence:
    """All of it. ``refused`` are the keys of sales made so that the ERP can't take them. To be asked at rest."""
    return ProofEvidence(
        sold=[sale for till in tills for sale in sold(till, refused)],
        voided={numbers for till in tills for numbers in _voided(till)},
        written={(till.plan.name, sha256) for till in tills for sha256 in written(till)},
        outboxes=[file for till in tills for file in _outbox(till)],
        server=list(documents(server)),
        kept=kept(rejected),
        booked=erp.booked(),
        uneven=erp.uneven(),
        stock=erp.stock(),
        booked_voids=erp.voids(),
        planted=planted,
    )


def sold(till: TillPlace, refused: set[str]) -> Iterator[ExpectedSale]:
    """What the till's own ledger says."""
    with closing(DemoLedger(till.ledger)) as ledger:
        for sale in ledger.sales():
            yield ExpectedSale(
                access_key=sale.access_key,
                till=till.plan.name,
                issuer=till.plan.issuer.cnpj,
                total=sale.total,
                cancelled=sale.status == "cancelled",
                authorised=sale.status in ("authorised", "cancelled"),
                quantities=sale.quantities,
                refused=sale.access_key in refused,
            )


def written(till: TillPlace) -> Iterator[str]:
    """The hash of every file in the till's folder."""
    for path in till.folder.rglob("*.xml"):
        yield hashlib.sha256(path.read_bytes()).hexdigest()


def documents(server: StoreEvidence) -> Iterator[ServerDocument]:
    """Every document the server has, in order of arrival."""
    return map(_document, server.documents())


def outbox_states(path: Path) -> Mapping[str, int]:
    """How many files of an outbox are in each state; nothing while there is no outbox yet."""
    if not path.exists():
        return {}
    with closing(_look(path)) as connection:
        # The agent may be creating it at this moment.
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'file'").fetchone():
            return {}
        return Counter(dict(connection.execute("SELECT state, count(*) FROM file GROUP BY state").fetchall()))


def _voided(till: TillPlace) -> Iterator[tuple[str, int, int, int]]:
    with closing(DemoLedger(till.ledger)) as ledger:
        for first, last in ledger.voided():
            yield till.plan.issuer.cnpj, till.plan.series, first, last


def _outbox(till: TillPlace) -> Iterator[TillFile]:
    query = """
        SELECT lower(hex(sha256)), state, code,
            (SELECT json_group_object(access_key, total) FROM document
             WHERE file_id = file.id AND kind = 'sale' AND access_key IS NOT NULL)
        FROM file ORDER BY id
    """
    with closing(_look(till.outbox)) as connection:
        for sha256, state, code, sales in connection.execute(query):
            yield TillFile(till.plan.name, sha256, state, code, json.loads(sales))


def _look(path: Path) -> sqlite3.Connection:
    # Read past the agent's own code: the proof should not trust what it proves.
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)


def _document(stored: StoredDocument) -> ServerDocument:
    return ServerDocument(
        till=stored.till,
        sha256=stored.file_sha256,
        kind=stored.kind,
        access_key=stored.access_key,
        total=stored.total,
        state=stored.state,
        code=stored.reason.code if stored.reason else None,
        duplicate=stored.duplicate,
    )


def kept(rejected: Path) -> set[tuple[str, str]]:
    """Till and hash of each rejected document that has a sidecar beside it."""
    return {
        (path.parent.name, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in rejected.glob("*/*.xml")
        if path.with_suffix(".json").is_file()
    }
