"""Whether a sale can be booked truthfully."""

import pytest

from malote.fiscal.reader import Limits, summary
from tests.unit.fiscal.notes import Line, build_note, key_of
from tests.unit.fiscal.sat import build_sat
from tests.unit.fiscal.support import codes, only, problems_of, replaced, sale_in

NOTE = build_note()
KEY = key_of(NOTE)


@pytest.mark.parametrize(
    ("old", "new", "code", "facts"),
    [
        (f'Id="NFe{KEY}"', "", "key_missing", {}),
        (f'Id="NFe{KEY}"', f'Id="NFe{KEY[:-1]}"', "key_malformed", {"found": KEY[:-1]}),
        (f'Id="NFe{KEY}"', 'Id="NFe Maria Ana"', "key_malformed", {"found": "(10)"}),
        ("<mod>65", "<mod>57", "model_unknown", {"found": "57"}),
        ('<infNFe versao="4.00"', '<infNFe versao="5.00"', "layout_unknown", {"found": "5.00"}),
        ("<CNPJ>11222333000181</CNPJ>", "", "issuer_missing", {}),
        ("<CNPJ>11222333000181", "<CNPJ>XXX", "issuer_malformed", {"found": "XXX"}),
        ("<serie>1<", "<serie>1000<", "number_invalid", {"field": "serie", "found": "1000"}),
        ("<serie>1<", "<serie>-1<", "number_invalid", {"field": "serie", "found": "-1"}),
        ("<nNF>1<", "<nNF>0<", "number_invalid", {"field": "nNF", "found": "0"}),
        ("<dhEmi>2026-11-20T10:30:15-03:00", "<dhEmi>ontem", "issue_time_invalid", {"found": "ontem"}),
        ("<tpAmb>1<", "<tpAmb>x<", "environment_missing", {"found": "x"}),
        ("<vNF>25.90</vNF>", "", "total_missing", {}),
        ("<vNF>25.90<", "<vNF>25,90<", "amount_invalid", {"field": "total vNF", "found": "25,90"}),
        ("<vPag>25.90<", "<vPag>-25.90<", "amount_invalid", {"field": "vPag", "found": "-25.90"}),
        ("<vPag>25.90<", "<vPag><", "amount_invalid", {"field": "vPag", "found": "(0)"}),
        ("<vTroco>0.00<", "<vTroco>1e3<", "amount_invalid", {"field": "vTroco", "found": "1e3"}),
        ("<vProd>25.90</vProd>", "", "amount_invalid", {"field": "det 1 vProd", "found": "(0)"}),
        ("<qCom>1.0000<", "<qCom>NaN<", "amount_invalid", {"field": "det 1 qCom", "found": "(3)"}),
        ("<pICMS>18.0000<", "<pICMS>18%<", "amount_invalid", {"field": "det 1 pICMS", "found": "(3)"}),
        ("<vIBSUF>0.03<", "<vIBSUF>0.0.3<", "amount_invalid", {"field": "det 1 vIBSUF", "found": "0.0.3"}),
    ],
)
def test_what_makes_a_note_unreadable(old: str, new: str, code: str, facts: dict[str, str]) -> None:
    reading = only(replaced(NOTE, old, new))
    assert codes(reading, "reject") == [code]
    assert next(problem.facts for problem in reading.problems if problem.code == code) == facts
    assert reading.rejected
    assert (reading.kind, summary(reading).items) == ("sale", 1)
    if code != "layout_unknown":
        assert reading.document is None


def test_a_wrong_check_digit_is_told_with_the_right_one() -> None:
    wrong = KEY[:-1] + str((int(KEY[-1]) + 1) % 10)
    reading = only(NOTE.replace(KEY.encode(), wrong.encode()))
    assert codes(reading) == ["key_check_digit", "key_disagrees"]
    assert reading.problems[0].facts == {"key": wrong, "expected": KEY[-1], "found": wrong[-1]}


def test_no_items() -> None:
    start, end = NOTE.index(b"<det "), NOTE.index(b"</det>") + 6
    assert problems_of(NOTE[:start] + NOTE[end:]) == ["items_missing"]


def test_no_payments() -> None:
    assert problems_of(build_note(payments=[])) == ["payments_missing"]


def test_too_many_items() -> None:
    raw = build_note(items=[Line(price="1.00")] * 4)
    assert codes(only(raw, Limits(max_items=3))) == ["too_many_items"]
    assert codes(only(raw, Limits(max_items=4))) == []


def test_freight_and_other_expenses_count() -> None:
    assert problems_of(build_note(items=[Line(freight=500, other=100, discount=50)])) == []


def test_an_item_outside_the_total() -> None:
    raw = build_note(items=[Line(), Line(in_total=False)])
    assert [item.in_total for item in sale_in(raw).items] == [True, False]
    assert problems_of(raw) == []


@pytest.mark.parametrize("status", [110, 205, 301, 302, 303])
def test_a_denied_note(status: int) -> None:
    reading = only(build_note(status=status))
    assert codes(reading) == ["denied"]
    assert not sale_in(build_note(status=status)).authorised


def test_a_note_that_the_portal_says_is_cancelled() -> None:
    reading = only(build_note(status=101))
    assert codes(reading) == ["note_cancelled"]
    assert reading.rejected


def test_an_issuer_that_can_t_exist() -> None:
    assert problems_of(build_note(issuer="11222333000182")) == ["issuer_check_digit"]


def test_a_consumer_with_a_wrong_digit_is_a_warning_that_names_nobody() -> None:
    reading = only(build_note(consumer="11144477736"))
    assert codes(reading, "warning") == ["consumer_check_digit"]
    assert not reading.rejected
    assert reading.problems[0].facts == {}


def test_a_foreign_consumer() -> None:
    raw = replaced(build_note(consumer="11144477735"), "<CPF>11144477735</CPF>", "<idEstrangeiro>AB123</idEstrangeiro>")
    assert sale_in(raw).consumer == "AB123"
    assert problems_of(raw) == []


def test_quantity_times_price_that_is_not_the_amount_is_a_warning() -> None:
    reading = only(build_note(items=[Line(), Line(gross=3000), Line(gross=2591)]))
    assert codes(reading, "warning") == ["item_gross"]
    assert reading.problems[0].facts == {"items": "2"}


def test_wrong_bar_codes_are_listed_in_one_warning() -> None:
    reading = only(build_note(items=[Line(gtin="7891000315508")] * 12))
    assert codes(reading) == ["gtin_check_digit"]
    assert reading.problems[0].facts == {"items": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …"}


@pytest.mark.parametrize("number", ["", "0", "1", "two"])
def test_repeated_or_missing_item_numbers_are_given_anew(number: str) -> None:
    raw = replaced(build_note(items=[Line(), Line()]), 'nItem="2"', f'nItem="{number}"')
    if number == "":
        raw = replaced(raw, ' nItem=""', "")
    assert [item.number for item in sale_in(raw).items] == [1, 2]
    assert problems_of(raw) == ["item_numbers"]


@pytest.mark.parametrize("number", ["3", "7"])
def test_a_number_that_is_left_out_is_told_and_the_numbers_stay(number: str) -> None:
    raw = replaced(build_note(items=[Line(), Line()]), 'nItem="2"', f'nItem="{number}"')
    assert [item.number for item in sale_in(raw).items] == [1, int(number)]
    assert problems_of(raw) == ["item_numbers"]


def test_only_some_of_many_invalid_amounts_are_told() -> None:
    raw = build_note(items=[Line(price="x", gross=100)] * 50)
    assert problems_of(raw) == ["amount_invalid"] * 5


@pytest.mark.parametrize("written", ["", "<cProd/>", "<cProd>  </cProd>"])
def test_an_item_without_a_product_code_is_refused_by_its_name_and_number(written: str) -> None:
    two = replaced(build_note(items=[Line(), Line(code="77")]), "<cProd>77</cProd>", written)
    reading = only(two)
    assert [(one.severity, one.code, one.facts) for one in reading.problems] == [
        ("reject", "item_without_product", {"items": "2"})
    ]
    assert codes(only(replaced(build_sat(), "<cProd>1001</cProd>", written)), "reject") == ["item_without_product"]


@pytest.mark.parametrize("written", ["", "<cEAN/>", "<cEAN> </cEAN>", "<cEAN>SEM GTIN</cEAN>"])
def test_an_item_without_a_bar_code_is_as_good_as_any(written: str) -> None:
    assert only(replaced(NOTE, "<cEAN>7891000315507</cEAN>", written)).problems == []
