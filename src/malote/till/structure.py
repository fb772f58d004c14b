"""The till's part in a roll-out: what its outbox's structure is, and how it obeys an order to change it.

It works in the courier's thread: while a structure is applied nothing is sent, and a capture waits for one transaction.
"""

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from malote import wire
from malote.schema import till_update
from malote.schema.definition import FORMAT, Structure, StructureError
from malote.till import storage
from malote.till.outbox import Outbox
from malote.till.storage import OutboxError
from malote.till.trouble_notices import Voice
from malote.trust.signatures import is_signed

MOST_TRIES = 3  # of one order; what breaks off each time is told to the server as failed

_KEY = "server_key"
_DEALT = "structure_order"
_TRIES = "structure_tries"
_NEWEST = "structure_newest"  # number of the newest order that was the server's own

Noted = TypeVar("Noted")


class Dealt(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last order, and what came of it."""

    order: int
    done: bool = False
    code: str = ""
    facts: dict[str, str] = {}
    seconds: float = 0.0


class Tries(msgspec.Struct, frozen=True):
    order: int
    count: int


class StructureKeeper:
    """Belongs to its outbox's thread."""

    def __init__(
        self, outbox: Outbox, voice: Voice, monotonic: Callable[[], float] = time.monotonic, *, till: int
    ) -> None:
        """``till``: the number that its token begins with; orders to others are not obeyed."""
        self._outbox = outbox
        self._voice = voice
        self._monotonic = monotonic
        self._till = till

    def said(self) -> wire.TillStructure:
        """What the next contact tells."""
        mark = _decoded(self._outbox.noted(till_update.MARK), till_update.Mark) or till_update.Mark(1, "")
        dealt = self._dealt()
        return wire.TillStructure(
            FORMAT, mark.version, mark.sha256, dealt.order, dealt.done, dealt.code, dealt.facts, dealt.seconds
        )

    def heed(self, reply: wire.ContactReply) -> bool:
        """Obeys what a contact brought. Whether there is something to tell the server soon.

        Raises ``OutboxDamagedError`` when the file turns out to be damaged; the agent then goes back to the copy.
        """
        known = self._known_key(reply.server_key)
        order = reply.structure
        if order is None or order.number == self._dealt().order:
            return False
        try:
            structure = _opened(order, known, reply.server_key)
            self._check(order, structure, known)
            self._count_try(order.number)
            self._apply(structure, order)
        except StructureError as error:
            self._fail(order.number, error.code, error.facts)
        except storage.OutboxDamagedError:
            raise
        except OutboxError as error:
            self._fail(order.number, error.code, error.facts)
        return True

    def _check(self, order: wire.StructureOrder, structure: Structure, known: str) -> None:
        """Notes the order as the newest. Raises ``StructureError`` for one to another till, and for an older one."""
        if not is_signed(wire.order_statement(self._till, order), order.binding, known):
            raise StructureError("structure_order_foreign")
        newest = _decoded(self._outbox.noted(_NEWEST), int) or 0
        if order.number < newest or structure.version != order.version or structure.version < self.said().version:
            raise StructureError("structure_order_old", version=str(structure.version))
        if order.number > newest:
            self._outbox.note(_NEWEST, order.number)

    def _apply(self, structure: Structure, order: wire.StructureOrder) -> None:
        began = self._monotonic()
        dealt = Dealt(order.number, done=True)
        path = self._outbox.path
        try:
            with storage.told_apart(path):
                till_update.bring_up(path, structure, order.sha256, {_DEALT: _encoded(dealt)})
            till_update.forget_backup(path)
        except OSError as error:
            raise _of_disk(path, error) from error
        self._outbox.note(_DEALT, msgspec.structs.replace(dealt, seconds=round(self._monotonic() - began, 3)))

    def _fail(self, order: int, code: str, facts: dict[str, str]) -> None:
        self._voice.happened(code, **facts)
        self._outbox.note(_DEALT, Dealt(order, code=code, facts=facts))

    def _known_key(self, offered: str) -> str:
        """The server's key as this till knows it: the first it ever saw."""
        known = _decoded(self._outbox.noted(_KEY), str) or ""
        if not known and offered:
            self._outbox.note(_KEY, offered)
            return offered
        return known

    def _count_try(self, order: int) -> None:
        """Counted before it begins, so that one which ends the process each time is found out."""
        before = _decoded(self._outbox.noted(_TRIES), Tries)
        count = before.count + 1 if before is not None and before.order == order else 1
        if count > MOST_TRIES:
            raise StructureError("structure_broke_off", tries=str(MOST_TRIES))
        self._outbox.note(_TRIES, Tries(order, count))

    def _dealt(self) -> Dealt:
        return _decoded(self._outbox.noted(_DEALT), Dealt) or Dealt(0)


def _opened(order: wire.StructureOrder, known: str, offered: str) -> Structure:
    """The structure, signed by the key that this till knows. Raises ``StructureError``."""
    try:
        return till_update.opened(order.structure, order.sha256, order.signature, known)
    except StructureError as error:
        if error.code == "structure_tampered" and known != offered:
            raise StructureError("structure_key_changed") from error
        raise


def trust_anew(outbox: Outbox) -> None:
    """Forgets the server's key and its orders: that of the next contact is believed. Raises ``OutboxError``."""
    outbox.note(_KEY, "")
    outbox.note(_NEWEST, 0)


def _decoded(text: str | None, kind: type[Noted]) -> Noted | None:
    """None where nothing was noted, or what another version of the agent can't read."""
    try:
        return None if text is None else msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError:
        return None


def _encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _of_disk(path: Path, error: OSError) -> OutboxError:
    if error.errno == errno.ENOSPC:
        return OutboxError("till_disk_full", detail=str(path))
    return OutboxError("outbox_away", path=str(path), detail=error.strerror or str(error))
