"""What stops every till at once: no room on the disk, nobody posts, the ERP away, refusing all or lacking bookings."""

from sqlalchemy import Connection, Engine, func, select

from malote import rejection
from malote.database import room
from malote.database.engine import reading
from malote.database.tables import tally
from malote.findings.kinds import Finding, finding_of
from malote.reconciliation import erp_memory
from malote.spool import presence

LEDGER_SHORT = "erp_ledger_short"
ABSENT = "poster_absent"
DISK_FULL = "disk_full"

# What concerns the whole ERP, and so every till, whether anything of it waits or not.
STORE_WIDE = frozenset(
    {
        "erp_away",
        "erp_not_ready",
        "erp_read_only",
        "erp_crowded",
        "erp_database_refused",
        "erp_refused_login",
        "erp_host_refused",
        "erp_ledger_short",
        "erp_ledger_ambiguous",
        "erp_ledger_gone",
        "erp_ledger_harmed",
        "erp_refuses_all",
        "erp_full",
        "erp_damaged",
    }
)

# A poster that breaks over whatever it takes books nothing; documents that wait for it may be one or two among many.
# One that waits for an answer until its patience ends has them in its hands meanwhile, as if they were being booked.
_STOPS_A_POSTER = STORE_WIDE | {"server_failed", "erp_slow"}


def store_wide(connection: Connection, now: float) -> list[Finding]:
    """The heaviest first. Raises ``StoreError``."""
    found: dict[str, Finding] = {}
    folder = room.folder_of(connection)
    full = folder is not None and room.is_full(folder)
    signs = presence.signs_in(connection)
    alive = [one for one in signs if one.is_alive(now)]
    if signs and not alive and not full:  # signs of life, too, need room to be written: none means nothing there
        found[ABSENT] = _absent(connection, max(one.at for one in signs))
    elif alive and all(one.trouble in _STOPS_A_POSTER for one in alive):  # one that books is enough
        first = min(alive, key=lambda one: one.since or now)
        facts = dict(first.facts)
        found[first.trouble] = finding_of("store_wide", "", first.trouble, since=first.since, facts=facts)
    for code, count, value in connection.execute(_WAITING):
        known = found.get(code)
        facts, since = (known.facts, known.since) if known else ({}, None)
        found[code] = finding_of("store_wide", "", code, count=int(count), value=int(value), since=since, facts=facts)
    trouble = erp_memory.trouble(connection)
    if trouble is not None:
        found[LEDGER_SHORT] = finding_of(
            "store_wide",
            "",
            LEDGER_SHORT,
            count=trouble.missing,
            value=trouble.total,
            since=trouble.since,
            facts=erp_memory.facts_of(trouble),
        )
    if full:
        # Nothing can be written of it: no sale is taken, and what waits is at the tills.
        found[DISK_FULL] = finding_of("store_wide", "", DISK_FULL, facts={"detail": str(folder)})
    return sorted(found.values(), key=lambda one: (rejection.weight(one.code), one.code))


def _absent(connection: Connection, since: float) -> Finding:
    count, value = connection.execute(_OPEN).one()
    facts = {"count": str(count)}
    return finding_of("store_wide", "", ABSENT, count=int(count), value=int(value), since=since, facts=facts)


def store_wide_of(engine: Engine, now: float) -> list[Finding]:
    """The same on a connection of its own. Raises ``StoreError``."""
    with reading(engine) as connection:
        return store_wide(connection, now)


_OPEN = select(func.coalesce(func.sum(tally.c.count), 0), func.coalesce(func.sum(tally.c.total), 0)).where(
    tally.c.state.in_(("accepted", "posting", "waiting"))
)
_WAITING = (
    select(tally.c.reason_code, func.sum(tally.c.count), func.sum(tally.c.total))
    .where(tally.c.state == "waiting", tally.c.reason_code.in_(sorted(STORE_WIDE)), tally.c.count > 0)
    .group_by(tally.c.reason_code)
)
