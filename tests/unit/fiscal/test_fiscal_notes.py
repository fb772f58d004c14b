"""An ordinary NFC-e: every field that is booked, to the last cent."""

from datetime import timedelta
from decimal import Decimal

from malote.fiscal.documents import Protocol, content_hash
from malote.fiscal.reader import read, summary
from tests.unit.fiscal.notes import BASKET, ISSUER, MORNING, Line, build_note, key_of
from tests.unit.fiscal.support import only, problems_of, replaced, sale_in


def test_an_authorised_sale() -> None:
    raw = build_note(number=77, series=3, items=BASKET, payments=[("01", 10000), ("17", 9000)], change=0, total=19000)
    reading = only(build_note(number=77, series=3, consumer="11144477735"))
    assert reading.problems == []
    sale = sale_in(build_note(number=77, series=3, consumer="11144477735"))
    assert sale.access_key == key_of(raw)
    assert (sale.model, sale.layout, sale.issuer, sale.series, sale.number) == ("65", "4.00", ISSUER, 3, 77)
    assert (sale.issued_at, sale.environment, sale.emission) == (MORNING, 1, 1)
    assert sale.consumer == "11144477735"
    assert sale.protocol == Protocol("135260000000001", 100, MORNING)
    assert sale.authorised
    assert sale.bookable


def test_an_item_with_all_its_taxes() -> None:
    (item,) = sale_in(build_note(items=[Line(quantity="1.2345", price="9.9876543210", gross=1233, discount=33)])).items
    assert (item.number, item.product_code, item.gtin) == (1, "1001", "7891000315507")
    assert (str(item.quantity), str(item.unit_price)) == ("1.2345", "9.9876543210")
    assert (item.gross, item.discount, item.freight, item.insurance, item.other) == (1233, 33, 0, 0, 0)
    assert (item.ncm, item.cfop, item.unit, item.in_total) == ("10063021", "5102", "UN", True)
    taxes = item.taxes
    assert (taxes.icms_origin, taxes.icms_status, taxes.icms_base, taxes.icms_amount) == ("0", "00", 1200, 216)
    assert taxes.icms_rate == Decimal(18)
    assert (taxes.pis_status, taxes.pis_base, taxes.pis_rate, taxes.pis_amount) == ("01", 1200, Decimal("1.65"), 20)
    assert (taxes.cofins_base, taxes.cofins_rate, taxes.cofins_amount) == (1200, Decimal("7.6"), 91)
    assert (taxes.reform_status, taxes.reform_class, taxes.reform_base) == ("000", "000001", 1200)
    assert (taxes.ibs_state_rate, taxes.ibs_state_amount) == (Decimal("0.1"), 1)
    assert (taxes.ibs_city_rate, taxes.ibs_city_amount) == (Decimal(0), 0)
    assert (taxes.cbs_rate, taxes.cbs_amount) == (Decimal("0.9"), 11)


def test_payments_and_change() -> None:
    sale = sale_in(build_note(payments=[("01", 2000), ("03", 1000)], change=410))
    assert [(payment.method, payment.amount) for payment in sale.payments] == [("01", 2000), ("03", 1000)]
    assert sale.change == 410
    assert sale.totals.total == 2590


def test_a_card_s_details() -> None:
    raw = replaced(
        build_note(payments=[("03", 2590)]),
        "<card><tpIntegra>2</tpIntegra></card>",
        "<card><tpIntegra>1</tpIntegra><CNPJ>01425787000104</CNPJ><tBand>02</tBand><cAut>A1B2C3</cAut></card>",
    )
    (payment,) = sale_in(raw).payments
    assert (payment.acquirer, payment.brand, payment.authorisation) == ("01425787000104", "02", "A1B2C3")


def test_totals_as_the_document_states_them() -> None:
    totals = sale_in(build_note(items=BASKET)).totals
    assert totals.products == sum(line.cents for line in BASKET)
    assert totals.discount == sum(line.discount for line in BASKET)
    assert totals.total == sum(line.net for line in BASKET)
    assert totals.ibs > 0
    assert totals.cbs > 0


def test_unknown_payment_methods_are_kept() -> None:
    assert sale_in(build_note(payments=[("87", 2590)])).payments[0].method == "87"


def test_nine_payment_codes_in_one_sale() -> None:
    methods = ["01", "02", "03", "04", "05", "10", "17", "19", "99"]
    raw = build_note(items=[Line(price="9.00")], payments=[(method, 100) for method in methods])
    assert [payment.method for payment in sale_in(raw).payments] == methods
    assert problems_of(raw) == []


def test_five_hundred_items() -> None:
    raw = build_note(items=[Line(code=str(number), price="1.99") for number in range(500)])
    assert len(sale_in(raw).items) == 500
    assert problems_of(raw) == []


def test_an_alphanumeric_issuer() -> None:
    raw = build_note(issuer="12ABC34501DE35")
    assert sale_in(raw).issuer == "12ABC34501DE35"
    assert problems_of(raw) == []


def test_a_farmer_sells_with_a_cpf() -> None:
    raw = build_note(issuer="11144477735", model="55", series=920)
    assert sale_in(raw).issuer == "11144477735"
    assert problems_of(raw) == []


def test_an_nfe() -> None:
    raw = build_note(model="55")
    assert sale_in(raw).model == "55"
    assert problems_of(raw) == []


def test_offline_contingency_is_a_sale_before_its_authorisation() -> None:
    raw = build_note(emission=9)
    sale = sale_in(raw)
    assert (sale.emission, sale.protocol, sale.bookable) == (9, None, True)
    assert (sale.contingency_at, sale.contingency_reason) == (MORNING, "SEM COMUNICACAO COM A SEFAZ")
    assert problems_of(raw) == []


def test_a_note_without_protocol_is_read_and_not_bookable_yet() -> None:
    reading = only(build_note(protocol=False))
    assert reading.problems == []
    assert reading.document is not None
    assert not sale_in(build_note(protocol=False)).bookable


def test_before_and_after_authorisation_the_content_is_the_same() -> None:
    before, after = sale_in(build_note(protocol=False)), sale_in(build_note())
    assert before != after
    assert content_hash(before) == content_hash(after)


def test_authorised_late() -> None:
    protocol = sale_in(build_note(status=150)).protocol
    assert protocol is not None
    assert protocol.status == 150


def test_a_test_environment_note_is_read_as_such() -> None:
    assert sale_in(build_note(environment=2)).environment == 2


def test_the_summary_of_a_sale() -> None:
    raw = build_note(payments=[("01", 3000)], change=410)
    seen = summary(only(raw))
    assert (seen.kind, seen.access_key, seen.model, seen.issuer) == ("sale", key_of(raw), "65", ISSUER)
    assert (seen.series, seen.number, seen.issued_at) == (1, 1, "2026-11-20T10:30:15-03:00")
    assert (seen.environment, seen.emission, seen.authorised) == (1, 1, True)
    assert (seen.total, seen.items, seen.payments, seen.change) == (2590, 1, 1, 410)


def test_a_broken_note_still_tells_what_it_can() -> None:
    seen = summary(only(replaced(build_note(), "<vNF>25.90</vNF>", "<vNF>much</vNF>")))
    assert (seen.kind, seen.issuer, seen.series, seen.number) == ("sale", ISSUER, 1, 1)
    assert (seen.items, seen.payments, seen.total, seen.authorised) == (1, 1, None, True)


def test_reading_twice_gives_the_same() -> None:
    for number in (1, 2):
        raw = build_note(number=number, issued_at=MORNING + timedelta(hours=number))
        assert read(raw) == read(raw)
