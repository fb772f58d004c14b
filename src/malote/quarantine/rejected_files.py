"""Rejected documents on disk: ``<folder>/<till>/<name>.xml``, the file as it came, and ``<name>.json``, saying why.

The names come from the document's key and the file's hash, never from what the till called it. The sidecar is written
last: where it stands, the document stands beside it.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from malote import durable, private, rejection
from malote.fiscal.problems import Problem, Severity
from malote.plain import readable
from malote.rejection import Cure, Text
from malote.spool.documents import RejectedDocument
from malote.tills.till import check_name

_ACCESS_KEY = re.compile(r"[0-9A-Z]{44}")
_STEM = re.compile(r"(?:[0-9A-Z]{44}-)?(?P<sha256>[0-9a-f]{32})-(?P<position>[0-9]{1,6})")
_LONGEST_NAME = 255  # characters kept of what the till called the file
_LARGEST_SIDECAR = 4_000_000  # bytes; nobody's hand-made file is read beyond it


class WordedProblem(msgspec.Struct, frozen=True):
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
    problems: list[WordedProblem]
    rejected_at: datetime


class RejectedFile(msgspec.Struct, frozen=True):
    """One rejected document in the folder. ``sidecar`` is None where a person's hand or a disk damaged it."""

    till: str
    path: Path  # of the document
    sidecar: Sidecar | None


class DocumentPlace(msgspec.Struct, frozen=True):
    """What a file's name says: which document of which file of the till it is."""

    sha256_start: bytes  # the first 16 bytes
    position: int


class FileNaming(msgspec.Struct, frozen=True):
    """What a document's files are called by."""

    till: str
    access_key: str | None
    file_sha256: bytes
    position: int


def keep(folder: Path, rejected: RejectedDocument) -> Path:
    """Writes the document and its reason durably, and says where the document is.

    The same document of the same file takes the same place, with its latest reason; what somebody else wrote there
    keeps its bytes under another name. Raises ``TillError`` for a name
    that can't be a folder, and ``OSError``; what was there before is then still whole.
    """
    return keep_all(folder, [rejected])[0]


def keep_all(folder: Path, group: Sequence[RejectedDocument]) -> list[Path]:
    """``keep`` for many, of which the disk makes one group: as durable when it returns, and far sooner."""
    paths = [path_of(folder, named(rejected)) for rejected in group]
    for home in dict.fromkeys(path.parent for path in paths):
        durable.make_folder(home, mode=private.FOLDER)
    files: dict[Path, bytes] = {}
    for path, rejected in zip(paths, group, strict=True):
        found = hash_of(path)
        if found != rejected.file_sha256:
            # What wasn't there a moment ago is another thread's, which keeps this same document.
            if found is not None or path.is_symlink() or path.is_dir():
                set_aside(path)
            files[path] = rejected.content
    # Behind all documents: where a sidecar stands, its document stands beside it.
    sidecars = {path.with_suffix(".json"): _sidecar(one) for path, one in zip(paths, group, strict=True)}
    durable.write_all(files | sidecars)
    return paths


def is_kept(folder: Path, rejected: RejectedDocument) -> bool:
    """Whether the document lies in the folder with this very reason beside it. Raises ``TillError``, ``OSError``."""
    path = path_of(folder, named(rejected))
    sidecar = path.with_suffix(".json")
    if hash_of(path) != rejected.file_sha256 or sidecar.is_symlink() or not sidecar.is_file():
        return False
    return sidecar.read_bytes() == _sidecar(rejected)


def named(rejected: RejectedDocument) -> FileNaming:
    return FileNaming(rejected.till, rejected.access_key, rejected.file_sha256, rejected.position)


def path_of(folder: Path, one: FileNaming) -> Path:
    """Where a document is, or would be. Raises ``TillError``."""
    return folder / check_name(one.till) / f"{stem(one.access_key, one.file_sha256, one.position)}.xml"


def move(source: Path, target: Path, rejected: RejectedDocument) -> None:
    """Brings the document and its reason from one folder to the other, whatever of it is where.

    May be repeated after a crash. A file in ``source`` that somebody changed is none of it, and stays. Raises
    ``TillError``, ``OSError``.
    """
    before, after = path_of(source, named(rejected)), path_of(target, named(rejected))
    durable.make_folder(after.parent, mode=private.FOLDER)
    if hash_of(before) == rejected.file_sha256:
        durable.move(before, after)
    sidecar = before.with_suffix(".json")
    if not sidecar.is_symlink() and sidecar.is_file() and sidecar.read_bytes() == _sidecar(rejected):
        durable.move(sidecar, after.with_suffix(".json"))
    if not is_kept(target, rejected):
        keep(target, rejected)
    remove(source, named(rejected))


def remove(folder: Path, one: FileNaming) -> None:
    """Removes the document from a folder, under the name it has and that it had before its key was known.

    A file of other content stays. Raises ``TillError``, ``OSError``.
    """
    for key in {one.access_key, None}:
        path = path_of(folder, msgspec.structs.replace(one, access_key=key))
        if hash_of(path) in (None, one.file_sha256):
            for file in (path, path.with_suffix(".json")):
                if file.exists():
                    durable.remove(file)


def set_aside(path: Path) -> Path | None:
    """Gives what lies at ``path`` another name like it, so that its place is free; None where nothing lies there."""
    if not path.is_symlink() and (not path.exists() or path.stat().st_size == 0):
        return None
    number = 1
    while (aside := path.with_name(f"{path.stem}~{number}{path.suffix}")).exists() or aside.is_symlink():
        number += 1
    durable.move(path, aside)
    return aside


def hash_of(path: Path) -> bytes | None:
    """The SHA-256 of an ordinary file; None where there is none. Raises ``OSError``."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def listing(folder: Path, till: str | None = None) -> Iterator[RejectedFile]:
    """What the folder holds, by till and name. Raises ``TillError`` for an impossible name, ``OSError``.

    What disappears meanwhile is left out.
    """
    homes = [folder / check_name(till)] if till is not None else sorted(folder.iterdir()) if folder.is_dir() else []
    for home in homes:
        if not home.is_symlink() and home.is_dir():
            for path in sorted(home.glob("*.xml")):
                if path.is_file():
                    yield RejectedFile(home.name, path, _read(path.with_suffix(".json")))


def stem(access_key: str | None, sha256: bytes, position: int) -> str:
    """The name of a document's files, without their endings."""
    # A key is only as good as the till that sent it: anything else than a key has no place in a path.
    start = f"{access_key}-" if _ACCESS_KEY.fullmatch(access_key or "") else ""
    return f"{start}{sha256.hex()[:32]}-{position}"


def place_of(name: str) -> DocumentPlace | None:
    """What a file's name, without its ending, says; None where no quarantine has given that name."""
    match = _STEM.fullmatch(name)
    return DocumentPlace(bytes.fromhex(match["sha256"]), int(match["position"])) if match else None


def is_stem(name: str) -> bool:
    """Whether a name, without its ending, is one that the quarantine gives."""
    return _STEM.fullmatch(name) is not None


def _sidecar(rejected: RejectedDocument) -> bytes:
    reason = rejected.reason
    entry = rejection.entry(reason.code)
    said = Sidecar(
        till=rejected.till,
        file_name=readable(rejected.file_name[:_LONGEST_NAME]),
        sha256=rejected.file_sha256.hex(),
        position=rejected.position,
        kind=rejected.kind,
        access_key=readable(rejected.access_key) if rejected.access_key else None,
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


def _finding(problem: Problem) -> WordedProblem:
    words = Text(rejection.message(problem, "pt"), rejection.message(problem, "en"))
    return WordedProblem(problem.code, problem.severity, problem.facts, words)


def _both(say: Callable[[str, Mapping[str, str], rejection.Language], str], code: str, facts: dict[str, str]) -> Text:
    return Text(say(code, facts, "pt"), say(code, facts, "en"))


def _read(path: Path) -> Sidecar | None:
    try:
        with path.open("rb") as file:
            return _decoder.decode(file.read(_LARGEST_SIDECAR))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


_decoder = msgspec.json.Decoder(Sidecar)
