"""Names that strangers gave to files: kept for people to read, never for building a path."""

import os
import unicodedata

LONGEST = 200  # characters


def readable(name: str) -> str:
    """``name`` without its folders, control characters and bytes that are no text; "" becomes "?".

    Backslashes part folders too, whatever system the name was made on.
    """
    text = os.fsencode(name).decode("utf-8", "replace") if _has_surrogates(name) else name
    last = text.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    shown = "".join(character for character in last if unicodedata.category(character)[0] != "C")
    return shown.strip()[:LONGEST] or "?"


def _has_surrogates(name: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in name)
