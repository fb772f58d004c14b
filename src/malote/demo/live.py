"""``malote demo``: tills that sell until Ctrl-C, and a view of their sales on the way to the ERP."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from queue import SimpleQueue
from random import Random

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError

from malote.demo import evidence, laboratory_faults, loaded_prices, price_list
from malote.demo.check_faults import cut_short, sell_refused
from malote.demo.erp_books import ErpBooks, ErpTotals
from malote.demo.evidence import StoreEvidence, TillPlace
from malote.demo.laboratory import Laboratory
from malote.demo.notes import money
from malote.demo.phrases import Phrase, figure
from malote.demo.pos import Habits, Pos
from malote.demo.processes import Crew
from malote.demo.store import Store

_LOOK_SECONDS = 0.5
_SETTLE_SECONDS = 5.0
_LINE_SECONDS = 5.0  # between lines where there is no terminal
_EVENTS = 8
_PRICES_SECONDS = 60.0  # between two times that the ERP's prices change by themselves
_PRICES = 3


def _nothing(_: Pos) -> None:
    pass


# Something for a newcomer to mend.
_OPENINGS: dict[str, Callable[[Pos], object]] = {"caixa1": cut_short, "caixa2": sell_refused}


class Selling:
    """One till that sells in a thread of its own, ``rate`` sales a minute on average.

    ``opening`` comes before the very first sale.
    """

    def __init__(
        self, store: Store, place: TillPlace, rate: float, events: "deque[str]", opening: Callable[[Pos], object]
    ) -> None:
        self.place = place
        self._rate = rate
        self._events = events
        self._language = store.language
        self._over = threading.Event()
        self._asked: SimpleQueue[Callable[[Pos], object]] = SimpleQueue()
        self.failure: Exception | None = None
        prices = loaded_prices.beside(place.outbox)
        self.pos = Pos(place.plan, place.folder, place.ledger, habits=Habits(), tell=self._tell, prices=prices)
        if self.pos.sold == 0:
            opening(self.pos)
        self._thread = threading.Thread(target=self._sell, name=place.plan.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def ask(self, deed: Callable[[Pos], object]) -> None:
        """Has it done between two sales, by the thread that sells."""
        self._asked.put(deed)

    def settle(self) -> int:
        """Pays what the till owes its sales; returns how many files that wrote."""
        return 0 if self.failure else self.pos.settle()

    def _sell(self) -> None:
        dice = Random()
        try:
            while not self._over.wait(dice.expovariate(self._rate / 60)):
                while not self._asked.empty():
                    self._asked.get()(self.pos)
                self.pos.sell()
        except (OSError, sqlite3.Error) as error:
            # The till stops; the view says so.
            self.failure = error

    def _tell(self, phrase: Phrase, number: int) -> None:
        said = phrase.say(self._language, till=self.place.plan.name, number=number)
        self._events.append(f"{datetime.now():%H:%M:%S} {said}")  # noqa: DTZ005 the wall clock of who looks


class _PriceChanges:
    """Somebody at the ERP changes a few prices now and then."""

    def __init__(self, store: Store, url: str, events: "deque[str]") -> None:
        self._language = store.language
        self._url = url
        self._events = events
        self._dice = Random()
        self._next = time.monotonic() + _PRICES_SECONDS

    def look(self) -> None:
        """Raises ``SQLAlchemyError``."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PRICES_SECONDS
        change = price_list.change(self._url, _PRICES, self._dice)
        self._events.append(Phrase.PRICES_CHANGED.say(self._language, count=len(change.prices)))


class TillFigures(msgspec.Struct, frozen=True):
    """A till's sales and documents on their way."""

    name: str
    sold: int
    amount: int
    captured: int
    posted: int
    pending: int
    waiting: int
    rejected: int
    failure: str


class DemoFigures(msgspec.Struct, frozen=True):
    tills: list[TillFigures]
    erp: ErpTotals


def sell(
    store: Store,
    crew: Crew,
    erp: ErpBooks,
    console: Console,
    *,
    minutes: float | None,
    rate: float,
    faults: Sequence[str] = (),
) -> None:
    """Sells until Ctrl-C (``KeyboardInterrupt``) or the time is over, and plants ``faults`` and what else is asked of
    the laboratory. Raises ``ProcessFailedError``."""
    events: deque[str] = deque(maxlen=_EVENTS)
    server = StoreEvidence(store.database_url)
    with ExitStack() as stack:
        stack.callback(server.close)
        tills: list[Selling] = []
        for place in store.tills:
            till = Selling(store, place, rate, events, _OPENINGS.get(place.plan.name, _nothing))
            stack.callback(till.pos.close)
            stack.callback(till.stop)
            tills.append(till)
        stack.callback(_let_settle, tills)
        laboratory = Laboratory(store, crew, erp.url, tills)
        stack.callback(laboratory.close)
        for name in faults:
            laboratory.bench.ask(name)
        changes = _PriceChanges(store, erp.url, events)
        until = time.monotonic() + minutes * 60 if minutes else float("inf")
        view = _Terminal if console.is_terminal else _Lines
        seen: DemoFigures | None = None
        with view(store, console, events) as shown:
            while time.monotonic() < until:
                for name in crew.restart_the_dead():
                    events.append(Phrase.RESTARTED.say(store.language, name=name))
                for order in laboratory.poll():
                    planted = Phrase.FAULT_PLANTED if order.plant else Phrase.FAULT_RECOVERED
                    events.append(
                        planted.say(store.language, fault=laboratory_faults.title(order.name, store.language))
                    )
                with suppress(SQLAlchemyError):  # an ERP that was switched off, say
                    seen = figures(tills, server, erp)
                    changes.look()
                if seen is not None:
                    shown.show(seen)
                time.sleep(_LOOK_SECONDS)


def _let_settle(tills: Sequence[Selling]) -> None:
    """Authorises what was sold without, and lets it reach the server: while the demo stands still, time doesn't."""
    for till in tills:
        till.stop()
    wanted = {till: _files(till) + written for till in tills if (written := till.settle())}
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline and any(_files(till) < count for till, count in wanted.items()):
        time.sleep(0.1)


def _files(till: Selling) -> int:
    """How many files of the till have reached the server."""
    states = evidence.outbox_states(till.place.outbox)
    return sum(states.values()) - states.get("captured", 0) - states.get("held", 0)


def figures(tills: Sequence[Selling], server: StoreEvidence, erp: ErpBooks) -> DemoFigures:
    """How everything stands now."""
    statuses = {status.till: status for status in server.status()}
    rows = []
    for till in tills:
        status = statuses[till.place.plan.name]
        states = evidence.outbox_states(till.place.outbox)
        rows.append(
            TillFigures(
                name=status.till,
                sold=till.pos.sold,
                amount=till.pos.amount,
                captured=sum(states.values()),
                posted=status.posted,
                pending=status.pending + states.get("captured", 0) + states.get("held", 0),
                waiting=status.waiting,
                rejected=status.rejected,
                failure=str(till.failure or ""),
            )
        )
    return DemoFigures(rows, erp.totals())


class _Terminal:
    """A table that is drawn again and again in one place."""

    def __init__(self, store: Store, console: Console, events: "deque[str]") -> None:
        self._store = store
        self._events = events
        self._live = Live(console=console, auto_refresh=False)

    def __enter__(self) -> "_Terminal":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, seen: DemoFigures) -> None:
        self._live.update(screen(seen, self._store, list(self._events)), refresh=True)


class _Lines:
    """A line every few seconds, where nobody looks at a terminal."""

    def __init__(self, store: Store, console: Console, events: "deque[str]") -> None:
        self._store = store
        self._console = console
        self._next = 0.0

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, seen: DemoFigures) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LINE_SECONDS
            self._console.print(line(seen, self._store), markup=False, highlight=False, soft_wrap=True)


def line(seen: DemoFigures, store: Store) -> str:
    """The figures in one line."""
    tills = [
        Phrase.SUM_OF_TILL.say(store.language, till=till.name, sold=till.sold, posted=till.posted)
        for till in seen.tills
    ]
    return f"{'; '.join(tills)}. {_of_erp(seen, store)}"


def screen(seen: DemoFigures, store: Store, events: list[str]) -> RenderableType:
    language = store.language
    table = Table()
    table.add_column(Phrase.TILL.say(language))
    for phrase in (
        Phrase.ROW_SALES,
        Phrase.AMOUNT,
        Phrase.ROW_FILES,
        Phrase.PENDING,
        Phrase.POSTED,
        Phrase.WAITING,
        Phrase.REJECTED,
    ):
        table.add_column(phrase.say(language), justify="right")
    for till in seen.tills:
        counts = (till.captured, till.pending, till.posted, till.waiting)
        rejected = Text(str(till.rejected), style="bold red" if till.rejected else "")
        name = Text(f"{till.name} {till.failure}".rstrip(), style="bold red" if till.failure else "")
        table.add_row(name, str(till.sold), figure(money(till.amount), language), *map(str, counts), rejected)
    happened = Text("\n".join(events), style="dim")
    return Group(table, Text(_of_erp(seen, store), style="bold"), happened, Text(Phrase.STOP_WITH.say(language)))


def _of_erp(seen: DemoFigures, store: Store) -> str:
    amount = figure(money(seen.erp.amount), store.language)
    return Phrase.SUM_OF_ERP.say(store.language, count=seen.erp.sales, amount=amount)
