"""Texts from outside made harmless: the one place that every terminal, page and log line goes through.

What a till says of itself, a document's fields, a file's name and the words of a database may hold anything: orders to
a terminal (clear the screen, change its title), line ends that forge a line, marks that turn the direction of reading
round or take no place. None of them says anything that a person needs.
"""

import re
import unicodedata

LONGEST = 2000  # characters of one text; nobody reads more in a line
REPLACED = "\ufffd"

# Orders to a terminal as a whole (ECMA-48), so that their letters don't stay behind; strings of them up to their end.
_ORDERS = re.compile(
    r"(?:\x1b\]|\x9d|\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)


def readable(name: str) -> str:
    """A path or name that can be written as text, whatever bytes a file system has for it."""
    return name.encode("utf-8", "replace").decode("utf-8")


def clean(text: str, longest: int = LONGEST) -> str:
    """One line of printable characters, whatever it was; what is cut off is told by "…"."""
    shown = text if text.isprintable() else _printable(text, "")
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def clean_lines(text: str) -> str:
    """The same for a text of several lines, such as a statement or a trace; nothing of it is cut off."""
    return text if text.isprintable() else _printable(text, "\n\t")


def _printable(text: str, kept: str) -> str:
    rest = _ORDERS.sub("", text)
    return "".join(one if one.isprintable() or one in kept else _instead(one) for one in rest)


def _instead(character: str) -> str:
    """A blank for what separates, a mark for all else."""
    if character in "\n\r\t\v\f" or unicodedata.category(character) in ("Zs", "Zl", "Zp"):
        return " "
    return REPLACED
