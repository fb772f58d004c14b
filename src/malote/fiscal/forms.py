"""Reads a note without parsing it, when its markup is exactly that of one parsed before.

A POS fills in the same form all day. Here a file is taken apart into its markup and the texts between: if the markup
is known, letter for letter, the texts alone are new. Then the file is well-formed because its form was, and each
field stands where the form says. Everything else goes the long way through the XML parser.

Learning a form costs as much as reading a file, so it must have been seen before: of each file that had to be parsed,
the first unknown form is noted, and one already noted is learned. And when hardly any file is known, only some are
looked at. So a flood of forms that never come again costs little more than parsing them.

What keeps this exact:

- The form is learned by reading it as XML with a numbered mark in each blank: the same code that reads every other
  file (``rows``) tells which blank feeds which field. That code looks at structure only.
- Markup is only accepted as a form when it is whole tags and nothing else: no comment, instruction, entity, or ">"
  within an attribute. A blank lies between two tags, so any legal text in it leaves the file well-formed.
- What could make a text illegal sends the file the long way: control characters, "]]>", unknown entities, bytes that
  are no UTF-8.
"""

import re
from html import unescape
from threading import Lock
from typing import NamedTuple

from malote.fiscal.encoding import HIGH_CONTROL
from malote.fiscal.envelopes import CrowdedError, envelopes
from malote.fiscal.learned import KEY_MARK, Blanks, Forms, Pick, Signs, Unknown, sign, with_signs
from malote.fiscal.problems import Problem
from malote.fiscal.readings import LARGEST_SALE
from malote.fiscal.rows import (
    ANSWER,
    CHANGE,
    HEAD,
    ITEM,
    PAYMENT,
    SIGNATURE,
    TOTALS,
    AnswerRow,
    ChangeRow,
    HeadRow,
    ItemRow,
    NoteRow,
    PaymentRow,
    SignatureRow,
    TotalsRow,
    item_row,
    note_row,
)
from malote.fiscal.tree import parse

_FRAMES = 500  # forms remembered of what is around the items
_ITEMS = 1000  # forms remembered of one item
_NOTED = 5000  # forms remembered as seen once, by their hashes
_MOST_LUCK = 32  # files that weren't known, more than were, before others go unlooked at
_OUT_OF_LUCK = 8  # then one file in so many is looked at
_LONGEST_FORM = 12_000  # characters of markup
_DEPTH = 8  # of wrappers around a note

_ITEM_START = '<det nItem="'
_ITEM_END = "</det>"
_NO_ITEMS = "<det/>"  # stands for the items in a frame
_CDATA_END = "]]>"
_QR_START, _QR_END, _NO_QR = "<qrCode><![CDATA[", "]]></qrCode>", "<qrCode>-</qrCode>"
_ANSWER_START = "<infProt "
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_DECLARATION = re.compile(
    r"""<\?xml version=["']1\.0["'](?: encoding=["'](?i:utf-8)["'])?(?: standalone="\w+")? ?\?>"""
)
_KEY = re.compile(r"[0-9]{6}[A-Z0-9]{12}[0-9]{26}")
_UNKNOWN_ENTITY = re.compile("&(?!(?:amp|lt|gt|quot|apos);)")
# The protocol's number as an attribute, which nobody reads: it would make a form of every file.
_ANSWER_ID = re.compile(r'(<infProt(?: xmlns="[^"<>&]*")?) Id="[A-Za-z0-9]{1,60}"((?: xmlns="[^"<>&]*")?>)')


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


class _Item(NamedTuple):
    """One line of a sale: likewise, from its number, the blanks and the constants."""

    blanks: Blanks
    constants: list[str]
    pick: Pick


class _Pieces(NamedTuple):
    """A file taken apart."""

    raw: bytes
    text: str
    key: str
    frame: str  # what is around the items, with marks for them and for the key
    items: list[tuple[str, str]]  # nItem, and what follows it


class _Luck:
    """Whether it is worth while to look at a file: it costs up to a third of the long way and may save more than half.

    Threads may count at once and lose a count: it is only an estimate.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._left = _MOST_LUCK
        self._turn = 0

    def holds(self) -> bool:
        if self._left:
            return True
        self._turn = (self._turn + 1) % _OUT_OF_LUCK
        return self._turn == 0

    def count(self, was_known: bool) -> None:
        self._left = min(self._left + 1, _MOST_LUCK) if was_known else max(self._left - 1, 0)


def recognise(raw: bytes) -> NoteRow | Unknown | None:
    """The rows of a file that is one note in known forms. Otherwise it must be parsed: what is unknown of it; None
    when it wouldn't help to know.
    """
    pieces = _take_apart(raw) if len(raw) <= LARGEST_SALE and _luck.holds() else None
    if pieces is None:
        return None
    found = _recognise(pieces)
    _luck.count(isinstance(found, NoteRow))
    return found


def _take_apart(raw: bytes) -> _Pieces | None:
    """The pieces of a file that may be one note in some form; None when no form could be like it."""
    text = _text(raw)
    if text is None:
        return None
    head, *items = text.split(_ITEM_START)
    place = head.find(' Id="NFe') + 8
    key = head[place : place + 44]
    if not items or _KEY.fullmatch(key) is None:
        return None
    last, end, tail = items[-1].partition(_ITEM_END)
    items[-1] = last + end
    numbered = []
    for item in items:
        number, _, rest = item.partition('"')
        if not (number.isascii() and number.isdecimal()):
            return None
        numbered.append((number, rest))
    frame = f"{head}{_NO_ITEMS}{_without_answer_id(tail)}".replace(key, KEY_MARK)
    return _Pieces(raw, text, key, frame, numbered)


def _recognise(pieces: _Pieces) -> NoteRow | Unknown | None:
    found = _frames.find(pieces.frame)
    if found is None or isinstance(found, Unknown):
        return found
    if not _is_legal(pieces.raw, pieces.text):
        return None
    rows: list[ItemRow] = []
    for number, rest in pieces.items:
        known = _items.find(rest)
        if known is None or isinstance(known, Unknown):
            return known
        item, blanks = known
        rows.append(ITEM.made(item.pick([number, *blanks, *item.constants])))
    key = pieces.key
    frame, blanks = found
    texts = [text.replace(KEY_MARK, key) if KEY_MARK in text else text for text in (*blanks, *frame.constants)]
    note = NoteRow(
        HEAD.made(frame.head(texts)),
        rows,
        [PAYMENT.made(pick(texts)) for pick in frame.payments],
        TOTALS.made(frame.totals(texts)),
        CHANGE.made(frame.change(texts)),
        None if frame.answer is None else ANSWER.made(frame.answer(texts)),
        SIGNATURE.made(frame.signature(texts)),
        [],
        [],
        [],
    )
    return _unescaped(note) if "&" in pieces.text else note


def _unescaped(note: NoteRow) -> NoteRow:
    return note._replace(
        head=HeadRow._make(map(unescape, note.head)),
        items=[ItemRow._make(map(unescape, row)) for row in note.items],
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


def _text(raw: bytes) -> str | None:
    """The text from the root's start to its end; None when it can't be in any form."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("<?xml"):
        declaration, _, text = text.partition("?>")
        if _DECLARATION.fullmatch(declaration + "?>") is None:
            return None
    text = _without_cdata(text.strip("\n\t "))
    return text if text.startswith("<") and text.endswith(">") else None


def _is_legal(raw: bytes, text: str) -> bool:
    """Whether every character of the file may stand in XML as it is."""
    if len(raw.translate(None, _CONTROLS)) != len(raw):
        return False
    # U+FFFE and U+FFFF, with some that are legal; and U+0080 to U+009F, which ``encoding`` mends.
    if not raw.isascii() and (b"\xef\xbf" in raw or HIGH_CONTROL.search(raw)):
        return False
    if "]" in text and _CDATA_END in text:
        return False
    return "&" not in text or _UNKNOWN_ENTITY.search(text) is None


def _without_cdata(text: str) -> str:
    """The text without the CDATA section that most notes have around the QR code's address, which nobody reads."""
    start = text.rfind(_QR_START)
    end = text.find(_CDATA_END, start)
    if start < 0 or not text.startswith(_QR_END, end):
        return text
    return f"{text[:start]}{_NO_QR}{text[end + len(_QR_END) :]}"


def _without_answer_id(text: str) -> str:
    # It stands near the end.
    start = text.rfind(_ANSWER_START)
    return text if start < 0 else text[:start] + _ANSWER_ID.sub(r"\1\2", text[start:], count=1)


def _frame_of(parts: list[str]) -> _Frame | None:
    signed = with_signs(parts)
    if signed is None or signed.count("<protNFe") > 1 or signed.count(_NO_ITEMS) != 1:
        return None
    root = parse(signed.encode())
    try:
        found = [] if isinstance(root, Problem) else envelopes(root, _DEPTH, 1)
    except CrowdedError:
        return None
    if len(found) != 1 or found[0].kind != "note" or found[0].request is None:
        return None
    row = note_row(found[0].request, found[0].answer)
    if len(row.items) != 1 or row.twice or row.references or row.alerts:
        # What refers to other notes or has alerts is rare, and hardly two of them have as many.
        return None
    rows = [row.head, *row.payments, row.totals, row.change, *([row.answer] if row.answer else []), row.signature]
    signs = Signs(len(parts) // 2, rows)
    return _Frame(
        Blanks(parts, signs.fed),
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
    if root is None or isinstance(root, Problem) or len(root) != 1:
        return None
    twice: list[str] = []
    row = item_row(root[0], twice)
    if twice:
        return None
    signs = Signs(len(parts) // 2 + 1, [row])
    # The number feeds a field, too: it comes first.
    return _Item(Blanks(parts, [blank - 1 for blank in signs.fed[1:]]), signs.constants, signs.pick(row))


_frames = Forms(_FRAMES, _frame_of)
_items = Forms(_ITEMS, _item_of)
_noted: dict[int, None] = {}
_luck = _Luck()
_learning = Lock()
