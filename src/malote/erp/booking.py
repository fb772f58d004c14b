"""How a batch becomes bookings, whatever the engine. All of it happens inside one transaction that the caller holds.

Sales come first, then cancellations, then voided numbers, whatever their order in the batch: so a cancellation finds
its sale when both come together. Every poster takes its locks in one order (ledger keys of sales, sale rows,
ledger keys of cancellations, of voids, then stock; each by key), so that posters never deadlock with one another.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, Select

from malote.erp import compare, rows, statements
from malote.erp.connecting import classified
from malote.erp.fitting import ADAPTED, UNENCODABLE, Fitted, fitted
from malote.erp.mapping import ErpTables, MappedTable
from malote.erp.protocol import ErpError, Outcome, Posting, Result
from malote.erp.repertoire import Repertoire
from malote.fiscal.documents import Cancellation, Document, NumberVoid, Sale, identity

Stock = dict[tuple[str, str], Decimal]  # what to add, by issuer and product

_Kind = TypeVar("_Kind", bound=Document)
_Pair = tuple[Posting, _Kind]


class Engine(Protocol):
    """What engines do differently, within the open transaction of ``connection``."""

    tables: ErpTables

    def claim(self, connection: Connection, postings: Mapping[str, Posting]) -> set[str]:
        """Enters the identities into the ledger, in the order given; returns those that were not in it yet."""
        ...

    def add_sales(self, connection: Connection, postings: Sequence[tuple[Posting, Sale]]) -> None:
        """Writes the sales with their items and payments."""
        ...

    def move_stock(self, connection: Connection, moves: Stock) -> None:
        """Adds to the stock, in the order given; a product without stock yet starts from zero.

        Only called where the ERP has a stock.
        """
        ...

    def locked(self, statement: Select[Any]) -> Select[Any]:
        """The same, with its rows locked until the end of the transaction."""
        ...

    nearest_letters: bool

    def repertoire(self, connection: Connection) -> Repertoire | None:
        """See ``fitting.Engine``."""
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
        self._erp = engine.tables
        self._connection = connection
        self._outcomes: dict[int, Outcome] = {}
        self._stock: Stock = defaultdict(Decimal)
        self._fitted = Fitted(())

    def book(self, batch: Sequence[Posting]) -> list[Outcome]:
        """One outcome per posting, in order."""
        self._fitted = fitted(batch, self._engine, self._connection)
        batch = self._fitted.batch
        again = self._book_sales(_of(Sale, batch))
        cancellations, voids = _of(Cancellation, batch), _of(NumberVoid, batch)
        ledger = self._ledger([*again, *cancellations, *voids])
        completing = self._compare(again, ledger)
        cancelling = self._new_ones(cancellations, ledger)
        held = self._hold_sales(completing, cancelling)
        self._complete(completing, ledger, held)
        self._cancel(cancelling, held)
        self._void(self._new_ones(voids, ledger))
        self._move_stock()
        return [self._outcomes[posting.document_id] for posting in batch]

    def _say(self, posting: Posting, result: Result, **facts: str) -> None:
        self._outcomes[posting.document_id] = Outcome(posting.document_id, result, facts)

    def _say_known(self, posting: Posting, entry: _Entry) -> None:
        """It is in the ledger already: by this very document, before a crash, or by another one."""
        own = (entry.till, entry.document_id) == (posting.till, posting.document_id)
        if own:
            self._say_posted(posting)
        else:
            self._say(posting, Result.DUPLICATE)

    def _say_posted(self, posting: Posting) -> None:
        facts = self._fitted.adapted.get(posting.document_id, {})
        self._outcomes[posting.document_id] = Outcome(
            posting.document_id, Result.POSTED, facts, ADAPTED if facts else ""
        )

    def _is_unfit(self, posting: Posting) -> bool:
        """Whether the ERP can't take its texts; then that is said. Only to be asked of what the ERP doesn't have."""
        facts = self._fitted.unfit.get(posting.document_id)
        if facts is not None:
            self._outcomes[posting.document_id] = Outcome(posting.document_id, Result.REFUSED, facts, UNENCODABLE)
        return facts is not None

    def _move_stock(self) -> None:
        # Goods without a code are nobody's stock.
        moves = {product: quantity for product, quantity in sorted(self._stock.items()) if product[1]}
        if moves and self._erp.stock:
            self._engine.move_stock(self._connection, moves)

    # ---- sales ----

    def _book_sales(self, sales: list[_Pair[Sale]]) -> list[_Pair[Sale]]:
        """Books what is new; returns the others. Of several with one key, the first that is a sale is booked."""
        chosen: dict[str, _Pair[Sale]] = {}
        for pair in sales:
            if pair[1].bookable and pair[0].document_id not in self._fitted.unfit:
                chosen.setdefault(pair[1].access_key, pair)
        if not chosen:
            return sales
        ordered = dict(sorted(chosen.items()))
        fresh = self._engine.claim(self._connection, {key: posting for key, (posting, _) in ordered.items()})
        booked = [pair for key, pair in ordered.items() if key in fresh]
        if booked:
            self._engine.add_sales(self._connection, booked)
        for posting, sale in booked:
            self._say_posted(posting)
            self._take_from_stock(sale)
        return [pair for pair in sales if pair[0].document_id not in self._outcomes]

    def _take_from_stock(self, sale: Sale) -> None:
        stock, issuer = self._stock, sale.issuer
        for item in sale.items:
            stock[issuer, item.product_code] -= item.quantity

    def _ledger(self, pairs: Sequence[_Pair[Any]]) -> dict[str, _Entry]:
        if not pairs:
            return {}
        entries: dict[str, _Entry] = {}
        for identities in statements.steps({identity(document) for _, document in pairs}):
            statement = statements.ledger_entries(self._erp, identities)
            with classified(self._erp.ledger_name):
                entries |= {row[0]: _Entry(*row[1:]) for row in self._connection.execute(statement)}
        return entries

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
        if self._is_unfit(posting):
            return
        if sale.bookable:
            # Not claimed, since the ledger had it, and now it hasn't: somebody removes entries at this moment.
            raise ErpError("erp_conflict", transient=True, detail=self._erp.ledger_name)
        self._say(posting, Result.NOT_AUTHORISED)

    def _same_after_all(self, sales: list[_Pair[Sale]]) -> list[_Pair[Sale]]:
        """Settles the divergent ones; returns those that say the same in other digits, or by an older program."""
        if not sales:
            return []
        with classified(self._erp.sale.name):
            booked = rows.booked_sales(self._connection, self._erp, {sale.access_key: sale for _, sale in sales})
        same = []
        for posting, sale in sales:
            fields = self._differences(booked.get(sale.access_key), sale)
            if fields:
                self._say(posting, Result.DIVERGENT, fields=compare.in_words(fields))
            else:
                same.append((posting, sale))
        return same

    def _differences(self, before: Sale | None, arriving: Sale) -> list[str]:
        """Where the ERP does not hold all of it, what it holds may be the same, and the sale another one after all."""
        if before is None:
            return [compare.UNTOLD]
        return compare.differences(before, arriving) or ([] if self._erp.complete else [compare.UNTOLD])

    def _hold_sales(
        self, completing: Sequence[_Pair[Sale]], cancelling: Mapping[str, list[_Pair[Cancellation]]]
    ) -> dict[str, _Held]:
        """Locks the sales that get a protocol or are cancelled, by key, so that no other poster changes them."""
        if not completing and not cancelling:
            return {}
        completed = {sale.access_key for _, sale in completing}
        cancelled = {pairs[0][1].access_key for pairs in cancelling.values()}
        held: dict[str, _Held] = {}
        for keys in statements.steps(completed | cancelled):
            statement = statements.sales_to_change(
                self._erp,
                statements.padded([key for key in keys if key in cancelled]),
                statements.padded([key for key in keys if key in completed]),
            )
            with classified(self._erp.sale.name):
                found = self._connection.execute(self._engine.locked(statement))
                held |= {row[0]: _Held(*row[1:]) for row in found}
        return held

    def _complete(
        self, completing: Sequence[_Pair[Sale]], ledger: Mapping[str, _Entry], held: Mapping[str, _Held]
    ) -> None:
        """Adds the protocol to sales that were booked before their authorisation."""
        wanting = {key for key, row in held.items() if row.protocol_status is None}
        changes = []
        for posting, sale in completing:
            if sale.access_key in wanting:
                wanting.remove(sale.access_key)
                changed = self._erp.sale.change(rows.protocol_row(sale.protocol))
                changes.append({"of_key": sale.access_key, **changed})
                self._say(posting, Result.PROTOCOL_ADDED)
        self._change_sales(changes)

    def _change_sales(self, changes: list[rows.Row]) -> None:
        """Sets the columns named in ``changes`` (all of them name the same) on the sales under ``of_key``."""
        if changes:
            statement = statements.change_sale(self._erp, [name for name in changes[0] if name != "of_key"])
            with classified(self._erp.sale.name):
                self._connection.execute(statement, sorted(changes, key=lambda change: change["of_key"]))

    # ---- cancellations and voided numbers ----

    def _new_ones(self, pairs: Sequence[_Pair[_Kind]], ledger: Mapping[str, _Entry]) -> dict[str, list[_Pair[_Kind]]]:
        """Those that may be booked now, by identity; the others are settled. A second one of an identity, of another
        event say, changes nothing any more: a duplicate."""
        new: dict[str, list[_Pair[_Kind]]] = defaultdict(list)
        for posting, document in pairs:
            name = identity(document)
            if name in ledger:
                self._say_known(posting, ledger[name])
            elif self._is_unfit(posting):
                continue
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
                if position == 0 and name in fresh:
                    self._say_posted(posting)
                else:
                    self._say(posting, Result.DUPLICATE)
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
        self._add(self._erp.cancellation, cancellations)
        # A sale that somebody cancelled in the ERP itself has its stock back already.
        undone = [document for _, document in booked if held[document.access_key].cancelled_at is None]
        change = self._erp.sale.change
        self._change_sales([{"of_key": one.access_key, **change({"cancelled_at": one.at})} for one in undone])
        self._return_to_stock([document.access_key for document in undone])

    def _return_to_stock(self, keys: Sequence[str]) -> None:
        if self._erp.stock is None:
            return
        issuer_of, product_of = partial(self._erp.sale.read, "issuer"), partial(self._erp.item.read, "product_code")
        for some in statements.steps(keys):
            with classified(self._erp.item.name):
                found = self._connection.execute(statements.goods_of(self._erp, some)).all()
            for issuer, product, quantity in found:
                self._stock[issuer_of(issuer), product_of(product)] += quantity

    def _void(self, groups: Mapping[str, list[_Pair[NumberVoid]]]) -> None:
        booked = self._claim_first(groups)
        if booked:
            voids = [rows.void_row(document, posting.till) for posting, document in booked]
            self._add(self._erp.number_void, voids)

    def _add(self, table: MappedTable | None, added: list[rows.Row]) -> None:
        if table is not None:
            with classified(table.name):
                self._connection.execute(statements.add(table), table.rows(added))


def _of(kind: type[_Kind], batch: Sequence[Posting]) -> list[_Pair[_Kind]]:
    return [(posting, posting.document) for posting in batch if isinstance(posting.document, kind)]
