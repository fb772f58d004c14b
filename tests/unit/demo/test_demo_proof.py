"""The proof must be able to fail: each kind of loss, doubling and error is put before it, one at a time."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from malote.demo.phrases import Phrase
from malote.demo.proof import ExpectedSale, Planted, ProofEvidence, ServerDocument, TillFile, goods_out, prove
from malote.erp.protocol import BookedSale
from tests.unit.demo.demo_support import AT

ISSUER = "11222333000181"
REJECTED = "f" * 64


def sold(number: int, **changes: object) -> ExpectedSale:
    sale = ExpectedSale(f"key{number}", "caixa1", ISSUER, 1000 + number, False, True, {"1007": 20_000, "1014": 5_500})
    return replace(sale, **changes)


def file_of(sale: ExpectedSale) -> str:
    return sale.access_key.ljust(64, "0")


def posted_file(sale: ExpectedSale) -> TillFile:
    return TillFile(sale.till, file_of(sale), "posted", None, {sale.access_key: sale.total})


def posted_document(sale: ExpectedSale, kind: str = "sale") -> ServerDocument:
    total = sale.total if kind == "sale" else None
    return ServerDocument(sale.till, file_of(sale), kind, sale.access_key, total, "posted", None, False)


def booked(sale: ExpectedSale) -> BookedSale:
    return BookedSale(sale.access_key, sale.till, sale.total, AT, sale.authorised, sale.cancelled)


def good() -> ProofEvidence:
    """Two sales, one of them cancelled, one sale the ERP refuses, and voided numbers: all as it must be."""
    plain, cancelled, refused = sold(1), sold(2, cancelled=True), sold(3, refused=True)
    event = ServerDocument("caixa1", "e" * 64, "cancellation", "key2", None, "posted", None, False)
    void = ServerDocument("caixa1", "d" * 64, "number_void", None, None, "posted", None, False)
    rejected = replace(posted_document(refused), sha256=REJECTED, state="rejected", code="erp_constraint")
    planted = Planted(Phrase.FAULT_POISON, "caixa1", REJECTED, "rejected", frozenset({"erp_constraint"}))
    return ProofEvidence(
        sold=[plain, cancelled, refused],
        voided={(ISSUER, 1, 4, 5)},
        written={("caixa1", sha) for sha in (file_of(plain), file_of(cancelled), REJECTED, "e" * 64, "d" * 64)},
        outboxes=[
            posted_file(plain),
            posted_file(cancelled),
            TillFile("caixa1", REJECTED, "rejected", "erp_constraint", {"key3": refused.total}),
            TillFile("caixa1", "e" * 64, "posted", None, {}),
            TillFile("caixa1", "d" * 64, "posted", None, {}),
        ],
        server=[posted_document(plain), posted_document(cancelled), rejected, event, void],
        kept={("caixa1", REJECTED)},
        booked=[booked(plain), booked(cancelled)],
        uneven=[],
        stock={(ISSUER, "1007"): -20_000, (ISSUER, "1014"): -5_500},
        booked_voids={(ISSUER, 1, 4, 5)},
        planted=[planted],
    )


def found(evidence: ProofEvidence) -> set[tuple[str, Phrase]]:
    proof = prove(evidence)
    assert not proof.holds
    return {(each.subject, each.phrase) for each in proof.differences}


def test_what_agrees_holds() -> None:
    proof = prove(good())
    assert proof.differences == []
    assert proof.holds
    figures = {row.phrase: (row.pos, row.till, row.server, row.erp) for row in proof.rows}
    assert figures[Phrase.ROW_SALES] == (2, 2, 2, 2)
    assert figures[Phrase.ROW_SUM] == (2003, 2003, 2003, 2003)
    assert figures[Phrase.ROW_CANCELLED] == (1, None, 1, 1)
    assert figures[Phrase.ROW_GOODS] == (25_500, None, None, 25_500)
    assert figures[Phrase.ROW_FILES] == (5, 5, 5, None)
    assert figures[Phrase.ROW_REFUSED] == (1, None, 1, None)


def test_a_lost_sale() -> None:
    evidence = good()
    del evidence.booked[0]
    assert ("key1", Phrase.LOST) in found(evidence)


def test_a_doubled_sale() -> None:
    evidence = good()
    evidence.booked.append(evidence.booked[0])
    assert ("key1", Phrase.DOUBLED) in found(evidence)


def test_a_sale_whose_goods_left_twice() -> None:
    evidence = good()
    evidence.stock[ISSUER, "1007"] *= 2
    assert found(evidence) == {(f"{ISSUER} 1007", Phrase.WRONG_STOCK)}


def test_a_cancelled_sale_whose_goods_never_came_back() -> None:
    evidence = good()
    evidence.stock[ISSUER, "1014"] -= 5_500
    assert found(evidence) == {(f"{ISSUER} 1014", Phrase.WRONG_STOCK)}


def test_goods_of_a_product_nobody_sold() -> None:
    evidence = good()
    evidence.stock[ISSUER, "9999"] = -1
    assert found(evidence) == {(f"{ISSUER} 9999", Phrase.WRONG_STOCK)}


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"total": 1002}, Phrase.WRONG_TOTAL),
        ({"cancelled": True}, Phrase.WRONG_CANCELLATION),
        ({"authorised": False}, Phrase.WRONG_AUTHORISATION),
        ({"till": "caixa2"}, Phrase.WRONG_TILL),
    ],
)
def test_a_wrong_booking(change: dict[str, object], phrase: Phrase) -> None:
    evidence = good()
    evidence.booked[0] = replace(evidence.booked[0], **change)
    assert ("key1", phrase) in found(evidence)


def test_a_cent_too_much_shows_in_the_sum_too() -> None:
    evidence = good()
    evidence.booked[0] = replace(evidence.booked[0], total=1002)
    assert [row.phrase for row in prove(evidence).rows if not row.agrees] == [Phrase.ROW_SUM]


def test_lines_that_do_not_add_up() -> None:
    evidence = replace(good(), uneven=["key1"])
    assert found(evidence) == {("key1", Phrase.UNEVEN)}


def test_a_sale_nobody_sold() -> None:
    evidence = good()
    evidence.booked.append(booked(sold(9)))
    assert ("key9", Phrase.NEVER_SOLD) in found(evidence)


def test_the_refused_sale_got_booked() -> None:
    evidence = good()
    evidence.booked.append(booked(evidence.sold[2]))
    assert ("key3", Phrase.BOOKED_THOUGH_REFUSED) in found(evidence)


def test_a_file_the_till_did_not_capture() -> None:
    evidence = good()
    evidence.written.add(("caixa1", "a" * 64))
    assert ("caixa1 " + "a" * 16, Phrase.NOT_CAPTURED) in found(evidence)


def test_a_sale_that_is_missing_from_the_outbox() -> None:
    evidence = good()
    del evidence.outboxes[0]
    assert ("key1", Phrase.NOT_IN_OUTBOX) in found(evidence)


def test_a_sale_in_the_outbox_of_another_till() -> None:
    evidence = good()
    evidence.outboxes[0] = replace(evidence.outboxes[0], till="caixa2")
    assert ("key1", Phrase.NOT_IN_OUTBOX) in found(evidence)


@pytest.mark.parametrize("state", ["captured", "accepted", "rejected", "held"])
def test_a_till_without_its_proof(state: str) -> None:
    evidence = good()
    evidence.outboxes[0] = replace(evidence.outboxes[0], state=state)
    assert ("key1", Phrase.TILL_STATE) in found(evidence)


@pytest.mark.parametrize("state", ["accepted", "posting", "waiting", "rejected", "discarded"])
def test_a_document_that_is_not_settled_as_it_must_be(state: str) -> None:
    evidence = good()
    evidence.server[0] = replace(evidence.server[0], state=state)
    assert ("key1", Phrase.SERVER_STATE) in found(evidence)


def test_a_sale_that_never_reached_the_server() -> None:
    evidence = good()
    del evidence.server[0]
    assert ("key1", Phrase.NOT_ON_SERVER) in found(evidence)


def test_a_sale_that_reached_the_server_with_another_total() -> None:
    evidence = good()
    evidence.server[0] = replace(evidence.server[0], total=1)
    assert ("key1", Phrase.NOT_ON_SERVER) in found(evidence)


@pytest.mark.parametrize("kept", [set(), {("caixa1", REJECTED), ("caixa1", "b" * 64)}])
def test_rejected_files_that_the_folder_lacks_or_has_too_many(kept: set[tuple[str, str]]) -> None:
    assert Phrase.FOLDER_AND_TAB in {phrase for _, phrase in found(replace(good(), kept=kept))}


def test_numbers_voided_that_the_erp_lacks_or_has_too_many() -> None:
    assert (f"{ISSUER} 1 4 5", Phrase.WRONG_VOID) in found(replace(good(), booked_voids=set()))
    assert (f"{ISSUER} 1 4 5", Phrase.WRONG_VOID) in found(replace(good(), voided=set()))


def planted_wrongly(change: Callable[[ServerDocument], ServerDocument]) -> bool:
    evidence = good()
    evidence.server[2] = change(evidence.server[2])
    (ending,) = prove(evidence).endings
    return not ending.right


def test_a_planted_fault_that_ended_elsewhere() -> None:
    assert planted_wrongly(lambda document: replace(document, state="posted"))
    assert planted_wrongly(lambda document: replace(document, code="divergent_content"))
    assert planted_wrongly(lambda document: replace(document, sha256="c" * 64))
    assert not planted_wrongly(lambda document: document)


def test_a_planted_duplicate_that_was_booked_instead() -> None:
    evidence = good()
    rewritten = Planted(Phrase.FAULT_REWRITTEN, "caixa1", file_of(sold(1)), "posted", duplicate=True)
    proof = prove(replace(evidence, planted=[*evidence.planted, rewritten]))
    assert not proof.endings[-1].right
    assert not proof.holds


def test_goods_of_cancelled_and_refused_sales_stay() -> None:
    assert goods_out([sold(1), sold(1, cancelled=True), sold(1, refused=True)]) == {
        (ISSUER, "1007"): -20_000,
        (ISSUER, "1014"): -5_500,
    }
