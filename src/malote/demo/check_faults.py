"""The faults that the check plants, and where each of them must end."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from random import Random
from typing import Literal

import msgspec

from malote.demo import baskets, notes
from malote.demo.baskets import Basket
from malote.demo.erp_books import REFUSED_PRODUCT
from malote.demo.ledger import OutgoingFile
from malote.demo.notes import DemoNote
from malote.demo.phrases import Phrase
from malote.demo.pos import Pos
from malote.demo.proof import Planted, ServerDocument

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BY_THE_WHOLE_FILE = frozenset({"superseded"})


class Faults:
    """Plants in two rounds: what must be there first, then what must find it there."""

    def __init__(self, tills: Sequence[Pos]) -> None:
        """Needs two tills at least."""
        self.planted: list[Planted] = []
        self.refused: set[str] = set()
        self._first, self._other = tills[0], tills[-1]
        self._awaited: dict[tuple[str, str], str] = {}
        self._sold: dict[Phrase, DemoNote] = {}
        self._held_back: list[OutgoingFile] = []

    def plant_first(self) -> None:
        self._copy()
        self._poison()
        self._truncate()
        self._cancel_early()
        void = self._first.void(2)
        self._plant(Phrase.FAULT_VOID, self._first, void.content)
        for phrase in (Phrase.FAULT_REWRITTEN, Phrase.FAULT_DIVERGENT, Phrase.FAULT_CANCELLATION):
            self._sell(phrase, self._other, "posted")
        self._sell(Phrase.FAULT_CONTINGENCY, self._first, "posted", emission=notes.CONTINGENCY)
        self._sell(Phrase.FAULT_LATE, self._other, "waiting", authorised=False)

    def ready(self, documents: Iterable[ServerDocument]) -> bool:
        """Whether everything of the first round stands where the second round must find it."""
        found = {(each.till, each.sha256): each.state for each in documents}
        return all(found.get(place) == state for place, state in self._awaited.items())

    def plant_second(self) -> None:
        self._rewrite()
        self._diverge()
        cancellation = self._other.cancel(self._sold[Phrase.FAULT_CANCELLATION])
        self._plant(Phrase.FAULT_CANCELLATION, self._other, cancellation.content)
        for phrase, till in ((Phrase.FAULT_CONTINGENCY, self._first), (Phrase.FAULT_LATE, self._other)):
            self._plant(phrase, till, till.authorise(self._sold[phrase]).content)
        self._first.deliver(self._held_back)
        self._plant(Phrase.FAULT_EARLY_CANCELLATION, self._first, self._held_back[0].content)

    def _copy(self) -> None:
        note = self._first.sell_one()
        _deliver(self._first, note, "copia", note.authorised())
        self._plant(Phrase.FAULT_COPY, self._first, note.authorised())

    def _poison(self) -> None:
        note = sell_refused(self._first)
        self.refused.add(note.access_key)
        self._plant(Phrase.FAULT_POISON, self._first, note.authorised(), "rejected", frozenset({"erp_constraint"}))

    def _truncate(self) -> None:
        content = cut_short(self._other)
        self._plant(Phrase.FAULT_TRUNCATED, self._other, content, "kept", _BY_THE_WHOLE_FILE)

    def _cancel_early(self) -> None:
        _, (sale, event) = self._first.prepare(cancelled=True)
        self._first.deliver([event])
        self._held_back.append(sale)
        self._plant(Phrase.FAULT_EARLY_CANCELLATION, self._first, event.content)
        self._await(self._first, event.content, "waiting")

    def _rewrite(self) -> None:
        note = self._sold[Phrase.FAULT_REWRITTEN]
        content = _BYTE_ORDER_MARK + note.authorised()
        _deliver(self._other, note, "regravado", content)
        self._plant(Phrase.FAULT_REWRITTEN, self._other, content, duplicate=True)

    def _diverge(self) -> None:
        note = self._sold[Phrase.FAULT_DIVERGENT]
        basket = baskets.draw(Random(f"divergent:{note.access_key}"))
        other = notes.compose(note.issuer, note.series, note.number, note.issued_at, basket)
        _deliver(self._other, note, "divergente", other.authorised())
        codes = frozenset({"divergent_content"})
        self._plant(Phrase.FAULT_DIVERGENT, self._other, other.authorised(), "rejected", codes)

    def _sell(
        self,
        phrase: Phrase,
        till: Pos,
        state: Literal["posted", "waiting"],
        *,
        emission: int = notes.NORMAL,
        authorised: bool = True,
    ) -> None:
        note = till.sell_one(emission=emission, authorised=authorised)
        self._sold[phrase] = note
        first = note.authorised() if emission == notes.NORMAL and authorised else note.unauthorised()
        self._plant(phrase, till, first)
        self._await(till, first, state)

    def _await(self, till: Pos, content: bytes, state: str) -> None:
        self._awaited[till.plan.name, _sha256(content)] = state

    def _plant(
        self,
        fault: Phrase,
        till: Pos,
        content: bytes,
        state: Literal["posted", "rejected", "kept"] = "posted",
        codes: frozenset[str] = frozenset(),
        *,
        duplicate: bool | None = None,
    ) -> None:
        self.planted.append(Planted(fault, till.plan.name, _sha256(content), state, codes, duplicate))


def sell_refused(till: Pos, product: str = REFUSED_PRODUCT) -> DemoNote:
    """A sale that the reader finds nothing wrong with, and the demo's ERP refuses."""
    return till.sell_one(basket=_refused_basket(product))


def cut_short(till: Pos) -> bytes:
    """Sells, and leaves half a copy of the note's file beside it, as a POS that lost power does."""
    note = till.sell_one()
    content = note.authorised()[: len(note.authorised()) // 2]
    _deliver(till, note, "cortado", content)
    return content


def _deliver(till: Pos, note: DemoNote, word: str, content: bytes) -> None:
    folder = PurePosixPath(f"{note.issued_at:%Y-%m-%d}")
    till.deliver([OutgoingFile(str(folder / f"{note.access_key}-{word}.xml"), content)])


def _refused_basket(product: str) -> Basket:
    basket = baskets.draw(Random("refused"), lines=3)
    unknown = msgspec.structs.replace(basket.lines[1].product, code=product)
    lines = (basket.lines[0], msgspec.structs.replace(basket.lines[1], product=unknown), basket.lines[2])
    return msgspec.structs.replace(basket, lines=lines)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
