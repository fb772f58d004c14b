"""One number, one sale; voids and sales; a sale mended under its key: as the profile's own tables then tell it."""

from decimal import Decimal

import msgspec

from malote.erp.conformance.assertions import same
from malote.erp.conformance.check import Check
from malote.erp.conformance.documents import cancellation, contingency, item, number_void, posting, protocol
from malote.erp.conformance.scene import Scene
from malote.erp.protocol import Result
from malote.fiscal.documents import Sale


def another_key(of: Sale) -> Sale:
    """The same number, authorised under another key."""
    key = of.access_key[:35] + "77777777" + of.access_key[43:]
    return msgspec.structs.replace(of, access_key=key, protocol=protocol(of.number))


def taken_back_once(scene: Scene) -> None:
    offline = contingency(1)
    authorised = another_key(offline)
    same(scene.post(offline), [Result.POSTED], "offline")
    same(scene.post(authorised, first_id=5), [Result.SUPERSEDES], "the same number under another key")
    for _ in range(2):
        same(scene.erp.supersede(posting(authorised, 5)).result, Result.POSTED, "the exchange")
        same(scene.cancelled(), [offline.access_key], "reversed sales")
        same(scene.counts()["sale"], 2, "rows of sale")
        _stocked(scene, {"1001": Decimal(-2)})
    same(scene.post(cancellation(authorised), first_id=7), [Result.POSTED], "a cancellation")
    _stocked(scene, {"1001": Decimal(0)})


def void_takes_back(scene: Scene) -> None:
    offline, void = contingency(1), number_void(1, 3)
    same(scene.post(offline), [Result.POSTED], "offline")
    same(scene.post(void, first_id=5), [Result.VOID_OF_SALES], "a void of its number")
    same(scene.erp.supersede(posting(void, 5)).result, Result.POSTED, "the reversal")
    same(scene.cancelled(), [offline.access_key], "reversed sales")
    _stocked(scene, {"1001": Decimal(0)})
    same(scene.post(contingency(2), first_id=7), [Result.VOIDED], "a note of a void number")


def completed_or_replaced(scene: Scene) -> None:
    scene.part("item")
    offline, other = contingency(1), contingency(2)
    mended = contingency(1, authorised=True, items=(item(ncm="10063011"),))
    replaced = contingency(2, authorised=True, items=(item(quantity="5"), item(2, product="7")))
    same(scene.post(offline, other), [Result.POSTED] * 2, "offline")
    expected = [Result.MENDED, Result.CORRECTED]
    same(scene.post(mended, replaced, first_id=5), expected, "their authorised versions")
    same(scene.erp.supersede(posting(replaced, 6)).result, Result.POSTED, "the replacement")
    same([scene.differences(one) for one in (mended, replaced)], [[], []], "fields that differ")
    same([scene.status_of(one.access_key) for one in (mended, replaced)], [100, 100], "status")
    _stocked(scene, {"1001": Decimal(-7), "7": Decimal(-2)})


def _stocked(scene: Scene, expected: dict[str, Decimal]) -> None:
    if scene.tables.stock:
        same(scene.stock(), expected, "stock")


CHECKS = (
    Check(
        "number_twice",
        "Um número é uma venda só, e a troca é feita uma vez",
        "One number is one sale, and the exchange is made once",
        taken_back_once,
    ),
    Check(
        "void_of_sale",
        "Inutilização estorna a venda sem autorização",
        "A void takes back the unauthorised sale",
        void_takes_back,
    ),
    Check(
        "mended",
        "Versão autorizada completa ou substitui a venda",
        "An authorised version completes or replaces the sale",
        completed_or_replaced,
    ),
)
