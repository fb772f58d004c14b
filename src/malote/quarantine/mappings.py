"""What people mapped or accepted while they cured a rejected document, and its end: for what comes later alone. What
was booked under it stays booked, and is right."""

from collections.abc import Callable
from typing import Literal, get_args

import msgspec
from sqlalchemy import Connection, Engine, Table, delete, insert, select

from malote.accounts import audit
from malote.accounts.audit import Actor, AuditEntry
from malote.database.engine import reading, writing
from malote.database.quarantine_tables import accepted_issuer, former_code, payment_map, product_map
from malote.quarantine.deleting import typed
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.quarantine_reports import QuarantineError
from malote.tills import series
from malote.tills.series import SeriesKey

MOST = 1000  # of each kind, the newest

MappingKind = Literal["product", "payment", "series", "issuer"]
KINDS: tuple[MappingKind, ...] = get_args(MappingKind)

_MADE: dict[MappingKind, str] = {
    "product": "product_mapped",
    "payment": "payment_mapped",
    "series": "series_assigned",
    "issuer": "issuer_accepted",
}


class Mapping(msgspec.Struct, frozen=True):
    """``code``: the till's product or method of payment, or model and series, such as "65/7"; "" of an issuer.

    ``target``: the code under which it is booked, or the till that owns the series. ``before``: the till that owned it.
    ``at``: seconds since the epoch. ``document``: the rejected one that it was made at, where it was one.
    """

    kind: MappingKind
    issuer: str
    code: str
    target: str
    at: float
    who: str
    document: int | None = None
    before: str = ""
    reason: str = ""


def listed(engine: Engine) -> list[Mapping]:
    """All that are in force, the newest first. Raises ``StoreError``."""
    found = [one for kind in KINDS for one in _of_kind(engine, kind)]
    return sorted(found, key=lambda one: (-one.at, one.kind, one.issuer, one.code))


def end(
    parts: QuarantineParts, kind: MappingKind, issuer: str, code: str, target: str, actor: Actor, *, reason: str
) -> Mapping:
    """Ends this mapping as it was shown. What was booked under it stays booked.

    Raises ``QuarantineError``: ``reason_needed``; ``mapping_gone`` where it is another by now, or none.
    """
    why, now = typed(reason), parts.clock()
    wanted = (issuer, code, target)
    known = _of_kind(parts.engine, kind)
    found = next((one for one in known if (one.issuer, one.code, one.target) == wanted), None)
    if found is None:
        raise QuarantineError("mapping_gone")
    with writing(parts.engine) as connection:
        if not _ENDS[kind](connection, found, now):
            raise QuarantineError("mapping_gone")
        before = {"kind": kind, "issuer": issuer, "old_code": code, "new_code": target}
        on = f"document:{found.document}" if found.document else f"till:{target}" if kind == "series" else "server"
        audit.record(connection, actor, "mapping_ended", on, before=before, reason=why, now=now)
    return found


def remember(connection: Connection, kind: MappingKind, issuer: str, old: str, new: str, now: float) -> None:
    """What was booked so far under a code that is mapped otherwise from now on is right."""
    row = {"kind": kind, "issuer": issuer, "old_code": old, "new_code": new, "ended_at": now}
    connection.execute(insert(former_code).values(row))


def _of_kind(engine: Engine, kind: MappingKind) -> list[Mapping]:
    made = _made(engine, kind)
    if kind == "series":
        return _series(engine, made)
    table = {"product": product_map, "payment": payment_map, "issuer": accepted_issuer}[kind]
    with reading(engine) as connection:
        rows = connection.execute(select(table).order_by(table.c.at.desc()).limit(MOST)).all()
    found = []
    for row in rows:
        code, target = ("", "") if kind == "issuer" else (row.old_code, row.new_code)
        entry = made.get((row.issuer, code))
        document, reason = (_document(entry), entry.reason) if entry else (None, "")
        found.append(Mapping(kind, row.issuer, code, target, row.at, row.who, document, reason=reason))
    return found


def _made(engine: Engine, kind: MappingKind) -> dict[tuple[str, str], AuditEntry]:
    """The entry that tells of each, by issuer and code: the newest."""
    found: dict[tuple[str, str], AuditEntry] = {}
    for entry in audit.entries(engine, action=_MADE[kind], limit=MOST):
        facts = entry.after
        code = f"{facts.get('model')}/{facts.get('series')}" if kind == "series" else facts.get("old_code", "")
        found.setdefault((str(facts.get("issuer")), str(code)), entry)
    return found


def _series(engine: Engine, made: dict[tuple[str, str], AuditEntry]) -> list[Mapping]:
    """Those that a person assigned, while they are that till's."""
    by_person = {
        _series_key(issuer, code): (code, entry)
        for (issuer, code), entry in made.items()
        if entry.actor != audit.SYSTEM.name and code.partition("/")[2].isdigit()
    }
    with reading(engine) as connection:
        owners = series.owners_of(connection, by_person)
    found = []
    for key, (code, entry) in by_person.items():
        owner = owners.get(key)
        if owner is not None and entry.object == f"till:{owner}":
            before = str(entry.before.get("owner") or "")
            found.append(Mapping("series", key[0], code, owner, entry.at, entry.actor, None, before, entry.reason))
    return found


def _series_key(issuer: str, code: str) -> SeriesKey:
    model, _, number = code.partition("/")
    return issuer, model, int(number)


def _document(entry: AuditEntry) -> int | None:
    number = entry.object.removeprefix("document:")
    return int(number) if number.isdigit() else None


def _end_code(connection: Connection, found: Mapping, now: float, *, table: Table) -> bool:
    own = (table.c.issuer == found.issuer, table.c.old_code == found.code, table.c.new_code == found.target)
    if not connection.execute(delete(table).where(*own)).rowcount:
        return False
    remember(connection, found.kind, found.issuer, found.code, found.target, now)
    return True


def _end_issuer(connection: Connection, found: Mapping, now: float) -> bool:
    statement = delete(accepted_issuer).where(accepted_issuer.c.issuer == found.issuer)
    return bool(connection.execute(statement).rowcount)


def _end_series(connection: Connection, found: Mapping, now: float) -> bool:
    """The series goes back to the till that owned it, or to nobody."""
    key = _series_key(found.issuer, found.code)
    if series.owner(connection, key) != found.target:
        return False
    series.give_back(connection, key, found.before)
    return True


_ENDS: dict[MappingKind, Callable[[Connection, Mapping, float], bool]] = {
    "product": lambda connection, found, now: _end_code(connection, found, now, table=product_map),
    "payment": lambda connection, found, now: _end_code(connection, found, now, table=payment_map),
    "issuer": _end_issuer,
    "series": _end_series,
}
