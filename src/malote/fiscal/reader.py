"""Reads any file that a till may send: what it is, what it says, and everything wrong with it."""

from malote.fiscal.problems import reject
from malote.fiscal.readings import Limits, Reading, Summary, summary, unreadable

__all__ = ["Limits", "Reading", "Summary", "read", "summary"]


def read(raw: bytes, limits: Limits = Limits()) -> list[Reading]:  # noqa: B008 - frozen
    """All documents of a file, in its order; at least one reading, whatever the bytes. Never raises."""
    del raw, limits
    return [unreadable([reject("xml_malformed")])]
