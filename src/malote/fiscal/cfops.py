"""Whether an authorised note is a sale of the store: by what the operation code (CFOP) of each item does with goods.

The table is data (``cfops.toml``, with its source). A note that is no sale is kept without a booking; where the
note says two things at once, a person decides.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from typing import Literal, NamedTuple, get_args

import msgspec

from malote.fiscal.access_key import is_well_formed, split
from malote.fiscal.documents import Item, Sale
from malote.fiscal.findings import named
from malote.fiscal.payment_methods import NO_PAYMENT
from malote.fiscal.problems import Problem, keep, reject, warning

Effect = Literal[
    "sale",
    "documented",  # tells a sale again that a receipt registered already (5929)
    "billing",  # bills a sale whose goods come later (5922): their delivery is the sale
    "transfer",
    "return",
    "remittance",
    "loan",
    "gift",
    "sample",
    "waste",
    "adjustment",
    "purchase",  # goods come in
    "other",  # 5949: only the note itself tells
]
EFFECTS: tuple[Effect, ...] = get_args(Effect)

# Findings for which a note is kept as no sale.
NO_SALE = frozenset(
    {f"operation_{effect}" for effect in EFFECTS if effect != "sale"}
    | {"operation_several", "return_note", "not_a_sale"}
)

_COMES_BACK = frozenset({"return_note", "operation_return", "operation_purchase"})
# Of these a person may say that the note is a sale after all.
ARGUABLE = (NO_SALE | {"operation_paid", "operations_split"}) - _COMES_BACK
IS_SALE = "sale_after_all"  # under this code it is accepted, beside the sums that a person accepts

Overrides = Mapping[str, Effect]  # by CFOP, as the store's settings say it

PART = "operations_part"  # found of a note whose lines are not all of the sale, and whose total is

NORMAL = 1  # finNFe
_COMES_IN = 0  # tpNF
_RECEIPTS = ("65", "59")  # models that a shop's customer gets: their sale is registered
# Papers that a shop's customer got: of a fiscal printer, and of model 2. Model 1, a producer's note (NFP) and a
# transport's (CT-e) are none: what refers to one of them may be a sale of its own.
_PAPER_RECEIPTS = ("ECF", "NF 02 ")
_PAPER = re.compile("(?:ECF|NFP?)(?: [0-9]{0,9}[A-Z]?){1,3}")
# Goods that leave for nothing: beside a sale they change its goods, and not its money.
_FOR_NOTHING = frozenset({"gift", "sample"})
# What may be meant as a sale though its code says otherwise, if somebody paid for it.
_UNSURE = frozenset({"billing", "other"})
_MOST_CODES = 5  # named in one finding


class _Tables(NamedTuple):
    outgoing: dict[str, Effect]
    abroad: dict[str, Effect]
    incoming: dict[str, Effect]
    families: dict[str, Effect]


class Operation(NamedTuple):
    """What one code does, and whether the official table has it."""

    effect: Effect
    known: bool


def operation(cfop: str, overrides: Overrides) -> Operation | None:
    """What a CFOP does; None for what is no code at all (four digits, the first of them 1, 2, 3, 5, 6 or 7)."""
    if len(cfop) != 4 or not (cfop.isascii() and cfop.isdigit()) or cfop[0] not in "123567":
        return None
    if cfop in overrides:
        return Operation(overrides[cfop], known=True)
    tables, ending = _tables(), cfop[1:]
    if cfop[0] in "123":
        found = tables.incoming.get(ending)
        return Operation(found or "purchase", known=found is not None)
    found = (cfop[0] == "7" and tables.abroad.get(ending)) or tables.outgoing.get(ending)
    return Operation(found or tables.families[ending], known=found is not None)


def judge(sale: Sale, overrides: Overrides) -> list[Problem]:
    """What is found about a note's operation: nothing of a plain sale; of severity "keep" when it is none."""
    effects: dict[str, Operation] = {}
    for item in sale.items:
        if item.cfop not in effects:
            found = operation(item.cfop, overrides)
            if found is None:
                return [reject("cfop_malformed", found=named(item.cfop), item=item.number)]
            effects[item.cfop] = found
    unknown = sorted(cfop for cfop, found in effects.items() if not found.known)
    problems = [warning("cfop_unknown", cfop=", ".join(unknown[:_MOST_CODES]))] if unknown else []
    verdict = _verdict(sale, {cfop: found.effect for cfop, found in effects.items()})
    return problems + ([verdict] if verdict else [])


def _verdict(sale: Sale, effects: Mapping[str, Effect]) -> Problem | None:
    if sale.purpose != NORMAL or sale.direction == _COMES_IN:
        code = "return_note" if sale.purpose == 4 else "not_a_sale"
        return keep(code, purpose=sale.purpose, direction=sale.direction, cfop=_cfops(effects), refers=_refers(sale))
    others = {cfop: effect for cfop, effect in effects.items() if effect != "sale"}
    if not others:
        return _of_reference(sale, effects)
    if len(others) < len(effects):
        return _of_mixed(sale, others)
    if _UNSURE & set(others.values()) and _paid(sale):
        return reject("operation_paid", cfop=_cfops(others), refers=_refers(sale))
    kinds = set(others.values())
    return keep(
        f"operation_{kinds.pop()}" if len(kinds) == 1 else "operation_several",
        cfop=_cfops(others),
        refers=_refers(sale),
    )


def _of_reference(sale: Sale, effects: Mapping[str, Effect]) -> Problem | None:
    """A note of sales that refers to receipts: their sales are registered, whatever its codes say."""
    receipts = [one for one in sale.references if _is_receipt(one)]
    if not receipts or sale.model != "55":
        return None
    if _paid(sale):
        return reject("sale_refers_to_receipt", cfop=_cfops(effects), refers=_refers(sale))
    return keep("operation_documented", cfop=_cfops(effects), refers=_refers(sale))


def _of_mixed(sale: Sale, others: Mapping[str, Effect]) -> Problem:
    """Sales and something else in one note. Its total is that of the sales alone only where the rest weighs nothing;
    then all its money is the sale's. Goods given away leave with it; any other line is none of the sale's."""
    left = {cfop: effect for cfop, effect in others.items() if effect not in _FOR_NOTHING}
    if any(_counts(item, left) for item in sale.items if item.cfop in others):
        return reject("operations_split", cfop=_cfops(others), refers=_refers(sale))
    if left:
        return warning(PART, cfop=_cfops(left), refers=_refers(sale))
    return warning("operations_mixed", cfop=_cfops(others), refers=_refers(sale))


def _counts(item: Item, left: Collection[str]) -> bool:
    """Whether a line has a part in the note's total; or, where it is to be left out, in any sum of its header."""
    added = item.discount, item.freight, item.insurance, item.other
    return bool(_net(item)) or (item.cfop in left and (item.in_total or any(added)))


def sale_part(sale: Sale, overrides: Overrides) -> Sale:
    """What is booked of a note of which ``PART`` is found: without the lines that are no part of the sale."""
    effects = {item.cfop: found.effect for item in sale.items if (found := operation(item.cfop, overrides))}
    sold = [item for item in sale.items if effects.get(item.cfop) == "sale" or effects.get(item.cfop) in _FOR_NOTHING]
    return msgspec.structs.replace(sale, items=tuple(sold))


def _net(item: Item) -> int:
    return (item.gross if item.in_total else 0) - item.discount + item.freight + item.insurance + item.other


def _paid(sale: Sale) -> bool:
    """Whether money was taken for it."""
    return any(payment.method != NO_PAYMENT and payment.amount for payment in sale.payments)


def _is_receipt(reference: str) -> bool:
    if is_well_formed(reference):
        return split(reference).model in _RECEIPTS
    return reference.startswith(_PAPER_RECEIPTS)


def _cfops(effects: Collection[str]) -> str:
    codes = sorted(effects)
    return ", ".join(codes[:_MOST_CODES]) + (" …" if len(codes) > _MOST_CODES else "")


def _refers(sale: Sale) -> str:
    """The first note that it refers to, and how many more; "" for none."""
    references = sale.references
    if not references:
        return ""
    first = references[0] if _PAPER.fullmatch(references[0]) else named(references[0])
    return first + (f" (+{len(references) - 1})" if len(references) > 1 else "")


@cache
def _tables() -> _Tables:
    text = resources.files("malote.fiscal").joinpath("cfops.toml").read_text(encoding="utf-8")
    read = msgspec.convert(tomllib.loads(text), dict[str, dict[Effect, list[str]]])
    return _Tables(**{part: _by_ending(effects) for part, effects in read.items()})


def _by_ending(effects: Mapping[Effect, list[str]]) -> dict[str, Effect]:
    found: dict[str, Effect] = {}
    for effect, ranges in effects.items():
        for one in ranges:
            first, _, last = one.partition("-")
            for ending in range(int(first), int(last or first) + 1):
                found[f"{ending:03}"] = effect
    return found
