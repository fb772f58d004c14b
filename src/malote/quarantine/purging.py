"""The end of the trash's retention: what goes must still be held elsewhere, or a person answers for it."""

from collections.abc import Sequence

from malote.database.engine import writing
from malote.quarantine import files, keeping, safety
from malote.quarantine.parts import Parts
from malote.quarantine.safety import Proofs
from malote.spool import discarding, history
from malote.spool.history import Line

DAY_SECONDS = 86_400.0


def purge(parts: Parts) -> int:
    """Lets go what was deleted ``trash_days`` ago; returns how many documents. Raises ``StoreError``, ``OSError``.

    What nobody else provably has any more stays in the trash, unless a person had deleted it as a last copy, with a
    reason. What is rejected is never touched.
    """
    purged = 0
    after = 0
    before = parts.clock() - parts.trash_days * DAY_SECONDS
    while found := discarding.ripe(parts.engine, before, after):
        after = found[-1][0]
        forced = {document_id for document_id, grounds in found if grounds == "forced"}
        others = [document_id for document_id, _ in found if document_id not in forced]
        purged += _purge(parts, sorted(forced), Proofs(safety.grounds(parts, others)))
    return purged


def _purge(parts: Parts, forced: Sequence[int], proofs: Proofs) -> int:
    now = parts.clock()
    with writing(parts.engine) as connection:
        held = proofs.still(connection, parts, sorted(proofs.grounds))
        standings = discarding.purge(connection, [*forced, *held], now)
        history.record(connection, [Line(one.id, "purged") for one in standings], history.SYSTEM, now)
        names = [files.named(connection, one.id) for one in standings]
    # A crash before this leaves files that the next look at the trash removes.
    for name in names:
        keeping.remove(parts.trash, name)
    return len(standings)
