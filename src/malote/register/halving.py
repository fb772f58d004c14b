"""Finding a moment in a table whose rows lie in order of time, without an index of times on the path of every sale."""

from sqlalchemy import ColumnElement, Connection, func, select


def first_since(connection: Connection, row_id: ColumnElement[int], at: ColumnElement[float], moment: float) -> int:
    """The id from which on rows are of ``moment`` or later; one beyond the newest where there are none."""
    newest = _id(connection, func.max(row_id))
    low, high = _id(connection, func.min(row_id)), newest + 1 if newest else 0
    while low < high:
        middle = (low + high) // 2
        nearest = select(at).where(row_id >= middle).order_by(row_id).limit(1)
        if connection.execute(nearest).scalar_one() < moment:
            low = middle + 1
        else:
            high = middle
    return low


def _id(connection: Connection, which: ColumnElement[int]) -> int:
    return int(connection.execute(select(func.coalesce(which, 0))).scalar_one())
