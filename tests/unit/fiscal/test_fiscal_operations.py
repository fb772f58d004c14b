"""What a note does, told by its operation codes: every kind of code, its siblings, and notes that say two things."""

from collections.abc import Sequence

import pytest

from malote import rejection
from malote.fiscal.cfops import EFFECTS, Overrides, judge, operation, sale_part
from malote.fiscal.problems import Problem
from tests.unit.fiscal.notes import Line, build_note, key_of
from tests.unit.fiscal.support import only, sale_in

UNPAID = (("90", 0),)
RECEIPT = key_of(build_note(number=43))
INVOICE = key_of(build_note(model="55", number=43))


def found(
    *cfops: str,
    model: str = "55",
    payments: tuple[tuple[str, int], ...] | None = UNPAID,
    references: tuple[str, ...] = (),
    overrides: Overrides | None = None,
    purpose: int = 1,
    direction: int = 1,
) -> list[Problem]:
    items = [Line(cfop=one) for one in cfops]
    note = build_note(
        model=model,
        items=items,
        payments=payments,
        references=references,
        purpose=purpose,
        direction=direction,
    )
    return judge(sale_in(note), overrides or {})


def said(*cfops: str, **more: object) -> list[tuple[str, str]]:
    return [(problem.severity, problem.code) for problem in found(*cfops, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("effect", "codes"),
    [
        ("sale", "5101 5102 5103 5106 5116 5117 5118 5122 5124 5125 5401 5403 5405 5551 5656 5667 5933 5251 5301 5351"),
        ("sale", "6101 6102 6107 6108 6401 6403 6404 6656 6667 7101 7102 7105 7127 7358 7501 7504 7552 7667"),
        ("documented", "5929 6929"),
        ("billing", "5922 6922"),
        ("transfer", "5151 5152 5153 5155 5156 5408 5409 5552 5557 5658 5659 6151 6152 6408 6409"),
        ("return", "5201 5202 5210 5410 5411 5412 5413 5553 5556 5660 5661 5902 5903 5909 5913 5918 6202 7201 7202"),
        ("return", "5453 5454 5455 6453"),
        ("remittance", "5414 5415 5452 5456 5501 5554 5657 5663 5901 5904 5905 5915 5920 5923 6901 6905 6915"),
        ("loan", "5908 5912 5917 6912 6917"),
        ("gift", "5910 6910"),
        ("sample", "5911 6911"),
        ("waste", "5927 5928"),
        ("adjustment", "5601 5602 5605 5926"),
        ("purchase", "1102 1403 1556 1949 2102 2403 3102"),
        ("return", "1201 1202 1411 2202 2411"),
        ("other", "5159 5160 5949 6160 6949 7949"),
    ],
)
def test_what_each_code_of_the_table_does(effect: str, codes: str) -> None:
    for cfop in codes.split():
        assert operation(cfop, {}) == (effect, True), cfop


@pytest.mark.parametrize(
    ("cfop", "effect"),
    [("5130", "sale"), ("5157", "transfer"), ("5217", "return"), ("5499", "other"), ("5999", "other"),
     ("5001", "sale"), ("6668", "sale"), ("1999", "purchase"), ("7152", "transfer")],
)  # fmt: skip
def test_a_code_that_is_in_no_table_is_taken_by_its_family_and_told(cfop: str, effect: str) -> None:
    one = operation(cfop, {})
    assert one is not None
    assert one.effect == effect
    if cfop != "7152":
        assert not one.known
        assert ("warning", "cfop_unknown") in said(cfop)


def test_every_ending_has_a_family() -> None:
    for first in "123567":
        for ending in range(1000):
            assert operation(f"{first}{ending:03}", {}) is not None


@pytest.mark.parametrize("cfop", ["", "510", "51020", "4102", "0102", "8102", "9102", "51O2", "5.102", "٥١٠٢"])
def test_what_is_no_code_is_refused(cfop: str) -> None:
    assert operation(cfop, {}) is None
    assert said(cfop or "-") == [("reject", "cfop_malformed")]


@pytest.mark.parametrize("cfop", ["5929", "6929"])
def test_a_note_over_receipts_names_its_code_and_what_it_refers_to(cfop: str) -> None:
    (one,) = found(cfop, references=(RECEIPT, INVOICE))
    assert (one.severity, one.code) == ("keep", "operation_documented")
    assert one.facts == {"cfop": cfop, "refers": f"{RECEIPT} (+1)"}
    # What a POS copies of the receipt's payments makes it no second sale.
    assert said(cfop, payments=(("01", 2590),)) == [("keep", "operation_documented")]


@pytest.mark.parametrize(
    ("cfop", "code"),
    [("5152", "transfer"), ("5409", "transfer"), ("5910", "gift"), ("5911", "sample"), ("5912", "loan"),
     ("5927", "waste"), ("5202", "return"), ("5901", "remittance"), ("1102", "purchase"), ("5922", "billing"),
     ("5949", "other")],
)  # fmt: skip
def test_what_is_no_sale_is_kept(cfop: str, code: str) -> None:
    assert said(cfop) == [("keep", f"operation_{code}")]
    assert said(cfop, model="65") == [("keep", f"operation_{code}")]


@pytest.mark.parametrize("cfop", ["5922", "5949"])
def test_what_may_be_meant_as_a_sale_and_is_paid_is_a_persons_to_decide(cfop: str) -> None:
    assert said(cfop, payments=None) == [("reject", "operation_paid")]
    assert said(cfop, payments=None, overrides={cfop: "sale"}) == []
    assert said(cfop, payments=None, overrides={cfop: "loan"}) == [("keep", "operation_loan")]


@pytest.mark.parametrize(("purpose", "code"), [(4, "return_note"), (2, "not_a_sale"), (3, "not_a_sale"),
                                               (5, "not_a_sale"), (6, "not_a_sale")])  # fmt: skip
def test_the_notes_purpose_goes_before_its_codes(purpose: int, code: str) -> None:
    assert said("5102", purpose=purpose) == [("keep", code)]
    assert said("1202", purpose=purpose) == [("keep", code)]


def test_goods_that_come_in_are_no_sale() -> None:
    assert said("5102", direction=0) == [("keep", "not_a_sale")]


def test_a_sale_that_refers_to_a_receipt_is_that_receipts_unless_somebody_paid_for_it() -> None:
    assert said("5102", references=(RECEIPT,)) == [("keep", "operation_documented")]
    assert said("5102", references=(RECEIPT,), payments=None) == [("reject", "sale_refers_to_receipt")]
    # The delivery of what an invoice billed is a sale, and an NFC-e refers to nothing that was sold before.
    assert said("5117", references=(INVOICE,)) == []
    assert said("5102", references=(RECEIPT,), payments=None, model="65") == []


@pytest.mark.parametrize(
    ("kind", "inside", "told", "receipt"),
    [
        ("refECF", "<mod>2D</mod><nECF>003</nECF><nCOO>000015</nCOO>", "ECF 2D 003 000015", True),
        ("refNF", "<mod>02</mod><serie>1</serie><nNF>55</nNF>", "NF 02 1 55", True),
        ("refNF", "<mod>01</mod><serie>1</serie><nNF>55</nNF>", "NF 01 1 55", False),
        ("refNFP", "<IE>ISENTO</IE><mod>04</mod><serie>0</serie><nNF>55</nNF>", "NFP 04 0 55", False),
        ("refCTe", INVOICE.replace("550010", "570010"), INVOICE.replace("550010", "570010"), False),
        ("refNFeSig", INVOICE, INVOICE, False),
    ],
)
def test_what_a_note_refers_to_by_each_kind_of_reference(kind: str, inside: str, told: str, receipt: bool) -> None:
    def judged(cfop: str, payments: Sequence[tuple[str, int]] | None) -> list[tuple[str, str, str]]:
        note = build_note(model="55", items=(Line(cfop=cfop),), payments=payments, references=(RECEIPT,))
        referring = f"<NFref><{kind}>{inside}</{kind}></NFref>"
        sale = sale_in(note.replace(f"<NFref><refNFe>{RECEIPT}</refNFe></NFref>".encode(), referring.encode()))
        assert sale.references == (told,)
        return [(one.severity, one.code, one.facts["refers"]) for one in judge(sale, {})]

    assert judged("5929", None) == judged("5929", UNPAID) == [("keep", "operation_documented", told)]
    assert judged("5102", UNPAID) == ([("keep", "operation_documented", told)] if receipt else [])
    assert judged("5102", None) == ([("reject", "sale_refers_to_receipt", told)] if receipt else [])


def test_a_sale_and_something_else_in_one_note_go_to_a_person_where_the_total_holds_both() -> None:
    assert said("5102", "5929") == [("reject", "operations_split")]
    assert said("5102", "5910", payments=None) == [("reject", "operations_split")]


def test_a_gift_that_weighs_nothing_leaves_with_the_sale() -> None:
    note = build_note(items=[Line(), Line(cfop="5910", discount=2590)])
    assert only(note).problems == []
    assert [(one.severity, one.code) for one in judge(sale_in(note), {})] == [("warning", "operations_mixed")]
    # Any other line is no part of this sale's goods, and the header's sums have it.
    other = build_note(items=[Line(), Line(cfop="5929", discount=2590)])
    assert [(one.severity, one.code) for one in judge(sale_in(other), {})] == [("reject", "operations_split")]


@pytest.mark.parametrize("cfop", ["5920", "5929", "5949", "5152"])
def test_what_the_header_doesn_t_have_is_left_out_and_the_sale_alone_booked(cfop: str) -> None:
    note = build_note(
        items=[Line(), Line("9", "VASILHAME", cfop=cfop, in_total=False), Line(cfop="5910", price="0.00")]
    )
    sale = sale_in(note)
    assert [(one.severity, one.code, one.facts["cfop"]) for one in judge(sale, {})] == [
        ("warning", "operations_part", cfop)
    ]
    assert [item.cfop for item in sale_part(sale, {}).items] == ["5102", "5910"]
    assert sale_part(sale, {}).totals == sale.totals
    freight = build_note(items=[Line(), Line(cfop=cfop, in_total=False, freight=100)])
    assert [one.code for one in judge(sale_in(freight), {})] == ["operations_split"]


def test_many_receipts_in_one_note_of_a_station() -> None:
    receipts = tuple(key_of(build_note(number=number)) for number in range(1, 301))
    (one,) = found("5929", "5929", references=receipts)
    assert one.facts["refers"] == f"{receipts[0]} (+299)"
    assert len(sale_in(build_note(model="55", references=receipts)).references) == 300


def test_every_effect_has_its_words() -> None:
    for effect in set(EFFECTS) - {"sale"}:
        assert f"operation_{effect}" in rejection.catalogue()
    assert "operation_several" in rejection.catalogue()


def test_several_operations_and_no_sale_are_kept() -> None:
    assert said("5910", "5152") == [("keep", "operation_several")]
