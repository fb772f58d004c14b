"""A file that broke the program is left where it lies, with a hidden note beside it; this version reads it no more.

The note speaks of the file as it was: one that was changed since is tried again, and so is every file after an update.
Dying before the note is written costs one more try.
"""

from pathlib import Path

import msgspec

from malote import __version__, durable

_LARGEST = 10_000  # bytes; nobody's hand-made file is read beyond it


class IncidentNote(msgspec.Struct, frozen=True):
    """``incident`` stands in the server's log."""

    incident: str
    version: str
    size: int
    modified: int  # nanoseconds


def put(path: Path, size: int, modified: int, incident: str) -> None:
    """Has this version leave the file alone for as long as it looks like this. Raises ``OSError``."""
    durable.write(_place(path), msgspec.json.encode(IncidentNote(incident, __version__, size, modified)))


def incident_of(path: Path, size: int, modified: int) -> str | None:
    """The incident for which this version leaves the file alone; None where it may be tried."""
    try:
        with _place(path).open("rb") as file:
            note = _decoder.decode(file.read(_LARGEST))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return note.incident if (note.version, note.size, note.modified) == (__version__, size, modified) else None


def is_note(name: str) -> bool:
    return name.startswith(".") and name.endswith(_ENDING)


def noted(names: set[str], name: str) -> bool:
    """Whether a note about the file ``name`` is among the names of its folder."""
    return note_of(name) in names


def file_of(name: str) -> str | None:
    """The file that a note of this name speaks of; None where it is no note."""
    return name[1 : -len(_ENDING)] if is_note(name) else None


def note_of(name: str) -> str:
    """The name of the note about a file."""
    return f".{name}{_ENDING}"


def forget(path: Path) -> None:
    """Removes the note about a file that is gone. Raises ``OSError``."""
    _place(path).unlink(missing_ok=True)


def _place(path: Path) -> Path:
    return path.with_name(note_of(path.name))


_ENDING = ".aside"
_decoder = msgspec.json.Decoder(IncidentNote)
