"""What each cause means for the procedure: which check finds it, whether sales stand still for it, and what to press.

The one table. A code that is not in it is treated as its kind of finding is; who cures it stands in the catalogue.
"""

from typing import Literal

import msgspec

from malote.runbook.observations import Cause

# What every analyst looks at, in this order.
Area = Literal[
    "agent", "folder", "token", "clock", "disk", "numbering", "versions", "poster", "erp", "books", "documents"
]
AREAS: tuple[Area, ...] = (
    *("poster", "erp", "disk", "agent", "token", "folder", "clock", "numbering", "versions", "books", "documents"),
)


class Press(msgspec.Struct, frozen=True):
    """Where the next button is: a page below the console's root, and its marks (``data-press``), the first that can be
    pressed there. ``{till}`` and ``{code}`` are filled in; ``permission`` is what pressing it needs."""

    page: str
    marks: tuple[str, ...]
    permission: str = "see"


class Treatment(msgspec.Struct, frozen=True):
    """``step``: which step of the page deals with it. ``holds``: sales stand still for it. ``stops_all``: nothing can
    be proven of any till while it lasts. ``itself``: it passes without anybody. ``follows``: from another cause where
    there is one, such as a full disk, and whoever cures that one cures it."""

    area: Area
    step: Literal["look", "rejected", "structures", "locks", "synchronise"] = "look"
    holds: bool = True
    stops_all: bool = False
    itself: bool = False
    follows: bool = False
    press: Press | None = None
    place: Press | None = None  # where a person who has decided does it, or sees it: no next button for everybody


REBOOK = Press("tills", ("rebook",), "replay")
TRASH = Press("tills/{till}/trash", ("accept-reason", "accept", "restore", "select-all"), "delete_last_copy")
HISTORY = Press("tills/{till}", ("findings",))
ENABLE = Press("till-accounts?search={till}", ("enable {till}",), "manage_tills")
DOCUMENT = Press("documents/{example}", (), "cure")
ACCOUNT = Press("till-accounts?search={till}", (), "manage_tills")
NUMBERS = Press("tills/{till}/numbering", ())
DAYS = Press("tills/{till}/reconciliation", ())

_WHOLE = Treatment("erp", stops_all=True)
_LOCK = Treatment("erp", step="locks")
_BESIDE = Treatment("documents", holds=False)

BY_CODE: dict[str, Treatment] = {
    "erp_locked": _LOCK,
    "erp_ledger_short": Treatment("books", stops_all=True, press=REBOOK),
    "poster_absent": Treatment("poster", stops_all=True),
    "booking_behind": Treatment("poster", stops_all=True),
    "disk_full": Treatment("disk", stops_all=True),
    "disk_low": Treatment("disk", holds=False),
    "till_disk_full": Treatment("disk"),
    "structure_outdated": Treatment("erp", step="structures"),
    "files_uncaptured": Treatment("folder", follows=True),
    "folder_missing": Treatment("folder"),
    "folder_unusable": Treatment("folder"),
    "folder_shared": Treatment("folder", holds=False),
    "file_stays": Treatment("folder", holds=False),
    "name_reused": Treatment("folder"),
    "sales_lost": Treatment("books", press=HISTORY),
    "file_vanished": Treatment("books", press=HISTORY),
    "till_disabled": Treatment("token", press=ENABLE),
    "till_token_renewed": Treatment("token", place=ACCOUNT),
    "token_invalid": Treatment("token", place=ACCOUNT),
    "agent_version_differs": Treatment("versions", holds=False),
    "series_owner_awaited": Treatment("documents"),
}

_BY_NAME: dict[str, Treatment] = {
    "outside": Treatment("books", press=REBOOK),
    "store_wide": _WHOLE,
    "erp_stopped": _WHOLE,
    "structure": Treatment("erp", step="structures"),
    "behind": Treatment("poster", stops_all=True),
    "cut_off": Treatment("agent"),
    "troubled": Treatment("agent"),
    "lost": Treatment("books", press=HISTORY),
    "slowed": Treatment("documents", step="rejected"),
    "rejected": Treatment("documents", step="rejected"),
    "deleted": Treatment("documents", press=TRASH),
    "refused": Treatment("folder"),
    "unsent": Treatment("agent", step="synchronise"),
    "numbers": Treatment("numbering", holds=False, press=NUMBERS),
    "differing": Treatment("books", holds=False, press=DAYS),
    "flagged": Treatment("documents", holds=False, press=Press("tills/{till}", ())),
    "damaged": Treatment("books", holds=False, press=Press("tills/{till}", ())),
    "overdue": Treatment("documents", holds=False, press=Press("tills/{till}", ())),
    "closings": Treatment("books", holds=False, press=DAYS),
    "days": Treatment("books", holds=False, press=DAYS),
    "store": Treatment("books", holds=False),
    "unproven": Treatment("books", holds=False, press=DAYS),
    "rules": Treatment("books", holds=False, press=DAYS),
    "sharing": Treatment("folder", holds=False),
    "waiting": Treatment("documents", holds=False, itself=True),
    "skewed": Treatment("clock", holds=False),
    "silent": Treatment("agent"),
    "never": Treatment("agent"),
    "checking": Treatment("books", holds=False, itself=True),
    "disabled": Treatment("token", press=ENABLE),
    "token": Treatment("token", place=ACCOUNT),
    "versions": Treatment("versions", holds=False),
    "disk": Treatment("disk", holds=False),
}


def treatment(cause: Cause) -> Treatment:
    """What a newer version's finding means is not known: it is told, and holds nobody up."""
    return BY_CODE.get(cause.code) or _BY_NAME.get(cause.name) or _BESIDE


def place_of(cause: Cause) -> Press | None:
    """Where what its remedy names is done; None where that is no page of the console."""
    if cause.example:
        return Press(DOCUMENT.page.replace("{example}", str(cause.example)), (), DOCUMENT.permission)
    how = treatment(cause)
    place = how.place or how.press
    return press_of(cause, place) if place else None


def press_of(cause: Cause, press: Press) -> Press:
    """With the till, and the code, of the cause."""
    return filled(press, cause.named[0] if cause.named else "", cause.code)


def filled(press: Press, till: str, code: str = "") -> Press:
    if "{till}" in press.page and not till:
        return Press("tills", (), press.permission)
    marks = tuple(mark.replace("{code}", code).replace("{till}", till) for mark in press.marks)
    return Press(press.page.replace("{till}", till).replace("{code}", code), marks, press.permission)
