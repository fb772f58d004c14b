"""What happens after the proof: contents leave the outbox in time, and the POS's file where the settings ask for it."""

import errno
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from malote import durable
from malote.config import TillSettings
from malote.disk import Disk
from malote.till.folder import FileChangedError, FileTooLargeError, read
from malote.till.outbox import Outbox
from malote.till.outbox_records import FileMark
from malote.till.trouble_notices import Voice

DAY_SECONDS = 86_400.0
_PAGE = 500


def drop_old_contents(outbox: Outbox, settings: TillSettings, now: float) -> int:
    """Drops contents proven ``retention_days`` ago. Their rows stay, so that they are never captured as new."""
    dropped = 0
    before = now - settings.retention_days * DAY_SECONDS
    while step := outbox.drop_contents(before, now):
        dropped += step
    return dropped


def clear_proven(outbox: Outbox, settings: TillSettings, voice: Voice) -> int:
    """Moves or deletes the POS's files whose content is proven posted, as ``after_proof`` asks; returns how many.

    A file that changed since it was captured is left alone: what it says now is not proven.
    """
    if settings.after_proof == "keep":
        return 0
    cleared = []
    for path, mark, sha256 in _proven(outbox):
        try:
            if hashlib.sha256(read(path, mark, mark.size)).digest() == sha256:
                _clear(Path(path), settings, sha256, outbox.disk)
                cleared.append(path)
        except FileNotFoundError:
            cleared.append(path)
        except (FileChangedError, FileTooLargeError):
            continue
        except OSError as error:
            voice.happened("file_stays", name=Path(path).name, detail=error.strerror or str(error))
    if cleared:
        outbox.forget(cleared)
    return len(cleared)


def _proven(outbox: Outbox) -> Iterator[tuple[str, FileMark, bytes]]:
    after = ""
    while page := outbox.proven_paths(after, _PAGE):
        yield from page
        after = page[-1][0]


def _clear(path: Path, settings: TillSettings, sha256: bytes, disk: Disk) -> None:
    if settings.after_proof == "delete":
        durable.remove(path, disk=disk)
        return
    target = _target(path, settings, sha256)
    durable.make_folder(target.parent, disk=disk)
    try:
        durable.move(path, target, disk=disk)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another disk: only once the copy is safe may the original go.
        durable.write(target, path.read_bytes(), disk=disk)
        shutil.copymode(path, target)  # it is the POS's own file
        durable.remove(path, disk=disk)


def _target(path: Path, settings: TillSettings, sha256: bytes) -> Path:
    """Where a file goes: the same place below ``moved_folder``, never over another file."""
    target = Path(settings.moved_folder).absolute() / path.relative_to(Path(settings.folder).absolute())
    if target.exists():
        return target.with_name(f"{target.stem}.{sha256.hex()[:16]}{target.suffix}")
    return target
