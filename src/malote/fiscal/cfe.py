"""CF-e of the SAT (model 59) and its cancellation. The SAT itself signs: a document with its Id is authorised."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from lxml import etree
from msgspec.structs import replace

from malote.fiscal import checks
from malote.fiscal.access_key import SAT_MODEL, is_well_formed, split
from malote.fiscal.amounts import CENTS, DECIMALS, AmountError, shown
from malote.fiscal.cnpj import is_right
from malote.fiscal.documents import Cancellation, Item, Payment, Protocol, Sale, Taxes, Totals
from malote.fiscal.findings import key_form, named
from malote.fiscal.gtin import number_of
from malote.fiscal.moments import read_compact
from malote.fiscal.problems import Problem, reject
from malote.fiscal.readings import Limits, Reading, Summary, named_by_key, unreadable
from malote.fiscal.tree import LOCAL_NAMES, child_of, children_of, fields_below, fields_of

_AUTHORISED = 100  # a CF-e has no cStat: as that of a note
_CANCELLED = 135
_NOTHING: Mapping[str, str] = {}


def read_sat(document: etree._Element, limits: Limits) -> Reading:
    """The sale that a CFe says. Never raises."""
    body = _body(document)
    key = body.get("Id", "").strip().removeprefix("CFe")
    issuer = _issuer(body, key)
    if not key:
        return unreadable([reject("sat_request")], _partial(body, key, issuer, None, None))
    problems: list[Problem] = []
    identification = _fields(child_of(body, "ide"))
    issued_at = _time(identification, problems)
    environment = _environment(identification, problems)
    problems += key_form(key)
    items = _items(body, limits, problems)
    payments, change = _payments(body, problems)
    totals = _totals(body, problems)
    if not is_well_formed(key) or issued_at is None or environment is None or not items or not payments:
        return unreadable(problems, _partial(body, key, issuer, issued_at, environment))
    if totals is None or change is None:
        return unreadable(problems, _partial(body, key, issuer, issued_at, environment))
    parts = split(key)
    sale = Sale(
        key,
        SAT_MODEL,
        body.get("versao", ""),
        issuer,
        parts.series,
        parts.number,
        issued_at,
        environment,
        1,
        _consumer(body),
        items,
        payments,
        change,
        totals,
        protocol=Protocol("", _AUTHORISED, issued_at),
    )
    problems += _disagreeing(sale, identification)
    checks.check_total(sale, checks.check_items(sale.items, problems), _spread(body), problems)
    checks.check_payments(sale, 0, problems)
    checks.check_people(sale, problems)
    return Reading(sale, "sale", problems)


def read_sat_cancellation(document: etree._Element) -> Reading:
    """The cancellation that a CFeCanc says. Never raises."""
    body = _body(document)
    own_key = body.get("Id", "").strip().removeprefix("CFe")
    cancelled = body.get("chCanc", "").strip().removeprefix("CFe")
    if not own_key:
        partial = replace(named_by_key("cancellation", cancelled), authorised=False)
        return unreadable([reject("sat_request")], partial)
    problems = key_form(cancelled) + key_form(own_key)
    identification = _fields(child_of(body, "ide"))
    at = _time(identification, problems)
    if not is_well_formed(cancelled) or at is None:
        return unreadable(problems, named_by_key("cancellation", cancelled))
    issuer = _issuer(body, cancelled)
    cancellation = Cancellation(
        cancelled,
        "CFeCanc",
        1,
        issuer,
        at,
        2 if identification.get("tpAmb") == "2" else 1,  # most don't say it
        "",
        Protocol("", _CANCELLED, at),
        "",
        own_key,
    )
    if cancelled[6:20] != issuer:
        problems.append(reject("key_disagrees", fields=f"CNPJ {cancelled[6:20]} ≠ {named(issuer)}"))
    elif not is_right(issuer):
        problems.append(reject("issuer_check_digit", found=named(issuer)))
    return Reading(cancellation, "cancellation", problems)


def _body(document: etree._Element) -> etree._Element:
    body = child_of(document, "infCFe")
    return document if body is None else body


def _fields(element: etree._Element | None) -> Mapping[str, str]:
    return _NOTHING if element is None else fields_of(element)


def _time(identification: Mapping[str, str], problems: list[Problem]) -> datetime | None:
    date, hour = identification.get("dEmi", ""), identification.get("hEmi", "")
    at = read_compact(date, hour, identification.get("cUF", ""))
    if at is None:
        problems.append(reject("issue_time_invalid", found=named(f"{date} {hour}".strip())))
    return at


def _environment(identification: Mapping[str, str], problems: list[Problem]) -> int | None:
    text = identification.get("tpAmb", "")
    if text in ("1", "2"):
        return int(text)
    problems.append(reject("environment_missing", found=named(text)))
    return None


def _issuer(body: etree._Element, key: str) -> str:
    """The seller's CNPJ; that of the key where the body has none."""
    return _fields(child_of(body, "emit")).get("CNPJ", "") or key[6:20]


def _consumer(body: etree._Element) -> str:
    consumer = _fields(child_of(body, "dest"))
    return consumer.get("CNPJ") or consumer.get("CPF", "")


def _items(body: etree._Element, limits: Limits, problems: list[Problem]) -> tuple[Item, ...] | None:
    details = children_of(body, "det")
    if not details:
        problems.append(reject("items_missing"))
        return None
    if len(details) > limits.max_items:
        problems.append(reject("too_many_items", found=len(details), limit=limits.max_items))
        return None
    try:
        return tuple([_item(place, detail) for place, detail in enumerate(details, 1)])
    except _FieldError as error:
        problems.append(error.problem)
        return None


def _item(place: int, detail: etree._Element) -> Item:
    """Raises ``_FieldError``."""
    product = _Amounts(f"det {place}", _fields(child_of(detail, "prod")))
    field = product.fields.get
    return Item(
        place, field("cProd", ""), number_of(field("cEAN", "")), field("xProd", ""), field("NCM", ""),
        field("CFOP", ""), field("uCom", ""), product.decimal("qCom"), product.decimal("vUnCom"),
        product.needed("vProd"), product.cents("vDesc") + product.cents("vRatDesc"), 0, 0,
        product.cents("vOutro") + product.cents("vRatAcr"), True, _taxes(place, child_of(detail, "imposto")),
    )  # fmt: skip


def _taxes(place: int, element: etree._Element | None) -> Taxes:
    """Raises ``_FieldError``. The layout has PIS and COFINS rates as fractions: 0.0165 is 1.65 percent."""
    groups = {} if element is None else {LOCAL_NAMES[group.tag]: fields_below(group) for group in element}
    icms = _Amounts(f"det {place} ICMS", groups.get("ICMS", _NOTHING))
    pis = _Amounts(f"det {place} PIS", groups.get("PIS", _NOTHING))
    cofins = _Amounts(f"det {place} COFINS", groups.get("COFINS", _NOTHING))
    service = _Amounts(f"det {place} ISSQN", groups.get("ISSQN", _NOTHING))
    return Taxes(
        icms_origin=icms.fields.get("Orig", ""),
        icms_status=icms.fields.get("CST") or icms.fields.get("CSOSN", ""),
        icms_rate=icms.rate("pICMS"),
        icms_amount=icms.cents("vICMS"),
        service_amount=service.cents("vISSQN"),
        pis_status=pis.fields.get("CST", ""),
        pis_base=pis.cents("vBC"),
        pis_rate=pis.rate("pPIS", 100),
        pis_amount=pis.cents("vPIS"),
        cofins_status=cofins.fields.get("CST", ""),
        cofins_base=cofins.cents("vBC"),
        cofins_rate=cofins.rate("pCOFINS", 100),
        cofins_amount=cofins.cents("vCOFINS"),
    )


def _payments(body: etree._Element, problems: list[Problem]) -> tuple[tuple[Payment, ...] | None, int | None]:
    """The payments and the change."""
    group = child_of(body, "pgto")
    methods = [] if group is None else children_of(group, "MP")
    if not methods:
        problems.append(reject("payments_missing"))
        return None, None
    try:
        payments = tuple([_payment(_Amounts("MP", fields_of(method))) for method in methods])
        return payments, _Amounts("pgto", _fields(group)).cents("vTroco")
    except _FieldError as error:
        problems.append(error.problem)
        return None, None


def _payment(method: "_Amounts") -> Payment:
    field = method.fields.get
    return Payment(field("cMP", ""), method.needed("vMP"), authorisation=field("cAut", ""))


def _totals(body: etree._Element, problems: list[Problem]) -> Totals | None:
    group = child_of(body, "total")
    own = _Amounts("total", _fields(group))
    part = _Amounts("ICMSTot", _NOTHING if group is None else _fields(child_of(group, "ICMSTot")))
    service = _Amounts("ISSQNtot", _NOTHING if group is None else _fields(child_of(group, "ISSQNtot")))
    if not own.fields.get("vCFe"):
        problems.append(reject("total_missing"))
        return None
    try:
        return Totals(
            part.cents("vProd"), part.cents("vDesc"), 0, 0, part.cents("vOutro"), part.cents("vICMS"), 0, 0,
            part.cents("vPIS"), part.cents("vCOFINS"), service.cents("vISS"), 0, 0, own.cents("vCFe"),
        )  # fmt: skip
    except _FieldError as error:
        problems.append(error.problem)
        return None


def _spread(body: etree._Element) -> int:
    """The discount on the whole of a CF-e less what was added to it, where it isn't spread over the items."""
    group = child_of(body, "total")
    fields = _NOTHING if group is None else _fields(child_of(group, "DescAcrEntr"))
    try:
        return CENTS[fields.get("vDescSubtot", "")] - CENTS[fields.get("vAcresSubtot", "")]
    except AmountError:
        return 0


def _disagreeing(sale: Sale, identification: Mapping[str, str]) -> list[Problem]:
    """What the key and the body say differently."""
    parts = split(sale.access_key)
    field = identification.get
    pairs = (
        ("cUF", parts.state, field("cUF", "")),
        ("AAMM", parts.year_month, f"{sale.issued_at:%y%m}"),
        ("CNPJ", parts.issuer, sale.issuer),
        ("mod", parts.model, field("mod", "")),
        ("nserieSAT", f"{parts.series:09}", f"{field('nserieSAT', ''):0>9}"),
        ("nCFe", f"{parts.number:06}", f"{field('nCFe', ''):0>6}"),
        ("cNF", parts.code, f"{field('cNF', ''):0>6}"),
        ("cDV", parts.digit, field("cDV", "")),
    )
    # A field the body leaves out contradicts nothing.
    wrong = [f"{name} {key} ≠ {named(own)}" for name, key, own in pairs if own.strip("0") and own != key]
    return [reject("key_disagrees", fields=", ".join(wrong))] if wrong else []


def _partial(
    body: etree._Element, key: str, issuer: str, issued_at: datetime | None, environment: int | None
) -> Summary:
    group = child_of(body, "pgto")
    return replace(
        named_by_key("sale", key),
        model=SAT_MODEL,
        issuer=issuer or None,
        issued_at=issued_at.isoformat() if issued_at else None,
        environment=environment,
        emission=1,
        authorised=is_well_formed(key),
        items=len(children_of(body, "det")),
        payments=0 if group is None else len(children_of(group, "MP")),
    )


class _FieldError(Exception):
    """An amount of the document can't be read."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(field)
        self.problem = reject("amount_invalid", field=field, found=shown(text))


class _Amounts:
    """The amounts among the fields of one group, by name. Each raises ``_FieldError`` when it is none."""

    def __init__(self, place: str, fields: Mapping[str, str]) -> None:
        self._place = place
        self.fields = fields

    def cents(self, name: str) -> int:
        """Money in cents; 0 when absent."""
        try:
            return CENTS[self.fields.get(name, "")]
        except AmountError as error:
            raise self._wrong(name) from error

    def needed(self, name: str) -> int:
        """Money in cents that must be there."""
        if not self.fields.get(name):
            raise self._wrong(name)
        return self.cents(name)

    def decimal(self, name: str) -> Decimal:
        try:
            return DECIMALS[self.fields.get(name, "")]
        except AmountError as error:
            raise self._wrong(name) from error

    def rate(self, name: str, scale: int = 1) -> Decimal | None:
        return self.decimal(name) * scale if self.fields.get(name) else None

    def _wrong(self, name: str) -> _FieldError:
        return _FieldError(f"{self._place} {name}", self.fields.get(name, ""))
