"""The order to bring the outbox up to a structure. While it is applied nothing is sent, and a capture waits for one
transaction."""

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from malote import wire
from malote.schema import till_update
from malote.schema.definition import FORMAT, Structure, StructureError, decode
from malote.till import storage
from malote.till.orders.handling import Handler, HandlingProgress, OrderError, OrderRecord
from malote.till.outbox import Outbox
from malote.till.storage import OutboxDamagedError, OutboxError


class UpdateStructure(Handler):
    """What it adds is there whole or not at all; the outbox itself says which structure it has."""

    kind = wire.STRUCTURE

    def check(self, payload: str) -> None:
        structure = _decoded(payload)
        if structure.version < mark_of(self.means.outbox).version:
            raise OrderError("structure_order_old", version=str(structure.version))

    def carry_out(self, order: OrderRecord) -> Iterator[HandlingProgress]:
        """Raises ``OutboxDamagedError`` when the file turns out to be damaged; the agent then goes back to the copy."""
        structure, path, disk = _decoded(order.payload), self.means.outbox.path, self.means.outbox.disk
        sha256 = hashlib.sha256(order.payload.encode()).hexdigest()
        try:
            with storage.told_apart(path, disk):
                done = till_update.bring_up(path, structure, sha256, disk=disk)
            till_update.forget_backup(path, disk)
        except StructureError as error:
            raise OrderError(error.code, **error.facts) from error
        except OutboxDamagedError:
            raise
        except OutboxError as error:
            raise OrderError(error.code, **error.facts) from error
        except OSError as error:
            raise _of_disk(path, error) from error
        yield HandlingProgress(done.statements, done.statements, "statements")


def mark_of(outbox: Outbox) -> till_update.UpdateMark:
    """Which structure was applied last; version 1 is what the agent made itself. Raises ``OutboxError``."""
    noted = outbox.noted(till_update.MARK)
    try:
        return msgspec.json.decode(noted, type=till_update.UpdateMark) if noted else till_update.UpdateMark(1, "")
    except msgspec.DecodeError:
        return till_update.UpdateMark(1, "")


def said(outbox: Outbox, last: wire.OrderProgress | None) -> wire.TillStructure:
    """What a contact tells; ``last``: the last order of this kind, for servers without ``wire.Order``."""
    mark = mark_of(outbox)
    has = wire.TillStructure(FORMAT, mark.version, mark.sha256)
    if last is None or last.state == "begun":
        return has
    return msgspec.structs.replace(
        has, order=last.number, done=last.state == "done", code=last.code, facts=last.facts, seconds=last.seconds
    )


def _decoded(payload: str) -> Structure:
    try:
        structure = decode(payload)
    except StructureError as error:
        raise OrderError(error.code, **error.facts) from error
    if structure.scope != "till":
        raise OrderError("structure_unreadable", detail=f"scope {structure.scope}")
    return structure


def _of_disk(path: Path, error: OSError) -> OrderError:
    if error.errno == errno.ENOSPC:
        return OrderError("till_disk_full", detail=str(path))
    return OrderError("outbox_away", path=str(path), detail=error.strerror or str(error))
