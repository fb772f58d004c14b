"""Synchronisations that a server of the version before wrote beside this one: they go on in the book of orders."""

import msgspec
from sqlalchemy import Engine, exists, select

from malote import wire
from malote.database.engine import reading, writing
from malote.database.order_tables import till_order
from malote.database.quarantine_tables import sync_order
from malote.orders import rows


def take_over(engine: Engine) -> int:
    """Those that nobody has obeyed. How many. Raises ``StoreError``."""
    later = exists().where(
        till_order.c.till_id == sync_order.c.till_id,
        till_order.c.kind == wire.SYNCHRONISE,
        till_order.c.asked_at >= sync_order.c.asked_at,
    )
    left = select(sync_order).where(sync_order.c.done_at.is_(None), sync_order.c.picked_up_at.is_(None), ~later)
    with reading(engine) as connection:
        if connection.execute(left.limit(1)).first() is None:
            return 0
    with writing(engine) as connection:
        found = connection.execute(left.order_by(sync_order.c.id)).all()
        newest = {row.till_id: row for row in found}.values()
        for row in newest:
            for before in rows.open_by_till(connection, wire.SYNCHRONISE, [row.till_id]).values():
                rows.end(connection, before.id, "replaced", row.asked_at)
            noted = {"posted_before": row.posted_before, "retried": row.retried, "replayed": row.replayed}
            values = {
                "till_id": row.till_id,
                "kind": wire.SYNCHRONISE,
                "number": rows.next_number(connection, wire.SYNCHRONISE, [row.till_id], row.asked_at),
                "payload_sha256": rows.keep_payload(connection, "", row.asked_at),
                "asked_by": row.asked_by,
                "asked_at": row.asked_at,
                "expires_at": 0,
                "note": msgspec.json.encode(noted).decode(),
            }
            rows.add(connection, [values])
    return len(newest)
