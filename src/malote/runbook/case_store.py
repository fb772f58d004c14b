"""What outlives a restart: of each scope the procedure that goes on, and how the last one ended."""

import msgspec
from sqlalchemy import Engine, insert, select, update

from malote.database.engine import reading, writing
from malote.database.runbook_tables import runbook_case as cases
from malote.runbook.next_step import troubles
from malote.runbook.observations import MARKED, Marks, Situation


class CaseProof(msgspec.Struct, frozen=True):
    """That sales went up: what is there, as it was seen at ``at``. Money in cents."""

    at: float
    tills: int
    posted: int  # documents since the procedure began
    posted_value: int
    total: int  # documents booked altogether: cancellations, voids, and files of sales that the ERP had already too
    at_till: int
    pending: int
    last_sale: str
    beside: int  # causes that keep no sale from going up


class Case(msgspec.Struct, frozen=True):
    """``closed_at`` and ``proof`` None while it goes on."""

    id: int
    scope: str
    marks: Marks
    closed_at: float | None = None
    proof: CaseProof | None = None


def key_of(scope: str) -> str:
    return scope.lower()


def open_case(engine: Engine, scope: str) -> Case | None:
    """The one that goes on. Raises ``StoreError``."""
    return _one(engine, (cases.c.scope == key_of(scope)) & cases.c.closed_at.is_(None))


def last_closed(engine: Engine, scope: str) -> Case | None:
    """Raises ``StoreError``."""
    return _one(engine, (cases.c.scope == key_of(scope)) & cases.c.closed_at.is_not(None))


def begin(engine: Engine, seen: Situation, who: str, orders: int) -> Case:
    """Opens one, unless another did so meanwhile. ``orders``: the newest synchronisation so far."""
    there = dict.fromkeys(sorted(troubles(seen)), seen.at)
    marks = Marks(seen.at, who, seen.posted, seen.posted_value, seen=there, orders=orders)
    with writing(engine) as connection:
        of_scope = (cases.c.scope == key_of(seen.scope)) & cases.c.closed_at.is_(None)
        known = connection.execute(select(cases).where(of_scope)).one_or_none()
        if known is not None:
            return _case(known)
        values = {"scope": key_of(seen.scope), "opened_at": seen.at, "marks": _text(marks), "proof": ""}
        case_id = int(connection.execute(insert(cases).values(values).returning(cases.c.id)).scalar_one())
    return Case(case_id, seen.scope, marks)


def marked(marks: Marks, seen: Situation, orders: int) -> Marks:
    """With what was met, or found cured, at this look. ``orders``: the newest synchronisation before a cure of now."""
    there = troubles(seen)
    met = {name: seen.at for name in MARKED if name in there and name not in marks.seen}
    back = {name for name in marks.gone if name in there}
    cured = {name: seen.at for name in MARKED if name in marks.seen and name not in there and name not in marks.gone}
    if not met and not back and not cured:
        return marks
    gone = {name: at for name, at in marks.gone.items() if name not in back} | cured
    return msgspec.structs.replace(
        marks, seen=marks.seen | met, gone=gone, orders=max(marks.orders, orders) if cured else marks.orders
    )


def note(engine: Engine, case: Case, marks: Marks) -> Case:
    """Raises ``StoreError``."""
    with writing(engine) as connection:
        still = (cases.c.id == case.id) & cases.c.closed_at.is_(None)
        connection.execute(update(cases).where(still).values(marks=_text(marks)))
    return msgspec.structs.replace(case, marks=marks)


def close(engine: Engine, case: Case, proof: CaseProof) -> Case:
    """Once; whoever comes later finds it closed. Raises ``StoreError``."""
    values = {"closed_at": proof.at, "proof": msgspec.json.encode(proof).decode()}
    with writing(engine) as connection:
        still = (cases.c.id == case.id) & cases.c.closed_at.is_(None)
        connection.execute(update(cases).where(still).values(values))
    return msgspec.structs.replace(case, closed_at=proof.at, proof=proof)


def proof_of(seen: Situation, marks: Marks, beside: int) -> CaseProof:
    return CaseProof(
        at=seen.at,
        tills=seen.tills,
        posted=max(0, seen.posted - marks.posted),
        posted_value=max(0, seen.posted_value - marks.posted_value),
        total=seen.posted,
        at_till=seen.at_till,
        pending=seen.pending,
        last_sale=seen.last_sale,
        beside=beside,
    )


def _one(engine: Engine, chosen: object) -> Case | None:
    query = select(cases).where(chosen).order_by(cases.c.id.desc()).limit(1)  # type: ignore[arg-type]
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
        return None if row is None else _case(row)


def _case(row: object) -> Case:
    marks = msgspec.json.decode(row.marks, type=Marks)  # type: ignore[attr-defined]
    proof = msgspec.json.decode(row.proof, type=CaseProof) if row.proof else None  # type: ignore[attr-defined]
    return Case(row.id, row.scope, marks, row.closed_at, proof)  # type: ignore[attr-defined]


def _text(marks: Marks) -> str:
    return msgspec.json.encode(marks).decode()
