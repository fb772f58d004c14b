"""Rejected documents on disk: ``<folder>/<till>/<name>.xml``, the file as it came, and ``<name>.json``, saying why.

The names come from the document's key and the file's hash, never from what the till called it. The sidecar is written
last: where it stands, the document stands beside it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from malote import durable, rejection
from malote.accounts.tills import check_name
from malote.fiscal.problems import Problem, Severity
from malote.rejection import Cure, Text
from malote.spool.documents import RejectedDocument

_ACCESS_KEY = re.compile(r"[0-9A-Z]{44}")
_LONGEST_NAME = 255  # characters kept of what the till called the file
_LARGEST_SIDECAR = 4_000_000  # bytes; nobody's hand-made file is read beyond it


class Finding(msgspec.Struct, frozen=True):
    """One problem of the document, in words."""

    code: str
    severity: Severity
    facts: dict[str, str]
    message: Text


class Sidecar(msgspec.Struct, frozen=True):
    """What the ``.json`` says. Of the consumer it says nothing: that stands only in the document itself."""

    till: str
    file_name: str  # as the till called it
    sha256: str  # of the file, hex
    position: int  # of the document within the file, from 0
    kind: str | None
    access_key: str | None
    code: str
    facts: dict[str, str]
    title: Text
    cause: Text
    remedy: Text
    cure: Cure
    problems: list[Finding]
    rejected_at: datetime


class Kept(msgspec.Struct, frozen=True):
    """One rejected document in the folder. ``sidecar`` is None where a person's hand or a disk damaged it."""

    till: str
    path: Path  # of the document
    sidecar: Sidecar | None


def keep(folder: Path, rejected: RejectedDocument) -> Path:
    """Writes the document and its reason durably, and says where the document is.

    The same document of the same file takes the same place, with its latest reason. Raises ``TillError`` for a name
    that can't be a folder, and ``OSError``; what was there before is then still whole.
    """
    home = durable.make_folder(folder / check_name(rejected.till))
    path = home / f"{_stem(rejected)}.xml"
    if not path.is_file() or path.read_bytes() != rejected.content:
        durable.write(path, rejected.content)
    durable.write(path.with_suffix(".json"), _sidecar(rejected))
    return path


def listing(folder: Path, till: str | None = None) -> Iterator[Kept]:
    """What the folder holds, by till and name. Raises ``TillError`` for an impossible name, ``OSError``.

    What disappears meanwhile is left out.
    """
    homes = [folder / check_name(till)] if till is not None else sorted(folder.iterdir()) if folder.is_dir() else []
    for home in homes:
        if not home.is_symlink() and home.is_dir():
            for path in sorted(home.glob("*.xml")):
                if path.is_file():
                    yield Kept(home.name, path, _read(path.with_suffix(".json")))


def _stem(rejected: RejectedDocument) -> str:
    key = rejected.access_key or ""
    # A key is only as good as the till that sent it: anything else than a key has no place in a path.
    start = f"{key}-" if _ACCESS_KEY.fullmatch(key) else ""
    return f"{start}{rejected.file_sha256.hex()[:32]}-{rejected.position}"


def _sidecar(rejected: RejectedDocument) -> bytes:
    reason = rejected.reason
    entry = rejection.entry(reason.code)
    said = Sidecar(
        till=rejected.till,
        file_name=_printable(rejected.file_name[:_LONGEST_NAME]),
        sha256=rejected.file_sha256.hex(),
        position=rejected.position,
        kind=rejected.kind,
        access_key=_printable(rejected.access_key) if rejected.access_key else None,
        code=reason.code,
        facts=reason.facts,
        title=Text(rejection.title(reason.code, "pt"), rejection.title(reason.code, "en")),
        cause=_both(rejection.cause, reason.code, reason.facts),
        remedy=_both(rejection.remedy, reason.code, reason.facts),
        cure=entry.cure,
        problems=[_finding(problem) for problem in reason.problems],
        rejected_at=datetime.fromtimestamp(rejected.rejected_at, UTC),
    )
    return msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n"


def _finding(problem: Problem) -> Finding:
    words = Text(rejection.message(problem, "pt"), rejection.message(problem, "en"))
    return Finding(problem.code, problem.severity, problem.facts, words)


def _both(say: Callable[[str, Mapping[str, str], rejection.Language], str], code: str, facts: dict[str, str]) -> Text:
    return Text(say(code, facts, "pt"), say(code, facts, "en"))


def _printable(text: str) -> str:
    """Without the half characters that some file systems give: they can't be written as text."""
    return text.encode("utf-8", "replace").decode()


def _read(path: Path) -> Sidecar | None:
    try:
        with path.open("rb") as file:
            return _decoder.decode(file.read(_LARGEST_SIDECAR))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_decoder = msgspec.json.Decoder(Sidecar)
