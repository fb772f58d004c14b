from datetime import timedelta
from decimal import Decimal

import pytest

from malote.fiscal.reader import summary
from tests.unit.fiscal.notes import MORNING, Line, key_of
from tests.unit.fiscal.sat import build_sat, build_sat_cancellation
from tests.unit.fiscal.support import cancellation_in, codes, only, problems_of, replaced, sale_in

SAT = build_sat()
KEY = key_of(SAT)


def test_a_signed_cfe_is_an_authorised_sale() -> None:
    sale = sale_in(
        build_sat(
            items=[Line(), Line(code="2", discount=90)], payments=[("01", 6000)], change=910, consumer="11144477735"
        )
    )
    assert (sale.model, sale.layout, sale.issuer) == ("59", "0.08", "08723218000186")
    assert (sale.series, sale.number, sale.emission, sale.issued_at) == (900004019, 21, 1, MORNING)
    assert [(item.number, item.gross, item.discount) for item in sale.items] == [(1, 2590, 0), (2, 2590, 90)]
    assert [(payment.method, payment.amount) for payment in sale.payments] == [("01", 6000)]
    assert (sale.change, sale.totals.total, sale.consumer) == (910, 5090, "11144477735")
    assert sale.authorised
    assert problems_of(SAT) == []


def test_rates_are_fractions_in_a_cfe() -> None:
    raw = replaced(
        SAT, "<PISSN><CST>49</CST></PISSN>", "<PISAliq><CST>01</CST><vBC>10.00</vBC><pPIS>0.0165</pPIS></PISAliq>"
    )
    assert sale_in(raw).items[0].taxes.pis_rate == Decimal("1.65")


def test_a_discount_spread_over_the_items() -> None:
    raw = replaced(SAT, "<vItem>25.90", "<vRatDesc>0.90</vRatDesc><vItem>25.00")
    raw = replaced(replaced(raw, "<vCFe>25.90", "<vCFe>25.00"), "<vMP>25.90", "<vMP>25.00")
    assert sale_in(raw).items[0].discount == 90
    assert problems_of(raw) == []


def test_a_discount_on_the_whole() -> None:
    raw = replaced(SAT, "<vCFe>25.90", "<DescAcrEntr><vDescSubtot>0.90</vDescSubtot></DescAcrEntr><vCFe>25.00")
    assert problems_of(replaced(raw, "<vMP>25.90", "<vMP>25.00")) == []


def test_a_request_has_no_key_yet() -> None:
    reading = only(build_sat(signed=False))
    assert codes(reading) == ["sat_request"]
    assert (reading.kind, summary(reading).issuer, summary(reading).items) == ("sale", "08723218000186", 1)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (f'Id="CFe{KEY}"', 'Id="CFe123"', "key_malformed"),
        ("<nCFe>000021", "<nCFe>000022", "key_disagrees"),
        ("<nserieSAT>900004019", "<nserieSAT>900004018", "key_disagrees"),
        ("<dEmi>20261120", "<dEmi>20261320", "issue_time_invalid"),
        ("<tpAmb>1</tpAmb>", "", "environment_missing"),
        ("<vCFe>25.90", "<vCFe>20.90", "items_sum"),
        ("<vCFe>25.90</vCFe>", "", "total_missing"),
        ("<vMP>25.90", "<vMP>20.90", "payments_sum"),
        ("<vMP>25.90", "<vMP>x", "amount_invalid"),
        ("<vProd>25.90", "<vProd>-25.90", "amount_invalid"),
        ("<qCom>1.0000", "<qCom>NaN", "amount_invalid"),
    ],
)
def test_what_is_wrong_with_a_cfe(old: str, new: str, code: str) -> None:
    raw = replaced(SAT, old, new)
    assert code in problems_of(raw, "reject")


def test_no_items_and_no_payments() -> None:
    start, end = SAT.index(b"<det "), SAT.index(b"</det>") + 6
    assert problems_of(SAT[:start] + SAT[end:]) == ["items_missing"]
    start, end = SAT.index(b"<MP>"), SAT.index(b"</MP>") + 5
    assert problems_of(SAT[:start] + SAT[end:]) == ["payments_missing"]


def test_a_signed_cancellation() -> None:
    raw = build_sat_cancellation(KEY, at=MORNING + timedelta(minutes=3))
    cancellation = cancellation_in(raw)
    assert (cancellation.access_key, cancellation.event, cancellation.issuer) == (KEY, "CFeCanc", "08723218000186")
    assert cancellation.at == MORNING + timedelta(minutes=3)
    assert cancellation.substitute != KEY
    assert cancellation.authorised
    assert problems_of(raw) == []


def test_a_cancellation_s_request() -> None:
    reading = only(build_sat_cancellation(KEY, signed=False))
    assert codes(reading) == ["sat_request"]
    assert (reading.kind, summary(reading).access_key) == ("cancellation", KEY)


def test_a_cancellation_by_another_company() -> None:
    raw = build_sat_cancellation(KEY).replace(b"<emit><CNPJ>08723218000186", b"<emit><CNPJ>11222333000181")
    assert problems_of(raw) == ["key_disagrees"]
