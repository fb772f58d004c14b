"""Documents that break the program are put aside with their incident, and hold back no others."""

from collections.abc import Sequence

import pytest

from malote import rejection
from malote.erp.protocol import Erp, Outcome, Posting
from malote.fiscal.documents import Sale
from malote.posting.joiner import Joiner
from malote.posting.retry_after_update import look_again, try_one
from malote.spool.documents import LeasedDocument
from tests.engines.posting_support import Passing, Shop, advance
from tests.engines.sales import on_day, sale, supermarket
from tests.engines.spool_support import Clock

pytestmark = pytest.mark.postgresql
pytest_plugins = ["tests.engines.posting_postgresql_fixtures"]


def test_a_document_that_breaks_the_program_three_times_alone_is_put_aside_with_its_incident(
    evidence_shop: Shop, evidence_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = supermarket(60)
    breaking = True

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        keys = {p.document.access_key for p in batch if isinstance(p.document, Sale)}
        if breaking and sold[30].access_key in keys:
            raise ZeroDivisionError("52998224725")
        return erp.post(batch)

    evidence_poster = evidence_shop.poster(erp=lambda: Passing(evidence_shop.erp(), stumble))
    evidence_shop.accept(*sold)
    evidence_poster.step()
    # Its batch mates went at once.
    assert evidence_shop.counted() == {"posted": 59, "waiting": 1}
    assert evidence_shop.reasons() == ["server_failed"]
    for _ in range(2):
        evidence_clock.now += 60
        evidence_poster.step()
    assert evidence_shop.counted() == {"posted": 59, "rejected": 1}
    [reason] = [one.reason for one in evidence_shop.documents() if one.reason]
    assert reason.code == "document_breaks_program"
    assert len(reason.facts["incident"]) == 8
    assert reason.facts["incident"] in rejection.cause(reason.code, reason.facts, "pt")
    assert "52998224725" not in str(reason)
    assert len(evidence_shop.kept) == 1
    # The same version leaves it alone; another one tries it again.
    assert look_again(evidence_shop.engine, evidence_clock.now) == 0
    monkeypatch.setattr("malote.posting.retry_after_update.__version__", "99")
    breaking = False
    assert look_again(evidence_shop.engine, evidence_clock.now) == 1
    evidence_poster.drain()
    evidence_poster.close()
    assert evidence_shop.counted() == {"posted": 60}


@pytest.mark.parametrize("beside", [True, False], ids=["beside sound ones", "before sound ones of another day"])
def test_several_documents_that_break_the_program_are_put_aside_each(
    evidence_shop: Shop, evidence_clock: Clock, beside: bool
) -> None:
    """Once their mates are booked they meet nobody who passes, and waited for ever, each for the other's sake."""
    broken = {sale(number).access_key for number in (2, 3)}

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if any(p.document.access_key in broken for p in batch if isinstance(p.document, Sale)):
            raise ZeroDivisionError
        return erp.post(batch)

    evidence_poster = evidence_shop.poster(erp=lambda: Passing(evidence_shop.erp(), stumble))
    evidence_shop.accept(*(sale(number) for number in ((1, 2, 3, 4) if beside else (2, 3))))
    advance(evidence_shop, evidence_poster, evidence_clock)
    if not beside:
        assert evidence_shop.counted() == {"waiting": 2}
        evidence_shop.accept(on_day(9, 1))
        advance(evidence_shop, evidence_poster, evidence_clock)
    evidence_poster.close()
    assert evidence_shop.counted() == {"posted": 2 if beside else 1, "rejected": 2}


def test_a_fault_that_every_document_meets_puts_none_aside(evidence_shop: Shop, evidence_clock: Clock) -> None:
    broken = True

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if broken:
            raise ZeroDivisionError
        return erp.post(batch)

    evidence_poster = evidence_shop.poster(erp=lambda: Passing(evidence_shop.erp(), stumble))
    evidence_shop.accept(*supermarket(10))
    for _ in range(6):
        evidence_poster.step()
        evidence_clock.now += 120
    assert evidence_shop.counted() == {"waiting": 10}
    assert set(evidence_shop.reasons()) == {"server_failed"}
    broken = False
    advance(evidence_shop, evidence_poster, evidence_clock)
    evidence_poster.close()
    assert evidence_shop.counted() == {"posted": 10}


@pytest.mark.parametrize("count", [1, 2, 5])
def test_documents_that_break_the_program_come_to_an_end_with_nobody_else_there(
    evidence_shop: Shop, evidence_clock: Clock, count: int
) -> None:
    attempts: list[int] = []
    broken = True

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if broken:
            attempts.append(len(batch))
            raise (MemoryError, SystemExit, ZeroDivisionError)[count % 3]
        return erp.post(batch)

    evidence_poster = evidence_shop.poster(erp=lambda: Passing(evidence_shop.erp(), stumble))
    evidence_shop.accept(*(on_day(number, number) for number in range(count)))
    for _ in range(5):
        advance(evidence_shop, evidence_poster, evidence_clock)
    evidence_poster.close()
    assert evidence_shop.counted() == {"rejected": count}
    assert len(attempts) < 40
    [code] = set(evidence_shop.reasons())
    assert code == ("document_breaks_program" if count == 1 else "program_fails_over_kind")
    for reason in (one.reason for one in evidence_shop.documents()):
        assert reason is not None
        assert reason.facts["incident"] in rejection.cause(code, reason.facts, "pt")
    # Nobody knew whose fault it was: one is tried now and then, and all of them at the next start.
    assert try_one(evidence_shop.engine, evidence_clock.now) == (0 if count == 1 else 1)
    broken = False
    again = evidence_shop.poster()
    again.drain()
    assert evidence_shop.counted().get("posted", 0) == (0 if count == 1 else 1)
    assert look_again(evidence_shop.engine, evidence_clock.now) == (0 if count == 1 else count - 1)
    again.drain()
    again.close()
    assert evidence_shop.counted() == ({"rejected": 1} if count == 1 else {"posted": count})


def test_what_was_put_aside_comes_back_once_another_of_its_kind_passes(
    evidence_shop: Shop, evidence_clock: Clock
) -> None:
    broken = {sale(number).access_key for number in (1, 2, 3)}

    def stumble(erp: Erp, batch: Sequence[Posting]) -> list[Outcome]:
        if any(p.document.access_key in broken for p in batch if isinstance(p.document, Sale)):
            raise ZeroDivisionError
        return erp.post(batch)

    evidence_poster = evidence_shop.poster(erp=lambda: Passing(evidence_shop.erp(), stumble))
    evidence_shop.accept(*(sale(number) for number in (1, 2, 3)))
    for _ in range(5):
        advance(evidence_shop, evidence_poster, evidence_clock)
    assert (evidence_shop.counted(), set(evidence_shop.reasons())) == ({"rejected": 3}, {"program_fails_over_kind"})
    broken.pop()
    evidence_shop.accept(on_day(9, 9))
    advance(evidence_shop, evidence_poster, evidence_clock)
    evidence_poster.close()
    assert evidence_shop.counted() == {"posted": 2, "rejected": 2}
    assert set(evidence_shop.reasons()) == {"document_breaks_program"}


def test_a_fault_outside_the_booking_is_counted_against_the_one_document_too(
    evidence_shop: Shop, evidence_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that its joining, or what becomes of it, brings about; the poster goes on, whatever is raised."""
    joined = Joiner.join

    def join(self: Joiner, held: Sequence[LeasedDocument]) -> object:
        if any(isinstance(one.document, Sale) and one.document.number == 3 for one in held):
            raise GeneratorExit
        return joined(self, held)

    monkeypatch.setattr(Joiner, "join", join)
    evidence_poster = evidence_shop.poster()
    evidence_shop.accept(*(sale(number) for number in range(1, 6)))
    for _ in range(60):
        evidence_clock.now += 2
        evidence_poster._round()
    evidence_poster.close()
    assert evidence_shop.counted() == {"posted": 4, "rejected": 1}
    assert evidence_shop.reasons() == ["document_breaks_program"]
