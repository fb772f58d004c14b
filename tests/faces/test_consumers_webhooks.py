"""Webhooks against a receiver that really listens: signed, in order, at least once, and no one held back by another."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from malote.accounts.audit import SYSTEM
from malote.app import Services
from malote.config import ConsumersSettings
from malote.consumers import accounts as consumers
from malote.consumers import delivering, ledger, log, signing, webhooks
from malote.consumers.accounts import Consumer, WantedConsumer
from malote.consumers.delivering import Outcome, turn
from malote.consumers.lines import SaleTold
from malote.consumers.signing import SignatureError
from malote.findings.store_findings import store_findings_of
from malote.tills.till import Till
from tests.faces import consumer_support as support
from tests.faces.intake_support import settings_in, store_with_till
from tests.faces.webhook_support import Received, Receiver, receiving


class Scene(NamedTuple):
    services: Services
    till: Till
    receiver: Receiver
    secret: str

    def book(self, *numbers: int) -> None:
        support.book(self.services, self.till, [support.sale_like_the_example(number) for number in numbers])

    def consumer(self, name: str = "hook") -> Consumer:
        return consumers.find(self.services.engine, name)

    def turn(self, after: float = 0.0, name: str = "hook") -> Outcome:
        """One turn, so many seconds from now."""
        caller = self.services.consumers.caller()
        delivery = self.services.consumers.delivery(self.consumer(name), caller)
        try:
            clock = lambda: time.time() + after  # noqa: E731
            return turn(msgspec.structs.replace(delivery, clock=clock), threading.Event())
        finally:
            caller.close()

    def log(self) -> list[tuple[str, int | None, int | None]]:
        return [(one.what, one.first, one.last) for one in log.entries(self.services.engine, self.consumer().id)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    settings = msgspec.structs.replace(settings_in(tmp_path / "home"), consumers=ConsumersSettings(True))
    with store_with_till(settings) as (services, till, _), receiving() as receiver:
        _, secret = services.consumers.add(WantedConsumer("hook", "webhook", receiver.url), SYSTEM)
        yield Scene(services, till, receiver, secret)


def numbers(received: list[Received]) -> list[int]:
    return [one.told["number"] for one in received]


def test_what_happens_is_delivered_signed_and_in_order(scene: Scene) -> None:
    scene.book(1, 2)
    support.refuse(scene.services, scene.till, [support.sale_like_the_example(3)])
    assert scene.turn() == "delivered"
    assert scene.turn() == "idle"
    assert [(one.told["state"], one.told["number"]) for one in scene.receiver.received] == [
        ("booked", 1), ("booked", 2), ("rejected", 3),
    ]  # fmt: skip
    for one in scene.receiver.received:
        assert signing.verify(scene.secret, one.headers, one.body, time.time()) == one.id
        assert msgspec.json.decode(one.body, type=SaleTold, strict=True).cursor in one.id
        assert "authorization" not in one.headers
    assert len(set(scene.receiver.ids)) == 3
    assert scene.log() == [("delivered", 1, 3)]


@pytest.mark.parametrize("what", ["body", "id", "time", "secret", "late", "early", "none"])
def test_a_signature_covers_everything_and_not_for_ever(scene: Scene, what: str) -> None:
    scene.book(1)
    scene.turn()
    (one,) = scene.receiver.received
    headers, body, secret, now = dict(one.headers), one.body, scene.secret, time.time()
    match what:
        case "body":
            body = body.replace(b"12.98", b"12.99")
        case "id":
            headers["webhook-id"] += "0"
        case "time":
            headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
        case "secret":
            secret = scene.services.consumers.renew("hook", SYSTEM)[1]
        case "late":
            now += signing.WINDOW_SECONDS + 2
        case "early":
            now -= signing.WINDOW_SECONDS + 2
        case "none":
            del headers["webhook-signature"]
    with pytest.raises(SignatureError):
        signing.verify(secret, headers, body, now)


def test_the_secret_is_nowhere_in_the_database(scene: Scene) -> None:
    stored = (Path(scene.services.settings.home) / "store.sqlite3").read_bytes()
    stored += (Path(scene.services.settings.home) / "store.sqlite3-wal").read_bytes()
    assert b"hook" in stored
    assert scene.secret.removeprefix("whsec_").encode() not in stored
    assert scene.services.consumers.secret_of(scene.consumer()) not in stored


def test_a_consumer_that_fails_gets_everything_later_under_the_same_ids(scene: Scene) -> None:
    scene.receiver.answer = lambda _: 503
    scene.book(1, 2)
    assert scene.turn() == "failed"
    assert scene.turn() == "idle"  # it is too early
    found = scene.consumer()
    assert (found.attempts, found.got) == (1, 0)
    assert found.failing_since is not None
    assert b"webhook_refused" in (found.failure or "").encode()
    assert store_findings_of(scene.services.engine, time.time()) == [], "not yet: for a moment only"
    [told] = store_findings_of(scene.services.engine, time.time() + 400)
    assert (told.code, told.light, told.count) == ("consumer_behind:hook", "attention", 2)
    assert told.title() == "Consumidor que não recebe: hook"
    scene.receiver.answer = lambda _: 200
    assert scene.turn(after=60) == "delivered"
    assert numbers(scene.receiver.received) == [1, 1, 2]
    assert scene.receiver.ids[0] == scene.receiver.ids[1]
    assert scene.consumer().failing_since is None
    assert store_findings_of(scene.services.engine, time.time() + 400) == []


def test_pauses_grow_and_are_bounded(scene: Scene) -> None:
    scene.receiver.answer = lambda _: 500
    scene.book(1)
    waits = []
    at = 0.0
    for _ in range(14):
        assert scene.turn(after=at) == "failed"
        waits.append((scene.consumer().retry_at or 0.0) - time.time() - at)
        at += waits[-1] + 1
    longest = scene.services.settings.consumers.retry_longest_seconds
    assert waits[0] < 2
    assert longest / 2 - 5 < waits[-1] < longest + 5
    assert len(scene.receiver.received) == 14


def test_one_that_it_alone_refuses_is_set_aside_told_and_tried_again(scene: Scene) -> None:
    scene.receiver.answer = lambda one: 500 if one.told["number"] == 2 else 200
    scene.book(1, 2, 3, 4)
    at = 0.0
    while scene.consumer().got < 4:
        scene.turn(after=at)
        at += 20
        assert at < 400
    assert [number for number in numbers(scene.receiver.received) if number != 2] == [1, 3, 4]
    (refusal,) = ledger.all_refusals(scene.services.engine, scene.consumer().id)
    assert (refusal.number, refusal.status) == (2, 500)
    assert ("refused", 2, 2) in scene.log()
    scene.receiver.answer = lambda _: 200
    assert ledger.retry_now(scene.services.engine, scene.consumer(), SYSTEM, time.time()) == 1
    scene.turn(after=1)
    assert ledger.all_refusals(scene.services.engine, scene.consumer().id) == []
    assert numbers(scene.receiver.received)[-1] == 2


def test_a_consumer_that_refuses_everything_has_nothing_set_aside(scene: Scene) -> None:
    scene.receiver.answer = lambda _: 400
    scene.book(1, 2, 3)
    for at in range(0, 200, 20):
        scene.turn(after=at)
    assert ledger.all_refusals(scene.services.engine, scene.consumer().id) == []
    scene.receiver.answer = lambda _: 200
    scene.turn(after=10_000)
    assert numbers(scene.receiver.received)[-3:] == [1, 2, 3]


def test_killed_between_delivery_and_cursor_it_delivers_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.book(1, 2)
    with monkeypatch.context() as patched:

        def die(*_: object) -> None:
            raise SystemExit

        patched.setattr(delivering, "_note", die)
        patched.setattr(ledger, "release", lambda *_: None)  # nobody is left to do it
        with pytest.raises(SystemExit):
            scene.turn()
    assert scene.turn() == "idle"  # its lease runs out first
    assert scene.turn(after=ledger.LEASE_SECONDS + 1) == "delivered"
    assert numbers(scene.receiver.received) == [1, 2, 1, 2]
    assert scene.receiver.ids[:2] == scene.receiver.ids[2:]


def test_who_lost_the_lease_moves_no_cursor(scene: Scene) -> None:
    scene.book(1)
    scene.services.consumers.number_all()
    held = ledger.claim(scene.services.engine, scene.consumer().id, time.time())
    assert held is not None
    assert ledger.claim(scene.services.engine, scene.consumer().id, time.time()) is None
    assert ledger.claim(scene.services.engine, scene.consumer().id, time.time() + ledger.LEASE_SECONDS + 1) is not None
    delivering._note(scene.services.consumers.delivery(scene.consumer(), scene.services.consumers.caller()), held, [1])
    assert scene.consumer().got == 0


def test_a_dead_consumer_holds_back_no_other_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(webhooks, "IDLE_SECONDS", 0.1)
    let_go = threading.Event()
    with receiving() as dead:
        dead.answer = lambda _: 200 if let_go.wait(60) else 500
        scene.services.consumers.add(WantedConsumer("dead", "webhook", dead.url), SYSTEM)
        stop = threading.Event()
        running = threading.Thread(target=scene.services.consumers.deliver, args=(stop,))
        running.start()
        try:
            scene.book(1, 2, 3)
            wait_for(lambda: numbers(scene.receiver.received) == [1, 2, 3])
            wait_for(lambda: bool(dead.received))
            assert len(dead.received) == 1
            let_go.set()
            wait_for(lambda: numbers(dead.received) == [1, 2, 3])
        finally:
            let_go.set()
            stop.set()
            running.join()


def test_no_redirect_is_followed(scene: Scene) -> None:
    with receiving() as elsewhere:
        scene.receiver.answer = lambda _: 307
        scene.receiver.headers["Location"] = elsewhere.url
        scene.book(1)
        assert scene.turn() == "failed"
        assert elsewhere.received == []
    assert "webhook_redirects" in (scene.consumer().failure or "")


def test_a_revoked_webhook_gets_nothing(scene: Scene) -> None:
    consumers.revoke(scene.services.engine, "hook")
    scene.book(1)
    assert scene.turn() == "idle"
    assert scene.receiver.received == []


def test_what_happened_before_it_was_added_is_not_delivered_unless_asked(scene: Scene) -> None:
    scene.book(1)
    add = scene.services.consumers.add
    add(WantedConsumer("late", "webhook", scene.receiver.url), SYSTEM)
    add(WantedConsumer("all", "webhook", scene.receiver.url), SYSTEM, from_beginning=True)
    assert scene.turn(name="late") == "idle"
    assert scene.turn(name="all") == "delivered"


def wait_for(condition: object, seconds: float = 300.0) -> None:
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
