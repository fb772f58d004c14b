"""The database's own words, as they may be shown: without people's data, in one short line, and said to be the ERP's.

Words from outside never decide anything; they are for people. Hidden are what looks like a CPF or CNPJ, like a name, an
address or a quoted value; what names a table, column or constraint stays, since that is what a DBA looks for.
"""

import re
import unicodedata
from collections.abc import Collection

from malote.fiscal import cnpj

LONGEST = 200  # characters
HIDDEN = "***"
_LOOKED_AT = 4000  # of endless words: what searches them takes by the square of their length

_ROW_VALUES = re.compile(r"(\)\s*=\s*)\([^()]*\)|((?:row|linha|registro)[^()]{0,40})\([^()]*\)", re.IGNORECASE)
_QUOTED = re.compile("'([^']*)'|\"([^\"]*)\"|\u00ab([^\u00bb]*)\u00bb|\u201c([^\u201d]*)\u201d")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_$#]*(?:\.[a-z_][a-z0-9_$#]*)*|[A-Z_][A-Z0-9_$#]*(?:\.[A-Z_][A-Z0-9_$#]*)+")
_NUMBER = re.compile(r"(?<![\w.])[0-9A-Z]{2,3}\.?[0-9A-Z]{3}\.?[0-9A-Z]{3}(?:/?[0-9A-Z]{4})?-?[0-9]{2}(?![\w])")
_ADDRESS = re.compile(r"\S+@\S+")
_PHONE = re.compile(r"\(?\b\d{2}\)?\s?9?\d{4}-\d{4}\b")
_CAPITALISED = r"[A-Z\u00c0-\u00dd][\w\u00c0-\u00ff'.]*"
_NAME = re.compile(
    r"\b((?i:cliente|consumidora?|destinat[\u00e1a]ri[oa]|nome|titular|comprador|customer|consumer|buyer|name|sra?\.?)\b"
    rf"\s*[:=]?\s*){_CAPITALISED}(?:\s+(?:d[aeo]s?\s+|e\s+)?{_CAPITALISED})*"
)


def presentable(words: str, *, known: Collection[str] = (), secrets: Collection[str] = ()) -> str:
    """The words as one line of at most ``LONGEST`` characters; "" for none.

    ``known`` may be shown whatever it looks like: the store's own CNPJ, names of tables. ``secrets`` are hidden
    wherever they stand: the consumer's number of the very document.
    """
    line = " ".join(_visible(words[:_LOOKED_AT]).split())
    for secret in secrets:
        if secret:
            line = line.replace(secret, HIDDEN)
    line = _ROW_VALUES.sub(lambda found: f"{found[1] or found[2]}({HIDDEN})", line)
    line = _ADDRESS.sub(HIDDEN, line)
    line = _PHONE.sub(HIDDEN, line)
    line = _NUMBER.sub(lambda found: _number(found[0], known), line)
    line = _QUOTED.sub(lambda found: _quoted(found, known), line)
    line = _NAME.sub(lambda found: found[1] + HIDDEN, line)
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "\u2026"


def _visible(words: str) -> str:
    """Without what moves a cursor, turns the writing round or can't be seen."""
    return "".join(" " if unicodedata.category(one).startswith(("C", "Zl", "Zp")) else one for one in words)


def _number(found: str, known: Collection[str]) -> str:
    bare = re.sub(r"[./-]", "", found)
    masked_form = bare != found
    if bare in known or found in known or not (masked_form or cnpj.is_right(bare)):
        return found
    return HIDDEN if len(bare) in (11, 14) else found


def _quoted(found: re.Match[str], known: Collection[str]) -> str:
    inside = next(part for part in found.groups() if part is not None)
    if not inside or inside in known or _IDENTIFIER.fullmatch(inside):
        return found[0]
    return found[0][0] + HIDDEN + found[0][-1]
