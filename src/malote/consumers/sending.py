"""A period sent to a consumer again, on a person's order: to its folder, or to its webhook.

How far it has come is written down after each step, so that the same order goes on where the last one stopped. What is
sent twice says so by itself: a file is written again as it was, a delivery of one order has one id.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, insert, select, update

from malote import durable
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.consumers import left_out, log, signing
from malote.consumers.accounts import Consumer
from malote.consumers.delivering import Delivery
from malote.consumers.left_out import LeftOut
from malote.consumers.lines import SaleTold, Telling, line_of
from malote.consumers.log import Got
from malote.consumers.periods import Period, PeriodContent, PeriodPlace, cancelled_keys, changes, till_days
from malote.consumers.pulling import standing
from malote.database.consumer_tables import sending
from malote.database.engine import writing
from malote.register import contents, reopening
from malote.spool.feed import Change

AT_ONCE = 50  # deliveries between two commits
_LINES, _XML = "linhas", "xml"  # folders within a consumer's

Progress = Callable[[int], None]  # told how many documents were sent since it was last told


class SentAgain(msgspec.Struct, frozen=True):
    """``before``: documents that an order which was stopped had sent, ``left_out_before`` of them not whole; ``sent``
    and ``left_out``: now."""

    before: int
    sent: int
    left_out_before: int
    left_out: list[LeftOut]


class SendOrder(msgspec.Struct, frozen=True):
    """One that goes on, or begins. ``count``: documents sent by it before, ``left_out`` of them not whole."""

    id: int
    after: PeriodPlace | None
    count: int
    left_out: int


def open_order(engine: Engine, consumer: Consumer, period: Period, actor: Actor, now: float) -> SendOrder:
    """The order of this very period that isn't finished, or a new one. Raises ``StoreError``."""
    named = {"since": period.since.isoformat(), "until": period.until.isoformat(), "till": period.till or ""}
    same = [sending.c[name] == value for name, value in named.items()]
    unfinished = (
        select(sending)
        .where(sending.c.consumer_id == consumer.id, sending.c.finished_at.is_(None), *same)
        .order_by(sending.c.id.desc())
        .limit(1)
    )
    with writing(engine) as connection:
        on = f"consumer:{consumer.name}"
        audit.record(connection, actor, "sales_sent_again", on, after=named, now=now)
        row = connection.execute(unfinished).mappings().one_or_none()
        if row is None:
            values = {"consumer_id": consumer.id, "position": "", "started_at": now, "count": 0, **named}
            made = connection.execute(insert(sending).values(values).returning(sending.c.id)).scalar_one()
            return SendOrder(int(made), None, 0, 0)
    after = PeriodPlace(*msgspec.json.decode(row["position"])) if row["position"] else None
    return SendOrder(row["id"], after, row["count"], row["left_out"])


def to_folder(
    engine: Engine, consumer: Consumer, telling: Telling, order: SendOrder, found: PeriodContent, told: Progress
) -> SentAgain:
    """Writes a file of JSON Lines for each till-day, and with the right to personal data the documents' own files.

    Raises ``StoreError``, ``OSError``.
    """
    root = Path(consumer.address)
    done = _Done()
    for day, till, ids in till_days(_left(order, found)):
        lines = durable.make_folder(root / _LINES / day, mode=0o700)
        if telling.personal:
            _write_files(engine, durable.make_folder(root / _XML / day / till, mode=0o700), ids, done.without_file)
        encoded = []
        for change, line in _lines(engine, telling, ids):
            encoded.append(msgspec.json.encode(line) + b"\n")
            done.add(PeriodPlace(day, till, change.document_id), change, line)
        durable.write(lines / f"{till}.jsonl", b"".join(encoded))
        _advance(engine, consumer, order, done)
        told(len(ids))
    return _finish(engine, consumer, order, done)


def to_webhook(delivery: Delivery, order: SendOrder, found: PeriodContent, told: Progress) -> SentAgain:
    """POSTs each document, signed, in order.

    Raises ``StoreError``, and ``CallError`` where one isn't taken: all before it was, and is noted.
    """
    places = _left(order, found)
    done = _Done()
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        by_id = {place.document_id: place for place in some}
        try:
            for change, line in _in_order(delivery, some):
                body = msgspec.json.encode(line)
                message = f"malote-again-{order.id}-{change.document_id}"
                headers = signing.headers(delivery.secret, message, body, delivery.clock())
                delivery.post(delivery.consumer.address, body, headers)
                done.add(by_id[change.document_id], change, line)
                told(1)
        finally:
            _advance(delivery.engine, delivery.consumer, order, done)
    return _finish(delivery.engine, delivery.consumer, order, done)


class _Done:
    """What was sent: of the step that isn't noted yet, and in all."""

    def __init__(self) -> None:
        self.step: list[tuple[PeriodPlace, Change]] = []
        self.incomplete: set[int] = set()
        self.without_file: set[int] = set()
        self.count = 0
        self.left_out: list[LeftOut] = []

    def add(self, place: PeriodPlace, change: Change, line: SaleTold) -> None:
        self.step.append((place, change))
        if not line.complete:
            self.incomplete.add(place.document_id)

    def noted(self, some: list[LeftOut]) -> None:
        self.count += len(self.step)
        self.left_out += some
        self.step, self.incomplete, self.without_file = [], set(), set()


def _in_order(delivery: Delivery, places: list[PeriodPlace]) -> Iterator[tuple[Change, SaleTold]]:
    for _, _, ids in till_days(places):
        yield from _lines(delivery.engine, delivery.telling, ids)


def _left(order: SendOrder, found: PeriodContent) -> list[PeriodPlace]:
    return [place for place in found.places if order.after is None or place > order.after]


def _lines(engine: Engine, telling: Telling, ids: list[int]) -> Iterator[tuple[Change, SaleTold]]:
    some = list(changes(engine, ids))
    cancelled = cancelled_keys(engine, [one.access_key for one, _ in some if one.access_key])
    places = [reopening.ExtractedPlace(one.document_id, one.pouch_id, one.extracted_index) for one, _ in some]
    for (one, state), (_, document) in zip(some, reopening.reopened(engine, places), strict=True):
        yield one, line_of(telling, one, document, standing(one, state, cancelled=one.access_key in cancelled), "")


def _write_files(engine: Engine, folder: Path, ids: list[int], without: set[int]) -> None:
    """The files that the documents came in, each under the key and kind of what is in it. ``without`` is told of those
    whose file isn't the one that came."""
    names = {one.document_id: _name(one) for one, _ in changes(engine, ids)}
    for document_id, _, content in contents.of_documents(engine, ids, without):
        durable.write(folder / names[document_id], content)


def _name(one: Change) -> str:
    """No part of it but the key comes from the document, and a key is letters and digits."""
    key = one.access_key if one.access_key and one.access_key.isascii() and one.access_key.isalnum() else "sem-chave"
    return f"{key}.xml" if one.kind == "sale" else f"{key}-{one.kind}-{one.document_id}.xml"


def _advance(engine: Engine, consumer: Consumer, order: SendOrder, done: _Done) -> None:
    """Notes the step, and what of it was left out."""
    if not done.step:
        return
    some = left_out.found(engine, done.step, done.incomplete, done.without_file)
    position = msgspec.json.encode(done.step[-1][0]).decode()
    values: dict[str, Any] = {
        "position": position,
        "count": sending.c.count + len(done.step),
        "left_out": sending.c.left_out + len(some),
    }
    with writing(engine) as connection:
        connection.execute(update(sending).where(sending.c.id == order.id).values(values))
        left_out.record(connection, consumer.id, order.id, some, time.time())
    done.noted(some)


def _finish(engine: Engine, consumer: Consumer, order: SendOrder, done: _Done) -> SentAgain:
    now = time.time()
    with writing(engine) as connection:
        query = update(sending).where(sending.c.id == order.id).values(finished_at=now)
        row = connection.execute(query.returning(sending.c.since, sending.c.until, sending.c.till)).one()
        detail = {"from": row.since, "until": row.until, **({"till": row.till} if row.till else {})}
        log.record(connection, consumer.id, Got("sent_again", order.count + done.count, detail=detail), now)
    return SentAgain(order.count, done.count, order.left_out, done.left_out)
