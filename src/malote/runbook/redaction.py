"""What may leave the house: by name and by form, so that whatever nobody thought of stays.

A fact or a log line's value goes out only under a name that is known to carry no person's data, and in a form that no
name, document, password or token has. Free texts never go: a driver's words quote rows, a file's name may be anybody's.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

LONGEST = 200
_MOST_DIGITS = 9  # of what is no person's: a telephone has ten
HIDDEN = "…"

# Facts of the catalogue's words that are numbers, ages or moments.
NUMBERS = frozenset(
    {
        *("count", "first", "tills", "open", "sent", "pending", "missing", "free", "minutes", "seconds"),
        *("age", "since", "others", "sales", "series", "limit", "job", "wave", "attempts", "model"),
    }
)  # fmt: skip
# And those that are names of things of a database or of this program.
NAMES = frozenset(
    {
        *("till", "owner", "version", "server", "agents", "scope", "named", "table", "column", "object", "session"),
        *("engine", "schema", "state", "code", "privilege", "index"),
    }
)  # fmt: skip

# Values of log lines.
LOGGED = frozenset(
    {
        *("level", "timestamp", "event", "code", "error", "worker", "till", "documents", "posted", "files", "known"),
        *("left", "bytes", "seconds", "run", "job", "outcome", "count", "freed", "shared", "rejected"),
        *("waiting", "kept", "attempt", "incident", "reference", "port", "version", "pouches"),
        *("sessions", "trash", "jobs", "received"),
    }
)  # fmt: skip

# Names of things: an identifier, a number, a time, a version. No blank, so that no person's name passes.
_PLAIN = re.compile(r"[\w.:+\-/]{1,200}")
_NAMES = re.compile(r"[\w.:+\-/]+(?:, [\w.:+\-/]+)*(?: \(\+\d+\))?")
_TIMED = re.compile(r"[+-]?\d[\d.,]*(?: (?:s|min|h|d|GB|MB))?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]{5,15}(?:Z|[+-]\d\d:\d\d)?")
_PERSONAL = re.compile(r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}|\d{11,}|@")
_SECRET = re.compile(r"(?=[\w\-]*\d)(?=[\w\-]*[A-Za-z])[\w\-]{20,}")
_EVENT = re.compile(r"[a-z][a-z0-9_]{0,60}")  # no blank: a line of another library's may say anything


def text(value: str) -> str:
    """The text where its form says that it is a name of a thing, a number or a time; ``…`` otherwise."""
    known = len(value) <= LONGEST and (_PLAIN.fullmatch(value) or _NAMES.fullmatch(value) or _TIMED.fullmatch(value))
    return value if known and not _is_personal(value) and not _SECRET.search(value) else HIDDEN


def _digits(value: str) -> int:
    return sum(one.isdigit() for one in value)


def _is_personal(value: str) -> bool:
    """However its digits are set apart: a CPF, a card's or a telephone's number. A moment has as many."""
    if _MOMENT.fullmatch(value):
        return False
    return bool(_PERSONAL.search(value)) or any(_digits(one) > _MOST_DIGITS for one in value.split(", "))


def facts(given: Mapping[str, str], *, said_by_a_till: bool = False) -> dict[str, str]:
    """Without those whose names nobody knows; of what a till said, numbers only."""
    names = frozenset() if said_by_a_till else NAMES
    numbers = {name: value for name, value in given.items() if name in NUMBERS and is_number(value)}
    return numbers | {name: text(value) for name, value in given.items() if name in names and value}


def is_number(value: str) -> bool:
    """Or an age, or a moment."""
    known = len(value) <= LONGEST and (_TIMED.fullmatch(value) or _MOMENT.fullmatch(value))
    return bool(known) and not _is_personal(value)


def line(given: Mapping[str, Any]) -> dict[str, Any]:
    """A log line: a number stays, a text as ``text`` says; an event has this program's own name or none."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in LOGGED:
            continue
        if name == "event":
            found[name] = value if isinstance(value, str) and _EVENT.fullmatch(value) else HIDDEN
        elif name == "timestamp":
            found[name] = value if isinstance(value, str) and _MOMENT.fullmatch(value) else HIDDEN
        else:
            found[name] = _number(name, value) if isinstance(value, int | float) else text(str(value))
    return found


def _number(name: str, value: float) -> float | str:
    """Only bytes are so many that a document's number could hide among them."""
    return value if name == "bytes" or abs(value) < 10**_MOST_DIGITS else HIDDEN


def everywhere(value: Any) -> Any:
    """The same of anything that was made of structs: every ``facts`` in it is cleaned, every other text too."""
    return _cleaned(msgspec.to_builtins(value))


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        of_till = value.get("name") == "troubled"
        return {
            # Names are others' words too: an agent says itself of what version it is.
            text(name): facts(one, said_by_a_till=of_till) if name == "facts" else _cleaned(one)
            for name, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return text(value) if isinstance(value, str) and value else value


def lines(given: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [line(one) for one in given]
