"""What a contact says of the till's folder, its troubles and its own books, as it is kept.

An older agent says nothing of it: what a newer one said before goes, and is no longer taken for true.
"""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, update

from malote.database.engine import writing
from malote.database.tables import till as tills
from malote.database.till_tables import NotedTrouble, till_day
from malote.database.touched_days import touch
from malote.database.upserting import insert_into
from malote.tills import lost_sales
from malote.wire import Contact, RefusedFile, TillDay, TillTrouble

MOST_KEPT = 100  # troubles of one contact
_TEXT = 300  # characters kept of a name or a fact
_LONGEST = 20 * 365 * 86_400.0  # seconds that anything may go on for
# Nothing else is a business day of a shop that is open: whoever has a token can't fill the table.
_DAYS_BACK = timedelta(days=1100)
_DAYS_AHEAD = timedelta(days=3)

_MOST_REFUSED = 100  # files kept of one contact's list
_NAME_SHOWN = 255  # characters kept of a refused file's name


class Recorded(msgspec.Struct, frozen=True):
    """``skew_seconds``: the till's clock minus the server's. ``books_turn``: up to which its days are here."""

    skew_seconds: float
    books_turn: int = 0


def record_contact(engine: Engine, till_id: int, contact: Contact, *, received_at: float) -> Recorded:
    """Remembers what the till said of itself. Raises ``StoreError``."""
    skew = contact.clock.timestamp() - received_at
    values = {
        "last_contact_at": received_at,
        "agent_version": contact.agent_version,
        "clock_skew_seconds": skew,
        "pending": contact.pending,
        "unproven": contact.unproven,
        "refused": _shortened(contact.refused),
        **_columns(contact, received_at),
    }
    with writing(engine) as connection:
        kept = lost_sales.keep(connection, till_id, contact.lost, received_at) if contact.lost else 0
        values["troubles"] = _troubles(_beyond(contact.troubles, kept), received_at)
        turn = _keep_days(connection, till_id, contact.days, received_at) if contact.days else None
        if turn is not None:
            values["books_turn"] = turn
        changed = update(tills).where(tills.c.id == till_id).values(values).returning(tills.c.books_turn)
        turn = connection.execute(changed).scalar() or 0
        # What came is counted against it; last, as everybody marks.
        touch(connection, ((till_id, day) for day in _kept_days(contact.days, received_at)))
        return Recorded(skew, turn)


def _columns(contact: Contact, received_at: float) -> dict[str, Any]:
    """Values for the till's row."""
    folder = contact.folder
    unsent = contact.unsent_seconds
    return {
        "folder_seen": folder.seen if folder else None,
        "folder_captured": folder.captured if folder else None,
        "uncaptured": folder.uncaptured if folder else None,
        "uncaptured_since": _since(folder.uncaptured_seconds, received_at) if folder and folder.uncaptured else None,
        "unsent_since": _since(unsent, received_at) if unsent is not None and contact.pending else None,
    }


def _keep_days(connection: Connection, till_id: int, days: list[TillDay], received_at: float) -> int | None:
    """Keeps what the till's days come to in place of what it said before; the greatest turn among them."""
    today = datetime.fromtimestamp(received_at, UTC).date()
    rows = {
        one.day: {
            "till_id": till_id,
            "day": one.day,
            "count": one.count,
            "total": one.total,
            "sha256": one.sha256,
            "told_at": received_at,
        }
        for one in sorted(days, key=lambda one: one.turn)
        if _is_near(one.day, today)
    }
    if rows:
        statement = insert_into(connection, till_day)
        kept = {name: statement.excluded[name] for name in ("count", "total", "sha256", "told_at")}
        statement = statement.on_conflict_do_update(index_elements=["till_id", "day"], set_=kept)
        connection.execute(statement, list(rows.values()))
    return max((one.turn for one in days), default=None)


def _kept_days(days: list[TillDay], received_at: float) -> list[str]:
    """Which of them ``_keep_days`` keeps."""
    today = datetime.fromtimestamp(received_at, UTC).date()
    return [one.day for one in days if _is_near(one.day, today)]


def _is_near(day: str, today: date) -> bool:
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return False
    return today - _DAYS_BACK <= found <= today + _DAYS_AHEAD


def _troubles(said: list[TillTrouble] | None, received_at: float) -> str | None:
    if not said:
        return None
    return _encoded(
        [
            NotedTrouble(
                one.code,
                _since(one.seconds, received_at),
                one.count,
                one.value,
                {name: text[:_TEXT] for name, text in one.facts.items()},
            )
            for one in said[:MOST_KEPT]
        ]
    )


def _beyond(said: list[TillTrouble] | None, kept: int) -> list[TillTrouble] | None:
    """Without lost sales that are all kept here one by one."""
    return [one for one in said if one.code != lost_sales.CODE or one.count > kept] if said else said


def _since(seconds: float, received_at: float) -> float:
    """An age rather than a time comes over the line, since the till's clock may be wrong."""
    return received_at - (min(max(seconds, 0.0), _LONGEST) if math.isfinite(seconds) else 0.0)


def _encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _shortened(refused: list[RefusedFile]) -> str:
    """As JSON, of a length that no till can inflate."""
    kept = [msgspec.structs.replace(file, name=file.name[:_NAME_SHOWN]) for file in refused[:_MOST_REFUSED]]
    return msgspec.json.encode(kept).decode()
