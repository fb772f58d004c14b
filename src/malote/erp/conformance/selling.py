"""A sale, booked once, to its last digit."""

from decimal import Decimal
from typing import Any

import msgspec

from malote.erp.conformance.assertions import expect, same
from malote.erp.conformance.check import Check
from malote.erp.conformance.documents import baskets, cancellation, contingency, item, number_void, sale, totals
from malote.erp.conformance.scene import Scene, of_erp
from malote.erp.protocol import Result
from malote.fiscal.documents import Item, Payment, Sale, Taxes, Totals

TEXTS = (
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\\",
    "\\N",
    "\\.",
    "a\\tb",
    "é ç ã 中 🛒",
    "'; --",
    '"',
    "{},",
    "\x0b\x1f",
    " ",
    "%s%d",
)
WRITTEN = ("1E+2", "100", "1.50000000", "0E-4", "-3.5", "0.0001", "1E-4")
TOO_FINE = ("0.00001", "NaN", "Infinity", "1E+11", "123456789012.0", "1.00000000000000000000000000001")


def batch_is_booked(scene: Scene) -> None:
    batch = baskets(25)
    same(set(scene.post(*batch)), {Result.POSTED}, "results")
    counts = scene.counts()
    same((counts["ledger"], counts["sale"]), (25, 25), "rows of ledger and sale")
    same((counts.get("item", 200), counts.get("payment", 50)), (200, 50), "rows of item and payment")
    for one in batch:
        same(scene.differences(one), [], "fields that changed on their way into the ERP")


def nothing_is_nothing(scene: Scene) -> None:
    same(scene.erp.post([]), [], "results")
    expect(scene.empty(), "something was written")


def every_digit(scene: Scene) -> None:
    one = _full()
    same(scene.post(one), [Result.POSTED], "result")
    same(scene.differences(one), [], "fields that changed")


def _full() -> Sale:
    """A sale with something else in every field, and with the longest numbers that fit."""
    amounts = iter(range(1, 1000))
    taxes: dict[str, Any] = {}
    for field in msgspec.structs.fields(Taxes):
        number = next(amounts)
        taxes[field.name] = {int: number, str: f"t{number}"}.get(field.type, Decimal(number).scaleb(-4))
    line = msgspec.structs.replace(
        item(7),
        quantity=Decimal("12345678901.2345"),
        unit_price=Decimal("12345678.0123456789"),
        gross=9_999_999_999_999_99,
        discount=11,
        freight=12,
        insurance=13,
        other=14,
        in_total=False,
        taxes=Taxes(**taxes),
    )
    sums = msgspec.structs.replace(totals([line]), **{f.name: next(amounts) for f in msgspec.structs.fields(Totals)})
    return contingency(
        1,
        items=(line,),
        authorised=True,
        totals=sums,
        layout="3.10",
        consumer="ESTRANGEIRO 1",
        payments=(Payment("99", 1, "01027058000191", "02", "A1", "VALE"), Payment("17", 2)),
    )


def text_is_kept(scene: Scene) -> None:
    for number, words in enumerate(TEXTS):
        one = sale(2 * number + 1, items=(item(1, product=words, description=words), item(2)), consumer=words)
        other = sale(2 * number + 2)
        same(scene.post(one, other, first_id=2 * number + 1), [Result.POSTED] * 2, f"results with {words!r}")
        same(scene.differences(one) + scene.differences(other), [], f"fields that changed with {words!r}")
        if scene.tables.stock:
            expect(words in scene.stock(), f"no stock of the product {words!r}")


def absence_is_kept(scene: Scene) -> None:
    one = sale(1, items=(item(gtin="", ncm="", product="", taxes=Taxes()),), payments=(), layout="")
    same(scene.post(one), [Result.POSTED], "result")
    same(scene.differences(one), [], "fields that changed")


def numbers_in_any_writing(scene: Scene) -> None:
    for number, written in enumerate(WRITTEN, 1):
        line = item(product=f"p{number}")
        one = _with(sale(number), msgspec.structs.replace(line, quantity=Decimal(written)))
        same(scene.post(one, first_id=number), [Result.POSTED], f"result of {written}")
        same(scene.differences(one), [], f"fields that changed with {written}")
        if scene.tables.stock:
            same(scene.stock()[f"p{number}"], -Decimal(written), f"stock after {written}")


def too_fine_is_refused(scene: Scene) -> None:
    scene.part("item")
    for written in TOO_FINE:
        wrong = msgspec.structs.replace(item(), quantity=Decimal(written))
        error = scene.refusal(sale(1), sale(2, payments=()), _with(sale(3), wrong))
        same(of_erp(error), ("value_out_of_range", False), f"answer to {written}")
        expect(written not in error.detail, "the error repeats a value of the document")
        expect(scene.empty(), "something of the batch was written")


def too_large_is_refused(scene: Scene) -> None:
    one = sale(1)
    for wrong in (
        msgspec.structs.replace(one, totals=msgspec.structs.replace(one.totals, total=10**15)),
        msgspec.structs.replace(one, number=2**64 - 1),
    ):
        same(of_erp(scene.refusal(wrong)), ("value_out_of_range", False), "answer")
        expect(scene.empty(), "something was written")


def books_can_be_read(scene: Scene) -> None:
    batch = [*baskets(30), contingency(40)]
    scene.post(*batch, cancellation(batch[3]), number_void())
    found = list(scene.erp.booked())
    same([one.access_key for one in found], sorted(one.access_key for one in batch), "keys, in order")
    by_key = {one.access_key: one for one in found}
    for one in batch:
        seen = by_key[one.access_key]
        same((seen.till, seen.total, seen.issued_at), ("caixa1", one.totals.total, one.issued_at), "till, total, time")
        same((seen.authorised, seen.cancelled), (one.authorised, one is batch[3]), "authorised, cancelled")
    keys = [one.access_key for one in batch]
    same(sorted(scene.erp.ledger([*keys, "nothing"])), sorted(keys), "keys of the ledger")


def structure_stays(scene: Scene) -> None:
    scene.post(sale(1))
    scene.erp.create_structure(everything=True)
    same(scene.counts()["sale"], 1, "sales after creating the structure again")


def _with(one: Sale, *lines: Item) -> Sale:
    return msgspec.structs.replace(one, items=lines)


CHECKS = (
    Check("batch", "Um lote é gravado inteiro", "A batch is booked whole", batch_is_booked),
    Check("nothing", "De nada, nada é gravado", "Of nothing, nothing is booked", nothing_is_nothing),
    Check("digits", "Cada campo chega até o último dígito", "Every field arrives to its last digit", every_digit),
    Check("texts", "Textos ficam como são", "Texts stay as they are", text_is_kept),
    Check("absence", "O que falta continua faltando", "What is absent stays absent", absence_is_kept),
    Check("writings", "Números em qualquer escrita", "Numbers in any writing", numbers_in_any_writing),
    Check(
        "too_fine",
        "Número que seria arredondado é recusado",
        "A number that would be rounded is refused",
        too_fine_is_refused,
    ),
    Check("too_large", "Valor grande demais é recusado", "A value too large is refused", too_large_is_refused),
    Check("books", "O que foi gravado pode ser lido", "What was booked can be read", books_can_be_read),
    Check(
        "structure", "Criar as tabelas de novo nada muda", "Creating the tables again changes nothing", structure_stays
    ),
)
