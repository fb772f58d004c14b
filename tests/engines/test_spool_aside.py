"""Rejected documents and old ones: contents, quarantine hand-over, replay, retention, reports."""

import pytest
from sqlalchemy import Engine, select, update

from malote.database.engine import reading, writing
from malote.database.tables import pouch
from malote.register import contents, rejected_handover, replaying, till_documents
from malote.register.contents import ContentPrunedError, DocumentNotFoundError
from malote.spool import retention
from malote.spool.documents import IncomingFile, Reason, RejectedDocument
from malote.spool.sql_queue import Spool
from malote.tills.till import Till
from malote.wire import Contact, RefusedFile
from tests.engines.spool_support import (
    NOON,
    START,
    Clock,
    access_key,
    assert_tallies_true,
    body_of,
    content_of,
    file_of_sale,
    file_with,
    incoming,
    posted,
    rejected,
    sale,
    send_sales,
    sha256_of,
    states_of,
    waiting,
)

pytest_plugins = ("tests.engines.spool_fixtures",)

UNASSIGNED = Reason("series_unassigned", {"series": "1"})


def send_refused(spool: Spool, till: Till, number: int, *, readable: bool) -> int:
    """A document that intake refused; its id."""
    file = file_with(number, incoming(sale(number) if readable else None, reason=UNASSIGNED))
    spool.accept(till.id, body_of([number]), [file], received_at=START)
    return till_documents.documents_of(spool.engine, state="rejected")[-1].id


def judge_as_fine(till: str, name: str, content: bytes) -> IncomingFile:
    """What intake would say today of the same file."""
    number = int(name.removesuffix(".xml"))
    assert (till, content) == ("caixa1", content_of(number))
    return file_of_sale(number)


def judge_as_refused(_till: str, name: str, _content: bytes) -> IncomingFile:
    return file_with(name, incoming(sale(1), reason=UNASSIGNED))


def test_content_is_the_file_as_it_came(spool: Spool, till_one: Till) -> None:
    send_sales(spool, till_one, [1, 2, 3])
    assert [contents.content(spool.engine, one.id) for one in till_documents.documents_of(spool.engine)] == [
        content_of(number) for number in (1, 2, 3)
    ]
    with pytest.raises(DocumentNotFoundError):
        contents.content(spool.engine, 99)
    with pytest.raises(DocumentNotFoundError):
        till_documents.document(spool.engine, 99)


def test_replay_keeps_the_place_in_the_queue(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1, 2])
    spool.settle([rejected(one) for one in spool.lease("poster", 10, 60)])
    send_sales(spool, till_one, [3])
    ids = [one.id for one in till_documents.documents_of(spool.engine, state="rejected")]
    assert len(replaying.replay(spool.engine, [*ids, 99], now=spool.clock()).ids) == 2
    assert len(replaying.replay(spool.engine, ids, now=spool.clock()).ids) == 0
    leased = spool.lease("poster", 10, 60)
    assert [(one.document, one.attempts) for one in leased] == [(sale(1), 1), (sale(2), 1), (sale(3), 0)]
    assert_tallies_true(spool_engine)


def test_only_rejected_documents_are_replayed(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1, 2, 3])
    first, second, _ = spool.lease("poster", 10, 60)
    spool.settle([posted(first), waiting(second, START + 60)])
    assert (
        len(
            replaying.replay(
                spool.engine, [one.id for one in till_documents.documents_of(spool.engine)], now=spool.clock()
            ).ids
        )
        == 0
    )
    assert states_of(spool_engine) == ["posted", "waiting", "posting"]


def test_a_refused_but_whole_document_is_replayed_on_the_callers_word(spool: Spool, till_one: Till) -> None:
    assert (
        len(replaying.replay(spool.engine, [send_refused(spool, till_one, 1, readable=True)], now=spool.clock()).ids)
        == 1
    )
    assert [one.document for one in spool.lease("poster", 10, 60)] == [sale(1)]


def test_a_refused_document_is_judged_anew(spool: Spool, till_one: Till) -> None:
    document_id = send_refused(spool, till_one, 1, readable=True)
    assert len(replaying.replay(spool.engine, [document_id], judge_as_refused, now=spool.clock()).ids) == 0
    assert len(replaying.replay(spool.engine, [document_id], judge_as_fine, now=spool.clock()).ids) == 1


def test_what_could_not_be_read_is_read_anew(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [7])
    ids = [send_refused(spool, till_one, number, readable=False) for number in (1, 2)]
    assert len(replaying.replay(spool.engine, ids, now=spool.clock()).ids) == 0
    assert len(replaying.replay(spool.engine, ids, judge_as_fine, now=spool.clock()).ids) == 2
    assert till_documents.document(spool.engine, ids[0]).access_key == access_key(1)
    assert [one.document for one in spool.lease("poster", 10, 60)] == [sale(7), sale(1), sale(2)]
    assert_tallies_true(spool_engine)


def test_a_lost_extracted_form_is_made_anew(spool: Spool, till_one: Till, spool_engine: Engine) -> None:
    send_sales(spool, till_one, [1, 2, 3])
    with writing(spool_engine) as connection:
        connection.execute(update(pouch).values(extracted=b"gone"))
    assert spool.lease("poster", 10, 60) == []
    ids = [one.id for one in till_documents.documents_of(spool.engine, state="rejected")]
    assert len(replaying.replay(spool.engine, ids, now=spool.clock()).ids) == 0
    assert len(replaying.replay(spool.engine, ids[1:], judge_as_fine, now=spool.clock()).ids) == 2
    assert [one.document for one in spool.lease("poster", 10, 60)] == [sale(2), sale(3)]
    assert states_of(spool_engine) == ["rejected", "posting", "posting"]


def test_the_quarantine_gets_each_rejected_document_once(spool: Spool, till_one: Till) -> None:
    send_sales(spool, till_one, [1])
    [leased] = spool.lease("poster", 10, 60)
    spool.settle([rejected(leased)])
    send_refused(spool, till_one, 2, readable=False)
    (first_id, first), (second_id, second) = rejected_handover.unkept(spool.engine)
    assert first == RejectedDocument(
        till="caixa1",
        file_name="1.xml",
        file_sha256=sha256_of(1),
        position=0,
        content=content_of(1),
        reason=Reason("erp_constraint", {"detail": "chk_total"}),
        access_key=access_key(1),
        kind="sale",
        rejected_at=START,
    )
    assert isinstance(second, RejectedDocument)
    assert (second.content, second.reason, second.access_key) == (content_of(2), UNASSIGNED, None)
    rejected_handover.mark_kept(spool.engine, [first_id])
    assert [one[0] for one in rejected_handover.unkept(spool.engine)] == [second_id]


def test_rejected_once_more_is_kept_once_more(spool: Spool, till_one: Till) -> None:
    send_sales(spool, till_one, [1])
    for _ in range(2):
        [leased] = spool.lease("poster", 10, 60)
        spool.settle([rejected(leased)])
        assert [one[0] for one in rejected_handover.unkept(spool.engine)] == [leased.id]
        rejected_handover.mark_kept(spool.engine, [leased.id])
        assert rejected_handover.unkept(spool.engine) == []
        replaying.replay(spool.engine, [leased.id], now=spool.clock())


def test_pruning_by_age(spool: Spool, till_one: Till, spool_engine: Engine, spool_clock: Clock) -> None:
    for number in range(5):
        send_sales(spool, till_one, [number, 100 + number], at=START)
    by_number = {one.document.number: one for one in spool.lease("poster", 100, 60)}  # type: ignore[union-attr]
    spool.settle([posted(by_number[number]) for number in (0, 100, 1, 2, 3, 4)])
    spool.settle([rejected(by_number[101]), waiting(by_number[102], START + 60)])
    spool_clock.now += 100
    spool.settle([posted(by_number[104])])
    # Pouch 0 is proven and old; 1 holds a rejected one, 2 a waiting one, 3 one in posting, 4 was proven lately.
    assert retention.prune(spool.engine, START, now=spool.clock()) == 0
    assert retention.prune(spool.engine, START + 50, now=spool.clock()) == 1
    assert retention.prune(spool.engine, START + 50, now=spool.clock()) == 0
    assert retention.prune(spool.engine, START + 101, now=spool.clock()) == 1
    with reading(spool_engine) as connection:
        rows = connection.execute(select(pouch).order_by(pouch.c.id)).all()
    assert [row.body is None for row in rows] == [True, False, False, False, True]
    assert [row.extracted is None for row in rows] == [True, False, False, False, True]
    assert rows[0].pruned_at == START + 100
    with pytest.raises(ContentPrunedError):
        contents.content(spool.engine, by_number[0].id)


def test_a_resend_after_pruning_is_still_known(spool: Spool, till_one: Till, spool_clock: Clock) -> None:
    send_sales(spool, till_one, [1])
    spool.settle([posted(one) for one in spool.lease("poster", 10, 60)])
    spool_clock.now += 100 * 86400
    assert retention.prune(spool.engine, START + 1, now=spool.clock()) == 1
    [receipt] = send_sales(spool, till_one, [1])
    assert (receipt.state, receipt.already_known) == ("posted", True)


def test_pruning_hundreds_of_pouches(spool: Spool, till_one: Till) -> None:
    for number in range(230):
        send_sales(spool, till_one, [number], at=START - 10)
    spool.settle([posted(one) for one in spool.lease("poster", 1000, 60)])
    assert retention.prune(spool.engine, START + 1, now=spool.clock()) == 230


def test_listing_pages_by_id(spool: Spool, till_one: Till, till_two: Till) -> None:
    send_sales(spool, till_one, [1, 2, 3])
    send_sales(spool, till_two, [4])
    first, second, *_ = spool.lease("poster", 10, 60)
    spool.settle([posted(first), waiting(second, START)])
    page = till_documents.documents_of(spool.engine, limit=3)
    assert [one.number for one in page] == [1, 2, 3]
    assert [one.number for one in till_documents.documents_of(spool.engine, after_id=page[-1].id)] == [4]
    assert [one.number for one in till_documents.documents_of(spool.engine, "CAIXA1", limit=2)] == [1, 2]
    assert [one.number for one in till_documents.documents_of(spool.engine, "caixa1", after_id=page[0].id)] == [2, 3]
    assert [one.number for one in till_documents.documents_of(spool.engine, "caixa1", "posting")] == [3]
    assert [one.number for one in till_documents.documents_of(spool.engine, state="posting")] == [3, 4]
    assert till_documents.documents_of(spool.engine, "nobody") == []
    assert page[0].issued_at == sale(1).issued_at.isoformat()
    assert (page[0].total, page[0].issuer, page[0].till) == (1000, sale(1).issuer, "caixa1")


def test_status_says_what_the_till_said(spool: Spool, till_one: Till, till_two: Till, spool_engine: Engine) -> None:
    from malote.tills.contact import record_contact
    from malote.tills.till import disable

    contact = Contact("0.1.0", NOON, 7, 3, [RefusedFile("grande.xml", 9_000_000, "file_too_large")])
    assert record_contact(spool_engine, till_one.id, contact, received_at=START - 90).skew_seconds == 90
    disable(spool_engine, "caixa2")
    one, two = till_documents.status(spool.engine, now=spool.clock())
    assert (one.till, one.till_pending, one.till_unproven, one.clock_skew_seconds) == ("caixa1", 7, 3, 90)
    assert (one.last_contact_at, one.agent_version) == (START - 90, "0.1.0")
    assert one.till_refused == contact.refused
    assert (two.till, two.disabled, two.last_contact_at, two.pending) == ("caixa2", True, None, 0)
