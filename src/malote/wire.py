"""What tills and the billing server say to each other. Both sides import this, and nothing of each other.

A pouch travels as ``zstd(msgpack(Pouch))`` with the SHA-256 of the msgpack in a header; everything else is JSON.
The version changes only when an older side could misread a newer one.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

PROTOCOL_VERSION = 1
OLDEST_PROTOCOL_VERSION = 1

PROTOCOL_HEADER = "Malote-Protocol"  # on every request and reply
POUCH_HASH_HEADER = "Malote-Pouch-SHA256"  # hex, of the uncompressed pouch
POUCH_MEDIA_TYPE = "application/vnd.malote.pouch+zstd"

PATH_POUCHES = "/v1/pouches"  # POST a pouch -> PouchReply
PATH_RECEIPTS = "/v1/receipts"  # POST ReceiptsQuery -> ReceiptsReply
PATH_CONTACT = "/v1/contact"  # POST Contact -> ContactReply
PATH_DOCUMENTS = "/v1/documents"  # POST one raw XML -> FileReceipt
PATH_HEALTH = "/health"

MAX_QUERY = 1000  # hashes in one ReceiptsQuery, and files in one Contact
PATIENCE_SECONDS = 30.0  # that an agent waits for the answer to a pouch; the server takes half of it, at most
MAX_FACTS = 100  # that explain one code
MAX_TOLD = 200  # troubles, lost sales and days in one Contact
MOST_RANGES = 20  # of numbers asked about at once
MOST_ASKED = 500  # numbers of one of them
MOST_LINES = 8000  # of one day, told at once
SYNCHRONISE, STRUCTURE = "synchronise", "structure"  # kinds of orders that agents without ``Order`` know too
MOST_ENTITIES = 50  # of a load
MAX_ORDERS = 20  # open at once for one till: one of each kind
MAX_PAYLOAD = 256_000  # characters of an order; what is larger is named in it by hash, and fetched

# What no side that means well exceeds. A name may be a whole path; it is shortened where it is kept.
Code = Annotated[str, msgspec.Meta(max_length=100)]
Hash = Annotated[str, msgspec.Meta(max_length=64)]  # hex
Name = Annotated[str, msgspec.Meta(max_length=40_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Day = Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
EntityName = Annotated[str, msgspec.Meta(max_length=40)]  # of a load
Facts = Annotated[dict[Code, str], msgspec.Meta(max_length=MAX_FACTS)]


class PouchFile(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One file as the POS wrote it. ``name`` is for people only: the server never builds a path from it."""

    name: str
    sha256: bytes  # of content, 32 bytes
    content: bytes


class Pouch(msgspec.Struct, array_like=True, frozen=True):
    version: int
    sealed_at: datetime  # by the till's clock, with zone
    files: list[PouchFile]


# What became of a file, seen from the till:
#   accepted   durable on the server, not yet booked: keep it
#   posted     the ERP has it: proven; or it is settled and kept here for good, since it is no sale to be booked
#   rejected   a person must act on the server: keep it, do not resend by yourself
#   discarded  a person deleted it on the server: keep it
#   unknown    the server has no such file: send it again
FileState = Literal["accepted", "posted", "rejected", "discarded", "unknown"]


class DocumentReceipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One document of a file; ``state`` is the server's state of the document (spool/states.py)."""

    state: str
    kind: str | None = None
    key: str | None = None
    code: str | None = None  # why it waits or was rejected, see docs/reasons.md
    message: str | None = None
    duplicate: bool = False  # posted, and the ERP had it already


class FileReceipt(msgspec.Struct, frozen=True):
    sha256: str  # hex
    state: FileState
    documents: list[DocumentReceipt] = []
    already_known: bool = False  # this very file had been received before


class PouchReply(msgspec.Struct, frozen=True):
    receipts: list[FileReceipt]  # in the order of the pouch's files


class ReceiptsQuery(msgspec.Struct, frozen=True):
    """``holding``: those of ``files`` whose content the till holds at this moment, read and checked against its hash.

    None: it doesn't say. What a till holds can be deleted on the server without losing a sale; so it
    speaks of files that were rejected or discarded there.
    """

    files: list[str]  # SHA-256, hex, at most MAX_QUERY
    holding: list[str] | None = None


class ReceiptsReply(msgspec.Struct, frozen=True):
    receipts: list[FileReceipt]


class RefusedFile(msgspec.Struct, frozen=True):
    """A file that the till could not even capture (too large, unreadable); it stays where the POS left it."""

    name: Name
    size: int
    code: Code


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the till shall do. It is said until ``OrderProgress`` tells that it is over.

    ``signature`` is the server's, in hex, over ``order_statement``: for this till, under this number, which is greater
    than those of all orders of the kind before. ``payload``: what the kind needs to know, mostly JSON; None where the
    till said that it has it.
    """

    kind: Code
    number: Count
    sha256: Hash  # of the payload in UTF-8
    signature: Annotated[str, msgspec.Meta(max_length=128)]
    expires_at: Count = 0  # seconds since the epoch by the server's clock; what hasn't begun by then isn't; 0: never
    payload: Annotated[str, msgspec.Meta(max_length=MAX_PAYLOAD)] | None = None


def order_statement(till: int, order: Order) -> bytes:
    """What a server signs of an order. ``till``: the number that the till's token begins with."""
    return f"malote order\n{till}\n{order.kind}\n{order.number}\n{order.expires_at}\n{order.sha256}".encode()


OrderState = Literal["begun", "done", "failed"]  # begun: the till has it on its disk, and is at it


class OrderProgress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far the till is with an order of a kind: the last one that it has, or that it refused."""

    kind: Code
    number: Count
    state: OrderState
    done: Count = 0  # of ``total``, in ``unit``: rows, bytes
    total: Count = 0  # 0: it doesn't know
    unit: Code = ""
    code: Code = ""  # why it failed
    facts: Facts = {}
    seconds: float = 0.0  # that it took


class TillStructure(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a till says of its outbox's structure; ``order`` and what follows is for servers without ``Order``."""

    format: int  # the newest form of a structure that it can read
    version: int
    sha256: Hash  # empty where none was ever applied
    order: int = 0  # the last ``StructureOrder`` that it has dealt with; 0: none yet
    done: bool = False  # else it failed, for ``code``
    code: Code = ""
    facts: Facts = {}
    seconds: float = 0.0  # that it took


class StructureOrder(msgspec.Struct, frozen=True):
    """How an agent without ``Order`` is told of a structure. ``signature`` is the server's, over ``structure``; in hex.

    ``binding``: over this order as ``structure_statement`` says it, under a number greater than those before it.
    """

    number: int
    structure: str  # JSON, malote.schema.definition.Structure
    sha256: str  # of it
    signature: str
    version: int = 0  # of the structure
    binding: str = ""


def structure_statement(till: int, order: StructureOrder) -> bytes:
    """What a server signs of such an order. ``till``: the number that the till's token begins with."""
    return f"malote structure order\n{till}\n{order.number}\n{order.version}\n{order.sha256}".encode()


class FolderCount(msgspec.Struct, frozen=True):
    """What the till sees in the POS's folder, counted before anything of it is captured."""

    seen: Count  # files that count
    captured: Count  # of those, as they look now
    uncaptured: Count  # seen, and not captured yet
    uncaptured_seconds: float = 0.0  # since the oldest of these was written


class TillTrouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes on at the till for ``seconds`` now, whether it could write it down or not."""

    code: Code
    seconds: float = 0.0
    count: Count = 1  # files or sales that it is about
    value: Count = 0  # cents, as far as known
    facts: Facts = {}


class LostSale(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file whose content the till can't bring back from its damaged disk; as much of it as is known."""

    name: Name
    sha256: Hash
    access_key: Code = ""
    series: Count | None = None
    number: Count | None = None
    issued_at: Code = ""
    total: Count | None = None  # cents


class TillDay(msgspec.Struct, frozen=True):
    """What the sales of a business day come to by the till's own files: business_day.py and docs/books.md."""

    day: Day
    count: Count
    total: Count  # cents
    sha256: Hash  # over the lines KEY STATE CENTS
    turn: Count  # greater than those of all days that changed earlier


class NumberRange(msgspec.Struct, frozen=True):
    """Numbers of a series that the server has no document of: does the till?"""

    issuer: Code
    model: Code
    series: Count
    first: Count
    last: Count


class NumbersTold(msgspec.Struct, frozen=True):
    """Of such a range, those that the till has a document of."""

    range: NumberRange
    present: Annotated[list[Count], msgspec.Meta(max_length=MOST_ASKED)]


class DayTold(msgspec.Struct, frozen=True):
    """The lines that a day's digest was taken of, ``KEY STATE CENTS``, in order."""

    day: Day
    lines: Annotated[list[Code], msgspec.Meta(max_length=MOST_LINES)]


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the server wants to know of the till's own books; the next contact answers."""

    numbers: list[NumberRange] = []
    day: str = ""  # YYYY-MM-DD


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer."""

    numbers: Annotated[list[NumbersTold], msgspec.Meta(max_length=MOST_RANGES)] = []
    day: DayTold | None = None  # None also of a day with more lines than may be told


class BusinessDay(msgspec.Struct, frozen=True):
    """The server's settings ``books.zone`` and ``books.day_begins``."""

    zone: str = ""
    begins: str = "00:00"


class EntityHeld(msgspec.Struct, frozen=True):
    """What a till has of an entity of a load, proven by its digest when it was applied."""

    version: Count
    sha256: Hash


class LoadsHeld(msgspec.Struct, frozen=True, omit_defaults=True):
    """The load that a till sells with. ``version`` 0: it could have one, and has none yet.

    ``applied_at``: seconds since the epoch by the till's clock. ``rolled_back_from``: the version that was taken back
    there; 0: none. ``rolled_back_by``: the number of the order to do so; 0: a person did it at the till.
    ``taken_back``: (version, rolled_back_from, applied_at) of steps of persons' right before it, the oldest first.
    """

    version: Count
    applied_at: Count = 0
    entities: Annotated[dict[EntityName, EntityHeld], msgspec.Meta(max_length=MOST_ENTITIES)] = {}
    rolled_back_from: Count = 0
    rolled_back_by: Count = 0
    taken_back: Annotated[list[tuple[Count, Count, Count]], msgspec.Meta(max_length=8)] = []


class Contact(msgspec.Struct, frozen=True):
    """The till's sign of life."""

    agent_version: Code
    clock: datetime  # the till's, with zone
    pending: int  # files captured and not yet accepted
    unproven: int  # accepted and not yet proven posted
    refused: Annotated[list[RefusedFile], msgspec.Meta(max_length=MAX_QUERY)] = []
    synchronised: int | None = None  # for a server without ``Order``: the last ``ContactReply.order`` it has obeyed
    structure: TillStructure | None = None  # None: an agent that knows of no structures
    folder: FolderCount | None = None  # None: an older agent, or one that can't look
    unsent_seconds: float | None = None  # since the oldest file of ``pending`` was captured
    troubles: Annotated[list[TillTrouble], msgspec.Meta(max_length=MAX_TOLD)] | None = None  # None: an older agent
    lost: Annotated[list[LostSale], msgspec.Meta(max_length=MAX_TOLD)] = []  # the first of all that are lost
    days: Annotated[list[TillDay], msgspec.Meta(max_length=MAX_TOLD)] = []  # those of ``ContactReply.books`` and later
    told: Told | None = None  # what the reply before asked; None: nothing, or an older agent
    orders: Annotated[list[OrderProgress], msgspec.Meta(max_length=2 * MAX_ORDERS)] | None = (
        None  # None: an older agent
    )
    loads: LoadsHeld | None = None  # None: an agent that knows of no loads


class PouchLimits(msgspec.Struct, frozen=True):
    """What the server takes at once. A larger pouch may still be taken, or refused with ``too_many_documents`` or
    ``pouch_too_large``; a single file of ``document_bytes`` always fits, whatever ``bytes`` says."""

    files: int
    bytes: int  # of contents, before compression
    document_bytes: int  # of one file; a larger one would be rejected


class ContactReply(msgspec.Struct, frozen=True):
    server_version: str
    clock: datetime
    till: str
    skew_seconds: float  # till's clock minus server's
    resend: bool = False  # for an agent without ``Order``: rescan and resend all that is not proven
    order: int = 0  # which of these; said until the till says that it has obeyed
    server_key: str = ""  # Ed25519, hex: the till remembers the first it sees, and believes no other
    structure: StructureOrder | None = None  # for an agent without ``Order``
    limits: PouchLimits | None = None  # None: an older server, which takes what its settings say
    books: int | None = None  # the turn of the till's days up to which they are here; None: an older server
    business_day: BusinessDay | None = None
    outside: int = 0  # sales of the till that were booked, and that the ERP has no more
    outside_total: int = 0  # their value in cents
    asked: Asked | None = None
    orders: Annotated[list[Order], msgspec.Meta(max_length=MAX_ORDERS)] | None = None  # None: an older server


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every HTTP reply that isn't a success. ``code`` is in the catalogue of ``malote.rejection``."""

    code: str
    title: str
    detail: str = ""
    remedy: str = ""
    transient: bool = False  # try the same again later
