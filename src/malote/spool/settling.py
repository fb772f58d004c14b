"""Recording what became of leased documents. The lease's token is the fence: who lost it changes nothing."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Engine, update

from malote.database.chunks import chunks
from malote.database.engine import writing
from malote.database.tables import document as documents
from malote.spool import deleted_unbooked, history, joining, unbooked_cancellations
from malote.spool.consequences import follow, without_flag, without_taken_back
from malote.spool.documents import LeasedDocument, Settlement
from malote.spool.state_changes import LockedDocument, Move, lock_ids, move
from malote.spool.superseded import supersede
from malote.spool.wake_waiting import wake


def settle(engine: Engine, settlements: Sequence[Settlement], now: float) -> int:
    by_id = {settlement.document_id: settlement for settlement in settlements}
    if not by_id:
        return 0
    with writing(engine) as connection:
        held = [one for one in lock_ids(connection, by_id) if _holds(one, by_id[one.id].lease)]
        # These are decided anew once their lease has run out.
        doubtful = unbooked_cancellations.doubtful(connection, held, by_id)
        moves = without_flag([_move(one, by_id[one.id], now) for one in held if one.id not in doubtful])
        moves = without_taken_back(moves, by_id)
        followed = follow(connection, moves, by_id, now)
        history.record(connection, [*_lines(moves, by_id), *followed.lines], history.SYSTEM, now)
        move(connection, [*moves, *followed.moves])
        _relate(connection, moves, followed.moves, by_id, now)
        deleted_unbooked.booked(
            connection, {one.standing.access_key for one in _booked(moves) if one.standing.access_key}
        )
        wake(connection, _settled_sales(moves), now)
    return len(moves)


def _relate(
    connection: Connection,
    moves: Sequence[Move],
    followed: Sequence[Move],
    by_id: Mapping[int, Settlement],
    now: float,
) -> None:
    """What these documents settle of others: authorised by an answer here, superseded by a booked one."""
    statuses = {
        one.standing.access_key: status
        for one in moves
        if one.standing.access_key and (status := by_id[one.standing.id].joined) is not None
    }
    if statuses:
        joining.authorise(connection, statuses, now)
    # What is refused may be settled by what came before it; a cancellation settles by its coming alone.
    looked = [one for one in [*moves, *followed] if one.after in _SAYS or one.standing.kind == "cancellation"]
    keys = {one.standing.access_key for one in looked if one.standing.access_key}
    voids = {one.standing.id for one in looked if one.standing.kind == "number_void"}
    supersede(connection, keys | set(statuses), voids, now)


_SAYS = ("posted", "rejected", "kept")


def release(engine: Engine, leased: Sequence[LeasedDocument]) -> int:
    tokens = {one.id: one.lease for one in leased}
    if not tokens:
        return 0
    with writing(engine) as connection:
        held = [standing for standing in lock_ids(connection, tokens) if _holds(standing, tokens[standing.id])]
        move(connection, [Move(standing, "accepted") for standing in held])
        for chunk in chunks([standing.id for standing in held]):
            connection.execute(
                update(documents).where(documents.c.id.in_(chunk)).values(attempts=documents.c.attempts - 1)
            )
    return len(held)


def _holds(standing: LockedDocument, lease: str) -> bool:
    return standing.state == "posting" and standing.lease == lease


def _move(standing: LockedDocument, settlement: Settlement, now: float) -> Move:
    match settlement.state:
        case "posted":
            flag = settlement.reason if settlement.flagged else None
            return Move(standing, "posted", flag, settled_at=now, duplicate=settlement.duplicate)
        case "waiting":
            retry_at = settlement.retry_at if settlement.retry_at is not None else now
            return Move(standing, "waiting", settlement.reason, retry_at=retry_at)
        case "rejected":
            return Move(standing, "rejected", settlement.reason, settled_at=now)
        case "kept":
            return Move(standing, "kept", settlement.reason, settled_at=now)
        case other:
            raise ValueError(f"a settlement can't end in {other}")


def _lines(moves: Sequence[Move], by_id: Mapping[int, Settlement]) -> list[history.HistoryLine]:
    """What was posted as it came has no history: its row tells it."""
    lines = []
    for one in moves:
        if one.after == "waiting":
            lines.append(history.about(one.standing.id, "waiting", one.reason))
        elif one.after == "rejected":
            lines.append(history.about(one.standing.id, "rejected", one.reason))
        elif one.after == "kept":
            lines.append(history.about(one.standing.id, "kept", one.reason))
        elif one.reason:
            lines.append(history.about(one.standing.id, "flagged", one.reason))
        elif told := by_id[one.standing.id].reason:
            what: history.What = "mended" if told.code == "sale_mended" else "adapted"
            lines.append(history.HistoryLine(one.standing.id, what, told.facts))
    return lines


def _booked(moves: Sequence[Move]) -> list[Move]:
    return [one for one in moves if one.after == "posted" and one.standing.kind in ("sale", "cancellation")]


def _settled_sales(moves: Sequence[Move]) -> list[str]:
    """Those that a cancellation or an answer may wait for: booked, kept as none, or put aside."""
    return [
        one.standing.access_key
        for one in moves
        if one.after in _SAYS and one.standing.kind == "sale" and one.standing.access_key
    ]
