"""Booking into tables of ordinary design: keys that the database makes, look-ups by query, a row per tax, movements.

One transaction's part of it, beside ``transacting``. What a database must be asked is asked for all rows of a table in
one statement before any of them is worked out; a batch costs a few round trips for each table, however many sales.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from msgspec import structs
from sqlalchemy import Connection

from malote.erp import booking_state, looked_up, rows, sale_keys
from malote.erp.booking_state import BookedState
from malote.erp.connecting import classified
from malote.erp.mapping import ErpTables, MappedTable, plain
from malote.erp.ordinary_sales import sale_row
from malote.erp.ordinary_tables import IN, OUT, USUAL_TAXES, Row, movement_row, tax_rows
from malote.erp.profiles.checking import ProfileFault
from malote.erp.profiles.profile import Part
from malote.erp.profiles.queries import ANSWERS
from malote.erp.protocol import ErpError, Posting
from malote.erp.query_questions import Answers, answered, questions
from malote.erp.records import Records
from malote.erp.targets import ITEM_KEY, KEY, ColumnTarget
from malote.fiscal.documents import Item, Sale
from malote.fiscal.payment_methods import CASH

Pair = tuple[Row, Row]  # a row by field, and its sale's


class Engine(Protocol):
    """What it asks of an engine."""

    tables: ErpTables

    @property
    def tries_read_only(self) -> bool:
        """Whether the database itself keeps what is tried out from writing."""
        ...

    def records(self, connection: Connection) -> Records: ...

    def try_out(self, connection: Connection, work: Callable[[Records], object]) -> None:
        """Does it in a part of the transaction in which nothing can be written, and takes that back."""
        ...


class Ordinary:
    """Raises ``ErpError``."""

    def __init__(self, erp: ErpTables, connection: Connection, records: Records) -> None:
        assert erp.state is not None  # noqa: S101 only made where there is one
        self._erp = erp
        self._state = erp.state
        self._state_name = plain(erp.state.name)
        self._connection = connection
        self._records = records
        self._moved: list[tuple[Item, str, datetime, Row]] = []
        self._keys: dict[str, Any] = {}  # of the sales that this transaction books
        self._looked_up = looked_up.WrittenLookups(as_columns=records.as_columns)

    # ---- new sales ----

    def add_sales(self, postings: Sequence[tuple[Posting, Sale]]) -> None:
        """The sales, what became of them, and their lines."""
        sales = [sale_row(sale, posting.till) for posting, sale in postings]
        self._number(self._erp.sale, [(row, row) for row in sales], ("access_key",))
        self._keys |= {row["access_key"]: sale_keys.key_fields(row) for row in sales}
        if note := self._erp.note:
            self._copy(note, [(row, row) for row in sales])
        pairs = [(sale, row) for (_, sale), row in zip(postings, sales, strict=True)]
        self._add_lines(pairs)
        with classified(self._state_name):
            booking_state.add(self._connection, self._state, [self._entry(*pair) for pair in pairs])

    def _entry(self, sale: Sale, row: Row) -> Row:
        protocol = rows.protocol_row(sale.protocol)
        key, keeps = sale_keys.kept_of(self._erp, row), self._erp.keeps_consumers
        found = self._looked_up.of(sale.access_key)
        return booking_state.entry(sale, key, row["till"], protocol, with_consumer=keeps, found=found)

    def _add_lines(self, sales: Sequence[tuple[Sale, Row]]) -> None:
        lines = [(item, fields, row) for sale, row in sales for item, fields in items_of(sale)]
        assert self._erp.item is not None  # noqa: S101 the profile is refused without
        self._number(self._erp.item, [(fields, row) for _, fields, row in lines], ("number",))
        if tax := self._erp.tax:
            mapped = self._erp.profile.tax
            wanted = tuple(mapped.rows) if mapped and mapped.rows else USUAL_TAXES
            taxes = [
                (one, row)
                for item, fields, row in lines
                for one in tax_rows(item, fields | {ITEM_KEY: fields.get(KEY)}, wanted)
            ]
            self._copy(tax, taxes)
        if payment := self._erp.payment:
            self._copy(payment, [(fields, row) for sale, row in sales for fields in payments_of(sale)])

    def _number(self, mapped: MappedTable, pairs: Sequence[Pair], names: tuple[str, ...]) -> None:
        """Writes rows, and gives each the key that the database has for it, if it has one."""
        part = self._erp.profile.part(mapped.part)
        if part is None or not pairs:
            return
        if part.sequence:
            for (fields, _), key in zip(pairs, self._records.draw(part.sequence, len(pairs)), strict=True):
                fields[KEY] = key
        if part.count:
            self._count(mapped, part.count, pairs)
        own = [target for target in mapped.targets if target.by_database]
        if not own and not part.several:
            self._copy(mapped, pairs)
            return
        made = self._noted(mapped, pairs)
        for (fields, _), row in zip(pairs, made, strict=True):
            fields |= sale_keys.written(mapped, part.several, row)
        if not own:
            self._records.copy(mapped, made)
            return
        of_sale = list(mapped.of_sale.targets) if mapped.part == "item" and mapped.of_sale else []
        known_by = [*of_sale, *(target for target in mapped.targets if target.key in names)]
        # Without a column that tells the rows apart they are written one by one.
        step = len(made) if len(known_by) > len(of_sale) else 1
        for start in range(0, len(made), step):
            some = made[start : start + step]
            found = self._records.insert(mapped, some, [*own, *known_by])
            if len(found) != len(some):  # a trigger of the ERP's keeps rows out, and says nothing
                raise ErpError("erp_refused", detail=f"{mapped.name}: {len(found)}/{len(some)}")
            keys = {row[len(own) :]: row[: len(own)] for row in found}
            for (fields, _), row in zip(pairs[start : start + step], some, strict=True):
                there = keys[tuple(str(row[target.key]) for target in known_by)]
                fields |= {str(one.bare): value for one, value in zip(own, there, strict=True)}

    def _count(self, mapped: MappedTable, column: str, pairs: Sequence[Pair]) -> None:
        """Numbers rows by one more than the greatest that there is beside the other columns of the key."""
        for fields, _ in pairs:
            fields[KEY] = 0  # until it is known
        made, several = self._values(mapped, pairs), self._erp.profile.sale.several
        numbers = sale_keys.counted(self._records, mapped, several, column, made)
        for (fields, _), number in zip(pairs, numbers, strict=True):
            fields[KEY] = number

    def _copy(self, mapped: MappedTable, pairs: Sequence[Pair]) -> None:
        self._records.copy(mapped, self._noted(mapped, pairs))

    # ---- rows of one table ----

    def _noted(self, mapped: MappedTable, pairs: Sequence[Pair]) -> list[Row]:
        """The same of rows that are written so, of sales: what was looked up for them is kept."""
        made = self._values(mapped, pairs)
        if mapped.part in looked_up.COMPARED:
            self._looked_up.note(mapped.part, mapped.inserted, made, (sale["access_key"] for _, sale in pairs))
        return made

    def _values(self, mapped: MappedTable, pairs: Sequence[Pair]) -> list[Row]:
        """What goes into its columns, once the ERP has answered what is asked of it."""
        answers = self._answers(mapped.inserted, pairs)
        with classified(mapped.name):
            return [mapped.values({**fields, ANSWERS: answers}, sale) for fields, sale in pairs]

    def _answers(self, targets: Iterable[ColumnTarget], pairs: Sequence[Pair]) -> Answers:
        answers: dict[tuple[str, Any], Any] = {}
        for asked, given in questions(targets, pairs):
            answers |= answered(self._records, self._erp.profile.query[asked[0]], asked, given)
        return answers

    # ---- what changes later ----

    def change(self, changed: Mapping[str, Row]) -> None:
        """Of booked sales, by access key: their protocols, or when they were cancelled; the same fields of all."""
        if changed:
            self._change_state(changed)
            kept = self.kept(changed)
            self._change([(kept[key], fields) for key, fields in sorted(changed.items())])

    def _change(self, changed: Sequence[tuple[BookedState, Row]]) -> None:
        for mapped in (self._erp.sale, self._erp.note):
            if mapped is not None:
                self._change_in(mapped, changed)

    def _change_in(self, mapped: MappedTable, changed: Sequence[tuple[BookedState, Row]]) -> None:
        found = mapped.of_sale
        assert found is not None  # noqa: S101 the profile is refused without
        targets = [
            one for one in mapped.changing(changed[0][1]) if one not in found.targets and one.bare != "access_key"
        ]
        answers = self._answers(targets, [(fields, fields) for _, fields in changed])
        values = []
        for kept, fields in changed:
            answered = {**fields, ANSWERS: answers}
            with classified(mapped.name):
                made = {one.key: one.compiled.value(answered, answered) for one in targets}
            values.append(made | found.by_key(self._row_of(kept)))
        self._looked_up.note(mapped.part, targets, values, (kept.sale.access_key for kept, _ in changed))
        self._records.update(mapped, values, targets, found.targets)

    def rewrite(self, posting: Posting, sale: Sale, *, cancelled: bool) -> None:
        """The sale and its lines are written anew under its key. ``cancelled``: whether it stays so."""
        kept = self.kept([sale.access_key])[sale.access_key]
        row = sale_row(sale, posting.till) | sale_keys.key_of(self._erp, kept.key)
        for mapped in (self._erp.tax, self._erp.item, self._erp.payment):
            if mapped:
                self._remove(mapped, row)
        later = {} if cancelled else {"cancelled_at": None}
        self._looked_up.forget(sale.access_key)
        self._change([(kept, row | later)])
        self._add_lines([(sale, row)])
        entry = self._entry(sale, row)
        changed = {name: value for name, value in entry.items() if name not in ("access_key", "sale_key")} | later
        self._change_state({sale.access_key: changed})

    def restore_notes(self, cancelled: Mapping[str, datetime | None]) -> None:
        """Writes the row beside each of these booked sales anew, where it is gone, as it stands by now; ``cancelled``:
        when, by access key."""
        note = self._erp.note
        if note is None or note.of_sale is None or not cancelled:
            return
        found = note.of_sale
        kept = self.kept(cancelled).items()
        sales = [self._row_of(one) | {"cancelled_at": cancelled[key]} for key, one in kept]
        there = self._records.present(note, [found.by_key(row) for row in sales], found.targets)
        self._copy(note, [(row, row) for place, row in enumerate(sales) if place not in there])

    def forget(self, access_keys: Sequence[str], parts: Collection[Part]) -> None:
        """What is left of sales that the ERP lost: rows of these parts, and with the items what became of them."""
        for kept in self.kept(access_keys).values():
            first = (self._erp.tax, self._erp.note) if "item" in parts else ()
            for mapped in (*first, *map(self._erp.part, sorted(parts))):
                if mapped is not None:
                    self._remove(mapped, self._row_of(kept))
        if access_keys and "item" in parts:
            with classified(self._state_name):
                booking_state.remove(self._connection, self._state, access_keys)

    def remove(self, mapped: MappedTable, access_key: str) -> None:
        """Its rows of a sale, where they can be told."""
        kept = self.kept([access_key]).get(access_key)
        if kept is not None and mapped.of_sale is not None:
            self._remove(mapped, self._row_of(kept))

    def _remove(self, mapped: MappedTable, row: Row) -> None:
        if found := mapped.of_sale:
            self._records.remove(mapped, [found.by_key(row)], found.targets)

    def add(self, part: Part, added: Sequence[Row]) -> None:
        """Cancellations, with what their sales have; voided numbers."""
        mapped = self._erp.part(part)
        if mapped is None:
            return
        kept = self.kept(row["access_key"] for row in added if "access_key" in row)
        sales = [self._row_of(one) if (one := kept.get(row.get("access_key", ""))) else row for row in added]
        self._copy(mapped, [({"cancelled_at": None, **row}, sale) for row, sale in zip(added, sales, strict=True)])

    # ---- goods ----

    def take(self, sale: Sale, till: str) -> None:
        """Its goods leave the shelf."""
        row = sale_row(sale, till) | (self._keys.get(sale.access_key) or {KEY: None})
        if row.get(KEY, "") is None and (kept := self.kept([sale.access_key]).get(sale.access_key)):
            row |= sale_keys.key_of(self._erp, kept.key)
        self._note(sale, OUT, sale.issued_at, row)

    def give_back(self, when: Mapping[str, datetime], *, sign: int = 1) -> None:
        """The goods of these sales come back, just as they left; or leave again where ``sign`` is -1."""
        for key, kept in sorted(self.kept(when).items()):
            self._note(kept.sale, IN if sign > 0 else OUT, when[key], self._row_of(kept))

    def _note(self, sale: Sale, direction: str, at: datetime, row: Row) -> None:
        # Goods without a code are nobody's stock.
        self._moved += [(item, direction, at, row) for item in sale.items if item.product_code and item.quantity]

    def move(self) -> None:
        """Writes what was taken and given back."""
        moved = [
            (movement_row(rows.item_row(row["access_key"], item), direction, at), row)
            for item, direction, at, row in self._moved
        ]
        if moved and (movement := self._erp.movement):
            self._copy(movement, moved)
        if moved and (stock := self._erp.stock):
            fields = [(row | {"issuer": sale["issuer"], "quantity": row["moved"]}, sale) for row, sale in moved]
            self._records.add_to(stock, rows.added_up(self._values(stock, fields)))

    # ---- what is booked ----

    def booked(self, arriving: Mapping[str, Sale]) -> dict[str, Sale]:
        """As they were booked, those of them that the ERP still has."""
        mapped, found = self._erp.sale, self._erp.sale.of_sale
        assert found is not None  # noqa: S101 the profile is refused without
        kept = self.kept(arriving)
        asked = [found.by_key(self._row_of(one)) for one in kept.values()]
        there = self._records.present(mapped, asked, found.targets)
        return {
            key: one.sale if self._erp.keeps_consumers else structs.replace(one.sale, consumer=arriving[key].consumer)
            for place, (key, one) in enumerate(kept.items())
            if place in there
        }

    def kept(self, access_keys: Iterable[str]) -> dict[str, BookedState]:
        with classified(self._state_name):
            return booking_state.kept(self._connection, self._state, access_keys)

    def _row_of(self, kept: BookedState) -> Row:
        return sale_row(kept.sale, kept.till) | sale_keys.key_of(self._erp, kept.key)

    def _change_state(self, changed: Mapping[str, Row]) -> None:
        with classified(self._state_name):
            booking_state.change(self._connection, self._state, changed)


def items_of(sale: Sale) -> Iterable[tuple[Item, Row]]:
    return zip(sale.items, rows.item_rows(sale), strict=True)


def payments_of(sale: Sale) -> list[Row]:
    """With the change on the one that was paid in cash, or on the first where none was."""
    fields = rows.payment_rows(sale)
    cash = next((place for place, payment in enumerate(sale.payments) if payment.method == CASH), 0)
    return [row | {"change": sale.change if place == cash else 0} for place, row in enumerate(fields)]


def unusable(engine: Engine, connection: Connection) -> list[ProfileFault]:
    """Queries that the database can't run. Each is asked once, for what nothing has; nothing can be written by it."""
    erp = engine.tables
    if erp.state is None or not erp.profile.query:
        return []
    types = {ask.name: ask.types for part in erp.parts for target in part.targets for ask in target.compiled.asks}
    found = []
    for name, query in erp.profile.query.items():
        nothing = [(None,) * len(query.values)]
        asked = types.get(name, ("text",) * len(query.values))
        try:
            engine.try_out(connection, lambda records: list(records.ask(name, query, asked, nothing)))  # noqa: B023
        except ErpError as error:
            found.append(ProfileFault("call_unusable", f"query.{name}", found=error.facts.get("said", error.detail)))
    return found


def ordinary_of(engine: Engine, connection: Connection) -> Ordinary | None:
    """None where the ERP's tables are such that nothing of this is needed."""
    if engine.tables.state is None:
        return None
    return Ordinary(engine.tables, connection, engine.records(connection))
