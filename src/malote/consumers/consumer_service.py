"""Consumers as the faces use them: one object, wired by the composition root. Every method raises ``StoreError``."""

import threading
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Engine

from malote.accounts.audit import Actor
from malote.config import Settings
from malote.consumers import accounts as consumers
from malote.consumers import calling, holding, ledger, log, pulling, sending, signing
from malote.consumers.accounts import Consumer, ConsumerError, WantedConsumer
from malote.consumers.calling import Caller
from malote.consumers.delivering import Delivery
from malote.consumers.ledger import WebhookRefusal
from malote.consumers.lines import SaleTold, Telling
from malote.consumers.log import Got, SendingEntry
from malote.consumers.periods import Period, PeriodContent
from malote.consumers.pulling import Page
from malote.consumers.sending import Progress, SentAgain
from malote.consumers.webhooks import Webhooks
from malote.spool import feed, retention
from malote.spool.documents import Reason
from malote.spool.retention import Hold
from malote.spool.state_changes import decode_reason

Derive = Callable[[str], bytes]


class ConsumerState(msgspec.Struct, frozen=True):
    """A consumer and how it fares. ``behind``: changes it doesn't have yet; ``refused``: what it alone refused."""

    consumer: Consumer
    behind: int
    failure: Reason | None
    refused: int


class Consumers:
    """Safe for threads."""

    def __init__(self, engine: Engine, settings: Settings, derive: Derive) -> None:
        """``derive``: another secret from the server's own, by its purpose."""
        self.engine = engine
        self._settings = settings
        self._derive = derive

    def add(self, wanted: WantedConsumer, actor: Actor, *, from_beginning: bool = False) -> tuple[Consumer, str]:
        """A new consumer and its token or secret, told only now; by itself it gets what happens from now on.

        Raises ``ConsumerError``, and ``CallError`` for an address that can't be a webhook's.
        """
        if wanted.kind == "webhook":
            calling.check_address(wanted.address, private=self._settings.consumers.private_addresses)
        made, token = consumers.add(self.engine, wanted, actor=actor)
        if not from_beginning and wanted.kind != "pull":
            log.skip_to(self.engine, made.id, self.number_all())
        return consumers.find(self.engine, made.name), token or self._shown_secret(made)

    def renew(self, name: str, actor: Actor) -> tuple[Consumer, str]:
        """A new token or secret; the old one is worth nothing any more. Raises ``ConsumerError``."""
        renewed, token = consumers.renew(self.engine, name, actor=actor)
        return renewed, token or self._shown_secret(renewed)

    def listed(self) -> list[Consumer]:
        """All consumers by name, revoked ones too."""
        return consumers.listed(self.engine)

    def seen(self) -> list[ConsumerState]:
        """All consumers by name, and how each fares."""
        end = self.end()
        return [self._seen(one, end) for one in self.listed()]

    def _seen(self, one: Consumer, end: int) -> ConsumerState:
        behind = max(end - one.got, 0) if one.kind != "folder" else 0
        return ConsumerState(one, behind, self.failure_of(one), len(self.refusals(one)))

    def failure_of(self, consumer: Consumer) -> Reason | None:
        """Why a webhook doesn't take anything now; None while it does."""
        return decode_reason(consumer.failure) if consumer.failing_since is not None else None

    def refusals(self, consumer: Consumer) -> list[WebhookRefusal]:
        """What it alone refused, and hasn't taken since."""
        return ledger.all_refusals(self.engine, consumer.id)

    def retry(self, consumer: Consumer, actor: Actor, now: float) -> int:
        """Tries everything at once that waits for a later time. How many refused ones."""
        return ledger.retry_now(self.engine, consumer, actor, now)

    def log_of(self, consumer: Consumer, *, limit: int, access_key: str | None = None) -> list[SendingEntry]:
        """What it got, the newest first; only what is about one key, where one is given."""
        if access_key is None:
            return log.entries(self.engine, consumer.id, limit=limit)
        found = {
            entry.id: entry
            for number in feed.numbers_of(self.engine, access_key)
            for entry in log.entries(self.engine, consumer.id, limit=limit, number=number)
        }
        return sorted(found.values(), key=lambda one: -one.id)[:limit]

    def end(self) -> int:
        """How many changes there are, those without a number too."""
        return feed.end(self.engine)

    def number_all(self) -> int:
        """The number of the newest change, once everything has one."""
        before = -1
        while (found := feed.number(self.engine)) != before:
            before = found
        return found

    def telling(self, consumer: Consumer) -> Telling:
        """How this one is told."""
        return Telling(self._settings.language, consumer.personal)

    def pull(self, consumer: Consumer, cursor: str, limit: int) -> Page:
        """The next page, once it is noted that the consumer has what came before. Raises ``CursorError``."""
        page = pulling.page(self.engine, self.telling(consumer), cursor, limit)
        got = Got("pulled", page.count, page.first, page.last) if page.count else None
        if got or page.asked_after > consumer.got:
            log.note_pull(self.engine, consumer.id, page.asked_after, got, time.time())
        return page

    def find_sale(self, consumer: Consumer, access_key: str) -> SaleTold | None:
        """None where nothing of the key is here."""
        return pulling.sale(self.engine, self.telling(consumer), access_key)

    def send_again(
        self, consumer: Consumer, period: Period, found: PeriodContent, told: Progress, actor: Actor
    ) -> SentAgain:
        """Sends what was found of a period.

        Raises ``ConsumerError`` for one that pulls or was revoked, ``CallError`` where a webhook takes no more,
        ``OSError`` where a folder can't be written.
        """
        if consumer.kind == "pull" or consumer.revoked_at is not None:
            raise ConsumerError("consumer_not_sent_to", consumer.name)
        order = sending.open_order(self.engine, consumer, period, actor, time.time())
        if consumer.kind == "folder":
            return sending.to_folder(self.engine, consumer, self.telling(consumer), order, found, told)
        caller = self.caller()
        try:
            return sending.to_webhook(self.delivery(consumer, caller), order, found, told)
        finally:
            caller.close()

    def hold(self, before: float) -> Hold | None:
        """What content is kept for consumers beyond ``before``; None where none of them lags."""
        return holding.hold(self.engine, before - self._settings.consumers.hold_days * 86400)

    def held_back(self, now: float) -> int:
        """How many pouches are kept beyond their retention, since somebody lacks something of them; ten thousand at
        most are counted."""
        before = now - self._settings.retention.posted_days * 86400
        held = self.hold(before)
        return retention.held_back(self.engine, before, held) if held else 0

    def secret_of(self, consumer: Consumer) -> bytes:
        """What its deliveries are signed with now."""
        return self._derive(f"webhook {consumer.id} {consumer.secret_number} {consumer.created_at!r}")

    def caller(self) -> Caller:
        """For one webhook, in one thread; close it."""
        return Caller(private=self._settings.consumers.private_addresses)

    def delivery(self, consumer: Consumer, caller: Caller) -> Delivery:
        """To a webhook, as it is now."""
        longest = self._settings.consumers.retry_longest_seconds
        telling, secret = self.telling(consumer), self.secret_of(consumer)
        return Delivery(self.engine, consumer, telling, secret, caller.post, longest)

    def deliver(self, stop: threading.Event) -> None:
        """To all webhooks, until told to stop."""
        private = self._settings.consumers.private_addresses
        Webhooks(self.engine, self.delivery, private=private).run(stop)

    def _shown_secret(self, consumer: Consumer) -> str:
        return signing.written(self.secret_of(consumer)) if consumer.kind == "webhook" else ""
