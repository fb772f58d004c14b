"""The series of a document becomes its till's: what waited or was refused for it goes on."""

import math

from sqlalchemy import Connection, select

from malote import rejection
from malote.accounts import audit
from malote.accounts.audit import Actor
from malote.database.engine import reading, writing
from malote.database.tables import document as documents
from malote.quarantine.deleting import typed_or_empty
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import CureOption, CureReport, QuarantineError, Selection
from malote.quarantine.replaying import replay
from malote.register import till_documents
from malote.register.documents import StoredDocument
from malote.spool import history, series_holds
from malote.spool.history import HistoryLine
from malote.spool.state_changes import lock_ids
from malote.tills import series
from malote.tills.series import SeriesKey
from malote.tills.till import find_till


def assign_series(parts: QuarantineParts, document_id: int, actor: Actor, *, reason: str = "") -> CureReport:
    stored = till_documents.document(parts.engine, document_id)
    if stored.state not in ("rejected", "waiting"):
        raise QuarantineError("document_moved_on")
    key = _key_of(stored)
    if key is None or stored.reason is None or stored.reason.code not in rejection.with_action("assign_series"):
        raise QuarantineError("cure_unfit", cure="assign_series")
    till = find_till(parts.engine, stored.till)
    now = parts.clock()
    facts = {"issuer": key[0], "model": key[1], "series": str(key[2]), "till": till.name}
    with writing(parts.engine) as connection:
        owner = series.owner(connection, key) or ""
        lock_ids(connection, [document_id])
        history.record(
            connection, [HistoryLine(document_id, "series_assigned", facts | {"owner": owner})], actor.name, now
        )
        series.assign_in(connection, till.id, key)
        audit.record(
            connection,
            actor,
            "series_assigned",
            f"till:{till.name}",
            before={"owner": owner or None},
            after=facts,
            reason=typed_or_empty(reason),
            now=now,
        )
    with reading(parts.engine) as connection:
        rejected = _of_series(connection, till.id, key)
    # What waited for it goes on as well, at this till and at those that no longer own the series.
    series_holds.look(parts.engine, patience=math.inf, now=now)
    return CureReport([document_id], [], replay(parts, Selection(tuple(rejected)), actor))


def option(parts: QuarantineParts, stored: StoredDocument) -> list[CureOption]:
    key = _key_of(stored)
    if key is None:
        return []
    with reading(parts.engine) as connection:
        owner = series.owner(connection, key) or ""
    facts = {"issuer": key[0], "model": key[1], "series": str(key[2]), "till": stored.till, "owner": owner}
    return [CureOption("assign_series", facts)]


def _key_of(stored: StoredDocument) -> SeriesKey | None:
    if not stored.issuer or not stored.model or stored.series is None:
        return None
    return stored.issuer, stored.model, stored.series


def _of_series(connection: Connection, till_id: int, key: SeriesKey) -> list[int]:
    query = select(documents.c.id).where(
        documents.c.till_id == till_id,
        documents.c.state == "rejected",
        documents.c.reason_code.in_(sorted(rejection.with_action("assign_series"))),
        documents.c.issuer == key[0],
        documents.c.model == key[1],
        documents.c.series == key[2],
    )
    return list(connection.execute(query).scalars())
