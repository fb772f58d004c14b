"""Every kind of finding, and how much each weighs. The one place that decides what a light shows and what comes first.

Green means that nothing here is true: nothing seen uncaptured, nothing captured unsent, nothing received unbooked
beyond the usual moment, nothing deleted unbooked, no number missing, no sale lost, no offline sale over its time, the
books of the days that are over proven, and the ERP has what was booked, as was seen within ten minutes and since the
poster started.
"""

from typing import Literal, get_args

import msgspec

from malote import rejection
from malote.rejection import Cure, Language

SILENT_SECONDS = 900.0  # without a sign of life: longer than any courier's longest pause, several times over
USUAL_SECONDS = 300.0  # that a sale may be on its way, from the till here or from here to the ERP

Light = Literal["outside", "stopped", "attention", "ok", "disabled"]
LIGHT_NAMES: tuple[Light, ...] = get_args(Light)

Name = Literal[
    "outside",
    "store_wide",
    "erp_stopped",
    "structure",
    "behind",
    "cut_off",
    "troubled",
    "lost",
    "slowed",
    "rejected",
    "deleted",
    "refused",
    "unsent",
    "numbers",
    "store",
    "differing",
    "flagged",
    "damaged",
    "overdue",
    "days",
    "unproven",
    "closings",
    "rules",
    "sharing",
    "waiting",
    "skewed",
    "silent",
    "never",
    "checking",
]
Cause = Name | Literal["ok", "disabled"]


class FindingKind(msgspec.Struct, frozen=True):
    """``code`` is the catalogue's; "" where the documents, or whoever found it, have codes of their own: then the
    heaviest of those is told. ``weight``: the greater, the sooner it is told."""

    name: Name
    light: Light
    weight: int
    code: str = ""


KINDS: tuple[FindingKind, ...] = (
    # Sales of it were booked, and the ERP doesn't have them any more.
    FindingKind("outside", "outside", 100, "outside_erp"),
    # Nothing of any till is booked: the ERP is away, refuses everything, or nobody posts.
    FindingKind("store_wide", "stopped", 95),
    # Its own documents wait for something that a DBA must do, such as ending a lock.
    FindingKind("erp_stopped", "stopped", 90),
    # Its documents were refused, since the ERP lacks a table or a column.
    FindingKind("structure", "stopped", 88, "structure_outdated"),
    # Accepted, and nobody posts it: no poster runs, or it can't keep up.
    FindingKind("behind", "stopped", 85, "booking_behind"),
    # It holds sales that it could not send, and is silent.
    FindingKind("cut_off", "stopped", 80, "till_cut_off"),
    # It sees files that it doesn't capture, or told of a trouble (tills/troubles.py).
    FindingKind("troubled", "attention", 75),
    # It lost sales with its disk, and they never came.
    FindingKind("lost", "attention", 74, "sales_lost"),
    # It brings so many rejects that it is made to wait.
    FindingKind("slowed", "attention", 72, "too_many_rejects"),
    # A person must look at documents of it.
    FindingKind("rejected", "attention", 70),
    # Rejected sales of it were deleted, and the ERP doesn't have them.
    FindingKind("deleted", "attention", 68, "deleted_unbooked"),
    # It could not even capture some files.
    FindingKind("refused", "attention", 66, "files_refused"),
    # It speaks, and what it captured doesn't come.
    FindingKind("unsent", "attention", 65, "till_unsent"),
    # Numbers of its series that no document has and nobody voided.
    FindingKind("numbers", "attention", 64, "numbers_missing"),
    # Of the store, and of no till: a consumer that takes nothing, rules that can't be read (store_findings.py).
    FindingKind("store", "attention", 62),
    # Sales of it were booked, and the ERP has them otherwise.
    FindingKind("differing", "attention", 60, "differs_in_erp"),
    # Documents of it are booked, and a person must look at them all the same.
    FindingKind("flagged", "attention", 58),
    # Files of it that are kept here changed, or vanished.
    FindingKind("damaged", "attention", 57, "kept_damaged"),
    # Offline sales of it are booked, and have no protocol after the deadline.
    FindingKind("overdue", "attention", 56, "protocol_overdue"),
    # A closed day of it is not proven: till, server and ERP count it differently.
    FindingKind("days", "attention", 54, "day_divergent"),
    # Something booked of a day that is over was not compared with the ERP's rows, for longer than a round takes.
    FindingKind("unproven", "attention", 53, "day_unproven"),
    # The POS's own closing of a day has other payments than what was booked.
    FindingKind("closings", "attention", 52, "closing_differs"),
    # A rule of the retailer's own holds; each has a weight of its own, and this is where they stand among causes.
    FindingKind("rules", "attention", 51, "own_rule"),
    # Its agent reads the folder of another till.
    FindingKind("sharing", "attention", 50, "folder_shared"),
    # Documents wait for something that comes by itself.
    FindingKind("waiting", "attention", 40),
    # Its clock is wrong.
    FindingKind("skewed", "attention", 30, "clock_skewed"),
    # No sign of life; as far as known it holds nothing unsent.
    FindingKind("silent", "attention", 25, "till_silent"),
    # Nothing was ever heard of it.
    FindingKind("never", "attention", 20, "till_never_heard"),
    # What was booked of it wasn't compared with the ERP since a poster started, or for ten minutes.
    FindingKind("checking", "attention", 10, "erp_unchecked"),
)
OF_TILLS: tuple[FindingKind, ...] = tuple(kind for kind in KINDS if kind.name != "store")
BY_NAME: dict[Cause, FindingKind] = {kind.name: kind for kind in KINDS}

# A disabled till shows nothing else. As a light: the worst first.
CAUSES: tuple[Cause, ...] = (*(kind.name for kind in KINDS), "ok", "disabled")
LIGHTS: dict[Cause, Light] = {**{kind.name: kind.light for kind in KINDS}, "ok": "ok", "disabled": "disabled"}


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong with one till, or with the whole store where ``till`` is "".

    ``code`` and ``facts`` are the catalogue's, which has the words for cause and cure. ``count`` documents, files or
    numbers, 0 where nothing can be counted; ``value`` in cents, as far as known; ``since`` the age of the oldest, in
    seconds since the epoch.
    """

    name: Name
    code: str
    till: str
    light: Light
    weight: int
    count: int = 0
    value: int = 0
    since: float | None = None
    facts: dict[str, str] = {}

    @property
    def who(self) -> Cure:
        """Who can put it right."""
        return rejection.entry(self.code).cure

    def title(self, language: Language = "pt") -> str:
        return rejection.title(self.code, language)

    def remedy(self, language: Language = "pt") -> str:
        return rejection.remedy(self.code, self.facts, language)


def finding_of(name: Name, till: str, code: str = "", **said: object) -> Finding:
    """``code`` "": that of the kind; ``weight``, where it is said, is its own."""
    kind = BY_NAME[name]
    own = {"name": name, "code": code or kind.code, "till": till, "light": kind.light, "weight": kind.weight}
    return msgspec.convert(own | said, Finding)
