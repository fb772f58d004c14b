"""Other programs in the way: locks, deadlocks, a second poster."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from sqlalchemy import Connection, insert
from sqlalchemy.exc import DBAPIError

from malote.erp.conformance.assertions import CheckFailedError, NotApplicableError, expect, same
from malote.erp.conformance.check import Check
from malote.erp.conformance.documents import (
    baskets,
    cancellation,
    contingency,
    number_void,
    postings,
    sale,
)
from malote.erp.conformance.scene import Scene, of_erp
from malote.erp.profiles.profile import Part
from malote.erp.protocol import Erp, ErpError, Result
from malote.erp.sessions.factory import open_watch
from malote.fiscal.documents import Document, Sale

SHORT_SECONDS = 0.5  # to wait for a lock that will not be released
PATIENCE_SECONDS = 20.0  # for something that must happen


def held_rows_are_waited_for_later(scene: Scene) -> None:
    scene.post(sale(1))
    hasty = scene.another(lock_seconds=SHORT_SECONDS)
    needs: list[tuple[Part, Document]] = [("sale", cancellation(sale(1)))]
    if scene.tables.stock:
        needs.append(("stock", sale(2)))
    for part, document in needs:
        with scene.meanwhile() as other:
            scene.scratch.hold(other, scene.part(part).table)
            error = _answer(hasty, document)
            if not isinstance(error, ErpError):
                raise CheckFailedError(f"it was booked although the rows of {part} were held")
            same(of_erp(error), ("erp_locked", True), f"answer while the rows of {part} are held")
        same(_answer(hasty, document), [Result.POSTED], "after the release")


def blocker_is_found(scene: Scene) -> None:
    watch = open_watch(scene.scratch.url, scene.tables)
    if watch is None:
        raise NotApplicableError("this engine's sessions can't be seen with the posting user's login")
    scene.post(sale(1))
    try:
        with ThreadPoolExecutor(1) as thread, scene.meanwhile() as other:
            scene.scratch.hold(other, scene.tables.sale.table)
            session = scene.scratch.session_of(other)
            attempt = thread.submit(_posted_by_itself, scene, [cancellation(sale(1))])
            _until(lambda: session in {holder.session for wait in watch.look().waits for holder in wait.holders})
            other.rollback()
            same(attempt.result(), [Result.POSTED], "after the release")
    finally:
        watch.close()


def deadlock_is_a_conflict(scene: Scene) -> None:
    if not scene.scratch.deadlocks:
        raise NotApplicableError("this engine has one writer at a time")
    scene.post(sale(1))
    new = sale(2)
    with ThreadPoolExecutor(1) as thread, scene.meanwhile() as other:
        scene.scratch.hold(other, scene.tables.sale.table)
        # Sales come before cancellations: it holds the key of the new one when it meets the lock.
        attempt = thread.submit(_posted_by_itself, scene, [new, cancellation(sale(1))])
        _until(lambda: scene.scratch.holds_up(other))
        ours = _is_the_victim(scene, other, new.access_key)
        other.rollback()
        answer = attempt.result()
    if ours and not isinstance(answer, list):
        same(of_erp(answer), ("erp_conflict", True), "answer to the deadlock")
    same(scene.post(new, cancellation(sale(1)), first_id=1), [Result.POSTED] * 2, "afterwards")
    same(scene.counts()["sale"], 2, "sales")


def _is_the_victim(scene: Scene, other: Connection, key: str) -> bool:
    """Closes the circle from the other side; whether Malote's side of it was cut. The server chooses."""
    row = {"identity": key, "content_hash": bytes(32), "till": "x", "document_id": 0}
    try:
        other.execute(insert(scene.tables.ledger), [row])
    except DBAPIError:
        return False
    return True


def posters_side_by_side(scene: Scene) -> None:
    sold = [*baskets(40), *(contingency(number) for number in range(500, 510))]
    documents: list[Document] = [
        *sold,
        *(contingency(number, authorised=True) for number in range(500, 510)),
        *(cancellation(one) for one in sold[::3]),
        number_void(),
    ]
    orders = (documents, documents[::-1], documents[1::2] + documents[::2])
    with ThreadPoolExecutor(len(orders)) as threads:
        for done in [threads.submit(_in_batches, scene, order) for order in orders]:
            done.result()
    scene.post(*documents, first_id=10_000)
    counts = scene.counts()
    same(counts["sale"], len(sold), "sales")
    same(sorted(scene.cancelled()), sorted(one.access_key for one in sold[::3]), "cancelled sales")
    if scene.tables.stock:
        same(-sum(scene.stock().values()), _left_the_shelf(sold), "what left the shelves")


def _left_the_shelf(sold: Sequence[Sale]) -> Decimal:
    remaining = [one for place, one in enumerate(sold) if place % 3]
    return sum((line.quantity for one in remaining for line in one.items), Decimal())


def _in_batches(scene: Scene, documents: Sequence[Document]) -> None:
    erp = scene.scratch.open(lock_seconds=60)
    try:
        for start in range(0, len(documents), 20):
            erp.post(postings(documents[start : start + 20], first_id=start + 1))
    finally:
        erp.close()


def _posted_by_itself(scene: Scene, documents: Sequence[Document]) -> list[Result] | ErpError:
    erp = scene.scratch.open(lock_seconds=PATIENCE_SECONDS)
    try:
        return _answer(erp, *documents)
    finally:
        erp.close()


def _answer(erp: Erp, *documents: Document) -> list[Result] | ErpError:
    try:
        return [outcome.result for outcome in erp.post(postings(documents))]
    except ErpError as error:
        return error


def _until(truth: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not truth():
        expect(time.monotonic() < ends, f"the lock was not seen within {PATIENCE_SECONDS:g} seconds")
        time.sleep(0.05)


CHECKS = (
    Check(
        "locked",
        "Linha presa: espera e depois grava",
        "A held row: it waits, and books later",
        held_rows_are_waited_for_later,
    ),
    Check("blocker", "Quem prende é encontrado", "Who holds it is found", blocker_is_found),
    Check("deadlock", "Deadlock é tentado de novo", "A deadlock is tried again", deadlock_is_a_conflict),
    Check(
        "posters",
        "Três gravadores com os mesmos documentos",
        "Three posters with the same documents",
        posters_side_by_side,
    ),
)
