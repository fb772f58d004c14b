"""Takes captured files to the server, and asks until each is proven posted.

Every request may be repeated: the server knows a file by its hash, and a till forgets nothing on a lost reply.
"""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from malote import wire
from malote.backoff import Backoff, certain
from malote.config import TillSettings
from malote.till import lost_sales, missing_in_erp, server_limits
from malote.till.book_answers import TillWitness
from malote.till.books import OwnBooks
from malote.till.contact_report import TillSigns
from malote.till.folder_counts import FolderSight
from malote.till.loads import loads_database, server_time
from malote.till.orders.dispatching import Orders
from malote.till.orders.handling import Handler, Means
from malote.till.orders.registry import HANDLERS
from malote.till.outbox import LONGEST_HOLD_SECONDS, Outbox
from malote.till.outbox_records import StoredFile
from malote.till.receipts import answers
from malote.till.server_client import ServerClient, ServerError
from malote.till.server_line import ServerLine
from malote.till.storage import OutboxDamagedError, OutboxError
from malote.till.trouble_notices import Voice

# The question's pace: quick after something moved, then slower with every quiet answer, up to twelve polls.
QUICK_SECONDS = 0.1
SLOWEST_POLLS = 12
# Between questions whether the server has what was lost here.
LOST_SECONDS = 60.0
# How often a server must fail at a pouch before the pouch is suspected.
SUSPECT_AFTER = 3


class Courier:
    """Belongs to its outbox's thread. ``ask_for_rescan`` is called when the capture should look at everything again."""

    def __init__(
        self,
        outbox: Outbox,
        server: ServerClient,
        settings: TillSettings,
        voice: Voice,
        *,
        ask_for_rescan: Callable[[], None],
        signs: TillSigns | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        dice: Callable[[], float] = random.random,
        handlers: Sequence[type[Handler]] = HANDLERS,
    ) -> None:
        self._outbox = outbox
        self._server = server
        self._settings = settings
        self._voice = voice
        self._signs = signs or TillSigns(voice, FolderSight(), now)
        self._books = OwnBooks(outbox)
        self._witness = TillWitness(outbox)
        means = Means(outbox, server, voice, ask_for_rescan, now)
        self.orders = Orders(means, server.till, monotonic, handlers)
        self._ask_for_rescan = ask_for_rescan
        self._monotonic = monotonic
        self._now = now
        self._backoff = Backoff(settings.retry_first_seconds, settings.retry_longest_seconds, dice)
        self._taken = server_limits.known(outbox)
        self._limit = self._most_files
        self._failures_of_pouch = 0
        self._blocked_until = self._contact_due = self._ask_due = self._held_due = self._lost_due = monotonic()
        self._orders_due = monotonic()
        self._asking = Backoff(self._quick, settings.poll_seconds * SLOWEST_POLLS, certain)
        self._request = ""  # the one under way, or the last
        self._failing = ""  # the one that ``error`` is about
        self.error: ServerError | None = None  # what goes on between till and server; None when all is well
        self.last_answer: float | None = None  # by the monotonic clock

    @property
    def _quick(self) -> float:
        return min(QUICK_SECONDS, self._settings.poll_seconds)

    @property
    def _most_files(self) -> int:
        return min(self._taken.files, self._settings.pouch_documents)

    def step(self) -> float:
        """Does what is due, at most one request of each kind, and returns the seconds until something is.

        Raises ``OutboxError``; what the server had answered is then asked for again.
        """
        if self._monotonic() < self._blocked_until:
            return self._blocked_until - self._monotonic()
        try:
            self._alone(self._contact_if_due)
            self._alone(self._obey_if_due)
            sent = self._send()
            self._alone(self._ask_if_due)
            self._alone(self._ask_for_lost_if_due)
            sent = sent or self._send_held()
        except ServerError as error:
            self._failed(error)
            return max(0.0, self._blocked_until - self._monotonic())
        due = min(self._contact_due, self._ask_due, self._held_due, *([self._orders_due] if self.orders.busy else []))
        return 0.0 if sent else max(0.0, due - self._monotonic())

    def _alone(self, request: Callable[[], None]) -> None:
        """That the server can't answer this request must not hold back the sales."""
        try:
            request()
        except ServerError as error:
            if error.kind not in ("content", "failed"):
                raise
            self._voice.trouble(self._request, error.code, **error.facts)
        else:
            self._voice.over(self._request)

    # ---- sending ----

    def _send(self) -> bool:
        files, size = self._most_files, min(self._taken.bytes, self._settings.pouch_bytes)
        pick = self._outbox.next_pouch(min(self._limit, files), size)
        self._mind_damage(pick.damaged)
        if not pick.files:
            return pick.damaged > 0
        try:
            self._deliver(pick.files)
        except ServerError as error:
            if not self._suspect(error, pick.files):
                raise
            return True
        self._limit = min(self._limit * 2, files)
        return True

    def _send_held(self) -> bool:
        """Tries one file that was held, alone, so that it can hold back no other."""
        if self._monotonic() < self._held_due:
            return False
        pick = self._outbox.next_held(self._now())
        self._mind_damage(pick.damaged)
        if not pick.files:
            self._held_due = self._monotonic() + self._settings.poll_seconds
            return False
        try:
            self._deliver(pick.files)
        except ServerError as error:
            if error.kind in ("busy", "shut"):
                raise
            self._hold(pick.files[0], error)
            self._spare(error)
        return True

    def _deliver(self, files: list[StoredFile]) -> None:
        """Sends one pouch and applies its receipts. A file without a receipt is sent again."""
        self._request = "pouch"
        reply = self._server.send([wire.PouchFile(file.name, file.sha256, file.content) for file in files])
        sent = {file.sha256 for file in files}
        if not self._outbox.record(answers(reply.receipts, sent), self._now()):
            raise ServerError("failed", "server_failed", "no receipt for any file of the pouch")
        self._answered()
        self._failures_of_pouch = 0
        self._asking.reset()
        self._ask_due = min(self._ask_due, self._monotonic() + self._quick)

    def _suspect(self, error: ServerError, files: list[StoredFile]) -> bool:
        """Whether the fault lies in the pouch; it is then halved, and a file that is alone in it is held.

        That the server gives signs of life and yet fails at this pouch again and again is taken for a fault of it too.
        """
        if error.kind in ("failed", "unreachable"):
            self._failures_of_pouch += 1
        if error.kind != "content" and self._failures_of_pouch < SUSPECT_AFTER:
            return False
        self._failures_of_pouch = 0
        if len(files) > 1:
            self._limit = max(1, len(files) // 2)
        else:
            self._hold(files[0], error)
            self._voice.happened(error.code, name=files[0].name, **error.facts)
        self._spare(error)
        return True

    def _hold(self, file: StoredFile, error: ServerError) -> None:
        wait = LONGEST_HOLD_SECONDS if error.kind == "content" else self._settings.retry_longest_seconds
        self._outbox.hold(file.id, error.code, error.detail, self._now() + min(wait, LONGEST_HOLD_SECONDS))

    def _spare(self, error: ServerError) -> None:
        """A server in trouble must not be hurried."""
        if error.kind != "content":
            self._blocked_until = self._monotonic() + self._backoff.next(error.retry_after)

    def _mind_damage(self, damaged: int) -> None:
        if damaged:
            self._voice.happened("content_damaged", count=str(damaged))
            self._ask_for_rescan()

    # ---- asking ----

    def _ask_if_due(self) -> None:
        if self._monotonic() < self._ask_due:
            return
        self._ask_due = self._monotonic() + self._asking.next()
        hashes = self._outbox.to_ask(wire.MAX_QUERY)
        if not hashes:
            return
        self._request = "receipts"
        reply = self._server.receipts(hashes, self._outbox.holding(hashes))
        self._answered()
        changed = self._outbox.record(answers(reply.receipts, set(hashes)), self._now(), hashes)
        if changed * 2 >= len(hashes):
            self._asking.reset()
            self._ask_due = self._monotonic()
        elif changed:
            self._asking.reset()
            self._ask_due = self._monotonic() + self._quick

    def _ask_for_lost_if_due(self) -> None:
        """Of what can't be brought back here the server may have had a copy before."""
        if self._monotonic() < self._lost_due:
            return
        self._lost_due = self._monotonic() + LOST_SECONDS
        hashes = lost_sales.to_ask(self._outbox)
        if not hashes:
            return
        self._request = "receipts"
        told = answers(self._server.receipts(hashes).receipts, set(hashes))
        self._answered()
        known = [answer for answer in told if answer.state != "unknown"]
        lost_sales.found_again(self._outbox, [answer.sha256 for answer in known])
        self._outbox.record(known, self._now())

    # ---- keeping in touch ----

    def contact_soon(self) -> None:
        """The server has news: the next step begins with a contact."""
        self._contact_due = self._monotonic()

    def part(self) -> None:
        """Tells the server how it stands at the end, so that nobody there goes by what was so before. Raises
        ``OutboxError``."""
        if self.error is None:
            self.contact_soon()
            with suppress(ServerError):  # it was said as well as could be, and nothing hangs on it
                self._contact_if_due()

    def _contact_if_due(self) -> None:
        if self._monotonic() < self._contact_due:
            return
        self._contact_due = self._monotonic() + self._settings.poll_seconds
        days = self._books.to_tell()
        contact = self._signs.of(self._outbox, self.orders.said(), days, self._witness.told())
        self._request = "contact"
        reply = self._server.contact(contact)
        self._answered()
        try:
            self._heed(reply)
        except OutboxDamagedError:
            raise
        except OutboxError as error:
            # The server knows how it stands all the same, which is what a full disk can't be told.
            self._voice.trouble("contact noted", error.code, **error.facts)
        else:
            self._voice.over("contact noted")

    def _heed(self, reply: wire.ContactReply) -> None:
        self._note(reply)
        loads = loads_database.path_beside(self._outbox.path)
        server_time.hear(loads, reply.skew_seconds, self._now(), self._outbox.disk)
        missing_in_erp.remember(self._outbox, reply)
        self._heed_limits(reply.limits)
        if self.orders.heed(reply):
            self._orders_due = self._monotonic()
            self._contact_due = self._monotonic() + self._quick
        # Both, whatever the first of them says.
        if self._books.heed(reply) | self._witness.heed(reply):
            self._contact_due = self._monotonic() + self._quick

    def _heed_limits(self, said: wire.PouchLimits | None) -> None:
        server_limits.remember(self._outbox, said)
        before, self._taken = self._taken, server_limits.known(self._outbox)
        if self._taken != before:
            self._limit = self._most_files
            # What was too large may be small enough now.
            self._ask_for_rescan()

    def _obey_if_due(self) -> None:
        """One step of each order: sales are sent between two of them."""
        if not self.orders.busy or self._monotonic() < self._orders_due:
            return
        self._request = "orders"
        # What fails for now must not be tried without a pause, nor hold back the sales.
        self._orders_due = self._monotonic() + self._settings.poll_seconds
        try:
            if self.orders.step():
                self._contact_due = self._monotonic() + self._quick
        except ServerError as error:
            self._orders_due += min(error.retry_after or 0.0, LONGEST_HOLD_SECONDS)
            raise
        except OutboxDamagedError:
            raise
        except OutboxError as error:
            self._voice.trouble("orders carried out", error.code, **error.facts)
        else:
            self._orders_due = self._monotonic()
            self._voice.over("orders carried out")
            if self._failing == self._request:
                self._answered()

    def _answered(self) -> None:
        self.last_answer = self._monotonic()
        # That the server gives a sign of life does not mean that it takes pouches again.
        if self.error is None or self.error.kind in ("unreachable", "shut") or self._request == self._failing:
            self.error = None
            self._voice.over("server")
            if not self._failures_of_pouch or self._request == "pouch":
                self._backoff.reset()

    def _failed(self, error: ServerError) -> None:
        """Whatever it was, nothing is lost: the same is tried again after a while."""
        if error.kind == "shut":
            wait = max(self._backoff.slow(), min(error.retry_after or 0.0, LONGEST_HOLD_SECONDS))
        else:
            wait = self._backoff.next(error.retry_after)
        self.error, self._failing = error, self._request
        self._blocked_until = self._monotonic() + wait
        # A sign of life is tried before the pouch is again: it is cheap, and tells whose fault it was.
        self._contact_due = self._monotonic()
        if self._request == "contact":
            self._failures_of_pouch = 0
        self._voice.trouble("server", error.code, **error.facts)
        self._note(None)

    def _note(self, reply: wire.ContactReply | None) -> None:
        code, detail = (self.error.code, self.error.detail[:500]) if self.error else (None, None)
        reachable = self.error is None or self.error.kind != "unreachable"
        named = (reply.till, reply.server_version, reply.skew_seconds) if reply else ()
        self._outbox.note("line", ServerLine(self._settings.server, reachable, self._now(), code, detail, *named))
