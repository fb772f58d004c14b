"""How a batch becomes bookings, whatever the engine. All of it happens inside one transaction that the caller holds.

Sales come first, then cancellations, then voided numbers, whatever their order in the batch: so a cancellation finds
its sale when both come together. Every poster takes its locks in one order (ledger keys of sales, sale rows,
ledger keys of cancellations, of voids, then stock; each by key), so that posters never deadlock with one another.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, update

from malote.erp import compare, rows, tables
from malote.erp.protocol import ErpError, Outcome, Posting, Result
from malote.fiscal.documents import Cancellation, Document, NumberVoid, Sale, identity

Stock = dict[tuple[str, str], Decimal]  # what to add, by issuer and product

_Kind = TypeVar("_Kind", bound=Document)
_Pair = tuple[Posting, _Kind]


class Engine(Protocol):
    """What engines do differently, within the open transaction of ``connection``."""

    def claim(self, connection: Connection, postings: Mapping[str, Posting]) -> set[str]:
        """Enters the identities into the ledger, in the order given; returns those that were not in it yet."""
        ...

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        """Writes the sales with their items and payments."""
        ...

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        """Adds to the stock, in the order given; a product without stock yet starts from zero."""
        ...


class _Entry(msgspec.Struct, frozen=True):
    """What the ledger has under an identity."""

    content_hash: bytes
    till: str
    document_id: int


class _Held(msgspec.Struct, frozen=True):
    """A booked sale under lock."""

    protocol_status: int | None
    cancelled_at: datetime | None


class Booking:
    """One batch within one transaction. Raises what the database's driver raises."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection
        self._outcomes: dict[int, Outcome] = {}
        self._stock: Stock = defaultdict(Decimal)

    def book(self, batch: Sequence[Posting]) -> list[Outcome]:
        """One outcome per posting, in order."""
        again = self._book_sales(_of(Sale, batch))
        cancellations, voids = _of(Cancellation, batch), _of(NumberVoid, batch)
        ledger = self._ledger([*again, *cancellations, *voids])
        completing = self._compare(again, ledger)
        cancelling = self._new_ones(cancellations, ledger)
        held = self._hold_sales(completing, cancelling)
        self._complete(completing, ledger, held)
        self._cancel(cancelling, held)
        self._void(self._new_ones(voids, ledger))
        if self._stock:
            self._engine.move_stock(self._connection, dict(sorted(self._stock.items())))
        return [self._outcomes[posting.document_id] for posting in batch]

    def _say(self, posting: Posting, result: Result, **facts: str) -> None:
        self._outcomes[posting.document_id] = Outcome(posting.document_id, result, facts)

    def _say_known(self, posting: Posting, entry: _Entry) -> None:
        """It is in the ledger already: by this very document, before a crash, or by another one."""
        own = (entry.till, entry.document_id) == (posting.till, posting.document_id)
        self._say(posting, Result.POSTED if own else Result.DUPLICATE)

    # ---- sales ----

    def _book_sales(self, sales: list[_Pair[Sale]]) -> list[_Pair[Sale]]:
        """Books what is new; returns the others. Of several with one key, the first that is a sale is booked."""
        chosen: dict[str, _Pair[Sale]] = {}
        for pair in sales:
            if pair[1].bookable:
                chosen.setdefault(pair[1].access_key, pair)
        if not chosen:
            return sales
        ordered = dict(sorted(chosen.items()))
        fresh = self._engine.claim(self._connection, {key: posting for key, (posting, _) in ordered.items()})
        booked = [pair for key, pair in ordered.items() if key in fresh]
        if booked:
            self._engine.add_sales(self._connection, booked)
        for posting, sale in booked:
            self._say(posting, Result.POSTED)
            self._take_from_stock(sale)
        return [pair for pair in sales if pair[0].document_id not in self._outcomes]

    def _take_from_stock(self, sale: Sale) -> None:
        stock, issuer = self._stock, sale.issuer
        for item in sale.items:
            stock[issuer, item.product_code] -= item.quantity

    def _ledger(self, pairs: Sequence[_Pair[Any]]) -> dict[str, _Entry]:
        if not pairs:
            return {}
        key = tables.posting_key.c
        statement = select(key.identity, key.content_hash, key.till, key.document_id).where(
            key.identity.in_({identity(document) for _, document in pairs})
        )
        return {row[0]: _Entry(*row[1:]) for row in self._connection.execute(statement)}

    def _compare(self, sales: list[_Pair[Sale]], ledger: Mapping[str, _Entry]) -> list[_Pair[Sale]]:
        """Settles what the ERP has under the same key; returns those that may bring it the protocol."""
        same, others = [], []
        for posting, sale in sales:
            entry = ledger.get(sale.access_key)
            if entry is None:
                self._say_absent(posting, sale)
            elif entry.content_hash == posting.content_hash:
                same.append((posting, sale))
            else:
                others.append((posting, sale))
        same += self._same_after_all(others)
        for posting, sale in same:
            self._say_known(posting, ledger[sale.access_key])
        return [pair for pair in same if pair[1].authorised]

    def _say_absent(self, posting: Posting, sale: Sale) -> None:
        if sale.bookable:
            # Not claimed, since the ledger had it, and now it hasn't: somebody removes entries at this moment.
            raise ErpError("erp_conflict", transient=True, detail="posting_key")
        self._say(posting, Result.NOT_AUTHORISED)

    def _same_after_all(self, sales: list[_Pair[Sale]]) -> list[_Pair[Sale]]:
        """Settles the divergent ones; returns those that say the same in other digits, or by an older program."""
        if not sales:
            return []
        booked = rows.booked_sales(self._connection, sorted({sale.access_key for _, sale in sales}))
        same = []
        for posting, sale in sales:
            before = booked.get(sale.access_key)
            fields = compare.differences(before, sale) if before else ["content"]
            if fields:
                self._say(posting, Result.DIVERGENT, fields=compare.in_words(fields))
            else:
                same.append((posting, sale))
        return same

    def _hold_sales(
        self, completing: Sequence[_Pair[Sale]], cancelling: Mapping[str, list[_Pair[Cancellation]]]
    ) -> dict[str, _Held]:
        """Locks the sales that get a protocol or are cancelled, by key, so that no other poster changes them."""
        if not completing and not cancelling:
            return {}
        column = tables.sale.c
        protocols = {sale.access_key for _, sale in completing}
        cancelled = {pairs[0][1].access_key for pairs in cancelling.values()}
        statement = (
            select(column.access_key, column.protocol_status, column.cancelled_at)
            .where(
                or_(
                    column.access_key.in_(cancelled),
                    and_(column.access_key.in_(protocols), column.protocol_status.is_(None)),
                )
            )
            .order_by(column.access_key)
            .with_for_update()
        )
        return {row[0]: _Held(*row[1:]) for row in self._connection.execute(statement)}

    def _complete(
        self, completing: Sequence[_Pair[Sale]], ledger: Mapping[str, _Entry], held: Mapping[str, _Held]
    ) -> None:
        """Adds the protocol to sales that were booked before their authorisation."""
        wanting = {key for key, row in held.items() if row.protocol_status is None}
        changes = []
        for posting, sale in completing:
            if sale.access_key in wanting:
                wanting.remove(sale.access_key)
                changes.append({"key": sale.access_key, **rows.protocol_row(sale.protocol)})
                self._say(posting, Result.PROTOCOL_ADDED)
        self._change_sales(changes)

    def _change_sales(self, changes: list[rows.Row]) -> None:
        """Sets the columns named in ``changes`` (all of them name the same) on the sales under ``key``."""
        if changes:
            columns: rows.Row = {name: bindparam(name) for name in changes[0] if name != "key"}
            statement = update(tables.sale).where(tables.sale.c.access_key == bindparam("key")).values(columns)
            self._connection.execute(statement, sorted(changes, key=lambda change: change["key"]))

    # ---- cancellations and voided numbers ----

    def _new_ones(self, pairs: Sequence[_Pair[_Kind]], ledger: Mapping[str, _Entry]) -> dict[str, list[_Pair[_Kind]]]:
        """Those that may be booked now, by identity; the others are settled. A second one of an identity, of another
        event say, changes nothing any more: a duplicate."""
        new: dict[str, list[_Pair[_Kind]]] = defaultdict(list)
        for posting, document in pairs:
            name = identity(document)
            if name in ledger:
                self._say_known(posting, ledger[name])
            elif not document.authorised:
                self._say(posting, Result.NOT_AUTHORISED)
            else:
                new[name].append((posting, document))
        return dict(sorted(new.items()))

    def _claim_first(self, groups: Mapping[str, list[_Pair[_Kind]]]) -> list[_Pair[_Kind]]:
        """Claims each identity for the first of its group, which is returned; all others are duplicates."""
        if not groups:
            return []
        fresh = self._engine.claim(self._connection, {name: pairs[0][0] for name, pairs in groups.items()})
        for name, pairs in groups.items():
            for position, (posting, _) in enumerate(pairs):
                first = position == 0 and name in fresh
                self._say(posting, Result.POSTED if first else Result.DUPLICATE)
        return [pairs[0] for name, pairs in groups.items() if name in fresh]

    def _cancel(self, groups: Mapping[str, list[_Pair[Cancellation]]], held: Mapping[str, _Held]) -> None:
        here = {name: pairs for name, pairs in groups.items() if pairs[0][1].access_key in held}
        for name, pairs in groups.items():
            if name not in here:
                for posting, _ in pairs:
                    self._say(posting, Result.SALE_MISSING)
        booked = self._claim_first(here)
        if not booked:
            return
        cancellations = [rows.cancellation_row(document, posting.till) for posting, document in booked]
        self._connection.execute(insert(tables.cancellation), cancellations)
        # A sale that somebody cancelled in the ERP itself has its stock back already.
        undone = [document for _, document in booked if held[document.access_key].cancelled_at is None]
        self._change_sales([{"key": document.access_key, "cancelled_at": document.at} for document in undone])
        self._return_to_stock([document.access_key for document in undone])

    def _return_to_stock(self, keys: Sequence[str]) -> None:
        sale, item = tables.sale.c, tables.sale_item.c
        statement = (
            select(sale.issuer, item.product_code, func.sum(item.quantity))
            .join_from(tables.sale, tables.sale_item, sale.access_key == item.access_key)
            .where(sale.access_key.in_(keys))
            .group_by(sale.issuer, item.product_code)
        )
        for issuer, product, quantity in self._connection.execute(statement):
            self._stock[issuer, product] += quantity

    def _void(self, groups: Mapping[str, list[_Pair[NumberVoid]]]) -> None:
        booked = self._claim_first(groups)
        if booked:
            voids = [rows.void_row(document, posting.till) for posting, document in booked]
            self._connection.execute(insert(tables.number_void), voids)


def _of(kind: type[_Kind], batch: Sequence[Posting]) -> list[_Pair[_Kind]]:
    return [(posting, posting.document) for posting in batch if isinstance(posting.document, kind)]
