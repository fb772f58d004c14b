"""Reads a note without parsing it, when its markup is exactly that of one parsed before.

A POS fills in the same form all day. Here a file is taken apart into its markup and the texts between: if the markup
is known, letter for letter, the texts alone are new. Then the file is well-formed because its form was, and each
field stands where the form says. Everything else goes the long way through the XML parser.

Learning a form costs as much as reading a file, so it must have been seen before: of each file that had to be parsed,
the first unknown form is noted, and one already noted is learned. And when hardly any file is known, only some are
looked at. So a flood of forms that never come again costs little more than parsing them.

What of a file isn't known is parsed, and only that: items in known forms are taken out of it beforehand, as long as
some of the rest is unknown.

What keeps this exact:

- The form is learned by reading it as XML with a numbered mark in each blank: the same code that reads every other
  file (``note_fields``) tells which blank feeds which field. That code looks at structure only.
- Markup is only accepted as a form when it is whole tags and nothing else: no comment, instruction, entity, or ">"
  within an attribute. A blank lies between two tags, so any legal text in it leaves the file well-formed.
- An item that is taken out was one whole element, so the rest is well-formed exactly where the file is. An empty item
  with a sign stands in its place, and the parser must find as many of them among the note's items: none is taken out
  of a comment, or of another note.
- What could make a text illegal sends the file the long way: control characters, "]]>", unknown entities, bytes that
  are no UTF-8.
"""

import re
from collections.abc import Sequence
from html import unescape
from threading import Lock
from typing import NamedTuple

from lxml import etree
from msgspec.structs import replace

from malote.fiscal.envelopes import CrowdedError, envelopes
from malote.fiscal.items import ItemLayout, ItemTexts, item_texts
from malote.fiscal.learned_forms import (
    ANY,
    KEY_MARK,
    Blanks,
    Forms,
    Pick,
    RowSigns,
    Unknown,
    blank_of,
    sign,
    with_signs,
)
from malote.fiscal.note_fields import (
    ANSWER,
    CHANGE,
    HEAD,
    PAYMENT,
    SIGNATURE,
    TOTALS,
    AnswerRow,
    ChangeRow,
    HeadRow,
    PaymentRow,
    SignatureRow,
    TotalsRow,
)
from malote.fiscal.note_rows import NoteRow, note_row
from malote.fiscal.plain_text import Plain, is_legal, plain_of, without_answer_id
from malote.fiscal.problems import Problem
from malote.fiscal.reading_limits import LARGEST_SALE
from malote.fiscal.shortcut_odds import Luck
from malote.fiscal.tree import parse

_FRAMES = 500  # forms remembered of what is around the items
_ITEMS = 1000  # forms remembered of one item
_NOTED = 5000  # forms remembered as seen once, by their hashes
_LONGEST_FORM = 12_000  # characters of markup
_DEPTH = 8  # of wrappers around a note
_DEEPEST = 32  # elements within one another in an item: with its wrappers it is far from the parser's limit

_ITEM_START = '<det nItem="'
_ITEM_START_BYTES = _ITEM_START.encode()
_ITEM_END = "</det>"
_NO_ITEMS = "<det/>"  # stands for the items in a frame
_TAKEN = "\ue001"  # the number of an item that was taken out; no form has private characters of its own
_ITEM_TAKEN = f'{_ITEM_START}{_TAKEN}"/>'
_NUMBER = '([0-9]++)"'
_KEY = re.compile(r"[0-9]{6}[A-Z0-9]{12}[0-9]{26}")


class _Frame(NamedTuple):
    """What is around the items: from a list of its blanks and constants, pick these for each row."""

    blanks: Blanks
    constants: list[str]
    head: Pick
    payments: list[Pick]
    totals: Pick
    change: Pick
    answer: Pick | None
    signature: Pick

    def note(self, items: list[ItemTexts], texts: Sequence[str]) -> NoteRow:
        """The rows of a note with these items and these texts around them."""
        return NoteRow(
            HEAD.made(self.head(texts)),
            items,
            [PAYMENT.made(pick(texts)) for pick in self.payments],
            TOTALS.made(self.totals(texts)),
            CHANGE.made(self.change(texts)),
            None if self.answer is None else ANSWER.made(self.answer(texts)),
            SIGNATURE.made(self.signature(texts)),
            [],
            [],
            [],
        )


class _Item(NamedTuple):
    """One line of a sale: its number and its blanks feed the columns of the layout, in turn."""

    blanks: Blanks
    layout: ItemLayout


class _Pieces(NamedTuple):
    """A file taken apart."""

    plain: Plain
    key: str
    head: str  # before the items
    items: list[ItemTexts | str]  # those that aren't known as they are written
    tail: str
    unknown: Unknown | None  # the first form of an item that isn't known and may be learned


class KnownRows(NamedTuple):
    """The rows of a file in known forms."""

    row: NoteRow
    problems: list[Problem]  # with how the file is encoded


class Rest(NamedTuple):
    """What must be parsed of a file, with signs for the items that are known."""

    content: bytes
    problems: list[Problem]  # with how the file is encoded
    items: list[ItemTexts]
    unknown: Unknown | None  # the first form of the file that isn't known and may be learned


def recognise(raw: bytes) -> KnownRows | Rest | Unknown | None:
    """The rows of a file that is one note in known forms. Otherwise it must be parsed: without its known items, or the
    whole of it: then what is unknown of it; None when it wouldn't help to know.
    """
    pieces = _take_apart(raw) if len(raw) <= LARGEST_SALE and _luck.holds() else None
    if pieces is None:
        return None
    found = _recognise(pieces)
    _luck.count(isinstance(found, (KnownRows, Rest)))
    return found


def _take_apart(raw: bytes) -> _Pieces | None:
    """The pieces of a file that may be one note in some form; None when no form could be like it."""
    plain = plain_of(raw, _ITEM_START_BYTES)
    if plain is None or (first := plain.text.find(_ITEM_START)) < 0:
        return None
    text = plain.text
    place = text.find(' Id="NFe') + 8
    key = text[place : place + 44]
    if _KEY.fullmatch(key) is None or not is_legal(plain.content, text):
        return None
    items: list[ItemTexts | str] = []
    unknown = form = None
    place = end = first
    while text.startswith(_ITEM_START, place):
        start = place + len(_ITEM_START)
        # Nearly always an item is in the form of the one before it.
        match = form.blanks.pattern.match(text, start) if form else None
        if form is None or match is None:
            end = text.find(_ITEM_END, start) + len(_ITEM_END)
            if end < start:
                return None
            form, match = _items.at(text, start, end) or (None, None)
        if form is not None and match is not None:
            items.append(ItemTexts(form.layout, match.groups(), True))
            end = match.end()
        else:
            item, new = _item(text[place:end])
            items.append(item)
            unknown = unknown or new
        # What is written between two items is nothing that anybody reads.
        place = end if text.startswith("<", end) else text.find("<", end)
    return _Pieces(plain, key, text[:first], items, text[end:], unknown)


def _item(written: str) -> tuple[ItemTexts | str, Unknown | None]:
    """An item that isn't in one of the forms that are met most often."""
    number, _, rest = written[len(_ITEM_START) :].partition('"')
    known = _items.find(rest) if number.isascii() and number.isdecimal() else None
    if known is None or isinstance(known, Unknown):
        return written, known
    form, blanks = known
    return ItemTexts(form.layout, (number, *blanks)), None


def _recognise(pieces: _Pieces) -> KnownRows | Rest | Unknown | None:
    known = [item for item in pieces.items if not isinstance(item, str)]
    around = f"{pieces.head}{_NO_ITEMS}{without_answer_id(pieces.tail)}"
    found = _note(around, pieces.key, known)
    if isinstance(found, NoteRow) and len(known) == len(pieces.items):
        return KnownRows(_unescaped(found) if "&" in pieces.plain.text else found, pieces.plain.problems)
    unknown = found if isinstance(found, Unknown) else pieces.unknown
    return _rest(pieces, known, unknown) if known else unknown


def _note(around: str, key: str, items: list[ItemTexts]) -> NoteRow | Unknown | None:
    """The rows of a note with these items, when what is around them is known."""
    often = _frames.at(around, 0, len(around))
    if often is not None:
        frame, match = often
        blanks = match.groups()
        group = frame.blanks.key_group
        constants = [text.replace(KEY_MARK, match[group]) for text in frame.constants]
        return frame.note(items, [*blanks[: group - 1], *blanks[group:], *constants])
    found = _frames.find(around.replace(key, KEY_MARK))
    if found is None or isinstance(found, Unknown):
        return found
    frame, blanks = found
    return frame.note(items, [text.replace(KEY_MARK, key) for text in (*blanks, *frame.constants)])


def _rest(pieces: _Pieces, known: list[ItemTexts], unknown: Unknown | None) -> Rest | Unknown | None:
    text, _, problems = pieces.plain
    if _TAKEN in text:
        return unknown
    left = [item if isinstance(item, str) else _ITEM_TAKEN for item in pieces.items]
    content = "".join([pieces.head, *left, pieces.tail]).encode()
    return Rest(content, problems, list(map(_unescaped_item, known)) if "&" in text else known, unknown)


def put_back(row: NoteRow, items: Sequence[ItemTexts]) -> NoteRow | None:
    """The rows that were read of the rest of a file, with the items that were taken out of it; None where they weren't
    the note's.
    """
    taken = [place for place, item in enumerate(row.items) if item.texts and item.texts[0] == _TAKEN]
    if len(taken) != len(items):
        return None
    own = dict(zip(taken, items, strict=True))
    return row._replace(items=[own.get(place, item) for place, item in enumerate(row.items)])


def _unescaped_item(item: ItemTexts) -> ItemTexts:
    return replace(item, texts=[*map(unescape, item.texts)])


def _unescaped(note: NoteRow) -> NoteRow:
    return note._replace(
        head=HeadRow._make(map(unescape, note.head)),
        items=[*map(_unescaped_item, note.items)],
        payments=[PaymentRow._make(map(unescape, row)) for row in note.payments],
        totals=TotalsRow._make(map(unescape, note.totals)),
        change=ChangeRow._make(map(unescape, note.change)),
        answer=None if note.answer is None else AnswerRow._make(map(unescape, note.answer)),
        signature=SignatureRow._make(map(unescape, note.signature)),
    )


def note(unknown: Unknown) -> None:
    """Remembers a form that a good file had, or learns it when it was seen before."""
    if len(unknown.markup) > _LONGEST_FORM:
        return
    with _learning:
        seen = hash(unknown.markup)
        if seen in _noted:
            del _noted[seen]
            unknown.forms.learn(unknown.markup, unknown.parts)
        else:
            if len(_noted) >= _NOTED:
                del _noted[next(iter(_noted))]
            _noted[seen] = None


def forget() -> None:
    """Forgets every form."""
    with _learning:
        _frames.forget()
        _items.forget()
        _noted.clear()
        _luck.forget()


def _frame_of(parts: list[str]) -> _Frame | None:
    signed = with_signs(parts)
    if (
        signed is None
        or not any(KEY_MARK in piece for piece in parts[::2])
        or signed.count("<protNFe") > 1
        or signed.count(_NO_ITEMS) != 1
    ):
        return None
    root = parse(signed.replace(_NO_ITEMS, _ITEM_TAKEN).encode())
    try:
        found = [] if isinstance(root, Problem) else envelopes(root, _DEPTH, 1)
    except CrowdedError:
        return None
    if len(found) != 1 or found[0].kind != "note" or found[0].request is None:
        return None
    row = note_row(found[0].request, found[0].answer)
    if [[*item.texts] for item in row.items] != [[_TAKEN]] or row.twice or row.references or row.alerts:
        # What refers to other notes or has alerts is rare, and hardly two of them have as many.
        return None
    rows = [row.head, *row.payments, row.totals, row.change, *([row.answer] if row.answer else []), row.signature]
    signs = RowSigns(len(parts) // 2, rows)
    return _Frame(
        Blanks(parts, dict.fromkeys(signs.fed, ANY)),
        signs.constants,
        signs.pick(row.head),
        [signs.pick(payment) for payment in row.payments],
        signs.pick(row.totals),
        signs.pick(row.change),
        None if row.answer is None else signs.pick(row.answer),
        signs.pick(row.signature),
    )


def _item_of(parts: list[str]) -> _Item | None:
    # The item's number is the first blank, before those between its tags.
    signed = with_signs(parts, f'{_ITEM_START}{sign(0)}"', 1)
    root = None if signed is None else parse(f"<items>{signed}</items>".encode())
    if root is None or isinstance(root, Problem) or len(root) != 1 or _depth(root[0]) > _DEEPEST:
        return None
    twice: list[str] = []
    found = item_texts(root[0], twice)
    if twice:
        return None
    # The number feeds a column, too: it comes first.
    blanks = [blank_of(text) - 1 for text in found.texts[1:]]
    return _Item(Blanks(parts, dict(zip(blanks, found.layout.patterns[1:], strict=True)), _NUMBER), found.layout)


def _depth(element: etree._Element) -> int:
    return 1 + max(map(_depth, element), default=0)


_frames = Forms(_FRAMES, _frame_of)
_items = Forms(_ITEMS, _item_of)
_noted: dict[int, None] = {}
_luck = Luck()
_learning = Lock()
