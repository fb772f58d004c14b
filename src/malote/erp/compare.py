"""What differs between a sale that arrives and the one the ERP has under the same key."""

import re
from typing import Any

import msgspec

from malote.fiscal.documents import TOLD_LATER, Sale, bare

# What may be mended of a sale under its key: nothing of it is goods or money. Taxes may: where they count towards the
# total, that must be the same all the same.
_MENDABLE = frozenset(
    {"layout", "issued_at", "consumer", "contingency_at", "contingency_reason", "purpose", "references", "operation"}
    | {f"items.{name}" for name in ("gtin", "description", "ncm", "cfop")}
    | {f"payments.{name}" for name in ("acquirer", "brand", "authorisation", "description")}
    | {f"totals.{name}" for name in ("icms", "icms_substitution", "ipi", "pis", "cofins", "ibs", "cbs")}
)
_TAXES = "items.taxes."
_PLACE = re.compile(r"\[\d+\]")

UNTOLD = "content"  # something differs, and what it is can't be told
_SHOWN = 10


def differences(booked: Sale, arriving: Sale) -> list[str]:
    """Names of the fields that say something else, such as ``totals.total`` or ``items[2].quantity``; never a value.

    Numbers are compared as numbers (1.5 is 1.50) and times as moments, since neither the ERP nor a second file of the
    same sale must write them with the same digits. The protocol is left out: it comes later and is no other content.
    """
    return _differing(
        msgspec.structs.replace(bare(booked), items=_in_order(booked)),
        msgspec.structs.replace(bare(arriving), items=_in_order(arriving)),
    )


def mends(fields: list[str]) -> bool:
    """Whether the sale has the same goods, payments and totals in money, where just these fields differ."""
    named = [_PLACE.sub("", field) for field in fields]
    return all(name in _MENDABLE or name.startswith(_TAXES) or name == UNTOLD for name in named)


def same_sale(one: Sale, other: Sale) -> bool:
    """Whether two sales under different keys have the same goods, payments and totals in money."""
    alike = {"access_key": one.access_key, "emission": one.emission, "environment": one.environment}
    return mends(differences(one, msgspec.structs.replace(other, **alike)))


def by_one_protocol(booked: Sale, arriving: Sale) -> bool:
    """Whether the same answer of the authority stands at both: an offline sale got it from a file of its own, say, and
    the version that was mended before it was sent has it within."""
    one, other = booked.protocol, arriving.protocol
    return one is not None and other is not None and one.number == other.number != ""


def in_words(fields: list[str]) -> str:
    """At most ten names, then how many more."""
    more = len(fields) - _SHOWN
    return ", ".join(fields[:_SHOWN]) + (f" (+{more})" if more > 0 else "")


def _in_order(sale: Sale) -> tuple[Any, ...]:
    return tuple(sorted(sale.items, key=lambda item: item.number))


def _differing(booked: Any, arriving: Any) -> list[str]:
    names: list[str] = []
    for field in msgspec.structs.fields(booked):
        before, after = getattr(booked, field.name), getattr(arriving, field.name)
        if before == after or (field.name in TOLD_LATER and not before):
            continue
        if isinstance(before, tuple):
            names += _differing_lines(field.name, before, after)
        elif isinstance(before, msgspec.Struct):
            names += [f"{field.name}.{name}" for name in _differing(before, after)]
        else:
            names.append(field.name)
    return names


def _differing_lines(name: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> list[str]:
    if len(before) != len(after):
        return [name]
    pairs = enumerate(zip(before, after, strict=True), 1)
    return [f"{name}[{number}].{field}" for number, (one, other) in pairs for field in _differing(one, other)]
