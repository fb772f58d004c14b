"""What is learned of a form: where its blanks are, and which of them feed fields.

A form is known by its markup; one that is met often, by a pattern, which takes out only the blanks that feed fields.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import chain, zip_longest
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, TypeVar, cast

_RECENT = 3  # of each kind and number of tags tried first, by a pattern
_KINDS = 200  # numbers of tags of which some are
_OFTEN = 3  # times that a form must be met by its markup before a pattern is made of it: that takes some milliseconds

_BLANK = "\0"  # between the pieces of a form
KEY_MARK = "\1"  # for the note's key, wherever its frame repeats it
_TAGS = re.compile(r'(?:<(?:/[A-Za-z_][\w.-]*|[A-Za-z_][\w.-]*(?: [A-Za-z_][\w:.-]*="[^"<>&]*")* ?/?)>)+')
_UNFED = ">[^<]++"
ANY = "[^<]++"  # text of a blank
# Printable and without any white space: such a code is as it should be. (All of Latin-1; others are met seldom.)
CODE = "[!-;=-~\u00a1-\u00ac\u00ae-\u00ff]++"
_KEY = "([0-9]{6}[A-Z0-9]{12}[0-9]{26})"
_split = re.compile(">([^<]+)").split
_SIGNS = re.compile("[\\ue000-\\uf8ff]")

# In the learned XML, private characters stand for the key and for each blank.
_KEY_SIGN = "\ue000"
_FIRST_SIGN = 0xE100
_MOST_SIGNS = 0xF8FF - _FIRST_SIGN

Pick = Callable[[Sequence[str]], tuple[str, ...]]
Match = Callable[[str, int], re.Match[str] | None]


class Learned(Protocol):
    """One form, of whatever kind."""

    @property
    def blanks(self) -> "Blanks": ...


Form = TypeVar("Form", bound=Learned)


class Blanks:
    """The blanks of a form that feed fields. The others are stepped over, not taken out of the text."""

    def __init__(self, parts: list[str], fed: dict[int, str], before: str = "") -> None:
        """``fed`` are their numbers, in order, with what a pattern takes for their text."""
        self._before = before
        self._pieces = parts[::2]
        self._fed = fed
        self._pick = picking([*fed])
        self._met = 0
        self.tags = sum(piece.count("<") for piece in self._pieces)  # of any text of this form

    def of(self, parts: list[str]) -> tuple[str, ...]:
        """Those of a text that was split."""
        self._met += 1
        return self._pick(parts[1::2])

    @property
    def are_met_often(self) -> bool:
        return self._met >= _OFTEN

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches texts of this form and no other, with a group for each of those blanks, behind ``before``.

        Where the form has the note's key there is a group for it, too.
        """
        numbers = range(len(self._pieces) - 1)
        gaps = [f">({self._fed[number]})" if number in self._fed else _UNFED for number in numbers]
        pieces = map(re.escape, self._pieces)
        whole = self._before + "".join(chain.from_iterable(zip_longest(pieces, gaps, fillvalue="")))
        first, mark, rest = whole.partition(KEY_MARK)
        return re.compile(f"{first}{_KEY}{rest.replace(KEY_MARK, _same(self.key_group))}" if mark else first)

    @cached_property
    def key_group(self) -> int:
        """Which group of the pattern is the key."""
        place = next(number for number, piece in enumerate(self._pieces) if KEY_MARK in piece)
        return sum(number < place for number in self._fed) + 1


def _same(group: int) -> str:
    return f"(?:\\{group})"


class Unknown(NamedTuple):
    """The first form of a file that isn't known yet."""

    forms: "Forms[Any]"
    markup: str
    parts: list[str]  # alternates between markup and blank, beginning with markup


class Forms(dict[str, Form | None]):
    """Forms of one kind by their markup, the oldest first; None stands for markup that is no form."""

    def __init__(self, limit: int, read: Callable[[list[str]], Form | None]) -> None:
        super().__init__()
        self._limit = limit
        self._read = read
        self._often: dict[int, list[tuple[Form, Match]]] = {}

    def at(self, text: str, place: int, end: int) -> tuple[Form, re.Match[str]] | None:
        """What stands between these places of a text, when it is in a form that is met often.

        Tags are quickly counted, and hardly two forms have as many: so hardly ever a pattern is tried in vain.
        """
        for form, match in self._often.get(text.count("<", place, end), ()):
            found = match(text, place)
            if found is not None and found.end() == end:
                return form, found
        return None

    def find(self, text: str) -> tuple[Form, tuple[str, ...]] | Unknown | None:
        """The form of a text by its markup, and its blanks that feed fields; None when its markup is no form."""
        parts = _split(text)
        markup = _BLANK.join(parts[::2])
        known = self.get(markup)
        if known is None:
            return None if markup in self else Unknown(self, markup, parts)
        if known.blanks.are_met_often:
            self._remember(known)
        return known, known.blanks.of(parts)

    def _remember(self, known: Form) -> None:
        # Another thread may do the same: then a form stands here twice, or one that was met often has gone.
        if len(self._often) >= _KINDS:
            self._often.clear()
        alike = self._often.get(known.blanks.tags, [])
        self._often[known.blanks.tags] = [(known, known.blanks.pattern.match), *alike[: _RECENT - 1]]

    def forget(self) -> None:
        self.clear()
        self._often.clear()

    def learn(self, markup: str, parts: list[str]) -> None:
        if len(self) >= self._limit:
            del self[next(iter(self))]
        self[markup] = self._read(parts)


def with_signs(parts: list[str], start: str = "", first: int = 0) -> str | None:
    """The XML of a form with a sign in each blank; None when its markup isn't whole tags and nothing else."""
    if len(parts) // 2 + first > _MOST_SIGNS:
        return None
    markup = [start + parts[0], *parts[2::2]]
    # Each piece but the last lost its ">" to the split; an item may end in a blank before the next one.
    whole = [f"{piece}>" for piece in markup[:-1]] + ([markup[-1]] if markup[-1] else [])
    if not all(_TAGS.fullmatch(piece) for piece in whole) or _SIGNS.search("".join(parts[::2])):
        return None
    signs = [sign(first + number) for number in range(len(parts) // 2)]
    return "".join(chain.from_iterable(zip_longest(whole, signs, fillvalue=""))).replace(KEY_MARK, _KEY_SIGN)


def sign(number: int) -> str:
    return chr(_FIRST_SIGN + number)


def blank_of(sign: str) -> int:
    """The number of the blank that a sign stands for."""
    return ord(sign) - _FIRST_SIGN


class RowSigns:
    """Turns rows in which signs stand for blanks into picks from the list of the blanks that feed any of them, and of
    the rows' constants.
    """

    def __init__(self, blanks: int, rows: Iterable[Sequence[str]]) -> None:
        texts = [text for row in rows for text in row]
        # The markup holds no private character (``with_signs``), so what looks like a sign is one.
        signs = {text for text in texts if len(text) == 1 and 0 <= ord(text) - _FIRST_SIGN < blanks}
        constants = dict.fromkeys(text for text in texts if text not in signs)
        self.fed = sorted(ord(sign) - _FIRST_SIGN for sign in signs)
        self.constants = [text.replace(_KEY_SIGN, KEY_MARK) for text in constants]
        self._places = {text: place for place, text in enumerate([*sorted(signs), *constants])}

    def pick(self, row: Sequence[str]) -> Pick:
        return picking([self._places[text] for text in row])


def picking(places: list[int]) -> Pick:
    if len(places) == 1:
        return lambda texts: (texts[places[0]],)
    return cast(Pick, itemgetter(*places)) if places else lambda texts: ()
