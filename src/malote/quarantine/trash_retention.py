"""The end of the trash's retention: what goes must still be held elsewhere, or a person answers for it."""

from collections.abc import Collection, Sequence

from malote import incidents
from malote import log as logs
from malote.database.engine import writing
from malote.database.errors import StoreError
from malote.quarantine import rejected_files, safety, trash_files
from malote.quarantine.dependencies import QuarantineParts
from malote.quarantine.safety import Proofs
from malote.register import discarding
from malote.spool import history
from malote.spool.history import HistoryLine

DAY_SECONDS = 86_400.0

log = logs.get_logger("malote.quarantine")


def purge(parts: QuarantineParts) -> int:
    """Lets go what was deleted ``trash_days`` ago; returns how many documents. Raises ``StoreError``.

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
        purged += _each(parts, [*sorted(forced), *others], forced)
    return purged


def _each(parts: QuarantineParts, ids: Sequence[int], forced: Collection[int]) -> int:
    """All at once; by halves where one of them breaks the program, so that it holds back no other."""
    try:
        others = [document_id for document_id in ids if document_id not in forced]
        chosen = [document_id for document_id in ids if document_id in forced]
        return _purge(parts, chosen, Proofs(safety.grounds(parts, others)))
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - told for the one that it is
        if len(ids) == 1:
            incidents.report("purging_failed", error, document=ids[0])
            return 0
    half = len(ids) // 2
    return _each(parts, ids[:half], forced) + _each(parts, ids[half:], forced)


def _purge(parts: QuarantineParts, forced: Sequence[int], proofs: Proofs) -> int:
    now = parts.clock()
    with writing(parts.engine) as connection:
        held = proofs.still(connection, parts, sorted(proofs.grounds))
        standings = discarding.purge(connection, [*forced, *held], now)
        history.record(connection, [HistoryLine(one.id, "purged") for one in standings], history.SYSTEM, now)
        names = [trash_files.named(connection, one.id) for one in standings]
    # A crash before this, or a file that can't be removed now, leaves it to the next look at the trash.
    for name in names:
        try:
            rejected_files.remove(parts.trash, name)
        except OSError as error:
            log.warning("file_stays_in_trash", till=name.till, reason=error.strerror or type(error).__name__)
    return len(standings)
