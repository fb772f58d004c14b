"""A statement as it may be shown: its literals hidden, since they hold people's data, and cut to a bearable length.

Whatever can't be told apart with certainty is hidden. A statement that the database has cut in the middle of a text is
hidden from the beginning of that text on.
"""

import re

LONGEST = 200  # characters
_HIDDEN = "'…'"

_TOKEN = re.compile(
    r"""
      (?P<space>   \s+ )
    | (?P<line>    --[^\r\n]* )
    | (?P<block>   /\* )
    | (?P<dollar>  \$ (?: [^\W\d]\w* )? \$ )
    | (?P<bracket> [nN]? [qQ] ' (?P<opening> \S ) )
    | (?P<escaped> [eE] ' )
    | (?P<text>    (?: [bBxXnN] | [uU]& )? ' )
    | (?P<name>    "(?: [^"] | "" )*" | [^\W\d] [\w$#]* )
    | (?P<bound>   [$:] \w+ )
    | (?P<number>  (?: \d [\w.]* | \. \d [\w.]* ) )
    | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
# What may follow a quote inside a text: two quotes are one; a backslash escapes where the server says so.
_END_OF_TEXT = re.compile(r"(?: [^'] | '' )* '", re.VERBOSE)
_END_OF_ESCAPED = re.compile(r"(?: [^'\\] | '' | \\. )* '", re.VERBOSE | re.DOTALL)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_CLOSING = {"[": "]", "(": ")", "{": "}", "<": ">"}


def masked(sql: str, longest: int = LONGEST) -> str:
    """The statement in one line, without literals and comments; ``…`` where something was cut."""
    pieces: list[str] = []
    length, position = 0, 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        assert found is not None  # noqa: S101 the last alternative takes anything
        piece, position = _shown(sql, found)
        if piece == " " and (not pieces or pieces[-1] == " "):
            continue
        pieces.append(piece)
        length += len(piece)
        if length > longest:
            break
    whole = _printable("".join(pieces).strip())
    return whole if len(whole) <= longest else whole[: longest - 1].rstrip() + "…"


def _shown(sql: str, found: re.Match[str]) -> tuple[str, int]:
    """What to show instead of a token, and where the next one begins."""
    end = found.end()
    match found.lastgroup if found.lastgroup != "opening" else "bracket":
        case "space" | "line":
            return " ", end
        case "block":
            return " ", _after_comment(sql, end)
        case "dollar":
            return _HIDDEN, _after(sql, found.group(), end)
        case "bracket":
            opening = found["opening"]
            return _HIDDEN, _after(sql, _CLOSING.get(opening, opening) + "'", end)
        case "escaped":
            return _HIDDEN, _end_of(_END_OF_ESCAPED, sql, end)
        case "text":
            return _HIDDEN, _after_text(sql, end)
        case "number":
            return "?", end
    return found.group(), end


def _after_text(sql: str, start: int) -> int:
    """Behind a plain text. One with a backslash before a quote ends here or there, as the server is set: hide all."""
    end = _end_of(_END_OF_TEXT, sql, start)
    return len(sql) if "\\'" in sql[start:end] else end


def _end_of(pattern: re.Pattern[str], sql: str, start: int) -> int:
    found = pattern.match(sql, start)
    return found.end() if found else len(sql)


def _after(sql: str, closing: str, start: int) -> int:
    end = sql.find(closing, start)
    return end + len(closing) if end >= 0 else len(sql)


def _after_comment(sql: str, start: int) -> int:
    """Behind a comment, which may hold others."""
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(sql, start)
        if edge is None:
            return len(sql)
        depth += 1 if edge.group() == "/*" else -1
        start = edge.end()
    return start


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
