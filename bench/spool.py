"""The spool on SQLite: what keeping, leasing and settling a document costs, apart from reading and booking it.

Run as ``python -m bench.spool [documents]``.
"""

import sys
import tempfile
import time
from pathlib import Path

import msgspec
from tests.engines.spool_support import START, body_of, file_of_sale

from malote.database.engine import open_database
from malote.database.migrations import migrate
from malote.spool.documents import LeasedDocument, Settlement
from malote.spool.sql_queue import Spool
from malote.tills.till import create_till

POUCH = 200
BATCH = 1000


class Figures(msgspec.Struct):
    """Microseconds for each document."""

    documents: int
    accept: float
    lease: float
    settle: float


def measure(documents: int, folder: Path) -> Figures:
    engine = open_database(f"sqlite:///{folder / 'store.sqlite3'}")
    migrate(engine)
    spool = Spool(engine)
    till, _ = create_till(engine, "caixa1")
    pouches = [range(start, start + POUCH) for start in range(0, documents, POUCH)]
    ready = [(body_of(numbers), [file_of_sale(number) for number in numbers]) for numbers in pouches]
    started = time.perf_counter()
    for body, files in ready:
        spool.accept(till.id, body, files, received_at=START)
    accepted = time.perf_counter() - started
    leasing = settling = 0.0
    while True:
        started = time.perf_counter()
        leased = spool.lease("bench", BATCH, 60)
        leasing += time.perf_counter() - started
        if not leased:
            break
        started = time.perf_counter()
        spool.settle([_posted(one) for one in leased])
        settling += time.perf_counter() - started
    engine.dispose()
    each = 1e6 / documents
    return Figures(documents, accepted * each, leasing * each, settling * each)


def _posted(leased: LeasedDocument) -> Settlement:
    return Settlement(leased.id, leased.lease, "posted")


def main() -> None:
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(msgspec.json.encode(measure(documents, Path(folder))).decode() + "\n")


if __name__ == "__main__":
    main()
