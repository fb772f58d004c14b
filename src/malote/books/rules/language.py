"""The language of a rule's condition: names, numbers and texts, compared and joined. Nothing of it is ever run as code.

A condition is read once into functions of its fields, whose types are checked then: what can't be answered is told
where the rule is written, and not when a sale comes. It has no loops, calls, division or powers, so that its cost is
that of its letters. A field that isn't known (None) makes what asks for it unknown, and what is unknown doesn't hold.
"""

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

LONGEST = 500  # characters
DEEPEST = 20  # brackets and negations within each other
DIGITS = 12  # of a number that is written

Type = Literal["number", "text", "truth"]
Values = Mapping[str, Decimal | int | str | bool | None]
Problem = Literal["too_long", "too_deep", "letter", "end", "expected", "field", "type", "whole", "number"]


class ConditionError(Exception):
    """``place`` is the letter, from 1, at which it goes wrong; ``detail`` what stands there, or would have to."""

    def __init__(self, problem: Problem, place: int, detail: str = "") -> None:
        super().__init__(f"{problem} at {place}: {detail}")
        self.problem = problem
        self.place = place
        self.detail = detail


class Condition(msgspec.Struct, frozen=True):
    """``names`` are the fields that it asks for: no others need be known."""

    text: str
    names: frozenset[str]
    answer: Callable[[Values], Any]

    def holds(self, values: Values) -> bool:
        return self.answer(values) is True


class _Part(msgspec.Struct, frozen=True):
    type: Type
    place: int
    answer: Callable[[Values], Any]


class _Token(msgspec.Struct, frozen=True):
    sort: str  # number, text, name, sign or end
    text: str
    place: int


def read(text: str, fields: Mapping[str, Type]) -> Condition:
    """Raises ``ConditionError``."""
    if len(text) > LONGEST:
        raise ConditionError("too_long", LONGEST + 1, str(LONGEST))
    reader = _Reader(_tokens(text), fields)
    part = reader.whole()
    return Condition(text, frozenset(reader.names), part.answer)


_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>\"[^\"\n]*\"|'[^'\n]*')|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>==|!=|<=|>=|[-+*<>(),\[\]])|(?P<end>$))",
    re.ASCII,
)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place, text = 0, text.rstrip()
    while not found or found[-1].sort != "end":
        match = _TOKEN.match(text, place)
        if match is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            raise ConditionError("letter", place + 1, text[place : place + 1])
        sort = str(match.lastgroup)
        found.append(_Token(sort, match[sort], match.start(sort) + 1))
        place = match.end()
    return found


_COMPARING: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RECKONING: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})


class _Reader:
    """By descent, loosest first: or, and, not, comparison, sum, product, one thing."""

    def __init__(self, tokens: list[_Token], fields: Mapping[str, Type]) -> None:
        self._tokens = tokens
        self._next = 0
        self._fields = fields
        self._depth = 0
        self.names: set[str] = set()

    def whole(self) -> _Part:
        part = self._or()
        if self._token.sort != "end":
            raise ConditionError("end", self._token.place, self._token.text)
        if part.type != "truth":
            raise ConditionError("whole", 1)
        return part

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _takes(self, *texts: str) -> _Token | None:
        token = self._token
        if token.sort not in ("name", "sign") or token.text not in texts:
            return None
        self._next += 1
        return token

    def _needs(self, text: str) -> None:
        if not self._takes(text):
            raise ConditionError("expected", self._token.place, text)

    def _or(self) -> _Part:
        return self._joined("or", self._and, True)

    def _and(self) -> _Part:
        return self._joined("and", self._not, False)

    def _joined(self, word: str, below: Callable[[], _Part], decides: bool) -> _Part:
        parts = [below()]
        while self._takes(word):
            parts.append(below())
        if len(parts) == 1:
            return parts[0]
        answers = [_of(one, "truth").answer for one in parts]

        def answer(values: Values) -> bool | None:
            found = [one(values) for one in answers]
            if decides in found:
                return decides
            return None if None in found else not decides

        return _Part("truth", parts[0].place, answer)

    def _not(self) -> _Part:
        token = self._takes("not")
        if token is None:
            return self._comparison()
        with_it = _of(self._deeper(self._not), "truth").answer
        return _Part("truth", token.place, lambda values: None if (one := with_it(values)) is None else not one)

    def _comparison(self) -> _Part:
        left = self._sum()
        if self._token.text == "not" and self._token.sort == "name":
            self._next += 1
            self._needs("in")
            among = self._among(left)
            return _Part("truth", left.place, lambda values: None if (one := among(values)) is None else not one)
        if self._takes("in"):
            return _Part("truth", left.place, self._among(left))
        sign = self._takes(*_COMPARING)
        if sign is None:
            return left
        right = _of(self._sum(), left.type)
        if left.type != "number" and sign.text not in ("==", "!="):
            raise ConditionError("type", sign.place, "number")
        return _both("truth", left, right, _COMPARING[sign.text])

    def _among(self, left: _Part) -> Callable[[Values], bool | None]:
        self._needs("[")
        wanted = {_of(self._literal(), left.type).answer({})}
        while self._takes(","):
            wanted.add(_of(self._literal(), left.type).answer({}))
        self._needs("]")
        known = left.answer
        return lambda values: None if (one := known(values)) is None else one in wanted

    def _sum(self) -> _Part:
        return self._reckoned(("+", "-"), self._product)

    def _product(self) -> _Part:
        return self._reckoned(("*",), self._one)

    def _reckoned(self, signs: tuple[str, ...], below: Callable[[], _Part]) -> _Part:
        left = below()
        while sign := self._takes(*signs):
            left = _both("number", _of(left, "number"), _of(below(), "number"), _RECKONING[sign.text])
        return left

    def _one(self) -> _Part:
        token = self._token
        if self._takes("-"):
            part = _of(self._deeper(self._one), "number").answer
            return _Part("number", token.place, lambda values: None if (one := part(values)) is None else -one)
        if self._takes("("):
            inner = self._deeper(self._or)
            self._needs(")")
            return inner
        if token.sort == "name" and token.text not in _WORDS:
            return self._field(token)
        return self._literal()

    def _field(self, token: _Token) -> _Part:
        name = token.text
        if name not in self._fields:
            raise ConditionError("field", token.place, name)
        self._next += 1
        self.names.add(name)
        return _Part(self._fields[name], token.place, lambda values: values[name])

    def _literal(self) -> _Part:
        token = self._token
        value: Any
        kind: Type
        if token.sort == "number":
            if len(token.text) > DIGITS:
                raise ConditionError("number", token.place, str(DIGITS))
            kind, value = "number", Decimal(token.text)
        elif token.sort == "text":
            kind, value = "text", token.text[1:-1]
        elif token.sort == "name" and token.text in ("true", "false"):
            kind, value = "truth", token.text == "true"
        else:
            raise ConditionError("expected", token.place, "…")
        self._next += 1
        return _Part(kind, token.place, lambda values: value)

    def _deeper(self, below: Callable[[], _Part]) -> _Part:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionError("too_deep", self._token.place, str(DEEPEST))
        part = below()
        self._depth -= 1
        return part


def _of(part: _Part, wanted: Type) -> _Part:
    if part.type != wanted:
        raise ConditionError("type", part.place, wanted)
    return part


def _both(kind: Type, left: _Part, right: _Part, act: Callable[[Any, Any], Any]) -> _Part:
    first, second = left.answer, right.answer

    def answer(values: Values) -> Any:
        one, other = first(values), second(values)
        return None if one is None or other is None else act(one, other)

    return _Part(kind, left.place, answer)
