"""What people see of loads. Times are seconds since the epoch; ``code`` and ``facts`` are of the catalogue."""

from typing import Literal

import msgspec

# current   has the newest version of everything
# behind    has an older one, and is told at its next contact
# loading   is at it
# failed    couldn't, and is told again later
# back      is kept at an earlier one, since a person took a later one back
# none      has nothing yet
# unable    its agent knows of no loads, or nothing was ever heard of it
TillLoadState = Literal["current", "behind", "loading", "failed", "back", "none", "unable"]

AWAY_SECONDS = 120.0  # without a contact


class Refusal(msgspec.Struct, frozen=True):
    """A row of the ERP that stays out. ``key`` is its values as people read them, "•••" where they are personal."""

    entity: str
    key: str
    code: str
    facts: dict[str, str]
    since: float


class EntityStatus(msgspec.Struct, frozen=True):
    """``version``: the last that changed it."""

    entity: str
    version: int
    rows: int
    made_at: float | None
    looked_at: float | None
    compared_at: float | None
    refused: int
    code: str = ""  # what keeps it from its next version
    facts: dict[str, str] = {}
    since: float | None = None
    confirmed_by: str = ""
    put_off: int = 0  # prices that wait for the shelf
    put_off_to: str = ""  # when the first of them is valid, as rows have instants
    is_final: bool = False  # nobody can let it through: tills would have nothing of the entity


class Going(msgspec.Struct, frozen=True):
    """An order that a till is at. ``rate`` in ``unit`` a second and ``seconds_left`` are None while unknown."""

    version: int
    state: str
    asked_by: str
    asked_at: float
    done: int
    total: int
    unit: str
    rate: float | None
    seconds_left: float | None
    stalled_since: float | None  # that it makes no progress, beyond loads.stalled_minutes


class KeptBack(msgspec.Struct, frozen=True):
    """That a till stays at an earlier load: ``version``, and not ``back_from``. ``asked_by`` "": whoever was at the
    till. ``until`` None: until a person releases it."""

    version: int
    back_from: int
    asked_by: str
    reason: str
    asked_at: float
    until: float | None


class TillLoad(msgspec.Struct, frozen=True, gc=False):
    """``missing``: entities whose newest state the till lacks, or, of one that is kept ``back``, the state that it is
    kept at. ``differing``: whose rows aren't what they should be. ``contact_at``: when it was last heard of."""

    till: str
    state: TillLoadState
    version: int = 0
    applied_at: float | None = None
    missing: list[str] = []
    differing: list[str] = []
    rolled_back_from: int = 0
    going: Going | None = None
    code: str = ""  # why the last one failed
    facts: dict[str, str] = {}
    failed_at: float | None = None
    contact_at: float | None = None
    back: KeptBack | None = None

    def is_away(self, now: float) -> bool:
        """Whether it lacks something, and isn't there to be told."""
        lacks = self.state not in ("current", "unable") and (self.state != "back" or bool(self.missing))
        return lacks and self.contact_at is not None and now - self.contact_at > AWAY_SECONDS


class TillEntity(msgspec.Struct, frozen=True):
    """One entity at a till. ``bytes``: of whole rows, as far as a file of them was made."""

    entity: str
    version: int  # that the till has; 0: nothing
    newest: int
    rows: int
    applied_at: float | None  # when the till got that version
    bytes: int | None


class Status(msgspec.Struct, frozen=True):
    version: int
    made_at: float | None
    emergency: bool
    entities: list[EntityStatus]
    tills: list[TillLoad]


class PriceFound(msgspec.Struct, frozen=True):
    """A row of the price list as a till had it. ``values`` by column; ``version``: the one that brought the row."""

    values: dict[str, str | int | bool | None]
    version: int
    made_at: float | None
    is_valid: bool  # at the moment asked about
    is_put_off: bool = False  # it begins when it does since it went up on the shelf first


class PriceAnswer(msgspec.Struct, frozen=True):
    """``till`` "": of the newest version. ``version`` 0: the till had nothing then, or nobody knows. ``is_kept``:
    whether the rows of the version are here still."""

    product: str
    till: str
    at: float
    version: int
    applied_at: float | None
    prices: list[PriceFound]
    is_kept: bool = True


class RowDifference(msgspec.Struct, frozen=True):
    """``before`` or ``after`` is None of a row that came or went. Personal values are "•••"; in ``after`` "••• ≠" where
    they changed. ``put_off_to``: of a price that goes up on the shelf first, from when ``after`` is valid."""

    entity: str
    key: list[str | int | bool | None]
    before: dict[str, str | int | bool | None] | None
    after: dict[str, str | int | bool | None] | None
    put_off_to: str | None = None
