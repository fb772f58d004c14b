"""Oddities met in files that real tills wrote: read where the sale is clear, refused with a true reason where not."""

import re

import pytest

from malote.fiscal.problems import reject
from malote.fiscal.reader import read, summary
from tests.unit.fiscal.notes import BASKET, MORNING, Line, build_cancellation, build_note, key_of
from tests.unit.fiscal.support import codes, only, problems_of, replaced, sale_in, without

NOTE = build_note()
PROTOCOL_START, PROTOCOL_END = "<protNFe", "</protNFe>"


def test_a_protocol_without_version() -> None:
    raw = replaced(NOTE, '<protNFe versao="4.00">', "<protNFe>")
    assert sale_in(raw).authorised
    assert problems_of(raw) == []


def test_no_declaration_and_a_byte_order_mark() -> None:
    bare = build_note(declaration="")
    for raw in (bare, b"\xef\xbb\xbf" + bare, b"\xef\xbb\xbf" + NOTE):
        assert sale_in(raw) == sale_in(NOTE)


def test_an_unsigned_note_without_supplement() -> None:
    raw = without(build_note(signed=False), "<infNFeSupl>", "</infNFeSupl>")
    assert problems_of(raw) == []


def test_nfeproc_without_protocol() -> None:
    raw = without(NOTE, PROTOCOL_START, PROTOCOL_END)
    assert b"<nfeProc" in raw
    assert not sale_in(raw).authorised
    assert problems_of(raw) == []


@pytest.mark.parametrize(
    "answer", ["<protNFe/>", "<protNFe><infProt/></protNFe>", "<protNFe><infProt>\n</infProt></protNFe>"]
)
def test_an_empty_answer_is_no_authorisation(answer: str) -> None:
    raw = replaced(without(NOTE, PROTOCOL_START, PROTOCOL_END), "</nfeProc>", f"{answer}</nfeProc>")
    assert not sale_in(raw).authorised
    assert codes(only(raw), "warning") == ["protocol_empty"]
    assert not only(raw).rejected


def test_an_authorisation_without_number_is_none() -> None:
    raw = replaced(NOTE, "<nProt>135260000000001</nProt>", "")
    assert not sale_in(raw).authorised
    assert problems_of(raw) == ["protocol_empty"]


@pytest.mark.parametrize(("note", "authorised"), [(1, False), (2, True)])
def test_a_protocol_of_the_test_environment_authorises_no_note_of_production(note: int, authorised: bool) -> None:
    raw = re.sub(rb"(<infProt[^>]*>)<tpAmb>.", rb"\1<tpAmb>2", build_note(environment=note))
    assert sale_in(raw).authorised is authorised
    assert problems_of(raw) == ([] if authorised else ["protocol_of_test"])
    assert not only(raw).rejected


def test_layout_310_has_its_payments_in_pag_itself() -> None:
    raw = replaced(build_note(layout="3.10"), "<pag><detPag>", "<pag>")
    raw = replaced(raw, "</detPag><vTroco>0.00</vTroco></pag>", "</pag><pag><tPag>04</tPag><vPag>0.00</vPag></pag>")
    sale = sale_in(raw)
    assert [(payment.method, payment.amount) for payment in sale.payments] == [("01", 2590), ("04", 0)]
    assert sale.layout == "3.10"
    assert problems_of(raw) == []


def test_before_layout_400_cash_beyond_the_total_was_the_change() -> None:
    raw = replaced(build_note(layout="3.10", payments=[("01", 3000)]), "<vTroco>0.00</vTroco>", "")
    assert sale_in(raw).change == 410
    assert problems_of(raw) == ["change_implied"]
    assert not only(raw).rejected
    by_card = replaced(raw, "<tPag>01", "<tPag>03")
    assert problems_of(by_card) == ["payments_sum"]


@pytest.mark.parametrize("model", ["55", "65"])
def test_an_older_note_has_no_payments(model: str) -> None:
    raw = without(build_note(model=model, layout="3.10"), "<pag>", "</pag>")
    assert sale_in(raw).payments == ()
    assert problems_of(raw) == ["payments_missing"]
    assert not only(raw).rejected


def test_a_day_instead_of_a_time() -> None:
    raw = replaced(build_note(layout="3.00"), f"<dhEmi>{MORNING.isoformat()}</dhEmi>", "<dEmi>2026-11-20</dEmi>")
    assert sale_in(raw).issued_at == MORNING.replace(hour=0, minute=0, second=0)
    assert problems_of(raw) == ["time_form"]


def test_contingency_s_start_in_the_brazilian_way() -> None:
    raw = replaced(build_note(emission=9), f"<dhCont>{MORNING.isoformat()}", "<dhCont>20/11/2026 10:30:15")
    assert sale_in(raw).contingency_at == MORNING
    assert problems_of(raw) == ["time_form"]


def test_contingency_s_start_that_is_no_time() -> None:
    raw = replaced(build_note(emission=9), f"<dhCont>{MORNING.isoformat()}", "<dhCont>hoje")
    assert sale_in(raw).contingency_at is None
    assert problems_of(raw) == ["contingency_time_invalid"]


def test_a_time_without_zone() -> None:
    raw = replaced(NOTE, "<dhEmi>2026-11-20T10:30:15-03:00", "<dhEmi>2026-11-20T10:30:15")
    assert sale_in(raw).issued_at == MORNING
    assert problems_of(raw) == ["time_zone_assumed"]


@pytest.mark.parametrize("extra", ["<CEST/>", "<CEST></CEST>", "<CEST> </CEST>"])
def test_an_empty_cest(extra: str) -> None:
    assert problems_of(replaced(NOTE, "<CFOP>", f"{extra}<CFOP>")) == []


def test_an_empty_icms_group() -> None:
    raw = without(NOTE, "<ICMS00>", "</ICMS00>")
    assert sale_in(raw).items[0].taxes.icms_status == ""
    assert problems_of(raw) == ["header_disagrees"]


def test_an_eight_digit_reform_class() -> None:
    raw = replaced(NOTE, "<cClassTrib>000001", "<cClassTrib>00000001")
    assert sale_in(raw).items[0].taxes.reform_class == "00000001"
    assert problems_of(raw) == []


@pytest.mark.parametrize("gtin", ["SEM GTIN", ""])
def test_a_product_without_bar_code(gtin: str) -> None:
    raw = build_note(items=[Line(gtin=gtin)])
    assert sale_in(raw).items[0].gtin == ""
    assert problems_of(raw) == []


def test_an_absent_bar_code() -> None:
    assert sale_in(replaced(NOTE, "<cEAN>7891000315507</cEAN>", "")).items[0].gtin == ""


def test_stray_text_inside_ide() -> None:
    raw = replaced(NOTE, "<ide>", "<ide> stray ")
    assert sale_in(raw) == sale_in(NOTE)


def test_wrong_element_order() -> None:
    raw = replaced(NOTE, "<mod>65</mod><serie>1</serie>", "<serie>1</serie><mod>65</mod>")
    assert sale_in(raw) == sale_in(NOTE)
    total = NOTE[NOTE.index(b"<total>") : NOTE.index(b"</total>") + 8].decode()
    moved = replaced(replaced(NOTE, total, ""), "<det ", f"{total}<det ")
    assert sale_in(moved) == sale_in(NOTE)


def test_qr_codes_of_every_make() -> None:
    escaped = NOTE.replace(b"|", b"%7C")
    plain = NOTE.replace(b"<![CDATA[", b"").replace(b"]]>", b"")
    version3 = NOTE.replace(b"|2|1|1|" + b"A" * 40, b"|3|1")
    for raw in (escaped, plain, version3):
        assert raw != NOTE
        assert sale_in(raw) == sale_in(NOTE)


def test_elided_base64() -> None:
    start, end = NOTE.index(b"<X509Certificate>"), NOTE.index(b"</X509Certificate>")
    assert sale_in(NOTE[:start] + b"<X509Certificate>..." + NOTE[end:]) == sale_in(NOTE)


def test_a_portal_s_extra_elements_around_the_note() -> None:
    raw = NOTE.replace(b"<NFe xmlns", b"<dhInc>2026-11-20</dhInc><nProt>1</nProt><procNFe><NFe xmlns", 1)
    raw = replaced(raw, "</protNFe></nfeProc>", "</protNFe></procNFe><extra/></nfeProc>")
    assert sale_in(raw) == sale_in(NOTE)


def test_a_cancellation_inside_the_note_s_file() -> None:
    event = build_cancellation(key_of(NOTE)).decode()
    answer = event[event.index("<retEvento") : event.index("</retEvento>") + len("</retEvento>")]
    sale, cancellation = read(replaced(NOTE, "</nfeProc>", f"{answer}</nfeProc>"))
    assert (sale.kind, cancellation.kind) == ("sale", "cancellation")
    assert sale.problems == cancellation.problems == []
    assert summary(cancellation).access_key == key_of(NOTE)
    assert summary(cancellation).authorised


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ("<mod>65</mod>", "<mod>55</mod>", "mod 65 ≠ 55"),
        ("<tpEmis>1</tpEmis>", "<tpEmis>9</tpEmis>", "tpEmis 1 ≠ 9"),
        ("<dhEmi>2026-11", "<dhEmi>2026-10", "AAMM 2611 ≠ 2610"),
        ("<cNF>20261120", "<cNF>20261121", "cNF 20261120 ≠ 20261121"),
        ("<serie>1<", "<serie>2<", "serie 1 ≠ 2"),
        ("<nNF>1<", "<nNF>2<", "nNF 1 ≠ 2"),
        ("<cUF>35<", "<cUF>41<", "cUF 35 ≠ 41"),
        ("<CNPJ>11222333000181", "<CNPJ>12ABC34501DE35", "CNPJ 11222333000181 ≠ 12ABC34501DE35"),
    ],
)
def test_the_key_says_one_thing_and_the_body_another(old: str, new: str, fields: str) -> None:
    reading = only(replaced(NOTE, old, new))
    assert codes(reading) == ["key_disagrees"]
    assert reading.problems[0].facts == {"fields": fields}
    assert reading.rejected
    assert reading.document is not None


def test_a_key_of_another_digit_in_the_body() -> None:
    digit = key_of(NOTE)[-1]
    other = str((int(digit) + 1) % 10)
    assert problems_of(replaced(NOTE, f"<cDV>{digit}<", f"<cDV>{other}<")) == ["key_disagrees"]


def test_a_code_without_its_leading_zeros_agrees() -> None:
    raw = replaced(build_note(code="00000042"), "<cNF>00000042", "<cNF>42")
    assert problems_of(raw) == []


def test_the_protocol_of_another_note() -> None:
    raw = build_note(protocol_key=key_of(build_note(number=2)))
    reading = only(raw)
    assert codes(reading) == ["protocol_key_disagrees"]
    assert not sale_in(raw).authorised


def test_items_that_come_to_a_hundred_times_the_total() -> None:
    raw = build_note(items=[Line(price="100.94", quantity="100.0000")], total=10400)
    reading = only(raw)
    assert codes(reading) == ["items_sum"]
    assert reading.problems[0].facts == {"expected": "104.00", "found": "10094.00", "difference": "9990.00"}


def test_the_same_key_with_conflicting_content_is_two_sales_to_compare() -> None:
    first, second = build_note(items=[Line(price="5.00")]), build_note(items=[Line(price="6.00")])
    assert key_of(first) == key_of(second)
    assert sale_in(first) != sale_in(second)


def test_a_pretty_printed_note_with_windows_line_ends() -> None:
    raw = build_note(items=BASKET).replace(b"><", b">\r\n  <")
    assert sale_in(raw).items == sale_in(build_note(items=BASKET)).items
    assert problems_of(raw) == []


def test_comments_and_instructions_are_passed_over() -> None:
    raw = replaced(NOTE, "<nfeProc", "<!-- from the back office --><?pos version 7?><nfeProc")
    raw = replaced(raw, "<vNF>25.90", "<vNF>25<!-- point -->.90")
    assert sale_in(raw) == sale_in(NOTE)


def test_entities_in_a_description() -> None:
    raw = build_note(items=[Line(description="M&amp;M&apos;S &lt;SORTIDO&gt; &#233;")])
    for _ in range(2):
        assert sale_in(raw).items[0].description == "M&M'S <SORTIDO> é"
    known = build_note(items=[Line(description="M&amp;M&apos;S &lt;SORTIDO&gt; &amp;#233;")])
    for _ in range(2):
        assert sale_in(known).items[0].description == "M&M'S <SORTIDO> &#233;"


def test_authorised_with_alerts_is_authorised_and_the_alerts_are_kept() -> None:
    alerts = "<cMsg>1201</cMsg><xMsg>Revise o NCM</xMsg><cMsg>1202</cMsg><xMsg>Revise\n o CEST</xMsg></infProt>"
    raw = replaced(build_note(status=120), "</infProt>", alerts)
    for _ in range(9):
        protocol = sale_in(raw).protocol
        assert protocol is not None
        assert protocol.alerts == (("1201", "Revise o NCM"), ("1202", "Revise o CEST"))
        assert problems_of(raw) == ["authorised_with_alerts"]
    assert only(raw).problems[0].facts == {"alerts": "1201, 1202"}


def test_statuses_of_four_digits_and_protocols_of_seventeen() -> None:
    long = replaced(NOTE, "<nProt>135260000000001", "<nProt>13526000000000001")
    assert sale_in(long).protocol.number == "13526000000000001"  # type: ignore[union-attr]
    assert problems_of(build_note(status=1999)) == ["protocol_status"]


@pytest.mark.parametrize(
    ("field", "text"), [("finNFe", "0"), ("finNFe", "abc"), ("finNFe", "44"), ("tpNF", "2"), ("tpNF", "x")]
)
def test_a_garbled_code_never_makes_a_sale(field: str, text: str) -> None:
    raw = replaced(build_note(), f"<{field}>1", f"<{field}>{text}")
    assert only(raw).document is None
    assert only(raw).problems == [reject("number_invalid", field=field, found=text)]


@pytest.mark.parametrize("zero", [" 0 ", "00", "\u00a00"])
def test_goods_that_come_in_are_read_as_such_however_it_is_written(zero: str) -> None:
    assert sale_in(replaced(build_note(), "<tpNF>1", f"<tpNF>{zero}")).direction == 0


@pytest.mark.parametrize("purpose", [5, 6])
def test_credit_and_debit_notes_are_told_from_sales(purpose: int) -> None:
    assert sale_in(build_note(model="55", purpose=purpose)).purpose == purpose


@pytest.mark.parametrize(("number", "odd"), [("135260000000001", False), ("13526000000000123", False), ("123", True),
                                             ("1352600000000012", True), ("13526000000000X", True)])  # fmt: skip
def test_an_authorisation_whose_number_has_another_form_is_told(number: str, odd: bool) -> None:
    raw = replaced(build_note(), "<nProt>135260000000001", f"<nProt>{number}")
    assert sale_in(raw).authorised
    assert problems_of(raw) == (["protocol_number_odd"] if odd else [])


@pytest.mark.parametrize(
    ("start", "kind"), [(b"PK\x03\x04", "ZIP"), (b"\x1f\x8b\x08", "GZIP"), (b"%PDF-1.7", "PDF"), (b"\x89PNG", "PNG")]
)
def test_a_file_of_another_kind_says_which(start: bytes, kind: str) -> None:
    (reading,) = read(start + b"\0\x14" * 50)
    assert reading.problems[0] == reject("file_of_another_kind", kind=kind)


def test_an_end_of_file_mark_of_dos_is_no_part_of_the_text() -> None:
    assert sale_in(build_note() + b"\r\n\x1a") == sale_in(build_note())
