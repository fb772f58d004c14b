"""Who has a number, within one transaction: claimed for whoever comes first, of those that come together for the
authorised one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection

from malote.erp import numbers, rows
from malote.erp.mapping import ErpTables
from malote.erp.numbers import UNREADABLE, VOIDED, NumberHolder
from malote.erp.protocol import Posting
from malote.fiscal.documents import NumberVoid, Sale


class Engine(Protocol):
    """What it asks of an engine; see ``booking.Engine``."""

    tables: ErpTables

    def claim(self, connection: Connection, entries: Sequence[rows.Row]) -> set[str]: ...


class Contest:
    """Raises what the database's driver raises."""

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection
        self._holders: dict[str, str] = {}  # by the number's identity
        self._standings: dict[str, NumberHolder] = {}  # of the rivals that were asked about

    def claim(self, sales: Mapping[str, tuple[Posting, Sale]], voids: Sequence[tuple[Posting, NumberVoid]]) -> None:
        """Claims the numbers of what is to be booked. All of them at once and in order, as every poster does."""
        wanted: dict[str, tuple[Posting, str, bool]] = {}
        for key, (posting, sale) in sales.items():
            identity = numbers.identity_of(key)
            if identity and (identity not in wanted or (sale.authorised and not wanted[identity][2])):
                wanted[identity] = posting, key, sale.authorised
        for posting, void in voids:
            for identity in numbers.identities_of(void):
                wanted.setdefault(identity, (posting, VOIDED, True))
        if not wanted:
            return
        entries = [
            rows.ledger_row(identity, posting, numbers.mark(holder))
            for identity, (posting, holder, _) in sorted(wanted.items())
        ]
        fresh = self._engine.claim(self._connection, entries)
        self._holders |= {identity: wanted[identity][1] for identity in fresh}
        self._look(identity for identity in wanted if identity not in fresh)
        self._give_back({identity: wanted[identity][0] for identity in sorted(fresh)})

    def _give_back(self, fresh: Mapping[str, Posting]) -> None:
        """A number that the ledger gave to nobody, and under which another sale is booked that counts: its row was
        lost, and is that sale's again."""
        rivals = {one: sorted(posting.rivals) for one, posting in fresh.items() if posting.rivals and not posting.again}
        self.ask(key for keys in rivals.values() for key in keys)
        for identity, keys in rivals.items():
            if counting := [key for key in keys if self.active(key)]:
                self.hand_over(identity, counting[0])

    def look(self, keys: Iterable[str]) -> None:
        """Finds out who holds the numbers of these keys, where that isn't known yet."""
        wanted = (numbers.identity_of(key) for key in keys)
        self._look(identity for identity in wanted if identity and identity not in self._holders)

    def look_again(self, keys: Iterable[str]) -> None:
        """The same, whatever was known before."""
        self._look(identity for key in keys if (identity := numbers.identity_of(key)))

    def _look(self, identities: Iterable[str]) -> None:
        self._holders |= numbers.holders(self._connection, self._engine.tables, identities)

    def holder(self, identity: str) -> str | None:
        """Who holds a number that was claimed or looked at."""
        return self._holders.get(identity)

    def rival(self, key: str) -> str | None:
        """Who else holds the number of this key: another key, or ``VOIDED``; None where nobody else does."""
        holder = self._holders.get(numbers.identity_of(key) or "")
        return None if holder == key else holder

    def ask(self, rivals: Iterable[str]) -> None:
        """Reads how these stand in the ERP."""
        wanted = {key for key in rivals if key not in (VOIDED, UNREADABLE) and key not in self._standings}
        self._standings |= numbers.standings(self._connection, self._engine.tables, wanted)

    def authorised(self, key: str) -> bool:
        """Whether the ERP has the sale with its protocol, as read before."""
        standing = self._standings.get(key)
        return standing is not None and standing.authorised

    def active(self, key: str) -> bool:
        """Whether the ERP has the sale, and it counts: it is not cancelled."""
        standing = self._standings.get(key)
        return standing is not None and standing.cancelled_at is None

    def cancelled(self, key: str) -> bool:
        """Whether the ERP has the sale, and it counts no more."""
        standing = self._standings.get(key)
        return standing is not None and standing.cancelled_at is not None

    def settled(self, key: str) -> bool:
        """Whether nothing more is to come for the sale: it is authorised, cancelled, or not in the ERP at all."""
        return self.authorised(key) or not self.active(key)

    def sales_of(self, void: NumberVoid) -> dict[str, str]:
        """Of the numbers of a void those that a sale holds, by the number's identity."""
        held = {one: self._holders.get(one, VOIDED) for one in numbers.identities_of(void)}
        return {identity: holder for identity, holder in held.items() if holder not in (VOIDED, UNREADABLE)}

    def unreadable(self, identities: Iterable[str]) -> str:
        """The first of these numbers of whose row nobody can tell who holds it; "" where there is none."""
        return next((one for one in sorted(identities) if self._holders.get(one) == UNREADABLE), "")

    def hand_over(self, identity: str, holder: str) -> None:
        """The number is another's from now on."""
        numbers.hand_over(self._connection, self._engine.tables, identity, holder)
        self._holders[identity] = holder


def facts_of(rival: str, **more: Any) -> dict[str, str]:
    """What is told of a rival: its key, series and number."""
    said = {}
    if rival not in (VOIDED, UNREADABLE):
        said = {"other": rival, "series": str(int(rival[22:25])), "number": str(int(rival[25:34]))}
    return said | {name: str(value) for name, value in more.items()}
