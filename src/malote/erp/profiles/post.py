"""``[post]`` of a profile: statements of the ERP's own that take documents as JSON, instead of tables to be written."""

import re
from typing import Literal, get_args

import msgspec

from malote.erp.profiles.errors import ProfileError

Call = Literal["call", "call_cancellation", "call_void", "call_authorisation", "call_correction"]
CALLS: tuple[Call, ...] = get_args(Call)

COMPARISONS = ("compare_sales", "compare_items", "compare_payments")

_READS = re.compile(r"\s*(select|with)\b[^;]*$", re.IGNORECASE)
_LONGEST = 10_000  # characters of one statement
_BINDS = frozenset({"document", "documents", "id", "access_key", "answer"})
# What is no bind though it has a colon: texts, quoted names, comments, PostgreSQL's casts and bodies, assignments.
_PARTS = re.compile(
    r"""(?P<other>'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/|(?P<tag>\$\w*\$).*?(?P=tag)|::|:=)|:(?P<name>[a-z_]+)""",
    re.DOTALL | re.IGNORECASE,
)

Style = Literal["pyformat", "named", "numbered"]


class ProfileStatements(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which statements are run for what, in order; None where the ERP takes no such thing.

    ``call`` books sales, ``call_cancellation`` takes one back, ``call_void`` is told of numbers never to be used,
    ``call_authorisation`` of the protocol of a sale that was booked before it, ``call_correction`` makes a booked sale
    what its authorised version says.
    """

    call: str | list[str]
    call_cancellation: str | list[str] | None = None
    call_void: str | list[str] | None = None
    call_authorisation: str | list[str] | None = None
    call_correction: str | list[str] | None = None
    wait: list[str] = []  # the database's codes by which the ERP says "not yet": SQLSTATE, or ORA- number
    # Read only: the ERP's own rows of the sales whose keys stand in the JSON array :keys. Columns go by Malote's names
    # of fields, with access_key; what isn't there isn't compared.
    compare_sales: str = ""
    compare_items: str = ""
    compare_payments: str = ""
    table: str = "malote_sale"  # Malote's own, beside the ledger: what was handed over, and how it stands

    def statements(self, which: Call) -> list[str] | None:
        """None where there is nothing for this."""
        given: str | list[str] | None = getattr(self, which)
        return [given] if isinstance(given, str) else given

    @property
    def together(self) -> bool:
        """Whether sales are handed over as one array."""
        return any("documents" in binds_of(statement) for statement in self.statements("call") or [])


def silent(post: ProfileStatements) -> ProfileStatements:
    """The same without anything that is called: for trying out what is around it."""
    return msgspec.structs.replace(post, **{which: [] for which in CALLS})


def check(post: ProfileStatements, where: str) -> None:
    """Raises ``ProfileError`` for statements that can't be called."""
    for which in CALLS:
        statements = post.statements(which)
        if statements is None:
            continue
        if not statements or not all(one.strip() and len(one) <= _LONGEST for one in statements):
            raise ProfileError(where, f"post.{which} needs a statement, of at most {_LONGEST} characters")
        binds = set().union(*(binds_of(one) for one in statements))
        if unknown := binds - _BINDS:
            raise ProfileError(where, f"post.{which}: known are :document, :documents, :id, not :{min(unknown)}")
        if "documents" in binds and (which != "call" or binds & {"document", "id", "access_key"}):
            raise ProfileError(where, f"post.{which}: :documents stands alone, and in call only")
        if not binds & {"document", "documents", "access_key", "id"}:
            raise ProfileError(where, f"post.{which} takes no :document")

    for name in COMPARISONS:
        told: str = getattr(post, name)
        if told and (binds_of(told) != {"keys"} or len(told) > _LONGEST or not _READS.match(told)):
            raise ProfileError(where, f"post.{name} must be one SELECT with :keys and no other bind")


def binds_of(statement: str) -> set[str]:
    return {found["name"].lower() for found in _PARTS.finditer(statement) if found["name"]}


def for_driver(statement: str, style: Style) -> str:
    """The statement with its binds as a driver writes them."""
    if style == "named":
        return _PARTS.sub(lambda found: found[0].lower() if found["name"] else found[0], statement)
    if style == "numbered":
        order = sorted(binds_of(statement))
        return _PARTS.sub(
            lambda found: f"${order.index(found['name'].lower()) + 1}" if found["name"] else found[0], statement
        )
    pieces, place = [], 0
    for found in _PARTS.finditer(statement):
        written = f"%({found['name'].lower()})s" if found["name"] else found[0].replace("%", "%%")
        pieces += [statement[place : found.start()].replace("%", "%%"), written]
        place = found.end()
    return "".join([*pieces, statement[place:].replace("%", "%%")])
