"""Who holds up Malote's own sessions on PostgreSQL. Needs no privilege beyond those of posting."""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import LiteralString, TypeVar

import msgspec
import psycopg
from sqlalchemy import URL

from malote.erp.protocol import Posting
from malote.erp.sessions import postgresql_locks as reading
from malote.erp.sessions.connecting import PROGRAM, Connection, connected
from malote.erp.sessions.errors import SessionsError
from malote.erp.sessions.postgresql import OWN_PROGRAM, PREPARED_PREFIX
from malote.erp.sessions.postgresql_locks import Activity, Holding
from malote.erp.sessions.watching import Holder, Wait
from malote.fiscal.documents import Cancellation, Sale

Answer = TypeVar("Answer")

# A row under change carries the number of the transaction that changes it; the transaction holds a lock on its number.
_HELD: LiteralString = """
WITH moved AS (
    SELECT document_id, issuer, product_code
      FROM json_to_recordset(%s) AS sold (document_id bigint, issuer text, product_code text)
     UNION
    SELECT document_id, sale.issuer, sale_item.product_code
      FROM json_to_recordset(%s) AS cancelled (document_id bigint, access_key text)
      JOIN sale USING (access_key)
      JOIN sale_item USING (access_key)
), needed AS (
    SELECT document_id, stock.xmax AS changed_by, 'stock'::regclass::text AS place
      FROM moved JOIN stock USING (issuer, product_code)
     UNION ALL
    SELECT document_id, sale.xmax, 'sale'::regclass::text
      FROM json_to_recordset(%s) AS cancelled (document_id bigint, access_key text)
      JOIN sale USING (access_key)
)
SELECT needed.document_id, needed.place, held.pid, changed_by::text
  FROM needed JOIN pg_locks held ON held.transactionid = changed_by AND held.locktype = 'transactionid' AND held.granted
"""
# Reading waits behind an exclusive lock on the whole table; then it is no matter of rows.
_SHORT: LiteralString = "SELECT set_config('lock_timeout', '200', false)"


class PostgresqlWatch:
    """See ``malote.erp.sessions.watching.Watch``."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def close(self) -> None:
        with self._lock:
            self._drop()

    def waits(self) -> list[Wait]:
        return self._ask(_waits)

    def held(self, batch: Sequence[Posting]) -> dict[int, Holder]:
        return self._ask(lambda connection: _held(connection, batch))

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = connected(self._url)
                    self._connection.execute(_SHORT)
                return question(self._connection)
            except psycopg.Error as error:
                self._drop()
                raise SessionsError("erp_away", detail=error.sqlstate or type(error).__name__) from error

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _waits(connection: Connection) -> list[Wait]:
    holding = reading.holding(connection)
    known = reading.activity(connection, holding.waiters())
    ours = [one for one in known.values() if (one.program or "").startswith(OWN_PROGRAM) and one.program != PROGRAM]
    roots = {one.pid: holding.roots(one.pid) for one in ours}
    named = reading.activity(connection, {root for each in roots.values() for root in each if isinstance(root, int)})
    return [_wait(one, roots[one.pid], holding, known | named) for one in ours]


def _wait(one: Activity, roots: Iterable[int | str], holding: Holding, known: dict[int, Activity]) -> Wait:
    wanted = holding.wanted(one.pid)
    place = holding.object(one.pid)
    holders = tuple(_holder(root, place, holding, known) for root in roots)
    return Wait(one.program or "", holders, wanted.waiting if wanted else None)


def _holder(root: int | str, place: str, holding: Holding, known: dict[int, Activity]) -> Holder:
    if isinstance(root, str):
        return Holder(PREPARED_PREFIX + root, holding.prepared[root].owner, "", place)
    seen = known.get(root)
    if seen is None:
        return Holder(str(root), "", "", place)
    return Holder(str(root), seen.user or "", seen.program or seen.kind or "", place)


def _held(connection: Connection, batch: Sequence[Posting]) -> dict[int, Holder]:
    sold, cancelled = _needed(batch)
    rows = connection.execute(_HELD, (sold, cancelled, cancelled)).fetchall()
    if not rows:
        return {}
    known = reading.activity(connection, {pid for _, _, pid, _ in rows if pid is not None})
    holding = reading.holding(connection)
    gids = {one.transaction: one.gid for one in holding.prepared.values()}
    found: dict[int, Holder] = {}
    for document_id, place, pid, transaction in rows:
        if pid in known and (known[pid].program or "").startswith(OWN_PROGRAM):
            continue  # another poster: it will have finished in a moment
        head = gids.get(transaction) if pid is None else next(iter(holding.roots(pid)), pid)
        if head is not None:
            found[document_id] = _holder(head, place, holding, known | _new(connection, head, known))
    return found


def _new(connection: Connection, head: int | str, known: dict[int, Activity]) -> dict[int, Activity]:
    return {} if isinstance(head, str) or head in known else reading.activity(connection, [head])


def _needed(batch: Sequence[Posting]) -> tuple[str, str]:
    """What the documents need, as JSON: products sold, and keys of sales that are cancelled."""
    sold = {
        (posting.document_id, posting.document.issuer, item.product_code)
        for posting in batch
        if isinstance(posting.document, Sale)
        for item in posting.document.items
    }
    products = [
        {"document_id": number, "issuer": issuer, "product_code": product} for number, issuer, product in sorted(sold)
    ]
    keys = [
        {"document_id": posting.document_id, "access_key": posting.document.access_key}
        for posting in batch
        if isinstance(posting.document, Cancellation)
    ]
    return msgspec.json.encode(products).decode(), msgspec.json.encode(keys).decode()
