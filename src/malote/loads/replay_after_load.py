"""Sales and loads joined: what the ERP refused for want of a product goes back once a load has it."""

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, Engine, func, select

from malote.accounts import audit
from malote.database.chunks import chunks
from malote.database.engine import reading
from malote.database.load_tables import load_refusal
from malote.fiscal.documents import Sale
from malote.loads import entity_rows, rows_by_code
from malote.register import replaying
from malote.register.reopening import reopened
from malote.register.replaying import RefusedDocument
from malote.spool.mapped_codes import MappedCodes, mapped, renamed_sale
from malote.spool.state_changes import LockedDocument

# What an ERP says that lacks a product: nothing found by a query, a foreign key, a trigger's own words.
_CODES = ("erp_record_missing", "erp_unmapped", "erp_constraint", "erp_refused")
_ENTITIES = ("product", "package")
_OF_PRODUCTS = load_refusal.c.entity.in_(_ENTITIES)
# Its first price tells of a product whose table has no column of changes, and is read once a day.
_PRICE = "price"
MOST = 200  # documents looked into at once
# A refusal is written down after it was met, by the poster's clock, which may be another one than the version's.
_LATE_SECONDS = 60.0


class ReplayAfterLoad:
    """A sale goes back if a product or barcode of its lines came, or was changed, after it was refused, also as a row
    that breaks a rule of the loads, or a product got its first price; a mapped line is the product that it is mapped
    to. One that is refused again waits for the next change of these: trying others would help nobody, and where
    nothing else is sold they would make the ERP look as if it refused everything. For one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: frozenset[tuple[str, int]] = frozenset()
        self._behind: int | None = None  # the last document looked into; None: all were
        self._priced = self._priced_until = 0  # the last version that brought prices, of those up to that one

    def look(self, now: float) -> int:
        """How many went back to the queue. Raises ``StoreError``."""
        versions = self._product_versions() if self._behind is None else self._seen
        if self._behind is None and versions == self._seen:
            return 0
        found = replaying.refused(self._engine, _CODES, self._behind or 0, MOST)
        ready = list(self._ready(found))

        def note(connection: Connection, standings: Sequence[LockedDocument]) -> None:
            after = {"documents": len(standings)}
            audit.record(connection, audit.SYSTEM, "refused_replayed", "load:product", after=after, now=now)

        count = len(replaying.replay(self._engine, ready, now=now, note=note).ids)
        # Last, so that what the store could not take is done at the next look.
        self._seen, self._behind = versions, found[-1].place.document_id if len(found) == MOST else None
        return count

    def _product_versions(self) -> frozenset[tuple[str, int]]:
        """The version of each entity that brought its last change."""
        with reading(self._engine) as connection:
            newest = entity_rows.newest_version(connection)
            states = entity_rows.states_at(connection, newest)
            if _PRICE in states and newest > self._priced_until:
                brought = entity_rows.last_addition(connection, states[_PRICE][0], self._priced_until)
                self._priced, self._priced_until = brought or self._priced, newest
            refused = connection.scalar(select(func.max(load_refusal.c.since)).where(_OF_PRODUCTS)) or 0.0
        found = {(name, states[name][1].version) for name in _ENTITIES if name in states}
        found.add(("refused", int(refused * 1000)))
        return frozenset({*found, (_PRICE, self._priced)})

    def _ready(self, found: Sequence[RefusedDocument]) -> Iterator[int]:
        names = mapped(self._engine)
        opened = reopened(self._engine, [one.place for one in found])
        codes = {number: _codes(document, names) for number, document in opened if isinstance(document, Sale)}
        with reading(self._engine) as connection:
            known = {
                one.place.document_id: entity_rows.version_made_by(connection, one.settled_at - _LATE_SECONDS)
                for one in found
            }
            newest = entity_rows.newest_version(connection)
            wanted = frozenset().union(*codes.values())
            brought_by = _brought_by(connection, wanted, newest)
            prices = rows_by_code.find(connection, _PRICE, wanted, {newest, *known.values()})
            refused_since = _refused_since(connection, wanted)
        settled = {one.place.document_id: one.settled_at for one in found}
        for number, its in codes.items():
            before, since = known[number], settled[number] - _LATE_SECONDS
            if any(
                brought_by.get(code, 0) > before
                or refused_since.get(code, 0.0) > since
                or (prices.at(code, newest) and not prices.at(code, before))
                for code in its
            ):
                yield number


def _codes(sale: Sale, names: MappedCodes) -> frozenset[str]:
    """Of its products and barcodes; tills fill up with zeros what is a number at the ERP."""
    items = [*sale.items, *renamed_sale(sale, names).items]
    found = {code for item in items for code in (item.product_code, item.gtin) if code}
    return frozenset(found | {code.lstrip("0") for code in found if code.isdigit()}) - {""}


def _refused_since(connection: Connection, codes: frozenset[str]) -> dict[str, float]:
    """Of codes whose row breaks a rule of the loads, since when: the ERP has it, and tills don't."""
    by_key = {msgspec.json.encode([code]): code for code in codes}
    found: dict[str, float] = {}
    for some in chunks(list(by_key)):
        query = select(load_refusal.c.key, load_refusal.c.since).where(_OF_PRODUCTS, load_refusal.c.key.in_(some))
        for key, since in connection.execute(query):
            code = by_key[bytes(key)]
            found[code] = max(found.get(code, 0.0), since)
    return found


def _brought_by(connection: Connection, codes: frozenset[str], newest: int) -> dict[str, int]:
    """The version that brought the newest row of each code."""
    found: dict[str, int] = {}
    for entity in _ENTITIES:
        rows = rows_by_code.find(connection, entity, codes, [newest])
        for code in codes:
            found[code] = max([found.get(code, 0), *(one.version_from for one in rows.at(code, newest))])
    return found
