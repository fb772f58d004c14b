"""One thing that was looked at before sales are trusted to it: right or not, and what cures it."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

# right    nothing to do
# warned   it works, and somebody should know
# wrong    sales would not flow, or flow wrongly
# skipped  not looked at, since it can't be (yet)
Verdict = Literal["right", "warned", "wrong", "skipped"]

OTHERS = 0o077
STRANGERS = 0o007  # neither the owner nor the group, by which a service may read


class Checked(msgspec.Struct, frozen=True):
    """``what`` is one of a few words (docs/settings.md); ``code`` and ``facts`` are the catalogue's, "" where right."""

    what: str
    verdict: Verdict
    code: str = ""
    facts: dict[str, str] = {}


def right(what: str) -> Checked:
    return Checked(what, "right")


def writable(what: str, folder: Path) -> Checked:
    """Whether the folder is there and a file can be made in it; the file is gone afterwards."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".malote-check-"):
            return right(what)
    except OSError as error:
        detail = error.strerror or type(error).__name__
        return Checked(what, "wrong", "folder_unusable", {"folder": str(folder), "detail": detail})


def secret(what: str, path: Path, setting: str, *, others: int = OTHERS) -> Checked:
    """Whether a file that holds a secret is there, and closed to ``others``. On Windows only whether it is there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        facts = {"setting": setting, "variable": f"MALOTE_{setting.upper().replace('.', '_')}"}
        return Checked(what, "wrong", "setting_invalid", {**facts, "detail": f"{path}: {error.strerror}"})
    if os.name != "nt" and mode & others:
        return Checked(what, "wrong", "secret_open", {"path": str(path), "mode": f"{mode:04o}"})
    return right(what)
