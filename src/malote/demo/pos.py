"""A simulated till: sells, writes each document into its folder as a POS does, and keeps its own ledger."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Literal

import msgspec

from malote.demo import baskets, events, notes
from malote.demo.baskets import Basket
from malote.demo.issuers import Issuer
from malote.demo.ledger import DemoLedger, DemoLedgerEntry, OutgoingFile, SoldSale, Status
from malote.demo.notes import DemoNote
from malote.demo.phrases import Phrase

# So many sales share one sync of the ledger when they come in a burst.
BURST = 50
_SLOW_PIECE = 1500  # bytes


class TillPlan(msgspec.Struct, frozen=True):
    """Who a till is. ``seed`` fixes what it sells: the same seed and numbers give the same baskets."""

    name: str
    issuer: Issuer
    series: int
    seed: int


class Habits(msgspec.Struct, frozen=True):
    """How often, of one sale, something other than an authorised sale happens."""

    contingency: float = 0.03  # sold offline, authorised some sales later
    late: float = 0.02  # written before its authorisation, authorised with the next sales
    cancellation: float = 0.01
    void: float = 0.003  # a number is skipped and voided


PLAIN = Habits(0, 0, 0, 0)


class Deed(msgspec.Struct, frozen=True):
    """What the till still owes a sale, once it has reached the number ``due``."""

    due: int
    what: Literal["authorise", "cancel"]
    note: DemoNote


def now() -> datetime:
    return datetime.now(notes.SAO_PAULO).replace(microsecond=0)


class Pos:
    """Serves one thread at a time. Figures may be read from others."""

    def __init__(
        self,
        plan: TillPlan,
        folder: Path,
        ledger: Path,
        *,
        habits: Habits = PLAIN,
        slow: bool = False,
        clock: Callable[[], datetime] = now,
        tell: Callable[[Phrase, int], None] = lambda phrase, number: None,
        prices: Callable[[], Mapping[str, int]] = lambda: baskets.NO_PRICES,
    ) -> None:
        """``slow`` writes files piece by piece under their final name, as some POSes do.

        ``tell`` hears of everything but plain sales, with the number of the note. ``prices``: those of now, in cents by
        product code, where they aren't the catalogue's.
        """
        self.plan = plan
        self.folder = folder
        self.ledger = DemoLedger(ledger)
        self.sold = 0
        self.amount = 0  # cents
        self._habits = habits
        self._slow = slow
        self._clock = clock
        self._tell = tell
        self._prices = prices
        self._number = self.ledger.next_number()
        self._owed = [Deed(0, "authorise", self.recall(sale)) for sale in self.ledger.sales() if _open(sale)]
        self._resume()

    def sell(self, count: int = 1) -> list[DemoNote]:
        """So many sales by the till's habits, durable and written when this returns."""
        sold: list[DemoNote] = []
        while len(sold) < count:
            entry = DemoLedgerEntry()
            for _ in range(min(BURST, count - len(sold))):
                sold.append(self._serve(entry))
            self._carry_out(entry)
        return sold

    def sell_one(
        self, *, emission: int = notes.NORMAL, authorised: bool = True, basket: Basket | None = None
    ) -> DemoNote:
        """One sale of a certain kind, whatever the habits; of this ``basket`` or any."""
        entry = DemoLedgerEntry()
        note = self._compose(self._take_number(), emission, basket)
        self._sold(entry, note, authorised)
        self._carry_out(entry)
        return note

    def authorise(self, note: DemoNote) -> OutgoingFile:
        """Writes the authorised version of a note that was written before."""
        entry = DemoLedgerEntry()
        self._authorise(entry, note)
        self._carry_out(entry)
        return entry.files[0]

    def cancel(self, note: DemoNote) -> OutgoingFile:
        """Cancels a sold note; returns the event that was written."""
        entry = DemoLedgerEntry()
        self._cancel(entry, note)
        self._carry_out(entry)
        return entry.files[0]

    def prepare(self, *, cancelled: bool = False) -> tuple[DemoNote, list[OutgoingFile]]:
        """Sells one sale whose files are not written yet, but handed to the caller, in the order sale, cancellation.

        For trying out what happens when they come late or in another order: ``deliver`` writes them.
        """
        entry = DemoLedgerEntry()
        note = self._compose(self._take_number(), notes.NORMAL)
        self._sold(entry, note, authorised=True)
        if cancelled:
            self._cancel(entry, note)
        files, entry.files = entry.files, []
        self.ledger.record(entry)
        return note, files

    def deliver(self, files: Iterable[OutgoingFile]) -> None:
        """Puts files into the till's folder that no ledger needs to know of."""
        for file in files:
            self._write(file)

    def void(self, count: int = 1) -> OutgoingFile:
        """Skips so many numbers and voids them; returns the document that was written."""
        entry = DemoLedgerEntry()
        self._void(entry, count)
        self._carry_out(entry)
        return entry.files[0]

    def settle(self) -> int:
        """Pays what is owed: authorises what was sold without, cancels what was to be cancelled. How many files."""
        entry = DemoLedgerEntry()
        self._pay(entry, every=True)
        self._carry_out(entry)
        return len(entry.files)

    def recall(self, sale: SoldSale) -> DemoNote:
        """Composes a sold note again, byte for byte."""
        basket = baskets.draw(self._dice(sale.number), prices=sale.prices)
        return notes.compose(self.plan.issuer, self.plan.series, sale.number, sale.issued_at, basket, sale.emission)

    def close(self) -> None:
        self.ledger.close()

    def _serve(self, entry: DemoLedgerEntry) -> DemoNote:
        self._pay(entry)
        # Other dice than the basket's, so that a sold basket can be drawn again.
        dice = Random(f"habits:{self.plan.seed}:{self.plan.name}:{self._number}")
        if dice.random() < self._habits.void:
            self._void(entry, 1)
        offline = dice.random() < self._habits.contingency
        late = not offline and dice.random() < self._habits.late
        note = self._compose(self._take_number(), notes.CONTINGENCY if offline else notes.NORMAL)
        self._sold(entry, note, authorised=not (offline or late))
        if offline or late:
            self._owed.append(Deed(note.number + dice.randint(2, 30 if offline else 5), "authorise", note))
        elif dice.random() < self._habits.cancellation:
            self._owed.append(Deed(note.number + dice.randint(1, 4), "cancel", note))
        return note

    def _dice(self, number: int) -> Random:
        return Random(f"{self.plan.seed}:{self.plan.name}:{number}")

    def _take_number(self) -> int:
        number = self._number
        self._number += 1
        return number

    def _compose(self, number: int, emission: int, basket: Basket | None = None) -> DemoNote:
        chosen = basket or baskets.draw(self._dice(number), prices=self._prices())
        return notes.compose(self.plan.issuer, self.plan.series, number, self._clock(), chosen, emission)

    def _sold(self, entry: DemoLedgerEntry, note: DemoNote, authorised: bool) -> None:
        offline = note.emission == notes.CONTINGENCY
        status: Status = "contingency" if offline else "authorised" if authorised else "unauthorised"
        entry.sold.append((note, status))
        if status == "authorised":
            entry.files.append(_file(note, "procNFe", note.authorised()))
        else:
            entry.files.append(_file(note, "nfe", note.unauthorised()))
            self._tell(Phrase.SOLD_OFFLINE if offline else Phrase.SOLD_LATE, note.number)

    def _authorise(self, entry: DemoLedgerEntry, note: DemoNote) -> None:
        entry.changed.append((note.access_key, "authorised"))
        entry.files.append(_file(note, "procNFe", note.authorised()))

    def _cancel(self, entry: DemoLedgerEntry, note: DemoNote) -> None:
        entry.changed.append((note.access_key, "cancelled"))
        event = events.cancellation(note.issuer, note.access_key, note.issued_at, self._clock())
        entry.files.append(_file(note, "110111-procEventoNFe", event))
        self._tell(Phrase.CANCELLED, note.number)

    def _void(self, entry: DemoLedgerEntry, count: int) -> None:
        first, last = self._number, self._number + count - 1
        self._number += count
        at = self._clock()
        entry.voided.append((first, last))
        content = events.number_void(self.plan.issuer, self.plan.series, first, last, at)
        name = f"{at:%Y-%m-%d}/{self.plan.issuer.cnpj}-{self.plan.series:03d}-{first:09d}-{last:09d}-procInutNFe.xml"
        entry.files.append(OutgoingFile(name, content))
        self._tell(Phrase.VOIDED, first)

    def _pay(self, entry: DemoLedgerEntry, *, every: bool = False) -> None:
        due = [deed for deed in self._owed if every or deed.due <= self._number]
        for deed in due:
            self._owed.remove(deed)
            if deed.what == "authorise":
                self._authorise(entry, deed.note)
            else:
                self._cancel(entry, deed.note)

    def _carry_out(self, entry: DemoLedgerEntry) -> None:
        identifiers = self.ledger.record(entry)
        self.deliver(entry.files)
        self.ledger.written(identifiers)
        self.sold += len(entry.sold)
        self.amount += sum(note.total for note, _ in entry.sold)

    def _resume(self) -> None:
        for sale in self.ledger.sales():
            self.sold += 1
            self.amount += sale.total
        unwritten = self.ledger.unwritten()
        self.deliver(file for _, file in unwritten)
        self.ledger.written([identifier for identifier, _ in unwritten])

    def _write(self, file: OutgoingFile) -> None:
        path = self.folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._slow:
            _write_in_pieces(path, file.content)
            return
        aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        aside.write_bytes(file.content)
        aside.replace(path)


def _open(sale: SoldSale) -> bool:
    return sale.status in ("unauthorised", "contingency")


def _file(note: DemoNote, suffix: str, content: bytes) -> OutgoingFile:
    return OutgoingFile(f"{note.issued_at:%Y-%m-%d}/{note.access_key}-{suffix}.xml", content)


def _write_in_pieces(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        for start in range(0, len(content), _SLOW_PIECE):
            file.write(content[start : start + _SLOW_PIECE])
            file.flush()
            time.sleep(0.02)
