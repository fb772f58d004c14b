"""The proof: what the tills sold against what outboxes, server and ERP have, sale by sale and cent by cent.

Pure: it is given the evidence and says what differs. It knows nothing of how the evidence was gathered, so that a lost
sale, a doubled one or a wrong cent can be put before it in a test.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from malote.demo.phrases import Phrase
from malote.erp.protocol import BookedSale

Goods = dict[tuple[str, str], int]  # ten-thousandths, by issuer and product code


class ExpectedSale(msgspec.Struct, frozen=True):
    """One sale, as the till's own ledger has it. ``refused``: it was made so that the ERP can't take it."""

    access_key: str
    till: str
    issuer: str
    total: int  # cents
    cancelled: bool
    authorised: bool
    quantities: dict[str, int]
    refused: bool = False


class TillFile(msgspec.Struct, frozen=True):
    """A file in a till's outbox."""

    till: str
    sha256: str
    state: str
    code: str | None
    sales: dict[str, int]  # cents, by the keys of the sales in it


class ServerDocument(msgspec.Struct, frozen=True):
    """A document in the server's spool."""

    till: str
    sha256: str
    kind: str | None
    access_key: str | None
    total: int | None
    state: str
    code: str | None
    duplicate: bool


class Planted(msgspec.Struct, frozen=True):
    """A file that was put before the tills on purpose, and where it must end."""

    fault: Phrase
    till: str
    sha256: str
    state: Literal["posted", "rejected", "kept"]
    codes: frozenset[str] = frozenset()  # one of them, unless posted
    duplicate: bool | None = None  # None: either will do

    @property
    def ending(self) -> str:
        return " / ".join(sorted(self.codes)) or self.state


class ProofEvidence(msgspec.Struct, frozen=True):
    """What each place has."""

    sold: list[ExpectedSale]
    voided: set[tuple[str, int, int, int]]  # issuer, series, first, last
    written: set[tuple[str, str]]  # till and hash of each file in the tills' folders
    outboxes: list[TillFile]
    server: list[ServerDocument]
    kept: set[tuple[str, str]]  # till and hash of each rejected file on disk
    booked: list[BookedSale]
    uneven: list[str]  # keys in the ERP whose items or payments don't add up to their total
    stock: Goods  # movements: negative when goods left
    booked_voids: set[tuple[str, int, int, int]]
    planted: list[Planted]


class ProofDifference(msgspec.Struct, frozen=True):
    """Something that isn't as it must be. ``subject`` is a key, or whatever else it is about."""

    subject: str
    phrase: Phrase
    detail: str = ""


class ProofRow(msgspec.Struct, frozen=True):
    """One line of the proof. None where a place doesn't count such a thing; all others must be equal."""

    phrase: Phrase
    pos: int | None
    till: int | None
    server: int | None
    erp: int | None
    unit: Literal["", "cents", "ten-thousandths"] = ""

    @property
    def agrees(self) -> bool:
        return len({value for value in (self.pos, self.till, self.server, self.erp) if value is not None}) <= 1


class Ending(msgspec.Struct, frozen=True):
    """Where a planted file ended."""

    planted: Planted
    found: str
    right: bool


class DemoProof(msgspec.Struct, frozen=True):
    rows: list[ProofRow]
    endings: list[Ending]
    differences: list[ProofDifference]

    @property
    def holds(self) -> bool:
        return (
            not self.differences and all(row.agrees for row in self.rows) and all(each.right for each in self.endings)
        )


def prove(evidence: ProofEvidence) -> DemoProof:
    """Compares everything. Nothing is lost or doubled exactly when the result ``holds``."""
    differences = [
        *_files(evidence),
        *_documents(evidence),
        *_bookings(evidence),
        *_goods(evidence),
        *_voids(evidence),
    ]
    return DemoProof(_rows(evidence), [_ending(planted, evidence) for planted in evidence.planted], differences)


def goods_out(sold: Iterable[ExpectedSale]) -> Goods:
    """What must have left the stock: the goods of every booked sale that was not cancelled."""
    goods: Counter[tuple[str, str]] = Counter()
    for sale in sold:
        if not sale.cancelled and not sale.refused:
            for product, quantity in sale.quantities.items():
                goods[sale.issuer, product] -= quantity
    return {key: quantity for key, quantity in goods.items() if quantity}


def _files(evidence: ProofEvidence) -> Iterator[ProofDifference]:
    """Every file is captured, and proven posted unless it was made to be rejected."""
    captured = {(file.till, file.sha256) for file in evidence.outboxes}
    for till, sha256 in sorted(evidence.written - captured):
        yield ProofDifference(f"{till} {sha256[:16]}", Phrase.NOT_CAPTURED)
    meant = _meant_to_be_rejected(evidence)
    for file in evidence.outboxes:
        wanted = "rejected" if (file.till, file.sha256) in meant else "posted"
        if file.state != wanted:
            subject = next(iter(file.sales), file.sha256[:16])
            yield ProofDifference(subject, Phrase.TILL_STATE, f"{file.till}: {file.state} {file.code or ''}")
    found = {(file.till, key) for file in evidence.outboxes for key in file.sales}
    for sale in evidence.sold:
        if (sale.till, sale.access_key) not in found:
            yield ProofDifference(sale.access_key, Phrase.NOT_IN_OUTBOX, sale.till)


def _documents(evidence: ProofEvidence) -> Iterator[ProofDifference]:
    """Every sale stands on the server, settled as it must be; nothing is rejected that was not meant to be."""
    meant = {(planted.till, planted.sha256): planted.state for planted in evidence.planted}
    for document in evidence.server:
        wanted = meant.get((document.till, document.sha256), "posted")
        if document.state != wanted:
            subject = document.access_key or document.sha256[:16]
            yield ProofDifference(
                subject, Phrase.SERVER_STATE, f"{document.till}: {document.state} {document.code or ''}"
            )
    sales = {(each.till, each.access_key, each.total) for each in evidence.server if each.kind == "sale"}
    for sale in evidence.sold:
        if (sale.till, sale.access_key, sale.total) not in sales:
            yield ProofDifference(sale.access_key, Phrase.NOT_ON_SERVER, sale.till)
    rejected = {(each.till, each.sha256) for each in evidence.server if each.state == "rejected"}
    for till, sha256 in sorted(rejected ^ evidence.kept):
        yield ProofDifference(f"{till} {sha256[:16]}", Phrase.FOLDER_AND_TAB)


def _bookings(evidence: ProofEvidence) -> Iterator[ProofDifference]:
    times = Counter(booked.access_key for booked in evidence.booked)
    for key, count in times.items():
        if count > 1:
            yield ProofDifference(key, Phrase.DOUBLED, str(count))
    found = {booked.access_key: booked for booked in evidence.booked}
    for sale in evidence.sold:
        booked = found.pop(sale.access_key, None)
        if sale.refused:
            if booked is not None:
                yield ProofDifference(sale.access_key, Phrase.BOOKED_THOUGH_REFUSED)
        elif booked is None:
            yield ProofDifference(sale.access_key, Phrase.LOST, sale.till)
        else:
            yield from _booking(sale, booked)
    for key in found:
        yield ProofDifference(key, Phrase.NEVER_SOLD)
    for key in evidence.uneven:
        yield ProofDifference(key, Phrase.UNEVEN)


def _booking(sale: ExpectedSale, booked: BookedSale) -> Iterator[ProofDifference]:
    if booked.total != sale.total:
        yield ProofDifference(sale.access_key, Phrase.WRONG_TOTAL, f"{booked.total} != {sale.total}")
    if booked.cancelled != sale.cancelled:
        yield ProofDifference(sale.access_key, Phrase.WRONG_CANCELLATION, str(booked.cancelled))
    if booked.authorised != sale.authorised:
        yield ProofDifference(sale.access_key, Phrase.WRONG_AUTHORISATION, str(booked.authorised))
    if booked.till != sale.till:
        yield ProofDifference(sale.access_key, Phrase.WRONG_TILL, booked.till)


def _goods(evidence: ProofEvidence) -> Iterator[ProofDifference]:
    wanted, found = goods_out(evidence.sold), {key: amount for key, amount in evidence.stock.items() if amount}
    for issuer, product in sorted(wanted.keys() | found.keys()):
        moved, due = found.get((issuer, product), 0), wanted.get((issuer, product), 0)
        if moved != due:
            yield ProofDifference(f"{issuer} {product}", Phrase.WRONG_STOCK, f"{moved} != {due}")


def _voids(evidence: ProofEvidence) -> Iterator[ProofDifference]:
    for numbers in sorted(evidence.voided ^ evidence.booked_voids):
        yield ProofDifference(" ".join(map(str, numbers)), Phrase.WRONG_VOID)


def _meant_to_be_rejected(evidence: ProofEvidence) -> set[tuple[str, str]]:
    return {(planted.till, planted.sha256) for planted in evidence.planted if planted.state == "rejected"}


def _ending(planted: Planted, evidence: ProofEvidence) -> Ending:
    place = (planted.till, planted.sha256)
    documents = [each for each in evidence.server if (each.till, each.sha256) == place]
    found = ", ".join(sorted({each.code if each.state != "posted" and each.code else each.state for each in documents}))
    right = len(documents) == 1 and all(_as_planted(planted, each) for each in documents)
    return Ending(planted, found, right and (planted.state != "rejected" or place in evidence.kept))


def _as_planted(planted: Planted, document: ServerDocument) -> bool:
    if document.state != planted.state or (planted.codes and document.code not in planted.codes):
        return False
    return planted.duplicate is None or document.duplicate == planted.duplicate


def _rows(evidence: ProofEvidence) -> list[ProofRow]:
    booked = [sale for sale in evidence.sold if not sale.refused]
    refused = {sale.access_key for sale in evidence.sold if sale.refused}
    # The same sale may have come in several files: each key counts once.
    at_tills: dict[str, int] = {}
    for file in evidence.outboxes:
        at_tills |= file.sales if file.state == "posted" else {}
    on_server = {each.access_key: each.total or 0 for each in _posted(evidence, "sale")}
    rejected = [each for each in evidence.server if each.state == "rejected"]
    return [
        ProofRow(Phrase.ROW_FILES, len(evidence.written), len(evidence.outboxes), len(_distinct(evidence)), None),
        ProofRow(Phrase.ROW_SALES, len(booked), len(at_tills), len(on_server), len(evidence.booked)),
        ProofRow(
            Phrase.ROW_SUM,
            sum(sale.total for sale in booked),
            sum(at_tills.values()),
            sum(on_server.values()),
            sum(sale.total for sale in evidence.booked),
            "cents",
        ),
        ProofRow(
            Phrase.ROW_CANCELLED,
            sum(sale.cancelled for sale in booked),
            None,
            len({each.access_key for each in _posted(evidence, "cancellation")}),
            sum(sale.cancelled for sale in evidence.booked),
        ),
        ProofRow(
            Phrase.ROW_VOIDS,
            len(evidence.voided),
            None,
            len(list(_posted(evidence, "number_void"))),
            len(evidence.booked_voids),
        ),
        ProofRow(
            Phrase.ROW_GOODS, -_total(goods_out(evidence.sold)), None, None, -_total(evidence.stock), "ten-thousandths"
        ),
        ProofRow(Phrase.ROW_REFUSED, len(refused), None, len({each.access_key for each in rejected} & refused), None),
    ]


def _posted(evidence: ProofEvidence, kind: str) -> Iterator[ServerDocument]:
    return (each for each in evidence.server if each.kind == kind and each.state == "posted")


def _distinct(evidence: ProofEvidence) -> set[tuple[str, str]]:
    return {(each.till, each.sha256) for each in evidence.server}


def _total(goods: Mapping[tuple[str, str], int]) -> int:
    return sum(goods.values())
