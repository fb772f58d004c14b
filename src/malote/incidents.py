"""Faults of the program: logged under a token that people can quote, and told apart from trouble with the machine."""

import errno
import secrets
import traceback

from malote import log as logs

# What every file meets alike: trying the next one tells nothing, and it passes without anybody touching the file.
_OF_THE_MACHINE = {
    getattr(errno, name)
    for name in ("EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EROFS", "ESTALE")
    if hasattr(errno, name)
}

log = logs.get_logger("malote.incidents")


def report(event: str, error: BaseException, **facts: str | int) -> str:
    """Logs a fault of the program and returns its incident: a token that stands in the log.

    Never the error's message, which may quote a document.
    """
    token = secrets.token_hex(4)
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error(event, error=type(error).__qualname__, incident=token, traceback=frames, **facts)
    return token


def is_of_the_machine(error: OSError) -> bool:
    """Whether the disk or the system as a whole is in trouble, and not one file or folder."""
    return error.errno in _OF_THE_MACHINE
