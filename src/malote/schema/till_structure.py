"""The structure of a till's outbox, declared once. Pure, so that agents carry it too.

Version 1 is what the agent can't work without, and makes by itself. What later versions add comes to a till that is
there already by a roll-out, and a new outbox has it from the start. Only ever add; raise ``VERSION`` with each change.
"""

from malote.schema.definition import FORMAT, Column, Index, Structure, Table

VERSION = 2


def _required(name: str, portable: str, default: str | None = None) -> Column:
    return Column(name, portable, nullable=False, default=default)


_FILE = Table(
    "file",
    (
        Column("id", "integer"),
        _required("sha256", "binary"),
        _required("path", "text"),
        _required("name", "text"),
        _required("size", "integer"),
        _required("mtime_ns", "integer"),
        Column("content", "binary"),
        _required("captured_at", "double"),
        _required("state", "text"),
        Column("code", "text"),
        Column("message", "text"),
        Column("held_until", "double"),
        _required("asked_turn", "integer", "0"),
        Column("last_asked_at", "double"),
        Column("proven_at", "double"),
        Column("content_dropped_at", "double"),
    ),
    primary_key=("id",),
    uniques={"file_sha256": ("sha256",)},
    indexes=(
        Index("file_by_state", ("state", "asked_turn")),
        Index("file_by_proof", ("proven_at",), where="content IS NOT NULL"),
    ),
)

_DOCUMENT = Table(
    "document",
    (
        _required("file_id", "integer"),
        _required("position", "integer"),
        *(Column(name, "text") for name in ("kind", "access_key", "issuer", "model")),
        *(Column(name, "integer") for name in ("series", "number", "last_number")),
        Column("issued_at", "text"),
        Column("total", "integer"),
    ),
    primary_key=("file_id", "position"),
)

_SEEN = Table(
    "seen",
    (
        Column("path", "binary"),
        *(_required(name, "integer") for name in ("size", "mtime_ns", "ctime_ns")),
        _required("sha256", "binary"),
    ),
    primary_key=("path",),
    indexes=(Index("seen_by_content", ("sha256",)),),
)

_REFUSED = Table(
    "refused",
    (
        Column("path", "binary"),
        _required("name", "text"),
        _required("size", "integer"),
        _required("code", "text"),
        _required("facts", "text"),
        _required("since", "double"),
    ),
    primary_key=("path",),
)

_FACT = Table("fact", (Column("name", "text"), _required("value", "text")), primary_key=("name",))

# What was done to this outbox, for whoever looks at it with a tool of their own.
_STRUCTURE_CHANGE = Table(
    "structure_change",
    (
        _required("version", "integer"),
        _required("sha256", "text"),
        _required("at", "double"),
        _required("seconds", "double"),
        _required("statements", "integer"),
    ),
    primary_key=("version", "sha256"),
)

BASE = Structure(FORMAT, "till", 1, (_FILE, _DOCUMENT, _SEEN, _REFUSED, _FACT))
TILL = Structure(FORMAT, "till", VERSION, (*BASE.tables, _STRUCTURE_CHANGE))
