"""The extracted form of a fiscal document: all that Malote books, and nothing of the bytes around it.

Money is in integer cents. Quantities, unit prices and rates are ``Decimal``, with the digits the till wrote.
Times carry their zone. The structures encode to arrays (see ``encode``), so fields may only be added at the end.
"""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec.structs import astuple

Kind = Literal["sale", "cancellation", "number_void", "event", "answer"]


TEST_ENVIRONMENT = 2  # tpAmb
_BEFORE_AUTHORISATION = (9, 4)  # tpEmis: offline contingency, and the one that an event announced before (EPEC)


class Taxes(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Taxes of one item. Amounts and bases in cents; rates in percent; "" and None where the group is absent.

    From ``reform_status`` to ``cbs_amount`` they are the tax reform's (NT 2025.002): IBS of state and city, and CBS.
    """

    icms_origin: str = ""
    icms_status: str = ""  # CST or CSOSN
    icms_base: int = 0
    icms_rate: Decimal | None = None
    icms_amount: int = 0
    icms_substitution_base: int = 0
    icms_substitution_amount: int = 0
    poverty_fund_amount: int = 0  # FCP, all its variants together
    ipi_amount: int = 0
    service_amount: int = 0  # ISSQN
    pis_status: str = ""
    pis_base: int = 0
    pis_rate: Decimal | None = None
    pis_amount: int = 0
    cofins_status: str = ""
    cofins_base: int = 0
    cofins_rate: Decimal | None = None
    cofins_amount: int = 0
    reform_status: str = ""  # IBSCBS/CST
    reform_class: str = ""  # cClassTrib
    reform_base: int = 0
    ibs_state_rate: Decimal | None = None
    ibs_state_amount: int = 0
    ibs_city_rate: Decimal | None = None
    ibs_city_amount: int = 0
    cbs_rate: Decimal | None = None
    cbs_amount: int = 0
    icms_single_phase_amount: int = 0  # ICMS of one phase (fuels): own, withheld and withheld before, together
    pis_substitution_amount: int = 0  # PISST
    cofins_substitution_amount: int = 0  # COFINSST
    selective_amount: int = 0  # IS, from 2027
    ibs_single_phase_amount: int = 0  # of gIBSCBSMono, and likewise CBS
    cbs_single_phase_amount: int = 0


class Item(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One line of a sale (det). Amounts in cents; ``gross`` is vProd, before discount and additions."""

    number: int
    product_code: str
    gtin: str  # "" for SEM GTIN, empty or absent
    description: str
    ncm: str
    cfop: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    gross: int
    discount: int
    freight: int
    insurance: int
    other: int
    in_total: bool  # indTot: whether gross counts towards the note's total
    taxes: Taxes


class Payment(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One payment (detPag or MP). ``method`` is tPag or cMP as written: unknown codes are kept."""

    method: str
    amount: int
    acquirer: str = ""  # CNPJ of the card acquirer
    brand: str = ""  # tBand
    authorisation: str = ""  # cAut
    description: str = ""  # xPag


class Totals(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Totals as the document states them, in cents."""

    products: int
    discount: int
    freight: int
    insurance: int
    other: int
    icms: int
    icms_substitution: int
    ipi: int
    pis: int
    cofins: int
    services: int
    ibs: int
    cbs: int
    total: int  # vNF or vCFe; vNFTot where that is what was paid (``sums.paid_total``)
    icms_single_phase: int = 0  # own, withheld and withheld before, together
    selective: int = 0
    ibs_single_phase: int = 0
    cbs_single_phase: int = 0
    total_with_reform: int = 0  # vNFTot; 0 where the document has none


class Protocol(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The tax authority's authorisation. ``status`` is cStat: 100, 150 when authorised late, 120 with alerts."""

    number: str
    status: int
    at: datetime | None
    alerts: tuple[
        tuple[str, str], ...
    ] = ()  # cMsg and xMsg of each: what the authority wants mended, though it is valid


class Sale(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=1):
    """An NFC-e, NF-e or CF-e of one sale."""

    access_key: str  # 44 characters
    model: str  # "65", "55", "59"
    layout: str  # "4.00"
    issuer: str  # CNPJ, 14 characters, may hold letters; or CPF, 11 digits
    series: int  # of a CF-e: the SAT's serial number
    number: int
    issued_at: datetime
    environment: int  # 1 production, 2 test
    emission: int  # tpEmis; 9 is offline contingency; a CF-e has 1
    consumer: str  # CPF, CNPJ or foreign document; "" when the consumer is unnamed
    items: tuple[Item, ...]
    payments: tuple[Payment, ...]
    change: int
    totals: Totals
    contingency_at: datetime | None = None
    contingency_reason: str = ""
    protocol: Protocol | None = None
    purpose: int = 1  # finNFe: 1 normal, 2 complement, 3 adjustment, 4 return, 5 and 6 credit and debit notes
    direction: int = 1  # tpNF: 0 goods come in, 1 they go out
    references: tuple[str, ...] = ()  # NFref: keys, and what has none in words ("ECF 2D 3 15", "NF 01 1 234")
    operation: str = ""  # natOp
    norm: str = ""  # the version of the rules by which its total was checked (``norms``)

    @property
    def authorised(self) -> bool:
        return self.protocol is not None

    @property
    def bookable(self) -> bool:
        """Whether this is a sale already: authorised, or in contingency, which is one before it."""
        return self.protocol is not None or self.emission in _BEFORE_AUTHORISATION


class Cancellation(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=2):
    """A cancel event (110111), a cancellation by substitution (110112), or a CFeCanc of the sale ``access_key``."""

    access_key: str
    event: str  # "110111", "110112"; "CFeCanc"
    sequence: int
    issuer: str
    at: datetime
    environment: int
    sale_protocol: str  # nProt of the sale it cancels
    protocol: Protocol | None  # of the event itself; a CFeCanc counts as authorised once it has its own key
    reason: str
    substitute: str = ""  # key of the note that takes its place (110112), or the CFeCanc's own key

    @property
    def authorised(self) -> bool:
        return self.protocol is not None


class NumberVoid(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=3):
    """Numbers of a series that will never be used (inutilização)."""

    issuer: str
    model: str
    series: int
    year: int  # four digits
    first: int
    last: int
    environment: int
    reason: str
    protocol: Protocol | None
    at: datetime | None = None

    @property
    def authorised(self) -> bool:
        return self.protocol is not None


class Event(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=4):
    """What happened to the note ``access_key`` without changing its booking: a letter of correction, a manifestation, a
    cancelled event, one that nobody here knows yet."""

    access_key: str
    event: str  # tpEvento, "110110"
    sequence: int
    issuer: str  # of the event: CNPJ or CPF of who said it
    at: datetime
    environment: int
    description: str  # descEvento
    protocol: Protocol | None  # of the event itself
    text: str = ""  # xCorrecao, xJust, whatever it says in words

    @property
    def authorised(self) -> bool:
        return self.protocol is not None


class Answer(msgspec.Struct, array_like=True, frozen=True, gc=False, tag=5):
    """The tax authority's answer about the note ``access_key`` in a file of its own (infProt): it authorises or refuses
    what another file says. What a status means is in ``malote.fiscal.sefaz_answers``."""

    access_key: str
    status: int  # cStat
    protocol: Protocol | None  # where it authorises the note
    at: datetime | None
    environment: int
    number: str = ""  # nProt, whatever the status
    digest: str = ""  # digVal: of the note that was answered
    other_key: str = ""  # under which the authority has the number (539)

    @property
    def authorised(self) -> bool:
        return self.protocol is not None

    def is_of_environment(self, environment: int) -> bool:
        """Whether it can speak of a note of this tpAmb: the test environment knows nothing of production."""
        return self.environment != TEST_ENVIRONMENT or environment == TEST_ENVIRONMENT


# What sales have not always told: where an older program booked one, it had nothing there.
TOLD_LATER = frozenset(
    {
        *("icms_single_phase_amount", "pis_substitution_amount", "cofins_substitution_amount", "selective_amount"),
        *("ibs_single_phase_amount", "cbs_single_phase_amount"),
        *("icms_single_phase", "selective", "ibs_single_phase", "cbs_single_phase", "total_with_reform"),
    }
)

Document = Sale | Cancellation | NumberVoid | Event | Answer

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Document | None])


def encode(documents: list[Document | None]) -> bytes:
    """The documents as MessagePack; None stands where one could not be read."""
    return _encoder.encode(documents)


def decode(data: bytes) -> list[Document | None]:
    """What ``encode`` wrote. Raises ``msgspec.DecodeError`` when it isn't."""
    return _decoder.decode(data)


def in_contingency(access_key: str) -> bool:
    """Whether the key is that of a note that is a sale before its authorisation."""
    return access_key[34:35] in map(str, _BEFORE_AUTHORISATION)


def kind(document: Document) -> Kind:
    match document:
        case Sale():
            return "sale"
        case Cancellation():
            return "cancellation"
        case NumberVoid():
            return "number_void"
        case Event():
            return "event"
        case Answer():
            return "answer"


def cancellation_of(access_key: str) -> str:
    """The identity of a sale's cancellation; of an empty key, what all of them begin with."""
    return f"cancel:{access_key}"


def identity(document: Document) -> str:
    """What can happen only once, as one string: the key of the ERP's everlasting ledger."""
    match document:
        case Sale():
            return document.access_key
        case Cancellation():
            return cancellation_of(document.access_key)
        case NumberVoid():
            numbers = f"{document.first}-{document.last}"
            return f"void:{document.issuer}:{document.model}:{document.series}:{document.year}:{numbers}"
        case Event():
            return f"event:{document.access_key}:{document.event}:{document.sequence}"
        case Answer():
            return f"answer:{document.access_key}:{document.status}:{document.number}"


def content_hash(document: Document) -> bytes:
    """SHA-256 of the fiscal content: equal for two documents that say the same, whatever their bytes.

    The protocol is left out, since the same sale comes before and after its authorisation; so is what a sale says of
    other documents and of its occasion, of which nothing is booked.
    """
    content = bare(document) if isinstance(document, Sale) else msgspec.structs.replace(document, protocol=None)
    return hashlib.sha256(_encoder.encode(content)).digest()


def has_content(document: Document, stored: bytes | None) -> bool:
    """Whether a content hash is that of this document, whatever version of the program made it."""
    return stored == content_hash(document) or (isinstance(document, Sale) and stored == _first_hash(document))


def _first_hash(sale: Sale) -> bytes:
    """What ``content_hash`` gave while sales had their first form."""
    values = dict(zip(sale.__struct_fields__, astuple(bare(sale)), strict=True))
    values["items"] = [(*astuple(item)[:-1], _first(item.taxes, "cbs_amount")) for item in sale.items]
    values["totals"] = _first(sale.totals, "total")
    names = sale.__struct_fields__
    first = [values[name] for name in names[: names.index("protocol") + 1]]
    return hashlib.sha256(_encoder.encode([1, *first])).digest()


def _first(struct: Taxes | Totals, last: str) -> tuple[object, ...]:
    return astuple(struct)[: struct.__struct_fields__.index(last) + 1]


def bare(sale: Sale) -> Sale:
    """Its fiscal content alone: two sales are the same where this is equal."""
    return msgspec.structs.replace(sale, protocol=None, purpose=1, direction=1, references=(), operation="", norm="")
