"""Names that strangers gave to files: kept for people to read, never for building a path."""

import unicodedata

LONGEST = 200  # characters
_LONGEST_LOOKED_AT = 4096  # characters from the end, beyond any path of any system


def base_name(name: str) -> str:
    """``name`` without its folders, control characters and bytes that are no text; "" becomes "?".

    Backslashes part folders too, whatever system the name was made on.
    """
    name = name[-_LONGEST_LOOKED_AT:]
    if name.isprintable() and "/" not in name and "\\" not in name:
        return name.strip()[:LONGEST] or "?"
    text = "".join("\N{REPLACEMENT CHARACTER}" if _is_no_text(character) else character for character in name)
    last = text.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    shown = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    return shown.strip()[:LONGEST] or "?"


def _is_no_text(character: str) -> bool:
    """A surrogate stands for a byte of a file's name that is no text."""
    return "\ud800" <= character <= "\udfff"
