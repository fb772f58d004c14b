"""Which till a series belongs to. A series has one owner, so that one number can't be two sales of two tills.

A till takes the first series of an issuer and model by itself, where the store's settings let it; what comes beyond is
asked of a person, since a till that may take any takes another's. Every change stands in the audit trail.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, Engine, delete, func, select, text

from malote.accounts import audit
from malote.accounts.audit import SYSTEM, Actor
from malote.database.chunks import among, chunks
from malote.database.engine import reading, writing
from malote.database.tables import till as tills
from malote.database.tables import till_series
from malote.fiscal.problems import Problem, reject
from malote.tills.till import Till

SeriesKey = tuple[str, str, int]  # issuer (CNPJ or CPF), model, series

_Owners = dict[SeriesKey, tuple[int, str]]  # till's id and name

_ASSIGN = text(
    "INSERT INTO till_series (issuer, model, series, till_id) VALUES (:issuer, :model, :series, :till_id)"
    " ON CONFLICT (issuer, model, series) DO UPDATE SET till_id = excluded.till_id"
)


def judge(
    engine: Engine, till: Till, wanted: Collection[SeriesKey], *, learn: bool, most: int = 0
) -> dict[SeriesKey, Problem | None]:
    """Whether the till may send documents of these series: None, or why not.

    With ``learn``, a series that nobody owns becomes this till's, as long as it then has no more than ``most`` of that
    issuer and model (0: any number); of two tills that come at once, one gets it.
    The problems are ``series_of_another_till`` and ``series_unassigned``, with the facts ``till``, ``owner`` (of the
    first only), ``issuer``, ``model`` and ``series``. Raises ``StoreError``.
    """
    with reading(engine) as connection:
        owners = _owners(connection, wanted)
    free = [key for key in wanted if key not in owners]
    if free and learn:
        with writing(engine) as connection:
            _claim(connection, till, free, most)
            owners |= _owners(connection, free)
    return {key: _judgement(till, key, owners) for key in wanted}


def foresee(
    engine: Engine, till: Till, wanted: Collection[SeriesKey], learned: dict[SeriesKey, Till], *, learn: bool, most: int
) -> dict[SeriesKey, Problem | None]:
    """What ``judge`` would say, and nothing is learned by it but in ``learned``, which the next question is given too.

    Raises ``StoreError``.
    """
    with reading(engine) as connection:
        owners = _owners(connection, wanted)
        for key in sorted(key for key in wanted if learn and key not in owners and key not in learned):
            of_till = [one for one, owner in learned.items() if owner.id == till.id and one[:2] == key[:2]]
            if not most or _count(connection, till.id, *key[:2]) + len(of_till) < most:
                learned[key] = till
    owners |= {key: (learned[key].id, learned[key].name) for key in wanted if key not in owners and key in learned}
    return {key: _judgement(till, key, owners) for key in wanted}


def assign(engine: Engine, till: Till, issuer: str, model: str, series: int, *, actor: Actor = SYSTEM) -> None:
    """Makes the till the owner, whoever was it before. Raises ``StoreError``."""
    key = (issuer, model, series)
    with writing(engine) as connection:
        before = owner(connection, key)
        assign_in(connection, till.id, key)
        on, was = f"till:{till.name}", {"owner": before}
        audit.record(connection, actor, "series_assigned", on, before=was, after=_facts(key), now=time.time())


def assign_in(connection: Connection, till_id: int, key: SeriesKey) -> None:
    """The same within a transaction of the caller's."""
    issuer, model, series = key
    connection.execute(_ASSIGN, {"issuer": issuer, "model": model, "series": series, "till_id": till_id})


def give_back(connection: Connection, key: SeriesKey, till: str) -> None:
    """To the till of that name, as long as it may send; else the series is nobody's. In the caller's transaction."""
    till_id = connection.scalar(select(tills.c.id).where(tills.c.name == till, tills.c.disabled_at.is_(None)))
    if till_id is not None:
        return assign_in(connection, till_id, key)
    issuer, model, series = key
    own = (till_series.c.issuer == issuer, till_series.c.model == model, till_series.c.series == series)
    connection.execute(delete(till_series).where(*own))
    return None


def owner(connection: Connection, key: SeriesKey) -> str | None:
    """The name of the till that owns the series; None where nobody does."""
    return owners_of(connection, [key]).get(key)


def owners_of(connection: Connection, wanted: Collection[SeriesKey]) -> dict[SeriesKey, str]:
    """The names of the tills that own these series; those that nobody owns are absent."""
    return {key: name for key, (_, name) in _owners(connection, wanted).items()}


def owned(engine: Engine, till: Till | None = None) -> dict[int, list[SeriesKey]]:
    """The series of the till, or of each that has any, by the till's id. Raises ``StoreError``."""
    columns = (till_series.c.issuer, till_series.c.model, till_series.c.series)
    query = select(till_series.c.till_id, *columns).order_by(*columns)
    if till is not None:
        query = query.where(till_series.c.till_id == till.id)
    found: dict[int, list[SeriesKey]] = defaultdict(list)
    with reading(engine) as connection:
        for till_id, issuer, model, series in connection.execute(query).all():
            found[till_id].append((issuer, model, series))
    return found


def series_of(engine: Engine, till: Till) -> list[SeriesKey]:
    """The series the till owns. Raises ``StoreError``."""
    return owned(engine, till).get(till.id, [])


def _claim(connection: Connection, till: Till, free: Iterable[SeriesKey], most: int) -> None:
    # One at a time of each till: of two series that come at once, only one may be its first.
    connection.execute(select(tills.c.id).where(tills.c.id == till.id).with_for_update(key_share=True)).one()
    learned: list[SeriesKey] = []
    # In one order everywhere, so that two tills never wait for each other.
    for issuer, model, series in sorted(free):
        if most and _count(connection, till.id, issuer, model) >= most:
            continue
        row = {"issuer": issuer, "model": model, "series": series, "till_id": till.id}
        if connection.execute(_LEARN, row).rowcount:
            learned.append((issuer, model, series))
    for key in learned:
        # Last, since the audit trail is locked until the end of the transaction.
        audit.record(connection, SYSTEM, "series_learned", f"till:{till.name}", after=_facts(key), now=time.time())


_LEARN = text(
    "INSERT INTO till_series (issuer, model, series, till_id) VALUES (:issuer, :model, :series, :till_id)"
    " ON CONFLICT (issuer, model, series) DO NOTHING"
)


def _count(connection: Connection, till_id: int, issuer: str, model: str) -> int:
    owned = (till_series.c.till_id == till_id) & (till_series.c.issuer == issuer) & (till_series.c.model == model)
    return int(connection.execute(select(func.count()).select_from(till_series).where(owned)).scalar_one())


def _facts(key: SeriesKey) -> audit.Facts:
    return {"issuer": key[0], "model": key[1], "series": str(key[2])}


def _owners(connection: Connection, wanted: Collection[SeriesKey]) -> _Owners:
    own = (till_series.c.issuer, till_series.c.model, till_series.c.series)
    query = select(*own, tills.c.id, tills.c.name).join_from(till_series, tills, till_series.c.till_id == tills.c.id)
    owners: _Owners = {}
    for some in chunks(list(wanted)):
        for issuer, model, number, till_id, name in connection.execute(query.where(among(own, some))):
            owners[issuer, model, number] = (till_id, name)
    return owners


def _judgement(till: Till, key: SeriesKey, owners: _Owners) -> Problem | None:
    issuer, model, series = key
    facts = {"till": till.name, "issuer": issuer, "model": model, "series": str(series)}
    if key not in owners:
        return reject("series_unassigned", **facts)
    owner_id, owner = owners[key]
    return None if owner_id == till.id else reject("series_of_another_till", owner=owner, **facts)
