"""Texts from outside made harmless: the one place that every terminal, page and log line goes through.

What a till says of itself, a document's fields, a file's name and the words of a database may hold anything: orders to
a terminal (clear the screen, change its title), line ends that forge a line, marks that turn the direction of reading
round or take no place. None of them says anything that a person needs.
"""

import re
import unicodedata

LONGEST = 2000  # characters of one text; nobody reads more in a line
REPLACED = "\ufffd"
_REMEMBERED = 4096  # characters

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
    # Each character stands for one, so that what nobody will see needn't be looked at.
    shown = text if text.isprintable() else _ORDERS.sub("", text)[: longest + 1].translate(_IN_ONE_LINE)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def clean_lines(text: str) -> str:
    """The same for a text of several lines, such as a statement or a trace; nothing of it is cut off."""
    return text if text.isprintable() else _ORDERS.sub("", text).translate(_IN_LINES)


class _Printable(dict[int, str]):
    """By character, found out when it is first met: a blank for what separates, a mark for all else that can't be
    printed. Bounded, since a hostile text may hold all of Unicode."""

    def __init__(self, kept: str) -> None:
        super().__init__({ord(one): one for one in kept})

    def __missing__(self, code: int) -> str:
        one = chr(code)
        shown = one if one.isprintable() else _instead(one)
        if len(self) < _REMEMBERED:
            self[code] = shown
        return shown


def _instead(character: str) -> str:
    if character in "\n\r\t\v\f" or unicodedata.category(character) in ("Zs", "Zl", "Zp"):
        return " "
    return REPLACED


_IN_ONE_LINE, _IN_LINES = _Printable(""), _Printable("\n\t")
