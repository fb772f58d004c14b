"""Import of a ledger: what another system booked is entered into the ERP's ledger, batch by batch, and known for ever.

Each batch is a transaction of its own, and entering a key twice changes nothing: an import that was stopped is simply
run again.
"""

import time
from collections.abc import Callable, Iterable

import msgspec
from sqlalchemy import Engine

from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.batches import batches
from malote.database.engine import writing
from malote.erp.protocol import Erp
from malote.fiscal.documents import cancellation_of
from malote.fiscal.key_lists import KeyLine

BATCH = 5000
_MOST_EXAMPLES = 10


class Imported(msgspec.Struct):
    """``read`` lines: ``new`` to the ledger, ``known`` to it already (or twice in the list), ``wrong``."""

    dry_run: bool
    read: int = 0
    new: int = 0
    known: int = 0
    wrong: int = 0
    examples: list[KeyLine] = []  # of the wrong ones, the first few


class Import(msgspec.Struct, frozen=True):
    """``source`` is what the audit trail is told: a file's name, or the query."""

    source: str
    reason: str
    cancellations: bool = False  # whether these sales' cancellations are meant, and not the sales


def enter(
    engine: Engine,
    erp: Erp,
    lines: Iterable[KeyLine],
    order: Import,
    actor: Actor,
    progress: Callable[[Imported], None],
) -> Imported:
    """Enters the keys; the audit trail has the beginning and the end. Raises ``ErpError``, ``StoreError``."""
    _note(engine, "old_ledger_import_begun", order, actor, None)
    done = _each(lines, order, Imported(False), erp.enter_before, progress)
    _note(engine, "old_ledger_imported", order, actor, done)
    return done


def foresee(erp: Erp, lines: Iterable[KeyLine], order: Import, progress: Callable[[Imported], None]) -> Imported:
    """What ``enter`` would do now. Raises ``ErpError``."""
    return _each(lines, order, Imported(True), lambda some: len(some) - len(erp.ledger(some)), progress)


def _each(
    lines: Iterable[KeyLine],
    order: Import,
    done: Imported,
    entered: Callable[[list[str]], int],
    progress: Callable[[Imported], None],
) -> Imported:
    identity = cancellation_of if order.cancellations else str
    for some in batches(lines, BATCH):
        wrong = [line for line in some if line.key is None]
        right = [line.key for line in some if line.key is not None]
        fresh = entered([identity(key) for key in sorted(set(right))]) if right else 0
        done.read += len(some)
        done.new += fresh
        done.known += len(right) - fresh
        done.wrong += len(wrong)
        done.examples = (done.examples + wrong)[:_MOST_EXAMPLES]
        progress(done)
    return done


def _note(engine: Engine, action: str, order: Import, actor: Actor, done: Imported | None) -> None:
    of = "cancellations" if order.cancellations else "sales"
    after: dict[str, str | int] = {"source": order.source[:200], "of": of}
    if done is not None:
        after |= {"new": done.new, "known": done.known, "wrong": done.wrong}
    with writing(engine) as connection:
        audit.record(connection, actor, action, "erp", after=after, reason=order.reason, now=time.time())
