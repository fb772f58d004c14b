"""A profile: which tables and columns of an ERP hold what Malote books. Read from TOML; docs/erp-profiles.md."""

import re
import tomllib
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from malote.erp import ordinary_tables, tables
from malote.erp.profiles.errors import ProfileError
from malote.erp.profiles.load_sources import LoadSource
from malote.erp.profiles.post import ProfileStatements, check
from malote.erp.profiles.queries import ProfileQuery

Part = Literal["sale", "note", "item", "tax", "payment", "stock", "movement", "cancellation", "number_void"]
PARTS: tuple[Part, ...] = get_args(Part)
# Parts that only tables of ordinary design have; Malote's own lack them.
ORDINARY: frozenset[Part] = frozenset({"note", "tax", "movement"})

# Malote's own table behind each part: its columns are the fields that a profile may use.
FIELDS = {
    "sale": tables.sale,
    "note": tables.sale,
    "item": tables.sale_item,
    "payment": tables.payment,
    "stock": tables.stock,
    "cancellation": tables.cancellation,
    "number_void": tables.number_void,
    "tax": ordinary_tables.tax,
    "movement": ordinary_tables.movement,
}

# What Malote keeps of a sale that the ERP's own statements book.
OWN_SALE = (
    *("access_key", "till", "issuer", "model", "series", "number", "issued_at", "total"),
    *("protocol_number", "protocol_status", "protocol_at", "cancelled_at", "posted_at"),
)

BUILT_IN = "malote"
# What may be quoted without harm: old ERPs have blanks, hyphens, strokes and accents in their names.
_NAME = re.compile(r"[^\W\d](?:[\w$# /-]{0,61}[\w$#])?")
_LONGEST_FILE = 1_000_000  # bytes

Written = str | int | bool  # an expression's text, or a constant that needs none


class MappedPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the ERP: what goes into which column.

    ``key`` is a column whose value the database makes, or takes from ``sequence``; its lines have it as ``sale.key`` or
    ``item.key``. Of a sale it may be several columns, which its lines have as ``sale_key('column')``; what ``columns``
    says nothing of among them the database makes, or ``sequence``, or it is ``count``: one more than the greatest that
    there is beside the same others. ``rows``, of taxes: for which of them there is a row.
    """

    table: str
    columns: dict[str, Written]
    key: str | list[str] = ""
    sequence: str = ""
    count: str = ""
    rows: list[str] = []

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.key) if isinstance(self.key, list) else (self.key,) if self.key else ()

    @property
    def several(self) -> tuple[str, ...]:
        """The columns of a key that is of several."""
        return tuple(self.key) if isinstance(self.key, list) else ()

    @property
    def numbered(self) -> str:
        """The column of the key that Malote numbers, by a sequence or by counting; "" for none."""
        left = [column for column in self.keys if column not in self.columns]
        return self.count or (left[0] if self.sequence and left else "")

    @property
    def made(self) -> tuple[str, ...]:
        """The columns of the key that the database fills."""
        return tuple(one for one in self.keys if one not in self.columns and one != self.numbered)


class LedgerTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Malote's own table in the ERP. Its columns are Malote's; only its name is free."""

    table: str = tables.posting_key.name


class StateTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Malote's own second table, where the ERP's are of ordinary design: what became of each sale."""

    table: str = "malote_state"


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``sale`` and ``item`` must be there; what else an ERP lacks is left out. Names in small letters are folded by
    the database as it always does; others are taken as they are.

    With ``post`` the ERP's own statements write everything: then ``sale`` is Malote's own narrow table beside the
    ledger, and there is no other part."""

    name: str
    sale: MappedPart
    note: MappedPart | None = None  # what the ERP has of a sale in a second table beside it: its key, its protocol
    item: MappedPart | None = None
    payment: MappedPart | None = None
    stock: MappedPart | None = None
    cancellation: MappedPart | None = None
    number_void: MappedPart | None = None
    tax: MappedPart | None = None
    movement: MappedPart | None = None
    ledger: LedgerTable = LedgerTable()
    state: StateTable | None = None
    schema: str = ""
    description: str = ""
    lookup: dict[str, dict[str, str | int]] = {}
    post: ProfileStatements | None = None
    query: dict[str, ProfileQuery] = {}
    load: dict[str, LoadSource] = {}  # where it keeps what tills sell with, by entity

    def part(self, name: Part) -> MappedPart | None:
        part: MappedPart | None = getattr(self, name)
        return part


def built_in() -> Profile:
    """Malote's own tables: every field in a column of its name."""
    parts = {
        part: MappedPart(table.name, {column.name: column.name for column in table.columns})
        for part, table in FIELDS.items()
        if part not in ORDINARY
    }
    own = Profile(BUILT_IN, parts["sale"], item=parts["item"], description="Malote's own tables")
    return msgspec.structs.replace(own, **parts)


def load(chosen: str, home: Path = Path()) -> Profile:
    """The profile of this name, or of the file at this path (relative to ``home``); the built-in one for "".

    Raises ``ProfileError``.
    """
    if chosen in ("", BUILT_IN):
        return built_in()
    if chosen.endswith(".toml"):
        path = home / chosen
        try:
            if path.stat().st_size > _LONGEST_FILE:
                raise ProfileError(str(path), f"longer than {_LONGEST_FILE} bytes")
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ProfileError(str(path), _why(error)) from error
        return read(text, str(path))
    if chosen not in shipped():
        raise ProfileError(chosen, f"no such profile; known are {', '.join([BUILT_IN, *shipped()])}, or a .toml file")
    return read((_folder() / f"{chosen}.toml").read_text(encoding="utf-8"), chosen)


def shipped() -> list[str]:
    """Names of the profiles that come with Malote as examples."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml"))


def read(text: str, where: str) -> Profile:
    """A profile from its TOML. Raises ``ProfileError``; expressions are looked at later, by ``mapping``."""
    try:
        profile = msgspec.convert(_with_own_sale(tomllib.loads(text), where), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError(where, str(error)) from error
    if profile.name == BUILT_IN:
        raise ProfileError(where, f"{BUILT_IN} is the name of the built-in profile")
    if profile.item is None and profile.post is None:
        raise ProfileError(where, "Object missing required field `item`")
    if profile.post is not None:
        check(profile.post, where)
    for name in _names(profile):
        if not is_name(name):
            raise ProfileError(where, f"{name[:70]!r} can't be the name of a table or column here")
    _refuse_unusable(profile, where)
    return profile


def _with_own_sale(given: dict[str, Any], where: str) -> dict[str, Any]:
    """Where the ERP's statements write everything, Malote keeps of a sale only how it stands."""
    if "post" not in given:
        return given
    if parts := [part for part in PARTS if part in given]:
        raise ProfileError(where, f"[post] writes everything: [{parts[0]}] can't be there too")
    post = given["post"]
    table = post.get("table", ProfileStatements.__struct_defaults__[-1]) if isinstance(post, dict) else ""
    return {**given, "sale": {"table": table, "columns": {name: name for name in OWN_SALE}}}


def _refuse_unusable(profile: Profile, where: str) -> None:
    if profile.state is not None and profile.post is not None:
        raise ProfileError(where, "[post] writes everything: [state] can't be there too")
    for name, query in profile.query.items():
        query.refuse_unusable(f"{where}: query.{name}")
    for name, source in profile.load.items():
        source.refuse_unusable(f"{where}: load.{name}")
    tables = Counter(mapped.table for part in PARTS if (mapped := profile.part(part)))
    if twice := [name for name, count in tables.items() if count > 1]:
        raise ProfileError(where, f"{twice[0]} is the table of two parts; a view of it can be one part's")
    for part in PARTS:
        mapped = profile.part(part)
        if mapped is None:
            continue
        if profile.state is None and (part in ORDINARY or mapped.key):
            raise ProfileError(f"{where}: {part}", "needs [state], Malote's own table of what became of each sale")
        if mapped.key and part not in ("sale", "item"):
            raise ProfileError(f"{where}: {part}", "only sale and item hand a key to others")
        if mapped.sequence and not mapped.key:
            raise ProfileError(f"{where}: {part}", "sequence needs key, the column that it numbers")
        _refuse_key(part, mapped, f"{where}: {part}")
        if (mapped.rows and part != "tax") or set(mapped.rows) - set(ordinary_tables.TAXES):
            raise ProfileError(f"{where}: {part}", f"rows are of tax, out of {', '.join(ordinary_tables.TAXES)}")


def _refuse_key(part: Part, mapped: MappedPart, where: str) -> None:
    """A key of several columns that can't be one."""
    if not isinstance(mapped.key, list):
        if mapped.count:
            raise ProfileError(where, "count is for a key of several columns: one more than there is beside the others")
        return
    left = [column for column in mapped.key if column not in mapped.columns]
    if part != "sale" or len(mapped.key) < 2 or len(set(mapped.key)) != len(mapped.key):
        raise ProfileError(where, "a key of several columns is of sale, and names each of two or more once")
    if mapped.count and (mapped.sequence or mapped.count not in left):
        raise ProfileError(where, "count names a column of the key that has no line of its own and no sequence")
    if mapped.sequence and len(left) != 1:
        raise ProfileError(where, "sequence numbers the one column of the key that has no line of its own")


def is_name(text: str) -> bool:
    """Whether a profile may have it for a table or a column."""
    return _NAME.fullmatch(text) is not None


def _names(profile: Profile) -> list[str]:
    names = [profile.ledger.table, *([profile.schema] if profile.schema else [])]
    names += [profile.state.table] if profile.state else []
    for part in PARTS:
        mapped = profile.part(part)
        if mapped is not None:
            names += [name for name in (mapped.table, *mapped.columns, *mapped.keys, mapped.sequence) if name]
    return names


def _folder() -> resources.abc.Traversable:
    return resources.files("malote.erp.profiles")


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "unreadable") if isinstance(error, OSError) else "no UTF-8 text"
