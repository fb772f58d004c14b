"""What every booking is made of, whatever the engine, inside one transaction that the caller holds."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection, Select

from malote.erp import call_statements, ordinary, rewriting, rows, statements
from malote.erp.calling import Calls
from malote.erp.connecting import classified, over_ledger
from malote.erp.contest import Contest, facts_of
from malote.erp.fitting import ADAPTED, Fitted, code_of
from malote.erp.letters import Letters
from malote.erp.numbers import identity_of
from malote.erp.ordinary import ordinary_of
from malote.erp.profiles.post import Call
from malote.erp.profiles.profile import Part
from malote.erp.protocol import Outcome, Posting, Result
from malote.erp.rewriting import former
from malote.fiscal.documents import Document, Sale, identity

Stock = dict[tuple[str, str], Decimal]  # what to add, by issuer and product

Kind = TypeVar("Kind", bound=Document)
Pair = tuple[Posting, Kind]


class Engine(call_statements.Engine, ordinary.Engine, Protocol):
    """What engines do differently, within the open transaction of ``connection``."""

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]:
        """Enters them into the ledger, in the order given; returns the identities that were not in it yet."""
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

    def letters(self, connection: Connection) -> Letters:
        """See ``fitting.Engine``."""
        ...


class LedgerEntry(msgspec.Struct, frozen=True):
    """What the ledger has under an identity."""

    content_hash: bytes
    till: str
    document_id: int


def ledger_entry(row: Any) -> LedgerEntry:
    """Raises ``TypeError`` where it isn't what Malote wrote."""
    number = row.document_id
    number = int(number) if isinstance(number, str) and number.isdecimal() else number  # of a column made text
    return LedgerEntry(bytes(row.content_hash), row.till, number)


class LockedSale(msgspec.Struct, frozen=True):
    """A booked sale under lock."""

    protocol_status: int | None
    cancelled_at: datetime | None


class Transaction:
    """One transaction's outcomes, and what it writes. Raises what the database's driver raises."""

    def __init__(self, engine: Engine, connection: Connection, *, careful: bool = False) -> None:
        """``careful``: see ``calling.posted``."""
        self._engine = engine
        post = engine.tables.profile.post
        self._calls = None if post is None else Calls(engine, post, connection, careful=careful)
        self._erp = engine.tables
        self._connection = connection
        self._contest = Contest(engine, connection)
        self._outcomes: dict[int, Outcome] = {}
        self._stock: Stock = defaultdict(Decimal)
        self._mending: list[Pair[Sale]] = []
        self._standing: set[str] = set()  # sales booked again that the ERP has, and only its ledger lost
        self._fitted = Fitted(())
        self._ordinary = ordinary_of(engine, connection)

    def _say(
        self, posting: Posting, result: Result, facts: dict[str, str] | None = None, *, open: bool = False
    ) -> None:
        self._outcomes[posting.document_id] = Outcome(posting.document_id, result, facts or {}, open=open)

    def _tell_why(self, posting: Posting, result: Result, code: str, facts: dict[str, str] | None = None) -> None:
        """For a reason of the catalogue."""
        self._outcomes[posting.document_id] = Outcome(posting.document_id, result, facts or {}, code)

    def _say_known(self, posting: Posting, entry: LedgerEntry, *, open: bool = False) -> None:
        """It is in the ledger already: by this very document, before a crash, or by another one."""
        own = (entry.till, entry.document_id) == (posting.till, posting.document_id)
        if own:
            self._say_posted(posting, open=open)
        else:
            self._say(posting, Result.DUPLICATE, open=open)

    def _say_posted(self, posting: Posting, *, open: bool = False) -> None:
        facts = self._fitted.adapted.get(posting.document_id, {})
        self._outcomes[posting.document_id] = Outcome(
            posting.document_id, Result.POSTED, facts, ADAPTED if facts else "", open=open
        )

    def _is_unfit(self, posting: Posting) -> bool:
        """Whether the ERP can't take its texts; then that is said. Only to be asked of what the ERP doesn't have."""
        facts = self._fitted.unfit.get(posting.document_id)
        if facts is not None:
            self._outcomes[posting.document_id] = Outcome(posting.document_id, Result.REFUSED, facts, code_of(facts))
        return facts is not None

    # ---- the ledger ----

    def _ledger(self, pairs: Sequence[Pair[Any]]) -> dict[str, LedgerEntry]:
        return self._entries([identity(document) for _, document in pairs])

    def _entries(self, wanted: Sequence[str]) -> dict[str, LedgerEntry]:
        entries: dict[str, LedgerEntry] = {}
        for identities in statements.steps(set(wanted)) if wanted else ():
            statement = statements.ledger_entries(self._erp, identities)
            with over_ledger(self._erp.ledger_name):
                entries |= {row[0]: ledger_entry(row) for row in self._connection.execute(statement)}
        return entries

    def _keep_former(self, key: str, entry: LedgerEntry, posting: Posting) -> None:
        before = msgspec.structs.replace(posting, till=entry.till, document_id=entry.document_id)
        self._engine.claim(
            self._connection, [rows.ledger_row(former(key, entry.content_hash), before, entry.content_hash)]
        )

    # ---- sales ----

    def _add_new(self, pairs: Sequence[Pair[Sale]]) -> None:
        """Books those whose key is new, in the order given. Whose number is another's that counts, that is told."""
        if not pairs:
            return
        entries = [rows.ledger_row(sale.access_key, posting) for posting, sale in pairs]
        fresh = self._engine.claim(self._connection, entries)
        booked = [pair for pair in pairs if pair[1].access_key in fresh]
        written = [pair for pair in booked if pair[1].access_key not in self._standing]
        # Once the entry is ours: what is left of lost sales stands in the way.
        self._remove_of([sale.access_key for posting, sale in written if posting.again], "item", "payment")
        self._write(written)
        for posting, sale in booked:
            self._say_new(posting, sale)
            if sale.access_key not in self._standing:
                self._take_from_stock(sale, posting.till)

    def _say_new(self, posting: Posting, sale: Sale) -> None:
        """Told of the sale that has its number and counts."""
        rival = self._contest.rival(sale.access_key)
        self._contest.ask([rival] if rival else [])
        if rival is not None and self._contest.active(rival):
            self._say(posting, Result.TWICE, facts_of(rival))
            return
        if rival is not None:
            self._succeed(sale.access_key, rival)
        self._say_posted(posting, open=not sale.authorised)

    def _succeed(self, key: str, rival: str) -> None:
        """The number of a sale that is cancelled is the other's, who counts."""
        if (number := identity_of(key)) and self._contest.cancelled(rival):
            self._contest.hand_over(number, key)

    def _write(self, pairs: Sequence[Pair[Sale]]) -> None:
        """With their lines, or by the ERP's own statements."""
        if pairs and self._calls:
            self._calls.sell(pairs)
        elif pairs and self._ordinary:
            self._ordinary.add_sales(pairs)
        elif pairs:
            self._engine.add_sales(self._connection, pairs)

    def _booked(self, arriving: Mapping[str, Sale]) -> dict[str, Sale]:
        """As the ERP has them, by access key; those it doesn't have are left out."""
        if self._ordinary:
            return self._ordinary.booked(arriving)
        with classified(self._erp.sale.name):
            return rows.booked_sales(self._connection, self._erp, arriving)

    def _hold(self, cancelled: Collection[str], completed: Collection[str] = ()) -> dict[str, LockedSale]:
        held: dict[str, LockedSale] = {}
        for keys in statements.steps({*completed, *cancelled}):
            statement = statements.sales_to_change(
                self._erp,
                statements.padded([key for key in keys if key in cancelled]),
                statements.padded([key for key in keys if key in completed]),
            )
            with classified(self._erp.sale.name):
                found = self._connection.execute(self._engine.locked(statement))
                held |= {row[0]: LockedSale(*row[1:]) for row in found}
        return held

    def _change_sales(self, changed: Mapping[str, rows.Row]) -> None:
        """Sets these fields (of all sales the same ones) of the sales under these keys."""
        if self._ordinary:
            self._ordinary.change(changed)
        elif changed:
            changes = [{"of_key": key, **self._erp.sale.change(fields)} for key, fields in sorted(changed.items())]
            statement = statements.change_sale(self._erp, [name for name in changes[0] if name != "of_key"])
            with classified(self._erp.sale.name):
                self._connection.execute(statement, changes)

    def _rewrite(self, posting: Posting, sale: Sale, *, cancelled: bool) -> None:
        if self._ordinary:
            self._ordinary.rewrite(posting, sale, cancelled=cancelled)
        else:
            rewriting.rewrite(self._connection, self._erp, sale, posting.till, cancelled=cancelled)
        rewriting.rewrite_entry(self._connection, self._erp, posting, sale)

    def _tell(self, which: Call, pairs: Sequence[Pair[Any]]) -> None:
        """Hands it to the ERP's own statements, where those write."""
        if self._calls:
            self._calls.tell(which, pairs)

    def _add(self, part: Part, added: list[rows.Row]) -> None:
        table = self._erp.part(part)
        if self._ordinary:
            self._ordinary.add(part, added)
        elif table is not None:
            with classified(table.name):
                self._connection.execute(statements.add(table), table.rows(added))

    def _remove_of(self, keys: Sequence[str], *parts: Part) -> None:
        if self._ordinary:
            self._ordinary.forget(keys, parts)
            return
        for table in self._erp.parts if keys else ():
            if table.part in parts and "access_key" in table.columns:
                with classified(table.name):
                    self._connection.execute(statements.remove_of_key(table), [{"of_key": key} for key in sorted(keys)])

    # ---- stock ----

    def _take_from_stock(self, sale: Sale, till: str) -> None:
        if self._ordinary:
            self._ordinary.take(sale, till)
            return
        stock, issuer = self._stock, sale.issuer
        for item in sale.items:
            stock[issuer, item.product_code] -= item.quantity

    def _return_to_stock(self, when: Mapping[str, datetime], *, sign: int = 1) -> None:
        """Gives the goods of these sales back, or takes them again where ``sign`` is -1; ``when``, by key."""
        if self._ordinary:
            self._ordinary.give_back(when, sign=sign)
            return
        item = self._erp.item
        if self._erp.stock is None or item is None:
            return
        issuer_of, product_of = partial(self._erp.sale.read, "issuer"), partial(item.read, "product_code")
        for some in statements.steps(when):
            with classified(item.name):
                found = self._connection.execute(statements.goods_of(self._erp, some)).all()
            for issuer, product, quantity in found:
                self._stock[issuer_of(issuer), product_of(product)] += sign * quantity

    def _move_stock(self) -> None:
        if self._ordinary:
            self._ordinary.move()
            return
        # Goods without a code are nobody's stock.
        moves = {product: quantity for product, quantity in sorted(self._stock.items()) if product[1]}
        if moves and self._erp.stock:
            self._engine.move_stock(self._connection, moves)
