"""What another system booked before Malote took its place: entered into the ledger, and known for ever.

Such an entry has no till's name and no content's hash: nobody here ever saw the document. A sale under such a key, or
under such a key's number, is never booked here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from malote.erp import numbers
from malote.erp.protocol import Posting, Result
from malote.erp.rows import Row
from malote.erp.transacting import Engine, Kind, LedgerEntry, Pair, Transaction

OLD_SYSTEM = "@old-system"  # in the till's place; no till may be called so
_UNSEEN = bytes(32)

# The reasons that this gives.
BOOKED_BEFORE = "booked_by_old_system"  # kept
NUMBER_BEFORE = "number_of_old_system"  # refused: another key of its number was booked
CANCELS_BEFORE = "cancels_old_sale"  # refused: a sale that only that system knows


def enter(engine: Engine, connection: Connection, identities: Collection[str]) -> int:
    """Enters these identities of sales or cancellations, with their numbers. How many the ledger did not have yet.

    In the order in which every poster takes its locks: numbers, then keys.
    """
    keys = sorted(set(identities))
    held = {number: key for key in keys if (number := numbers.identity_of(key)) is not None}
    if held:
        engine.claim(connection, [_row(number, numbers.mark(key)) for number, key in sorted(held.items())])
    return len(engine.claim(connection, [_row(key, _UNSEEN) for key in keys])) if keys else 0


def _row(identity: str, content_hash: bytes) -> Row:
    return {"identity": identity, "content_hash": content_hash, "till": OLD_SYSTEM, "document_id": 0}


class Before(Transaction):
    """Says of a document that the old system booked it, or what it is about."""

    def _without_before(self, pairs: Sequence[Pair[Kind]], ledger: Mapping[str, LedgerEntry]) -> list[Pair[Kind]]:
        """Those that the old system didn't book; of the others it is said."""
        for posting, document in pairs:
            if is_before(ledger.get(getattr(document, "access_key", ""))):
                self._say_before(posting)
        return [pair for pair in pairs if pair[0].document_id not in self._outcomes]

    def _say_before(self, posting: Posting) -> None:
        self._tell_why(posting, Result.KEPT, BOOKED_BEFORE)

    def _before(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that the old system booked."""
        return {key for key, entry in self._entries(list(keys)).items() if is_before(entry)}


def is_before(entry: LedgerEntry | None) -> bool:
    return entry is not None and entry.till == OLD_SYSTEM
