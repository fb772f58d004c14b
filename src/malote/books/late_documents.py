"""What runs late, for the board: offline notes by state with their deadline, and tills with the oldest unsent files.

From small tables only: notes without protocol, and the tills themselves.
"""

import msgspec
from sqlalchemy import Connection, case, func, select

from malote.database.tables import document, open_sale
from malote.database.tables import till as tills
from malote.fiscal.access_key import STATE_OF_CODE

LATEST = 10


class Offline(msgspec.Struct, frozen=True):
    """Booked offline notes of one state that have no protocol yet. ``total`` in cents; ``due_at`` the earliest deadline
    for the authority to have them, in seconds since the epoch; ``overdue`` of them are past theirs."""

    state: str  # SP; the code of the access key where no state has it
    count: int
    total: int
    due_at: float
    overdue: int


class Late(msgspec.Struct, frozen=True):
    """A till that holds unsent files, as it said itself; ``since`` (seconds since the epoch) the oldest."""

    till: str
    count: int
    since: float


def offline(connection: Connection, now: float) -> list[Offline]:
    """By state, the earliest deadline first."""
    state = func.substr(open_sale.c.access_key, 1, 2)
    overdue = func.sum(case((open_sale.c.due_at < now, 1), else_=0))
    total = func.coalesce(func.sum(document.c.total), 0)
    due = func.min(open_sale.c.due_at)
    query = select(state, func.count(), total, due, overdue).join_from(open_sale, document).group_by(state)
    return [
        Offline(STATE_OF_CODE.get(code, code), int(count), int(cents), due_at, int(late))
        for code, count, cents, due_at, late in connection.execute(query.order_by(due, state))
    ]


def latest(connection: Connection) -> list[Late]:
    """The ten tills whose oldest unsent file is the oldest."""
    unsent = (tills.c.disabled_at.is_(None), tills.c.pending > 0, tills.c.unsent_since.is_not(None))
    query = select(tills.c.name, tills.c.pending, tills.c.unsent_since).where(*unsent)
    rows = connection.execute(query.order_by(tills.c.unsent_since, tills.c.name_key).limit(LATEST))
    return [Late(name, int(count), since) for name, count, since in rows]
