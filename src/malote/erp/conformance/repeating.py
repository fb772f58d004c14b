"""The same sale again, and another one under its key."""

from datetime import UTC
from decimal import Decimal

import msgspec
from sqlalchemy import delete

from malote.erp.compare import UNTOLD
from malote.erp.conformance.assertions import same
from malote.erp.conformance.check import Check
from malote.erp.conformance.documents import cancellation, item, number_void, posting, postings, sale
from malote.erp.conformance.scene import Scene, of_erp
from malote.erp.protocol import Result

POSTED, DUPLICATE, DIVERGENT = Result.POSTED, Result.DUPLICATE, Result.DIVERGENT


def again_is_a_duplicate(scene: Scene) -> None:
    one = sale(1)
    same(scene.post(one), [POSTED], "first time")
    before = scene.counts(), _stock(scene)
    for first_id in (10, 20):
        same(scene.post(one, first_id=first_id), [DUPLICATE], "later times")
    same((scene.counts(), _stock(scene)), before, "rows and stock")


def own_booking_is_no_duplicate(scene: Scene) -> None:
    batch = postings([sale(1), cancellation(sale(1)), number_void()])
    same([outcome.result for outcome in scene.erp.post(batch)], [POSTED] * 3, "first time")
    before = scene.counts(), _stock(scene)
    same([outcome.result for outcome in scene.erp.post(batch)], [POSTED] * 3, "after a crash")
    same((scene.counts(), _stock(scene)), before, "rows and stock")


def twice_in_one_batch(scene: Scene) -> None:
    same(
        scene.post(sale(1), sale(1), sale(1, change=400), sale(2)),
        [POSTED, DUPLICATE, DIVERGENT, POSTED],
        "results",
    )
    same(_stock(scene), {"1001": Decimal(-4)} if scene.tables.stock else None, "stock")
    same(scene.differences(sale(1)), [], "fields that changed")


def other_content_is_divergent(scene: Scene) -> None:
    one = sale(1, items=(item(1), item(2)), consumer="52998224725")
    scene.post(one)
    cheaper = msgspec.structs.replace(
        one.items[1], gross=1, taxes=msgspec.structs.replace(one.items[1].taxes, pis_amount=9)
    )
    other = msgspec.structs.replace(one, items=(one.items[0], cheaper), consumer="11144477735")
    outcome = scene.outcomes(other, first_id=9)[0]
    same(outcome.result, DIVERGENT, "result")
    known = {
        "consumer": "consumer" in scene.tables.sale.readable(exactly=True),
        "items[2].gross": _lines_have(scene, "gross"),
        "items[2].taxes.pis_amount": _lines_have(scene, "pis_amount"),
    }
    told = ", ".join(name for name, readable in known.items() if readable) or UNTOLD
    same(outcome.facts, {"fields": told}, "what differs")
    same(scene.differences(one), [], "fields that changed")
    same(scene.counts()["ledger"], 1, "entries of the ledger")


def _lines_have(scene: Scene, field: str) -> bool:
    return scene.tables.state is not None or {"number", field} <= scene.part("item").readable(exactly=True)


def many_differences_are_counted(scene: Scene) -> None:
    if not _lines_have(scene, "gross"):
        return
    one = sale(1, items=[item(number) for number in range(1, 21)])
    scene.post(one)
    other = msgspec.structs.replace(one, items=tuple(msgspec.structs.replace(line, gross=1) for line in one.items))
    fields = scene.outcomes(other, first_id=9)[0].facts["fields"]
    same(fields.rpartition(", ")[2], "items[10].gross (+10)", "the end of what differs")


def other_digits_are_the_same(scene: Scene) -> None:
    one = sale(1)
    scene.post(one)
    line = msgspec.structs.replace(one.items[0], quantity=Decimal("2.0000"), unit_price=Decimal("3.5"))
    elsewhere = msgspec.structs.replace(one, issued_at=one.issued_at.astimezone(UTC), items=(line,))
    # An ERP that doesn't hold all of a sale can't vouch for it: then a person must look. Where it tells goods and
    # money, and the protocol is the booked one's own, this version may take its place.
    unsure = Result.CORRECTED if scene.tables.tells_money else DIVERGENT
    expected = DUPLICATE if scene.complete else unsure
    same(scene.post(elsewhere, first_id=9), [expected], "result")


def archived_still_counts(scene: Scene) -> None:
    scene.post(sale(1))
    scene.change(*(delete(table.table) for table in scene.tables.parts))
    same(scene.post(sale(1), sale(1, change=1), first_id=9), [DUPLICATE, DIVERGENT], "results")
    same(scene.counts()["sale"], 0, "sales")


def known_without_malote_is_refused(scene: Scene) -> None:
    scene.post(sale(1))
    scene.change(delete(scene.tables.ledger))
    same(of_erp(scene.refusal(sale(1, change=1))), ("erp_constraint", False), "answer")
    same(scene.differences(sale(1)), [], "fields that changed")


def ledger_knows_its_writer(scene: Scene) -> None:
    one = sale(1)
    scene.post(one)
    other_till = posting(one, document_id=1, till="caixa2")
    same([outcome.result for outcome in scene.erp.post([other_till])], [DUPLICATE], "from another till")


def _stock(scene: Scene) -> dict[str, Decimal] | None:
    return scene.stock() if scene.tables.stock else None


CHECKS = (
    Check("again", "A mesma venda de novo é duplicada", "The same sale again is a duplicate", again_is_a_duplicate),
    Check(
        "own",
        "Depois de uma queda, a própria gravação é achada",
        "After a crash, its own booking is found",
        own_booking_is_no_duplicate,
    ),
    Check("twice", "Duas vezes no mesmo lote", "Twice in one batch", twice_in_one_batch),
    Check(
        "divergent",
        "Mesma chave, outro conteúdo: divergente",
        "Same key, other content: divergent",
        other_content_is_divergent,
    ),
    Check("differences", "As diferenças são contadas", "Differences are counted", many_differences_are_counted),
    Check(
        "other_digits", "A mesma venda com outros dígitos", "The same sale in other digits", other_digits_are_the_same
    ),
    Check("archived", "Venda arquivada ainda conta", "An archived sale still counts", archived_still_counts),
    Check(
        "foreign",
        "Venda que o ERP já tinha não é sobrescrita",
        "A sale that the ERP had is not overwritten",
        known_without_malote_is_refused,
    ),
    Check(
        "writer",
        "O mesmo número em outro caixa é outra coisa",
        "The same number at another till is another one",
        ledger_knows_its_writer,
    ),
)
