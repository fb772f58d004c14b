"""Which documents an action is about, and which rejected ones may be fit for the ERP by now."""

from collections.abc import Sequence
from functools import cache

import msgspec
from sqlalchemy import ColumnElement, Connection, select

from malote import rejection
from malote.database.chunks import chunks
from malote.database.quarantine_tables import trash
from malote.database.tables import document as documents
from malote.database.tables import till as tills
from malote.quarantine.quarantine_reports import Selection
from malote.register.listing import matches
from malote.spool.states import State

# Whoever could mend these on the server's side may have done so: a look at them again costs little and decides.
_CURES = frozenset({"operator", "support", "administrator", "dba"})
# Rejected for want of its authorisation: it may be replayed once the authorised version was posted.
_SUPERSEDED = "never_authorised"


class FoundDocuments(msgspec.Struct, frozen=True):
    """``unknown``: ids that don't exist, or not at that till. ``moved_on``: in another state by now."""

    ids: list[int]
    unknown: list[int]
    moved_on: list[int]


def find(connection: Connection, selection: Selection, state: State) -> FoundDocuments:
    """The documents of a selection that are in ``state``, in order of arrival."""
    if selection.ids is None:
        query = select(documents.c.id).where(*conditions(selection, state))
        return FoundDocuments(list(connection.execute(query.order_by(documents.c.id)).scalars()), [], [])
    states: dict[int, str] = {}
    for chunk in chunks(sorted({one for one in selection.ids if 0 < one < 2**63})):
        named = select(documents.c.id, documents.c.state).where(documents.c.id.in_(chunk), *_narrowed(selection))
        states |= {row.id: row.state for row in connection.execute(named)}
    wanted = sorted(set(selection.ids))
    return FoundDocuments(
        ids=[one for one in wanted if states.get(one) == state],
        unknown=[one for one in wanted if one not in states],
        moved_on=[one for one in wanted if one in states and states[one] != state],
    )


@cache
def curable_codes() -> frozenset[str]:
    """The reasons for which a rejected document is tried again when somebody synchronises."""
    entries = rejection.catalogue().items()
    return frozenset(code for code, entry in entries if (entry.cure in _CURES or entry.transient) and not entry.final)


def curable(connection: Connection, till_id: int) -> list[int]:
    """The till's rejected documents that may be cured by now, in order of arrival."""
    rejected = (documents.c.till_id == till_id) & (documents.c.state == "rejected")
    plain = select(documents.c.id).where(rejected, documents.c.reason_code.in_(sorted(curable_codes())))
    posted = documents.alias("posted")
    superseded = (
        select(documents.c.id)
        .join(posted, (posted.c.access_key == documents.c.access_key) & (posted.c.state == "posted"))
        .where(rejected, documents.c.reason_code == _SUPERSEDED)
    )
    return sorted({*connection.execute(plain).scalars(), *connection.execute(superseded).scalars()})


def conditions(selection: Selection, state: State) -> Sequence[ColumnElement[bool]]:
    """What all documents of a selection without ids fulfil."""
    found = [documents.c.state == state, *_narrowed(selection)]
    if selection.search.strip():
        found.append(matches(selection.search.strip()))
    if state == "discarded":
        kept = select(trash.c.document_id).where(trash.c.purged_at.is_(None))
        if selection.until is not None:
            kept = kept.where(trash.c.deleted_at <= selection.until)
        found.append(documents.c.id.in_(kept))
    elif selection.until is not None:
        found.append(documents.c.settled_at <= selection.until)
    return found


def _narrowed(selection: Selection) -> Sequence[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if selection.till is not None:
        of_till = select(tills.c.id).where(tills.c.name_key == selection.till.lower()).scalar_subquery()
        conditions.append(documents.c.till_id == of_till)
    if selection.code is not None:
        conditions.append(documents.c.reason_code == selection.code)
    return conditions
