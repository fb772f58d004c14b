"""What the simulated tills write is what real tills write: valid by the official schema, and right to the cent."""

from decimal import Decimal
from random import Random

import pytest
from lxml import etree

from malote.demo import baskets, events, issuers, notes
from malote.demo.notes import DemoNote
from malote.fiscal import access_key, cnpj, reader
from malote.fiscal.documents import Cancellation, NumberVoid, Sale
from tests.unit.demo.demo_support import AT, NFE, faults, random_notes

NOTES = list(random_notes(300))
PROCESSED = "nfe/schemas/v4_0/procNFe_v4.00.xsd"
SIGNED = "nfe/schemas/v4_0/nfe_v4.00.xsd"
CANCELLED = "nfe_evento_cancel/schemas/v1_0/procEventoCancNFe_v1.00.xsd"
VOIDED = "nfe/schemas/v4_0/procInutNFe_v4.00.xsd"


def amount(root: etree._Element, path: str) -> Decimal:
    """The sum of what stands at a path, so that totals and items can be asked for alike."""
    found = root.iterfind(path, NFE)
    return sum((Decimal(element.text or "") for element in found), Decimal(0))


def tree(note: DemoNote) -> etree._Element:
    return etree.fromstring(note.unauthorised())


def test_hundreds_of_notes_are_valid_before_and_after_their_authorisation() -> None:
    assert [fault for note in NOTES for fault in faults(SIGNED, note.unauthorised())] == []
    assert [fault for note in NOTES for fault in faults(PROCESSED, note.authorised())] == []


def test_a_note_that_breaks_the_schema_would_be_noticed() -> None:
    assert faults(PROCESSED, NOTES[0].authorised().replace(b"<natOp>VENDA</natOp>", b"")) != []


# The schemas of events and voids that nfelib ships still want a CNPJ of digits only, unlike its schema of notes.
@pytest.mark.parametrize("issuer", [one for one in issuers.ISSUERS if one.cnpj.isdigit()], ids=lambda one: one.cnpj)
def test_cancellations_and_voids_are_valid(issuer: issuers.Issuer) -> None:
    note = notes.compose(issuer, 3, 77, AT, baskets.draw(Random(1)))
    assert faults(CANCELLED, events.cancellation(issuer, note.access_key, AT, AT)) == []
    assert faults(VOIDED, events.number_void(issuer, 3, 78, 79, AT)) == []


def test_issuers_and_keys_have_right_check_digits() -> None:
    assert all(cnpj.is_right(issuer.cnpj) for issuer in issuers.ISSUERS)
    assert all(access_key.is_right(note.access_key) for note in NOTES)
    assert len({note.access_key for note in NOTES}) == len(NOTES)


def test_one_issuer_has_letters_in_its_number() -> None:
    assert any(not issuer.cnpj.isdigit() for issuer in issuers.ISSUERS)


@pytest.mark.parametrize(
    ("total", "items"),
    [
        ("vProd", "n:prod/n:vProd"),
        ("vDesc", "n:prod/n:vDesc"),
        ("vBC", "n:imposto/n:ICMS/*/n:vBC"),
        ("vICMS", "n:imposto/n:ICMS/*/n:vICMS"),
        ("vPIS", "n:imposto/n:PIS/*/n:vPIS"),
        ("vCOFINS", "n:imposto/n:COFINS/*/n:vCOFINS"),
    ],
)
def test_totals_are_the_sums_of_the_items(total: str, items: str) -> None:
    for note in NOTES:
        root = tree(note)
        assert amount(root, f".//n:ICMSTot/n:{total}") == amount(root, f".//n:det/{items}")


@pytest.mark.parametrize("name", ["vIBSUF", "vIBSMun", "vIBS", "vCBS"])
def test_the_reforms_totals_are_the_sums_of_the_items(name: str) -> None:
    for note in NOTES:
        root = tree(note)
        assert amount(root, f".//n:IBSCBSTot//n:{name}") == amount(root, f".//n:IBSCBS//n:{name}")


def test_the_reforms_rates_are_those_of_the_trial_year() -> None:
    root = tree(next(note for note in NOTES if not note.issuer.simples))
    rates = {name: {each.text for each in root.iterfind(f".//n:{name}", NFE)} for name in ("pIBSUF", "pIBSMun", "pCBS")}
    assert rates == {"pIBSUF": {"0.1000"}, "pIBSMun": {"0.0000"}, "pCBS": {"0.9000"}}


def test_a_company_in_simples_writes_no_reform_groups_yet() -> None:
    for note in NOTES:
        assert (tree(note).find(".//n:IBSCBS", NFE) is None) == note.issuer.simples


def test_the_total_is_goods_minus_discounts_and_payments_minus_change() -> None:
    for note in NOTES:
        root = tree(note)
        total = amount(root, ".//n:ICMSTot/n:vNF")
        assert total == Decimal(note.total) / 100
        assert total == amount(root, ".//n:ICMSTot/n:vProd") - amount(root, ".//n:ICMSTot/n:vDesc")
        assert total == amount(root, ".//n:detPag/n:vPag") - amount(root, ".//n:vTroco")


def test_quantity_times_price_is_the_amount_of_each_line() -> None:
    for note in NOTES[:50]:
        for item in tree(note).iterfind(".//n:prod", NFE):
            exact = amount(item, "n:qCom") * amount(item, "n:vUnCom")
            assert abs(exact - amount(item, "n:vProd")) <= Decimal("0.005")


def test_an_offline_note_says_so_in_its_key_and_why() -> None:
    for note in NOTES:
        offline = note.emission == notes.CONTINGENCY
        assert note.access_key[34] == ("9" if offline else "1")
        assert (b"<xJust>" in note.unauthorised()) == (b"<dhCont>" in note.unauthorised()) == offline


def test_authorisation_adds_a_protocol_and_changes_nothing() -> None:
    note = NOTES[0]
    assert note.nfe.encode() in note.unauthorised()
    assert note.nfe.encode() in note.authorised()
    assert b"<cStat>100</cStat>" in note.authorised()
    assert b"protNFe" not in note.unauthorised()


def test_composing_the_same_sale_twice_gives_the_same_bytes() -> None:
    first, second = (
        notes.compose(issuers.WHOLESALE, 2, 5, AT, baskets.draw(Random(3)), notes.CONTINGENCY) for _ in range(2)
    )
    assert first.authorised() == second.authorised()


def test_everything_is_of_the_test_environment() -> None:
    assert all(b"<tpAmb>2</tpAmb>" in note.authorised() for note in NOTES)
    assert not any(b"<tpAmb>1</tpAmb>" in note.authorised() for note in NOTES)


def test_malote_reads_all_of_them_and_finds_nothing_wrong() -> None:
    for note in NOTES:
        for content, authorised in ((note.unauthorised(), False), (note.authorised(), True)):
            (reading,) = reader.read(content)
            sale = reading.document
            assert isinstance(sale, Sale)
            assert reading.problems == []
            assert (sale.access_key, sale.totals.total, sale.authorised) == (note.access_key, note.total, authorised)
            assert len(sale.items) == len(note.basket.lines)
            quantities = [int(item.quantity * baskets.WHOLE) for item in sale.items]
            assert quantities == [line.quantity for line in note.basket.lines]


@pytest.mark.parametrize("issuer", issuers.ISSUERS, ids=lambda one: one.cnpj)
def test_malote_reads_cancellations_and_voids(issuer: issuers.Issuer) -> None:
    note = notes.compose(issuer, 3, 77, AT, baskets.draw(Random(1)))
    (cancelled,) = reader.read(events.cancellation(issuer, note.access_key, AT, AT))
    (voided,) = reader.read(events.number_void(issuer, 3, 78, 79, AT))
    assert cancelled.problems == voided.problems == []
    assert isinstance(cancelled.document, Cancellation)
    assert cancelled.document.authorised
    assert cancelled.document.access_key == note.access_key
    assert isinstance(voided.document, NumberVoid)
    assert (voided.document.issuer, voided.document.first, voided.document.last) == (issuer.cnpj, 78, 79)
