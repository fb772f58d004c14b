"""From the tree of a note to its rows of text: which elements each row is read from."""

from collections.abc import Callable, Sequence
from itertools import islice, zip_longest
from typing import NamedTuple, cast

from lxml import etree

from malote.fiscal.items import NO_TEXTS, ItemTexts, item_texts
from malote.fiscal.note_fields import (
    ANSWER,
    CHANGE,
    HEAD,
    PAYMENT,
    REFERENCE,
    SIGNATURE,
    TOTALS,
    AnswerRow,
    ChangeRow,
    HeadRow,
    PaymentRow,
    SignatureRow,
    TotalsRow,
)
from malote.fiscal.tree import LOCAL_NAMES, children_of

_GROUPS = ("ide", "emit", "dest", "det", "total", "pag")
_WANTED = tuple(f"{{*}}{name}" for name in _GROUPS)
_MOST_ITEMS = 1_000
_MOST_PARTS = 20_000  # of a body; what comes behind belongs to no note that is within the limits
_MOST_PAYMENTS = 1_000
_MOST_OF_PAYMENT = 500  # elements in one: the layout has some twenty
_MOST_REFERENCES = 1_000
_MOST_ALERTS = 1_000
_MOST_OF_ONE = 1_000  # parts of which a note has one


class NoteRow(NamedTuple):
    head: HeadRow
    items: list[ItemTexts]
    payments: list[PaymentRow]
    totals: TotalsRow
    change: ChangeRow
    answer: AnswerRow | None  # None without protNFe; all of it "" when that holds nothing
    signature: SignatureRow
    references: list[str]  # NFref: keys, and the words of what has none
    alerts: list[tuple[str, str]]  # cMsg and xMsg of the answer
    twice: list[str]  # elements that say one thing in two ways


_elements = cast("Callable[[etree._Element], float]", etree.XPath("count(descendant::*)"))


def note_row(note: etree._Element, answer: etree._Element | None) -> NoteRow:
    """The rows of an NFe (or of its infNFe alone) and of the protNFe that goes with it."""
    twice: list[str] = []
    body = _body(note, twice)
    groups: dict[str, list[etree._Element]] = {name: [] for name in _GROUPS}
    # The parser's own code picks them: a body may hold half a million of others.
    for child in islice(body.iterchildren(*_WANTED), _MOST_PARTS):
        groups[LOCAL_NAMES[child.tag]].append(child)
    paid = groups["pag"]
    return NoteRow(
        HEAD.row_of_parts(body, groups["ide"] + groups["emit"] + groups["dest"], twice),
        _items(groups["det"], twice),
        _payments(paid, body.get("versao", ""), twice),
        TOTALS.row(groups["total"], twice),
        CHANGE.row(paid, twice),
        None if answer is None else ANSWER.row_of_parts(answer, _first(answer, "infProt"), twice),
        SIGNATURE.row(_first(note, "Signature"), twice),
        _references(groups["ide"]),
        [] if answer is None else alerts_of(answer),
        twice,
    )


def _first(parent: etree._Element, name: str) -> list[etree._Element]:
    """The children of that name, which the parser's own code picks. Beyond so many no other could tell more."""
    return list(islice(parent.iterchildren(f"{{*}}{name}"), _MOST_OF_ONE))


def _items(details: Sequence[etree._Element], twice: list[str]) -> list[ItemTexts]:
    """As many as there are. Beyond what any note has they are told by their number only: nobody reads those."""
    read = [item_texts(detail, twice) for detail in details[:_MOST_ITEMS]]
    return read + [NO_TEXTS] * (len(details) - len(read))


def _body(note: etree._Element, twice: list[str]) -> etree._Element:
    if LOCAL_NAMES[note.tag] == "infNFe":
        return note
    bodies = children_of(note, "infNFe")
    if len(bodies) > 1:
        twice.append("infNFe")
    return bodies[0] if bodies else etree.Element("infNFe")


def _payments(groups: list[etree._Element], layout: str, twice: list[str]) -> list[PaymentRow]:
    """Layout 4.00 has one pag, with a detPag for each payment; before, there was a pag for each."""
    details = [children_of(group, "detPag") for group in groups]
    if len(groups) > 1 and (any(details) or layout.startswith("4")):
        twice.append("pag")
    sources = [one for group, own in zip(groups, details, strict=True) for one in own or _as_payment(group)]
    # What holds more than any payment is read as one that says nothing: the parser's own code counts it.
    told = ([] if _elements(source) > _MOST_OF_PAYMENT else [source] for source in sources[:_MOST_PAYMENTS])
    rows = [PAYMENT.row(source, twice) for source in told]
    return rows + [PAYMENT.row([], twice)] * (len(sources) - len(rows))


def _as_payment(group: etree._Element) -> list[etree._Element]:
    return [group] if any(LOCAL_NAMES[child.tag] in ("tPag", "vPag") for child in group) else []


def _references(identifications: list[etree._Element]) -> list[str]:
    """What the note refers to. Papers have no key: their kind and numbers stand for it ("ECF 2D 3 15")."""
    found: list[str] = []
    groups = (group for each in identifications for group in each.iterchildren("{*}NFref"))
    for reference in islice((one for group in groups for one in group), _MOST_REFERENCES):
        text = (reference.text or "").strip()
        if len(reference):
            words = REFERENCE.row([reference], [])
            text = " ".join([LOCAL_NAMES[reference.tag].removeprefix("ref"), *filter(None, words)])
        if text:
            found.append(text)
    return found


def alerts_of(answer: etree._Element) -> list[tuple[str, str]]:
    """What the authority wants mended though it authorised the note (cStat 120): codes and their messages, in turn."""
    bodies = _first(answer, "infProt")
    told = list(islice((one for body in bodies for one in body.iterchildren("{*}cMsg", "{*}xMsg")), 2 * _MOST_ALERTS))
    codes = [field.text or "" for field in told if LOCAL_NAMES[field.tag] == "cMsg"]
    messages = [field.text or "" for field in told if LOCAL_NAMES[field.tag] == "xMsg"]
    return [(code.strip(), message.strip()) for code, message in zip_longest(codes, messages, fillvalue="")]
