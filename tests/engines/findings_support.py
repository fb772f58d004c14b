"""Tills and documents as a test says them, without anybody who sent them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, insert

from malote.database.engine import writing
from malote.database.tables import document as documents
from malote.database.tables import pouch as pouches
from malote.database.tables import tally as tallies
from malote.database.tables import till as tills

NOW = 1_800_000_000.0
DAY = 86400.0


def add_till(engine: Engine, name: str, counts: dict[tuple[str, str], int] | None = None, **columns: Any) -> int:
    """A till that spoke a moment ago, with tallies by state and reason."""
    values = {
        "name": name,
        "name_key": name.lower(),
        "label": "",
        "token_hash": name.encode(),
        "created_at": NOW - DAY,
        "last_contact_at": NOW - 5,
        "clock_skew_seconds": 0.5,
        "pending": 0,
    } | columns
    with writing(engine) as connection:
        till_id: int = connection.execute(insert(tills).values(values).returning(tills.c.id)).scalar_one()
        rows = [
            {"till_id": till_id, "state": state, "reason_code": code, "count": count}
            for (state, code), count in (counts or {}).items()
        ]
        if rows:
            connection.execute(insert(tallies), rows)
    return till_id


def add_documents(engine: Engine, till_id: int, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Documents in order of arrival, each with what a test says of it."""
    with writing(engine) as connection:
        pouch_id = connection.execute(
            insert(pouches).values(till_id=till_id, received_at=NOW).returning(pouches.c.id)
        ).scalar_one()
        ids = []
        for number, row in enumerate(rows):
            values = {
                "pouch_id": pouch_id,
                "pouch_index": 0,
                "till_id": till_id,
                "file_sha256": f"{pouch_id}.{number}".encode(),
                "position": 0,
                "file_name": f"venda{number}.xml",
                "accepted_at": NOW,
                "state": "accepted",
                "attempts": 0,
                "duplicate": False,
                "kept": False,
            } | row
            ids.append(connection.execute(insert(documents).values(values).returning(documents.c.id)).scalar_one())
    return ids
