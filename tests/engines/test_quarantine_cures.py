"""The cures of rejected documents, each recorded and none of them an edit."""

import sqlite3

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from malote.database.quarantine_tables import accepted_problem
from malote.erp.factory import open_configured
from malote.quarantine import same_cause
from malote.quarantine.cure_codes import JustMapped
from malote.quarantine.quarantine_reports import QuarantineError, Selection
from malote.reconciliation import erp_comparison
from malote.register import contents, till_documents
from malote.spool.documents import Reason
from malote.spool.mapped_codes import MappedCodes, renamed
from malote.tills.series import series_of
from malote.tills.till import create_till
from tests.engines.quarantine_support import MARIA, House, OpenHouse, strict
from tests.engines.spool_support import rejected
from tests.unit.fiscal.notes import ISSUER, Line, build_note, key_of
from tests.unit.fiscal.support import signed_anew

pytest_plugins = ("tests.engines.quarantine_fixtures",)


# ---- assign the series ----


def test_a_series_is_assigned_and_all_that_waited_for_it_flows(open_house: OpenHouse) -> None:
    house = strict(open_house)
    first, second = house.reject(build_note(number=1)), house.reject(build_note(number=2))
    other = house.reject(build_note(number=3, series=7))
    (option,) = house.quarantine.cures(first)
    assert (option.kind, option.facts["series"], option.facts["owner"]) == ("assign_series", "1", "")
    report = house.quarantine.assign_series(first, MARIA, reason="new till")
    assert report.replay.replayed == [first, second]
    assert series_of(house.engine, house.till) == [(ISSUER, "65", 1)]
    assert till_documents.document(house.spool.engine, other).state == "rejected"
    assert house.whats(first) == ["series_assigned", "replayed"]
    (entry,) = house.audited("series_assigned")
    assert (entry.before, entry.after["till"], entry.reason) == ({"owner": None}, "caixa1", "new till")


def test_a_series_changes_hands_and_the_trail_says_whose_it_was(house: House) -> None:
    other = create_till(house.engine, "caixa2")[0]
    house.take(build_note(number=1), till=other)
    house.take(build_note(number=2))
    one = house.id_of(build_note(number=2))
    assert house.quarantine.cures(one)[0].facts["owner"] == "caixa2"
    house.quarantine.assign_series(one, MARIA)
    house.post()
    assert till_documents.document(house.spool.engine, one).state == "posted"
    assert house.audited("series_assigned")[0].before == {"owner": "caixa2"}


def test_an_issuer_is_accepted_with_a_reason_and_its_next_documents_come_in(open_house: OpenHouse) -> None:
    house = open_house(issuers=("99999999000191",), learn_series=True)
    first = house.reject(build_note(number=1))
    (option,) = house.quarantine.cures(first)
    assert (option.kind, option.facts) == ("accept_issuer", {"issuer": ISSUER})
    with pytest.raises(QuarantineError, match="reason_needed"):
        house.quarantine.accept_issuer(first, MARIA, reason=" ")
    second = house.reject(build_note(number=2))
    report = house.quarantine.accept_issuer(first, MARIA, reason="our second company")
    assert report.replay.replayed == [first]
    assert till_documents.document(house.spool.engine, second).state == "rejected"
    house.take(build_note(number=3))
    assert house.post() == 2
    assert house.whats(first)[:2] == ["issuer_accepted", "replayed"]
    (entry,) = house.audited("issuer_accepted")
    assert (entry.after, entry.reason) == ({"issuer": ISSUER}, "our second company")
    with pytest.raises(QuarantineError, match="document_moved_on"):
        house.quarantine.accept_issuer(first, MARIA, reason="once more")
    house.quarantine.replay(Selection((second,)), MARIA)
    assert till_documents.document(house.spool.engine, second).state == "accepted"


def test_a_cure_that_does_not_fit_is_refused(house: House) -> None:
    one = house.reject(b"<venda/>")
    assert house.quarantine.cures(one) == []
    with pytest.raises(QuarantineError, match="cure_unfit"):
        house.quarantine.assign_series(one, MARIA)
    with pytest.raises(QuarantineError, match="cure_unfit"):
        house.quarantine.map_product(one, "1", "2", MARIA)
    assert (
        house.quarantine.accept_difference(Selection((one,)), MARIA, reason="why not").refused[0].code == "cure_unfit"
    )


# ---- accept a difference ----

ROUNDED = {"items": (Line(), Line(code="1002")), "total": 5185}  # the items come to 51.80


def test_a_small_difference_is_accepted_and_booked(house: House) -> None:
    note = build_note(number=1, **ROUNDED)  # type: ignore[arg-type]
    one = house.reject(note)
    (option,) = house.quarantine.cures(one)
    assert (option.kind, option.facts) == ("accept_difference", {"difference": "-0.05", "limit": "0.10"})
    report = house.quarantine.accept_difference(Selection((one,)), MARIA, reason="the POS rounds each line")
    assert (report.cured, report.replay.replayed) == ([one], [one])
    assert house.post() == 1
    assert till_documents.document(house.spool.engine, one).state == "posted"
    assert contents.content(house.spool.engine, one) == note
    assert house.whats(one) == ["difference_accepted", "replayed"]
    (entry,) = house.audited("difference_accepted")
    assert (entry.object, entry.reason) == (f"document:{one}", "the POS rounds each line")
    assert house.scalar(select(accepted_problem.c.who)) == "maria"


def test_a_note_with_another_digest_than_was_authorised_is_a_persons_to_accept(house: House) -> None:
    other = signed_anew(build_note(number=1).decode()).encode()
    one = house.reject(other)
    assert till_documents.document(house.spool.engine, one).reason.code == "digest_disagrees"  # type: ignore[union-attr]
    (option,) = house.quarantine.cures(one)
    assert option.kind == "accept_difference"
    report = house.quarantine.accept_difference(Selection((one,)), MARIA, reason="the portal shows the same sale")
    assert report.cured == [one]
    assert house.post() == 1
    assert house.audited("difference_accepted")[0].reason == "the portal shows the same sale"


def test_a_large_difference_is_not_a_persons_to_accept(house: House) -> None:
    one = house.reject(build_note(number=1, total=9999))
    assert house.quarantine.cures(one) == []
    report = house.quarantine.accept_difference(Selection((one,)), MARIA, reason="let it through")
    (refused,) = report.refused
    assert (refused.id, refused.code) == (one, "difference_too_large")
    assert till_documents.document(house.spool.engine, one).state == "rejected"
    assert house.audited("difference_accepted") == []


def test_a_document_with_other_faults_besides_is_not_let_through(house: House) -> None:
    one = house.reject(build_note(number=1, environment=2, **ROUNDED))  # type: ignore[arg-type]
    assert house.quarantine.accept_difference(Selection((one,)), MARIA, reason="let it through").cured == []


def test_what_was_accepted_of_one_document_is_accepted_of_no_other(house: House) -> None:
    first = house.reject(build_note(number=1, **ROUNDED))  # type: ignore[arg-type]
    second = house.reject(build_note(number=2, **ROUNDED))  # type: ignore[arg-type]
    house.quarantine.accept_difference(Selection((first,)), MARIA, reason="this one only")
    assert house.quarantine.replay(Selection((second,)), MARIA).replayed == []


# ---- map a product ----


def refuse_product(house: House, note: bytes, said: dict[str, str] | None = None) -> int:
    """A document that the ERP's own rules refused, which ``said`` what."""
    house.take(note)
    (leased,) = house.spool.lease("poster", 1, 60)
    plain = rejected(leased)
    house.spool.settle([plain if said is None else replace(plain, reason=Reason("erp_constraint", said))])
    house.scan()
    return leased.id


def test_a_product_is_booked_under_its_mapped_code(house: House) -> None:
    note = build_note(number=1, items=(Line(code="OLD"), Line(code="1002")))
    one = refuse_product(house, note)
    option, other = house.quarantine.cures(one)
    assert other.kind == "map_payment", "nobody said which of the two it was"
    unsaid = {"refused": "", "named": ""}
    assert (option.kind, option.facts) == ("map_product", {"issuer": ISSUER, "products": "OLD, 1002"} | unsaid)
    house.quarantine.map_product(one, "OLD", " NEW ", MARIA, reason="renamed in the ERP")
    assert house.whats(one) == ["rejected", "product_mapped", "replayed"]
    assert house.post() == 1
    assert booked_products(house) == ["1002", "NEW"]
    assert contents.content(house.spool.engine, one) == note
    (entry,) = house.audited("product_mapped")
    assert entry.after == {"issuer": ISSUER, "old_code": "OLD", "new_code": "NEW"}
    assert differing(house, one) == []
    with sqlite3.connect(house.settings.home_path / "erp.sqlite3") as connection:
        connection.execute("UPDATE sale_item SET product_code = 'NEWER' WHERE product_code = 'NEW'")
    assert differing(house, one) == ["items[1].product_code"]


def test_a_mapping_that_is_ended_holds_for_what_was_booked_and_for_nothing_else(house: House) -> None:
    one = refuse_product(house, build_note(number=1, items=(Line(code="OLD"),)))
    house.quarantine.map_product(one, "OLD", "NEW", MARIA, reason="renamed")
    house.post()
    (listed,) = house.quarantine.mappings()
    assert (listed.kind, listed.code, listed.target) == ("product", "OLD", "NEW")
    assert (listed.who, listed.document, listed.reason) == (MARIA.name, one, "renamed")
    shown = (listed.kind, ISSUER, "OLD", "NEW", MARIA)
    with pytest.raises(QuarantineError, match="reason_needed"):
        house.quarantine.end_mapping(*shown, reason=" ")
    house.quarantine.end_mapping(*shown, reason="it was another")
    assert house.quarantine.mappings() == []
    with pytest.raises(QuarantineError, match="mapping_gone"):
        house.quarantine.end_mapping(*shown, reason="once more")
    assert differing(house, one) == [], "what was booked under it is right"
    (entry,) = house.audited("mapping_ended")
    assert (entry.before["new_code"], entry.object, entry.reason) == ("NEW", f"document:{one}", "it was another")
    two = refuse_product(house, build_note(number=2, items=(Line(code="OLD"),)))
    house.quarantine.map_product(two, "OLD", "OTHER", MARIA)
    house.post()
    three = refuse_product(house, build_note(number=3, items=(Line(code="OLD"),)))
    house.quarantine.map_product(three, "OLD", "X", MARIA)
    house.post()
    assert booked_products(house) == ["NEW", "OTHER", "X"]
    assert differing(house, one) == differing(house, two) == []


def test_a_series_goes_back_to_whose_it_was_and_an_issuer_is_no_more_the_stores(open_house: OpenHouse) -> None:
    house = open_house(issuers=("99999999000191",), learn_series=True)
    other = create_till(house.engine, "caixa2")[0]
    first = house.reject(build_note(number=1))
    house.quarantine.accept_issuer(first, MARIA, reason="bought the company")
    house.take(build_note(number=2), till=other)
    taken = house.id_of(build_note(number=2), other)
    house.quarantine.assign_series(taken, MARIA)
    kinds = {one.kind: one for one in house.quarantine.mappings()}
    assert set(kinds) == {"series", "issuer"}
    given = kinds["series"]
    assert (given.code, given.target, given.before, given.document) == ("65/1", "caixa2", "caixa1", None)
    for one in kinds.values():
        house.quarantine.end_mapping(one.kind, one.issuer, one.code, one.target, MARIA, reason="a mistake")
    assert house.quarantine.mappings() == []
    assert series_of(house.engine, house.till) == [(ISSUER, "65", 1)]
    assert series_of(house.engine, other) == []
    assert till_documents.document(house.spool.engine, house.reject(build_note(number=9))).state == "rejected"


def test_a_mapping_made_after_the_booking_makes_no_other_sale(house: House) -> None:
    """The same sale once more, in other bytes: a duplicate, though its product is called otherwise by now."""
    house.take(build_note(number=1, items=(Line(code="OLD"),)))
    house.post()
    one = refuse_product(house, build_note(number=2, items=(Line(code="OLD"),)))
    house.quarantine.map_product(one, "OLD", "NEW", MARIA)
    house.take(build_note(number=1, items=(Line(code="OLD"),), signed=False))
    house.post()
    assert [document.state for document in house.documents()] == ["posted"] * 3
    assert [document.duplicate for document in house.documents()] == [False, False, True]


def test_what_else_is_lacking_at_the_erp_leads_to_no_mapping(house: House) -> None:
    def proposed(number: int, **named: str) -> list[tuple[str, str]]:
        one = refuse_product(house, build_note(number=number, items=(Line(code="A"), Line(code="B"))), named)
        return [(cure.kind, cure.facts["named"]) for cure in house.quarantine.cures(one) if "named" in cure.facts]

    assert proposed(1, lacking="caixa caixa1") == []
    assert proposed(2, lacking="produto B (linha 2)", products="B") == [("map_product", "B")]


def test_with_a_product_go_those_that_were_refused_for_it(house: House) -> None:
    """Others of the cause, whose own code nobody has mapped, would come back refused."""
    named = {"a": ("OLD",), "b": ("OLD", "1002"), "c": ("OTHER",), "d": ("OTHER", "OLD"), "e": ("OLD",)}
    ids = {}
    for number, (name, codes) in enumerate(named.items(), 1):
        note = build_note(number=number, items=tuple(Line(code=code) for code in codes))
        said = {"b": {}, "d": {"products": "OTHER"}}.get(name, {"products": codes[0]})
        ids[name] = refuse_product(house, note, said)
    cured = till_documents.document(house.engine, ids["a"])
    parts = house.quarantine.parts
    assert same_cause.others(parts, cured, 7.0) == Selection(till="caixa1", code="erp_constraint", until=7.0)
    house.quarantine.map_product(ids["a"], "OLD", "NEW", MARIA)
    mine = same_cause.others(parts, cured, parts.clock(), JustMapped("map_product", "OLD"))
    assert mine == Selection((ids["b"], ids["e"]), "caixa1")
    assert house.quarantine.replay(mine, MARIA).replayed == [ids["b"], ids["e"]]
    none = same_cause.others(parts, cured, parts.clock(), JustMapped("map_product", "OLD"))
    assert none is not None
    assert house.quarantine.replay(none, MARIA).replayed == []


def test_another_issuers_products_keep_their_codes(house: House) -> None:
    (reading,) = house.quarantine.parts.read(build_note(number=1))
    assert reading.document is not None
    assert renamed(reading.document, MappedCodes({("99999999000191", "1001"): "NEW"})) is reading.document
    assert renamed(reading.document, MappedCodes()) is reading.document


@pytest.mark.parametrize("code", ["", "   ", "a\nb", "x" * 61, "OLD"])
def test_a_products_new_code_must_be_one(house: House, code: str) -> None:
    one = refuse_product(house, build_note(number=1, items=(Line(code="OLD"),)))
    with pytest.raises(QuarantineError) as caught:
        house.quarantine.map_product(one, "OLD", code, MARIA)
    assert caught.value.code == "product_code_invalid"


def differing(house: House, document_id: int) -> list[str]:
    erp = open_configured(house.settings)
    try:
        return [one.fields for one in erp_comparison.compare(house.engine, erp, [document_id]).differences]
    finally:
        erp.close()


def booked_products(house: House) -> list[str]:
    with sqlite3.connect(house.settings.home_path / "erp.sqlite3") as connection:
        return sorted(code for (code,) in connection.execute("SELECT product_code FROM sale_item"))


# ---- attach a protocol ----


def test_the_authorised_version_of_a_document_settles_it(open_house: OpenHouse) -> None:
    house = open_house(authorisation_hours=0.0)
    house.take(build_note(number=1, protocol=False))
    house.post()
    house.scan()
    (one,) = house.documents()
    assert one.reason is not None
    assert one.reason.code == "never_authorised"
    assert [option.kind for option in house.quarantine.cures(one.id)] == ["attach_protocol", "keep_unbooked"]
    report = house.quarantine.attach_protocol(one.id, "authorised.xml", build_note(number=1), MARIA)
    assert report.replay.replayed == [one.id]
    house.post()
    assert [document.state for document in house.documents()] == ["posted", "posted"]
    assert house.whats(one.id) == ["rejected", "protocol_attached", "replayed"]
    assert [entry.object for entry in house.audited("protocol_attached")] == [f"document:{one.id}"]
    assert house.in_folder() == []


@pytest.mark.parametrize(
    "content",
    [b"", b"<venda/>", build_note(number=2), build_note(number=1, protocol=False), build_note(number=1, total=9999)],
    ids=["empty", "no document", "another sale", "not authorised", "faulty"],
)
def test_any_other_file_is_no_protocol(open_house: OpenHouse, content: bytes) -> None:
    house = open_house(authorisation_hours=0.0)
    house.take(build_note(number=1, protocol=False))
    house.post()
    (one,) = house.documents()
    with pytest.raises(QuarantineError) as caught:
        house.quarantine.attach_protocol(one.id, "x.xml", content, MARIA)
    assert (caught.value.code, caught.value.facts) == ("protocol_of_another", {"key": key_of(build_note(number=1))})
    assert len(house.documents()) == 1


def test_a_huge_file_is_no_protocol(open_house: OpenHouse) -> None:
    house = open_house(authorisation_hours=0.0)
    house.take(build_note(number=1, protocol=False))
    house.post()
    huge = b" " * (house.settings.intake.max_document_bytes + 1)
    with pytest.raises(QuarantineError) as caught:
        house.quarantine.attach_protocol(house.documents()[0].id, "x.xml", huge, MARIA)
    assert caught.value.code == "file_too_large"
