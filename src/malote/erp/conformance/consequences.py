"""What follows a sale: its protocol, its cancellation, its stock; and numbers without a sale."""

from decimal import Decimal

import msgspec
from sqlalchemy import update

from malote.erp.conformance.assertions import NotApplicableError, expect, same
from malote.erp.conformance.check import Check
from malote.erp.conformance.documents import answer, cancellation, contingency, item, number_void, sale
from malote.erp.conformance.scene import Scene
from malote.erp.protocol import Result
from malote.fiscal.documents import Protocol

POSTED, DUPLICATE, DIVERGENT = Result.POSTED, Result.DUPLICATE, Result.DIVERGENT
NOT_AUTHORISED, SALE_MISSING, PROTOCOL_ADDED = Result.NOT_AUTHORISED, Result.SALE_MISSING, Result.PROTOCOL_ADDED


# ---- authorisation ----


def unauthorised_is_no_sale(scene: Scene) -> None:
    same(scene.post(sale(1, authorised=False)), [NOT_AUTHORISED], "without protocol")
    expect(scene.empty(), "something was written")
    same(scene.post(sale(1), first_id=5), [POSTED], "with protocol")
    same(scene.post(sale(1, authorised=False)), [DUPLICATE], "without protocol again")


def the_authorised_one_is_booked(scene: Scene) -> None:
    same(scene.post(sale(1, authorised=False), sale(1)), [DUPLICATE, POSTED], "results")
    same(scene.status_of(sale(1).access_key), 100, "status")


def protocol_is_added(scene: Scene) -> None:
    offline, online = contingency(1), contingency(1, authorised=True)
    same(scene.post(offline), [POSTED], "contingency")
    same(scene.differences(offline), [], "fields that changed")
    before = scene.counts()
    same(scene.post(online, first_id=5), [PROTOCOL_ADDED], "its authorised version")
    same(scene.differences(online), [], "fields that changed")
    same(scene.post(online, offline, first_id=8), [DUPLICATE, DUPLICATE], "both again")
    same(scene.counts(), before, "rows")


def protocol_in_the_same_batch(scene: Scene) -> None:
    online = contingency(1, authorised=True)
    same(scene.post(contingency(1), online, online), [POSTED, PROTOCOL_ADDED, DUPLICATE], "results")
    same(scene.differences(online), [], "fields that changed")


def bare_protocol_is_added_once(scene: Scene) -> None:
    bare = msgspec.structs.replace(contingency(1, authorised=True), protocol=Protocol("", 150, None))
    same(scene.post(contingency(1), bare, bare), [POSTED, PROTOCOL_ADDED, DUPLICATE], "results")
    same(scene.status_of(bare.access_key), 150, "status")


def protocol_excuses_nothing(scene: Scene) -> None:
    scene.post(contingency(1))
    same(scene.post(contingency(1, authorised=True, change=1), first_id=5), [Result.CORRECTED], "result")
    same(scene.status_of(contingency(1).access_key), None, "status")


def answers_bring_the_protocol(scene: Scene) -> None:
    offline = contingency(1)
    same(scene.post(answer(offline)), [SALE_MISSING], "an answer without its sale")
    expect(scene.empty(), "something was written")
    same(scene.post(answer(offline), offline, first_id=5), [PROTOCOL_ADDED, POSTED], "with its sale")
    before = scene.counts()
    same(scene.status_of(offline.access_key), 100, "status")
    again = scene.post(answer(offline), answer(offline, 204), first_id=8)
    same(again, [DUPLICATE, DUPLICATE], "answers about a sale that is authorised")
    same(scene.counts(), before, "rows")
    scene.post(contingency(2), first_id=10)
    same(scene.post(answer(contingency(2), 204), first_id=11), [Result.REFUSED], "a refusal")
    same(scene.status_of(contingency(2).access_key), None, "status")


# ---- cancellations ----


def cancelled_once(scene: Scene) -> None:
    one = sale(1, items=(item(1, quantity="1.5"), item(2, quantity="0.2505"), item(3, product="7")))
    same(scene.post(one, sale(2)), [POSTED, POSTED], "sales")
    _stocked(scene, {"1001": Decimal("-3.7505"), "7": Decimal(-2)})
    same(scene.post(cancellation(one), first_id=5), [POSTED], "cancellation")
    _stocked(scene, {"1001": Decimal(-2), "7": Decimal(0)})
    same(scene.cancelled(), [one.access_key], "cancelled sales")
    again = scene.post(cancellation(one), cancellation(one, event="110112", sequence=2), first_id=7)
    same(again, [DUPLICATE] * 2, "cancellations again")
    _stocked(scene, {"1001": Decimal(-2), "7": Decimal(0)})
    same(scene.counts().get("cancellation", 1), 1, "rows of cancellation")


def cancelled_before_its_sale(scene: Scene) -> None:
    early = scene.post(cancellation(sale(1)), cancellation(sale(1), sequence=2))
    same(early, [SALE_MISSING, SALE_MISSING], "cancellations without sale")
    expect(scene.empty(), "something was written")
    same(scene.post(sale(1), first_id=5), [POSTED], "the sale")
    same(scene.post(cancellation(sale(1))), [POSTED], "its cancellation")
    _stocked(scene, {"1001": Decimal(0)})


def cancelled_in_one_batch(scene: Scene) -> None:
    for first, order in ((1, (0, 1)), (11, (1, 0))):
        pair = (sale(first), cancellation(sale(first)))
        results = scene.post(*(pair[place] for place in order), sale(first + 1), first_id=first)
        same(results, [POSTED] * 3, f"results in the order {order}")
    same(sorted(scene.cancelled()), sorted([sale(1).access_key, sale(11).access_key]), "cancelled sales")
    _stocked(scene, {"1001": Decimal(-4)})


def second_cancellation_is_a_duplicate(scene: Scene) -> None:
    substitution = cancellation(sale(1), event="110112", substitute=sale(2).access_key)
    same(scene.post(sale(1), substitution, cancellation(sale(1))), [POSTED, POSTED, DUPLICATE], "results")
    _stocked(scene, {"1001": Decimal(0)})


def unauthorised_cancels_nothing(scene: Scene) -> None:
    scene.post(sale(1))
    same(scene.post(cancellation(sale(1), authorised=False), first_id=5), [NOT_AUTHORISED], "without protocol")
    same(scene.cancelled(), [], "cancelled sales")
    same(scene.post(cancellation(sale(1)), first_id=6), [POSTED], "with protocol")
    same(scene.post(cancellation(sale(1), authorised=False), first_id=7), [DUPLICATE], "without protocol again")


def cancelled_stays_cancelled(scene: Scene) -> None:
    scene.post(sale(1), cancellation(sale(1)))
    same(scene.post(sale(1), first_id=5), [DUPLICATE], "the sale again")
    same(scene.cancelled(), [sale(1).access_key], "cancelled sales")
    _stocked(scene, {"1001": Decimal(0)})


def cancelled_by_the_erp_itself(scene: Scene) -> None:
    if scene.tables.state is not None:
        raise NotApplicableError("Malote's own table tells what is cancelled")
    scene.post(sale(1))
    column = scene.tables.sale.columns
    scene.change(update(scene.tables.sale.table).values({column.cancelled_at: column.issued_at}))
    same(scene.post(cancellation(sale(1)), first_id=5), [POSTED], "cancellation")
    _stocked(scene, {"1001": Decimal(-2)})
    same(scene.counts().get("cancellation", 1), 1, "rows of cancellation")


# ---- voided numbers, stock ----


def voided_once(scene: Scene) -> None:
    request = number_void(authorised=False, at=None)
    same(scene.post(request), [NOT_AUTHORISED], "without protocol")
    results = scene.post(number_void(), number_void(), number_void(910, 910), first_id=5)
    same(results, [POSTED, DUPLICATE, POSTED], "with protocol, twice, and others")
    same(scene.post(request), [DUPLICATE], "without protocol again")
    same(scene.counts().get("number_void", 2), 2, "rows of number_void")


def stock_by_issuer_and_product(scene: Scene) -> None:
    scene.part("stock")
    scene.post(sale(1), sale(2, items=(item(product="9", quantity="0.0001"),)), sale(3, issuer="12ABC34501DE35"))
    _stocked(scene, {"1001": Decimal(-2), "9": Decimal("-0.0001")})
    quantity = scene.part("stock").columns.quantity
    scene.change(update(scene.part("stock").table).values({quantity: quantity - quantity}))
    same(scene.post(sale(4), first_id=9), [POSTED], "a sale after a count of the shelves")
    _stocked(scene, {"1001": Decimal(-2), "9": Decimal(0)})


def goods_outside_the_total(scene: Scene) -> None:
    scene.post(sale(1, items=(item(in_total=False),)))
    _stocked(scene, {"1001": Decimal(-2)})


def _stocked(scene: Scene, expected: dict[str, Decimal]) -> None:
    """Where the profile has a stock."""
    if scene.tables.stock:
        same(scene.stock(), expected, "stock")


CHECKS = (
    Check(
        "unauthorised",
        "Nota sem protocolo ainda não é venda",
        "A note without protocol is no sale yet",
        unauthorised_is_no_sale,
    ),
    Check(
        "authorised_one",
        "Do lote, a autorizada é gravada",
        "Of a batch, the authorised one is booked",
        the_authorised_one_is_booked,
    ),
    Check("protocol", "O protocolo é acrescentado depois", "The protocol is added later", protocol_is_added),
    Check(
        "protocol_batch",
        "Contingência e autorização no mesmo lote",
        "Contingency and authorisation in one batch",
        protocol_in_the_same_batch,
    ),
    Check(
        "protocol_bare", "Protocolo sem número, uma vez", "A protocol without number, once", bare_protocol_is_added_once
    ),
    Check(
        "protocol_divergent",
        "Protocolo não desculpa outro conteúdo",
        "A protocol excuses no other content",
        protocol_excuses_nothing,
    ),
    Check(
        "cancelled", "Cancelamento devolve o estoque uma vez", "A cancellation returns the stock once", cancelled_once
    ),
    Check(
        "cancelled_early",
        "Cancelamento antes da venda espera",
        "A cancellation before its sale waits",
        cancelled_before_its_sale,
    ),
    Check(
        "answers",
        "Resposta da SEFAZ em arquivo próprio",
        "The authority's answer in a file of its own",
        answers_bring_the_protocol,
    ),
    Check(
        "cancelled_batch",
        "Venda e cancelamento no mesmo lote",
        "Sale and cancellation in one batch",
        cancelled_in_one_batch,
    ),
    Check(
        "cancelled_twice",
        "Segundo cancelamento é duplicado",
        "A second cancellation is a duplicate",
        second_cancellation_is_a_duplicate,
    ),
    Check(
        "cancel_unauthorised",
        "Cancelamento sem protocolo nada desfaz",
        "A cancellation without protocol undoes nothing",
        unauthorised_cancels_nothing,
    ),
    Check(
        "cancelled_stays",
        "Venda cancelada continua cancelada",
        "A cancelled sale stays cancelled",
        cancelled_stays_cancelled,
    ),
    Check(
        "cancelled_in_erp",
        "Estoque que o ERP já devolveu não volta de novo",
        "Stock that the ERP gave back is not given back again",
        cancelled_by_the_erp_itself,
    ),
    Check("voids", "Numeração inutilizada é gravada uma vez", "Voided numbers are booked once", voided_once),
    Check("stock", "Estoque por emitente e produto", "Stock by issuer and product", stock_by_issuer_and_product),
    Check(
        "outside_total",
        "Item fora do total também sai do estoque",
        "Goods outside the total leave the shelf too",
        goods_outside_the_total,
    ),
)
