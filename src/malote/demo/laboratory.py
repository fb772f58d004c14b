"""Plants troubles in a running demo, those of ``laboratory_faults``, and puts right what only the store or the DBA can.

Whatever the procedure itself cures has no recovery here: it is pressed.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from itertools import cycle
from pathlib import Path, PurePosixPath
from random import Random
from typing import Protocol

import msgspec
from sqlalchemy import Engine, update

from malote import durable
from malote import log as logs
from malote.database.book_tables import number_gap
from malote.database.engine import open_database, writing
from malote.database.errors import StoreError
from malote.demo import ailments, baskets, events, notes
from malote.demo.bench import Bench, DemoOrder
from malote.demo.check_faults import sell_refused
from malote.demo.erp_books import REFUSED_METHODS, REFUSED_PREFIX
from malote.demo.erp_troubles import ErpTroubles
from malote.demo.ledger import OutgoingFile
from malote.demo.pos import Pos, now
from malote.demo.processes import Crew
from malote.demo.store import Store
from malote.findings.kinds import USUAL_SECONDS
from malote.schema import till_update
from malote.tills.till import disable, enable, new_token

log = logs.get_logger("malote.demo")

_OFFLINE = 9  # tpEmis
_AGEING_SECONDS = 120.0


class Seller(Protocol):
    """A till that sells; what is asked of its POS is done between two sales."""

    pos: Pos

    def ask(self, deed: Callable[[Pos], object]) -> None: ...


class Laboratory:
    """For one thread."""

    def __init__(self, store: Store, crew: Crew, erp_url: str, sellers: Sequence[Seller]) -> None:
        self._store, self._crew, self._sellers = store, crew, sellers
        self.bench = Bench(store.home / "laboratorio")
        self.bench.clear()
        self._erp = ErpTroubles(erp_url, store.home)
        self._kept: dict[Path, bytes] = {}
        self._ageing_until = 0.0
        self._foreign: list[OutgoingFile] = []
        self._products = "@"  # the last character of the newest one's code
        self._methods = cycle(REFUSED_METHODS)
        self._right_notes: list[OutgoingFile] = []
        self._plants = self._all_plants()
        self._recoveries = self._all_recoveries()

    def close(self) -> None:
        self._erp.release()

    def poll(self) -> list[DemoOrder]:
        """Carries out what was asked; what was done. One that fails is told in the log, and asked no more."""
        if time.monotonic() < self._ageing_until:
            with suppress(StoreError):  # at the next look, then
                self._age_gaps()
        done = []
        for order in list(self.bench.orders()):
            self.bench.done(order)
            act = (self._plants if order.plant else self._recoveries).get(order.name, _nothing)
            try:
                act()
            except Exception as error:  # noqa: BLE001 - a demo goes on, whatever a planted trouble met
                log.warning("fault_not_planted", fault=order.name, error=type(error).__qualname__)
                continue
            done.append(order)
        return done

    # ---- how each is planted, and put right ----

    def _all_plants(self) -> dict[str, Callable[[], object]]:
        one, two = self._sellers[0], self._sellers[1]
        return {
            "reject": lambda: one.ask(self._refused_product),
            "payment-unknown": lambda: one.ask(self._refused_method),
            "wrong-sum": lambda: two.ask(self._wrong_sum),
            "divergent-key": lambda: two.ask(_divergent),
            "fragment": lambda: two.ask(self._fragment),
            "structure-erp": self._erp.drop_column,
            "structure-store": self._drop_index,
            "structure-till": self._old_outbox,
            "lock-idle": self._erp.hold,
            "lock-active": self._erp.work,
            "lock-chain": self._erp.chain,
            "lock-prepared": self._erp.prepare_and_leave,
            "erp-away": self._erp.stop,
            "erp-restored": self._erp.lose_newest,
            "password-changed": self._erp.refuse_logins,
            "partition-missing": self._erp.refuse_all,
            "till-offline": lambda: self._crew.halt("caixa2"),
            "agent-killed": lambda: self._crew.halt("caixa3", kill=True),
            "wrong-folder": self._wrong_folder,
            "token-revoked": lambda: self._with_store(lambda engine: new_token(engine, "caixa2")),
            "disk-full-till": lambda: self._ailing("disk-full"),
            "clock-wrong": lambda: self._ailing("clock-ahead"),
            "till-disabled": lambda: self._with_store(lambda engine: disable(engine, "caixa3")),
            "poster-killed": lambda: self._crew.halt("poster", kill=True),
            "gap": lambda: one.ask(self._gap),
            "void-conflict": lambda: one.ask(_void_conflict),
            "unauthorised-offline": lambda: two.ask(_old_offline),
            "series-of-two": lambda: one.ask(self._foreign_series),
        }

    def _all_recoveries(self) -> dict[str, Callable[[], object]]:
        two = self._sellers[1]
        return {
            "wrong-sum": lambda: two.ask(lambda pos: pos.deliver(self._right_notes)),
            "fragment": lambda: two.ask(lambda pos: pos.deliver(self._right_notes)),
            "lock-idle": self._erp.release,
            "lock-active": self._erp.release,
            "lock-chain": self._erp.release,
            "lock-prepared": self._erp.roll_back_prepared,
            "erp-away": self._erp.start,
            "password-changed": self._erp.allow_logins,
            "partition-missing": self._erp.take_again,
            "till-offline": lambda: self._start("caixa2"),
            "agent-killed": lambda: self._start("caixa3"),
            "wrong-folder": self._right_folder,
            "token-revoked": self._new_token_told,
            "disk-full-till": self._agent_again,
            "clock-wrong": self._agent_again,
            "till-disabled": lambda: self._with_store(lambda engine: enable(engine, "caixa3")),
            "poster-killed": lambda: self._start("poster"),
            "series-of-two": self._where_it_belongs,
        }

    # ---- the store's own ----

    def _with_store(self, act: Callable[..., object]) -> None:
        engine = open_database(self._store.database_url)
        try:
            act(engine)
        finally:
            engine.dispose()

    def _drop_index(self) -> None:
        path = self._store.home / "store.sqlite3"
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("DROP INDEX document_flagged")
            connection.commit()

    # ---- processes and their settings ----

    def _start(self, name: str) -> None:
        self._crew.start(next(one for one in self._store.programs() if one.name == name))

    def _settings(self, till: int) -> Path:
        return self._store.till_home(self._store.tills[till]) / "malote.toml"

    def _changed(self, path: Path, old: bytes, new: bytes) -> None:
        content = path.read_bytes()
        self._kept.setdefault(path, content)
        durable.write(path, content.replace(old, new))

    def _wrong_folder(self) -> None:
        folder = str(self._store.tills[1].folder)
        self._crew.halt("caixa2")
        self._changed(self._settings(1), msgspec.json.encode(folder), msgspec.json.encode(f"{folder}-antiga"))
        self._start("caixa2")

    def _right_folder(self) -> None:
        self._crew.halt("caixa2")
        path = self._settings(1)
        durable.write(path, self._kept.pop(path, path.read_bytes()))
        self._start("caixa2")

    def _old_outbox(self) -> None:
        """As the version before left it, empty of what came since."""
        self._crew.halt("caixa3")
        with closing(sqlite3.connect(self._store.tills[2].outbox, timeout=30)) as connection:
            connection.execute("DELETE FROM fact WHERE name = ?", (till_update.MARK,))
            connection.execute("DROP TABLE IF EXISTS structure_change")
            connection.commit()
        self._start("caixa3")

    def _ailing(self, ailment: ailments.Ailment) -> None:
        """caixa2's agent works on, with a clock or a disk that is as planted."""
        self._crew.halt("caixa2")
        well = self._store.agent(self._store.tills[1])
        self._crew.start(msgspec.structs.replace(well, environment={ailments.VARIABLE: ailment}))

    def _agent_again(self) -> None:
        self._crew.halt("caixa2")
        self._start("caixa2")

    def _new_token_told(self) -> None:
        """Somebody at the store types the new token in."""
        told: list[str] = []
        self._with_store(lambda engine: told.append(new_token(engine, "caixa2")))
        path = self._settings(1)
        lines = path.read_text(encoding="utf-8").splitlines()
        fresh = [f'token = "{told[0]}"' if line.startswith("token = ") else line for line in lines]
        durable.write(path, ("\n".join(fresh) + "\n").encode())
        self._crew.halt("caixa2")
        self._start("caixa2")

    def _fragment(self, pos: Pos) -> None:
        """Half of a file, and no whole one, as when the power fails. The store would have it written anew."""
        note, (file, *_) = pos.prepare()
        pos.deliver([_file(note, "cortada", file.content[: len(file.content) // 2])])
        self._right_notes.append(_file(note, "inteira", file.content))

    def _gap(self, pos: Pos) -> None:
        """A sale whose file never comes, between two that do."""
        pos.sell_one()
        pos.prepare()
        pos.sell_one()
        self._ageing_until = time.monotonic() + _AGEING_SECONDS

    def _age_gaps(self) -> None:
        """As if they had been there for a while: a number that may be on its way isn't missing yet. Again and again,
        since the server may write down at the same moment what it read before."""
        young = number_gap.c.found_at > time.time() - USUAL_SECONDS
        older = {"found_at": number_gap.c.found_at - 2 * USUAL_SECONDS}

        def age(engine: Engine) -> None:
            with writing(engine) as connection:
                connection.execute(update(number_gap).where(young).values(older))

        self._with_store(age)

    def _refused_product(self, pos: Pos) -> None:
        """Each time another one, since a product that a person has mapped is refused no more."""
        self._products = chr(ord(self._products) + 1)
        sell_refused(pos, f"{REFUSED_PREFIX}{self._products}")

    def _refused_method(self, pos: Pos) -> None:
        """Each time another one, for the same reason."""
        basket = baskets.draw(Random("method"), payments=1)
        paid = sum(payment.amount for payment in basket.payments) - basket.change
        payments = (baskets.BasketPayment(next(self._methods), paid),)
        pos.sell_one(basket=msgspec.structs.replace(basket, payments=payments, change=0))

    def _wrong_sum(self, pos: Pos) -> None:
        """As a faulty POS writes it: the total is not that of the items. Its supplier would have it written anew."""
        note, (file, *_) = pos.prepare()
        total = f"<vNF>{notes.money(note.total)}</vNF>".encode()
        pos.deliver([OutgoingFile(file.name, file.content.replace(total, b"<vNF>9999.99</vNF>"))])
        self._right_notes.append(_file(note, "corrigida", file.content))

    def _foreign_series(self, pos: Pos) -> None:
        """A note that caixa1 sold, in caixa2's folder."""
        note, (file, *_) = pos.prepare()
        self._foreign = [_file(note, "outra-serie", file.content)]
        self._sellers[1].ask(lambda other: other.deliver(self._foreign))

    def _where_it_belongs(self) -> None:
        """The store finds the note at the till that sold it."""
        self._sellers[0].ask(lambda pos: pos.deliver(self._foreign))


def _nothing() -> None:
    pass


# ---- what a POS does ----


def _file(note: notes.DemoNote, word: str, content: bytes) -> OutgoingFile:
    return OutgoingFile(str(PurePosixPath(f"{note.issued_at:%Y-%m-%d}") / f"{note.access_key}-{word}.xml"), content)


def _divergent(pos: Pos) -> None:
    note = pos.sell_one()
    other = notes.compose(note.issuer, note.series, note.number, note.issued_at, baskets.draw(Random("divergent")))
    pos.deliver([_file(note, "divergente", other.authorised())])


def _void_conflict(pos: Pos) -> None:
    note = pos.sell_one()
    content = events.number_void(note.issuer, note.series, note.number, note.number, now())
    pos.deliver([_file(note, "inutilizada", content)])


def _old_offline(pos: Pos) -> None:
    """Sold offline days ago, and never authorised: the deadline is over."""
    number = pos.prepare()[0].number  # that of a sale whose own file is never written
    before = now() - timedelta(days=6)
    basket = baskets.draw(Random(f"offline:{number}"))
    note = notes.compose(pos.plan.issuer, pos.plan.series, number, before, basket, _OFFLINE)
    pos.deliver([_file(note, "offline", note.unauthorised())])
