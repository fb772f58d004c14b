"""What a document says adds up, by the rules of its day; every difference is told, and beyond the tolerance refused."""

from datetime import date, datetime

import pytest

from malote.fiscal.documents import Sale
from malote.fiscal.reader import Limits
from tests.unit.fiscal.notes import BASKET, MORNING, Line, build_note, money
from tests.unit.fiscal.sat import build_sat
from tests.unit.fiscal.support import codes, only, problems_of, replaced, sale_in, without


@pytest.mark.parametrize("difference", [-8, -1, 1, 8])
def test_a_cent_for_each_item_is_rounding_and_told(difference: int) -> None:
    total = sum(line.net for line in BASKET)
    reading = only(build_note(items=BASKET, total=total + difference))
    assert (codes(reading), reading.rejected) == (["items_sum"], False)
    assert reading.problems[0].facts["difference"] == money(-difference)


@pytest.mark.parametrize(("difference", "rejected"), [(10, False), (11, True), (990, True)])
def test_ten_cents_are_the_most_however_many_items(difference: int, rejected: bool) -> None:
    items = [Line(price="1.00")] * 990
    reading = only(build_note(items=items, total=99_000 - difference))
    assert (codes(reading), reading.rejected) == (["items_sum"], rejected)


def test_the_store_s_settings_may_allow_more_or_less() -> None:
    raw = build_note(total=2560)
    assert only(raw).rejected
    assert not only(raw, Limits(tolerance=30)).rejected
    assert only(build_note(total=2591), Limits(tolerance=0)).rejected


@pytest.mark.parametrize("difference", [-9, 9])
def test_more_than_a_cent_for_each_item_is_not(difference: int) -> None:
    total = sum(line.net for line in BASKET)
    assert only(build_note(items=BASKET, total=total + difference)).rejected


@pytest.mark.parametrize(
    ("paid", "change", "found", "rejected"),
    [
        (2591, 0, ["payments_sum"], False),
        (2592, 0, ["payments_sum"], True),
        (3000, 410, [], False),
        (3000, 0, ["payments_sum"], True),
    ],
)
def test_payments_less_change_are_the_total(paid: int, change: int, found: list[str], rejected: bool) -> None:
    reading = only(build_note(payments=[("01", paid)], change=change))
    assert (codes(reading), reading.rejected) == (found, rejected)


def test_payments_written_net_of_change_are_taken_at_their_word() -> None:
    reading = only(build_note(payments=[("01", 2590)], change=410))
    assert (codes(reading), reading.rejected) == (["payments_net_of_change"], False)
    assert sale_in(build_note(payments=[("01", 2590)], change=410)).change == 0


@pytest.mark.parametrize("method", ["", "ABC", "1" * 40, "1", "0 1", "\u0661\u0662"])
def test_a_method_of_payment_is_two_digits(method: str) -> None:
    assert problems_of(build_note(payments=[(method, 2590)])) == ["payment_method_invalid"]
    assert problems_of(build_sat(payments=[(method, 2590)])) == ["payment_method_invalid"]


def test_an_absent_method_of_payment_is_refused() -> None:
    assert problems_of(replaced(build_note(), "<tPag>01</tPag>", "")) == ["payment_method_invalid"]


def test_an_unknown_method_of_payment_is_kept_and_told() -> None:
    raw = build_note(payments=[("77", 2590)])
    assert sale_in(raw).payments[0].method == "77"
    assert problems_of(raw) == ["payment_method_unknown"]
    assert problems_of(build_note(payments=[(" 24 ", 2590)])) == []


def test_no_payment_beside_others_is_no_way_round_the_sum() -> None:
    assert problems_of(build_note(payments=[("90", 0), ("01", 100)])) == ["payments_sum"]
    assert problems_of(build_note(payments=[("90", 0), ("01", 2590)])) == []


def test_a_hundred_payments_are_the_most() -> None:
    assert problems_of(build_note(payments=[("01", 2491)] + [("17", 1)] * 99)) == []
    assert problems_of(build_note(payments=[("01", 2490)] + [("17", 1)] * 100)) == ["too_many_payments"]


def test_an_nfe_paid_later_has_no_payment_to_sum() -> None:
    raw = build_note(model="55", payments=[("90", 0)])
    assert problems_of(raw) == []
    assert problems_of(replaced(raw, "<vPag>0.00</vPag>", "<vPag/>")) == []


@pytest.mark.parametrize("field", ["vST", "vFCPST", "vII", "vIPI", "vIPIDevol"])
def test_taxes_on_top_are_part_of_the_total(field: str) -> None:
    raw = replaced(build_note(total=2690), f"<{field}>0.00", f"<{field}>1.00")
    # That no item has it is told, where the items say it.
    assert problems_of(raw) == (["header_disagrees"] if field in ("vST", "vFCPST", "vIPI") else [])


@pytest.mark.parametrize(
    ("field", "stated"),
    [
        *(("vProd", "25.90"), ("vDesc", "0.00"), ("vICMS", "4.66"), ("vPIS", "0.43"), ("vCOFINS", "1.97")),
        *(("vFrete", "0.00"), ("vIBS", "0.03"), ("vCBS", "0.23")),
    ],
)
def test_a_header_that_differs_from_the_items_is_told(field: str, stated: str) -> None:
    head, found, tail = build_note().decode().rpartition(f"<{field}>{stated}")
    assert found
    reading = only(f"{head}<{field}>9.99{tail}".encode())
    assert (codes(reading), reading.rejected) == (["header_disagrees"], False)
    assert reading.problems[0].facts["fields"] == f"{field} 9.99 ≠ {stated}"


def test_pis_and_cofins_by_substitution_count_where_the_item_says_so() -> None:
    extra = (
        "<PISST><vBC>25.90</vBC><pPIS>1.0000</pPIS><vPIS>0.25</vPIS><indSomaPISST>1</indSomaPISST></PISST>"
        "<COFINSST><vBC>25.90</vBC><pCOFINS>3.5000</pCOFINS><vCOFINS>0.90</vCOFINS>"
        "<indSomaCOFINSST>1</indSomaCOFINSST></COFINSST><IBSCBS>"
    )
    raw = replaced(build_note(total=2705), "<IBSCBS>", extra)
    assert problems_of(raw) == []
    taxes = sale_in(raw).items[0].taxes
    assert (taxes.pis_substitution_amount, taxes.cofins_substitution_amount) == (25, 90)
    assert (taxes.pis_amount, taxes.cofins_amount) == (43, 197)
    outside = raw.replace(b"PISST>1<", b"PISST>0<").replace(b"COFINSST>1<", b"COFINSST>0<")
    assert only(outside).rejected


@pytest.mark.parametrize("field", ["vFCP", "vFCPST", "vFCPSTRet"])
def test_the_poverty_fund_s_shares_are_compared_one_by_one(field: str) -> None:
    raw = build_note(total=2690 if field == "vFCPST" else 2590)
    raw = replaced(raw, "</ICMS00>", f"<{field}>1.00</{field}></ICMS00>")
    assert only(raw).problems[-1].facts["fields"] == f"{field} 0.00 ≠ 1.00"
    equal = replaced(raw, f"<{field}>0.00", f"<{field}>1.00")
    assert problems_of(equal) == []
    twice = replaced(equal, f"<{field}>1.00</{field}></ICMS00>", "</ICMS00>")
    assert only(twice).problems[-1].facts["fields"] == f"{field} 1.00 ≠ 0.00"


MONO = (
    "<IBSCBS><CST>620</CST><cClassTrib>620001</cClassTrib><gIBSCBSMono>{deferred}"
    "<vTotIBSMonoItem>{ibs}</vTotIBSMonoItem><vTotCBSMonoItem>0.90</vTotCBSMonoItem></gIBSCBSMono></IBSCBS></imposto>"
)


@pytest.mark.parametrize(
    ("ibs", "deferred", "own", "withheld", "told"),
    [
        ("0.10", "", "0.10", "0.00", []),
        ("0.15", "", "0.10", "0.05", []),
        ("0.06", "<gMonoDif><vIBSMonoDif>0.04</vIBSMonoDif></gMonoDif>", "0.10", "0.00", []),
        ("0.10", "", "0.30", "0.00", ["vIBSMono 0.30 ≠ 0.10"]),
        ("0.10", "", "0.00", "0.00", ["vIBSMono 0.00 ≠ 0.10"]),
    ],
)
def test_ibs_and_cbs_of_one_phase_are_compared(
    ibs: str, deferred: str, own: str, withheld: str, told: list[str]
) -> None:
    raw = replaced(build_note(reform=False), "</imposto>", MONO.format(ibs=ibs, deferred=deferred))
    group = (
        f"<gMono><vIBSMono>{own}</vIBSMono><vCBSMono>0.90</vCBSMono><vIBSMonoReten>{withheld}</vIBSMonoReten></gMono>"
    )
    raw = replaced(raw, "</ICMSTot>", f"</ICMSTot><IBSCBSTot><vBCIBSCBS>0.00</vBCIBSCBS>{group}</IBSCBSTot>")
    assert [problem.facts["fields"] for problem in only(raw).problems] == told
    assert not only(raw).rejected


def test_a_service_counts_though_it_is_no_part_of_the_products() -> None:
    service = "<ISSQN><vBC>9.00</vBC><vAliq>5.00</vAliq><vISSQN>0.45</vISSQN><cListServ>01.01</cListServ></ISSQN>"
    raw = build_note(items=[Line(), Line(price="9.00", in_total=False)], total=3490, reform=False)
    head, _, tail = raw.decode().rpartition("<imposto>")
    raw = f"{head}<imposto>{service}{tail}".replace(
        "</ICMSTot>", "</ICMSTot><ISSQNtot><vServ>9.00</vServ></ISSQNtot>"
    ).encode()
    assert codes(only(raw)) == []
    assert [item.in_total for item in sale_in(raw).items] == [True, True]


@pytest.mark.parametrize("code", ["", "<cListServ></cListServ>"])
def test_a_service_without_its_code_counts_as_well(code: str) -> None:
    service = f"<ISSQN><vBC>9.00</vBC><vAliq>5.00</vAliq><vISSQN>0.45</vISSQN>{code}</ISSQN>"
    raw = build_note(items=[Line(), Line(price="9.00", in_total=False)], total=3490, reform=False)
    head, _, tail = raw.decode().rpartition("<imposto>")
    raw = f"{head}<imposto>{service}{tail}".replace(
        "</ICMSTot>", "</ICMSTot><ISSQNtot><vServ>9.00</vServ></ISSQNtot>"
    ).encode()
    assert codes(only(raw)) == []


def test_single_phase_taxes_are_read_and_booked() -> None:
    single = (
        "<IBSCBS><CST>620</CST><cClassTrib>620001</cClassTrib><gIBSCBSMono><gIBSMonoAdRem><gMonoPadrao>"
        "<qBCMono>1.0000</qBCMono><adRemIBS>0.1000</adRemIBS><vIBSMono>0.10</vIBSMono></gMonoPadrao></gIBSMonoAdRem>"
        "<vTotIBSMonoItem>0.10</vTotIBSMonoItem><vTotCBSMonoItem>0.90</vTotCBSMonoItem></gIBSCBSMono></IBSCBS></imposto>"
    )
    icms = (
        "<ICMS><ICMS15><orig>0</orig><CST>15</CST><vICMSMono>1.10</vICMSMono><vICMSMonoReten>0.20</vICMSMonoReten>"
        "</ICMS15></ICMS>"
    )
    raw = without(build_note(reform=False, total=2610), "<ICMS>", "</ICMS>")
    raw = replaced(raw, "</imposto>", single)
    raw = replaced(raw, "<imposto>", f"<imposto>{icms}").replace(b"<vICMS>4.66", b"<vICMS>0.00")
    header = "<vICMSMono>1.10</vICMSMono><vICMSMonoReten>0.20</vICMSMonoReten>"
    raw = replaced(raw, "<vProd>25.90</vProd><vFrete>", f"{header}<vProd>25.90</vProd><vFrete>")
    raw = replaced(raw, "</ICMSTot>", "</ICMSTot><IBSCBSTot><vBCIBSCBS>0.00</vBCIBSCBS><gMono><vIBSMono>0.10</vIBSMono>"
                   "<vCBSMono>0.90</vCBSMono></gMono></IBSCBSTot>")  # fmt: skip
    assert problems_of(raw) == []
    sale = sale_in(raw)
    taxes, totals = sale.items[0].taxes, sale.totals
    assert (taxes.ibs_single_phase_amount, taxes.cbs_single_phase_amount, taxes.icms_single_phase_amount) == (
        10,
        90,
        130,
    )
    assert (totals.ibs_single_phase, totals.cbs_single_phase, totals.icms_single_phase) == (10, 90, 130)
    assert (totals.ibs, totals.cbs, taxes.cbs_amount, taxes.icms_status) == (0, 0, 0, "15")


def test_exempted_icms_may_be_taken_off_or_not() -> None:
    for total in (2590, 2490):
        raw = replaced(build_note(total=total), "<vICMSDeson>0.00", "<vICMSDeson>1.00")
        assert problems_of(raw) == []
    assert problems_of(replaced(build_note(total=2390), "<vICMSDeson>0.00", "<vICMSDeson>1.00")) == ["items_sum"]


def test_ibs_and_cbs_are_no_part_of_the_total_in_2026() -> None:
    assert problems_of(build_note(items=BASKET)) == []


IN_2027 = datetime(2027, 1, 4, 9, 0, tzinfo=MORNING.tzinfo)


def with_reform_total(raw: bytes, total: str) -> bytes:
    return replaced(raw, "</IBSCBSTot>", f"</IBSCBSTot><vNFTot>{total}</vNFTot>")


def test_the_norm_of_the_day_of_issue_is_applied_and_kept() -> None:
    assert sale_in(build_note()).norm == "NT2025.002"
    assert sale_in(build_note(issued_at=IN_2027)).norm == "NT2026.008"
    assert sale_in(build_sat()).norm == "CF-e"
    last = datetime(2026, 12, 31, 23, 59, 59, tzinfo=MORNING.tzinfo)
    assert sale_in(build_note(issued_at=last)).norm == "NT2025.002"


def test_until_2026_the_reform_s_taxes_are_outside_of_what_is_paid() -> None:
    raw = with_reform_total(build_note(), "26.16")
    assert problems_of(raw) == []
    assert only(with_reform_total(build_note(payments=[("01", 2616)]), "26.16")).rejected


def test_from_2027_products_hold_the_reform_s_taxes_and_the_total_with_them_counts() -> None:
    within = build_note(issued_at=IN_2027, items=[Line(price="26.16")])
    assert problems_of(with_reform_total(within, "26.16")) == []
    beside = with_reform_total(build_note(issued_at=IN_2027), "26.16")
    assert codes(only(beside), "reject") == ["items_sum", "payments_sum"]
    assert sale_in(with_reform_total(within, "26.16")).totals.total_with_reform == 2616


@pytest.mark.parametrize(
    ("day", "price", "total", "paid", "booked", "refused"),
    [
        (
            IN_2027,
            "26.16",
            2590,
            2616,
            2616,
            [],
        ),  # vNF without the taxes that the customer paid: told, and booked as paid
        (IN_2027, "26.16", 2616, 2616, 2616, []),
        (IN_2027, "25.90", 2590, 2590, 2590, ["items_sum", "payments_sum"]),  # once a person accepts it, as it was paid
        (IN_2027, "25.90", 2590, None, 2616, ["items_sum"]),
        (MORNING, "25.90", 2590, 2590, 2590, []),
        (MORNING, "25.90", 2590, 2616, 2590, ["payments_sum"]),
    ],
)
def test_the_total_that_is_booked_is_what_the_customer_paid(
    day: datetime, price: str, total: int, paid: int | None, booked: int, refused: list[str]
) -> None:
    payments = [("90", 0)] if paid is None else [("01", paid)]
    raw = build_note(issued_at=day, items=[Line(price=price)], total=total, payments=payments)
    reading = only(with_reform_total(raw, "26.16"))
    assert codes(reading, "reject") == refused
    assert isinstance(reading.document, Sale)
    assert (reading.document.totals.total, reading.document.totals.total_with_reform) == (booked, 2616)


def test_a_note_of_2026_can_be_read_by_the_rules_of_2027() -> None:
    raw = with_reform_total(build_note(), "26.16")
    reading = only(raw, Limits(on=date(2027, 1, 4)))
    assert reading.rejected
    assert isinstance(reading.document, Sale)
    assert reading.document.norm == "NT2026.008"
