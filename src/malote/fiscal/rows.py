"""From markup to rows of text: where each field of a note stands, and nothing of what it means.

What comes out depends only on the note's structure, never on a value: ``forms`` relies on it. A field that is
absent or empty is "".
"""

from collections.abc import Mapping
from typing import NamedTuple

from lxml import etree

from malote.fiscal.tree import LOCAL_NAMES, child_of, children_of, fields_below, fields_of

_NOTHING: Mapping[str, str] = {}


class HeadRow(NamedTuple):
    identity: str  # infNFe's Id, with its prefix
    layout: str  # versao
    state: str  # cUF
    code: str  # cNF
    model: str
    series: str
    number: str
    issued_at: str  # dhEmi; dEmi of old layouts
    direction: str  # tpNF: 0 goods come in, 1 they go out
    emission: str
    digit: str  # cDV
    environment: str
    purpose: str  # finNFe
    contingency_at: str
    contingency_reason: str
    issuer: str
    consumer: str


class ItemRow(NamedTuple):
    number: str
    product_code: str
    gtin: str
    description: str
    ncm: str
    cfop: str
    unit: str
    quantity: str
    unit_price: str
    gross: str
    freight: str
    insurance: str
    discount: str
    other: str
    in_total: str
    icms_origin: str
    icms_status: str
    icms_base: str
    icms_rate: str
    icms_amount: str
    icms_substitution_base: str
    icms_substitution_amount: str
    poverty_fund: str
    poverty_fund_substitution: str
    poverty_fund_withheld: str
    ipi_amount: str
    service_amount: str
    pis_status: str
    pis_base: str
    pis_rate: str
    pis_amount: str
    cofins_status: str
    cofins_base: str
    cofins_rate: str
    cofins_amount: str
    reform_status: str
    reform_class: str
    reform_base: str
    ibs_state_rate: str
    ibs_state_amount: str
    ibs_city_rate: str
    ibs_city_amount: str
    cbs_rate: str
    cbs_amount: str


class PaymentRow(NamedTuple):
    method: str
    amount: str
    acquirer: str
    brand: str
    authorisation: str
    description: str


class TotalsRow(NamedTuple):
    products: str
    discount: str
    freight: str
    insurance: str
    other: str
    icms: str
    icms_exempted: str  # vICMSDeson
    icms_substitution: str
    poverty_fund_substitution: str
    icms_single_phase: str  # vICMSMonoReten
    import_duty: str
    ipi: str
    ipi_returned: str
    pis: str
    cofins: str
    services: str
    ibs: str
    cbs: str
    total: str
    total_with_reform: str  # vNFTot: with IBS and CBS, from 2027
    change: str


class AnswerRow(NamedTuple):
    """The tax authority's answer (infProt)."""

    key: str
    number: str
    status: str
    at: str


class NoteRow(NamedTuple):
    head: HeadRow
    items: list[ItemRow]
    payments: list[PaymentRow]
    totals: TotalsRow
    answer: AnswerRow | None  # None without protNFe; all of it "" when that holds nothing


def note_row(note: etree._Element, answer: etree._Element | None) -> NoteRow:
    """The rows of an NFe (or of its infNFe alone) and of the protNFe that goes with it."""
    body = note if LOCAL_NAMES[note.tag] == "infNFe" else child_of(note, "infNFe")
    if body is None:
        body = etree.Element("infNFe")
    groups: dict[str, etree._Element] = {}
    items: list[ItemRow] = []
    payments: list[PaymentRow] = []
    change = ""
    for child in body:
        name = LOCAL_NAMES[child.tag]
        if name == "det":
            items.append(item_row(child))
        elif name == "pag":
            found, change_here = _payment_rows(child)
            payments += found
            change = change_here or change
        else:
            groups[name] = child
    totals = _totals_row(groups.get("total"), change)
    return NoteRow(_head_row(body, groups), items, payments, totals, _answer_row(answer))


def _head_row(body: etree._Element, groups: Mapping[str, etree._Element]) -> HeadRow:
    identification = _fields(groups.get("ide"))
    issuer = _fields(groups.get("emit"))
    consumer = _fields(groups.get("dest"))
    field = identification.get
    return HeadRow(
        identity=body.get("Id", ""),
        layout=body.get("versao", ""),
        state=field("cUF", ""),
        code=field("cNF", ""),
        model=field("mod", ""),
        series=field("serie", ""),
        number=field("nNF", ""),
        issued_at=field("dhEmi") or field("dEmi", ""),
        direction=field("tpNF", ""),
        emission=field("tpEmis", ""),
        digit=field("cDV", ""),
        environment=field("tpAmb", ""),
        purpose=field("finNFe", ""),
        contingency_at=field("dhCont", ""),
        contingency_reason=field("xJust", ""),
        issuer=issuer.get("CNPJ") or issuer.get("CPF", ""),
        consumer=consumer.get("CNPJ") or consumer.get("CPF") or consumer.get("idEstrangeiro", ""),
    )


def item_row(detail: etree._Element) -> ItemRow:
    """The row of one det."""
    product = _fields(child_of(detail, "prod"))
    field = product.get
    goods = (
        detail.get("nItem", ""), field("cProd", ""), field("cEAN", ""), field("xProd", ""), field("NCM", ""),
        field("CFOP", ""), field("uCom", ""), field("qCom", ""), field("vUnCom", ""), field("vProd", ""),
        field("vFrete", ""), field("vSeg", ""), field("vDesc", ""), field("vOutro", ""), field("indTot", ""),
    )  # fmt: skip
    return ItemRow(*goods, *_tax_fields(child_of(detail, "imposto")))


def _tax_fields(taxes: etree._Element | None) -> tuple[str, ...]:
    groups = {} if taxes is None else {LOCAL_NAMES[group.tag]: fields_below(group) for group in taxes}
    icms = groups.get("ICMS", _NOTHING).get
    pis = groups.get("PIS", _NOTHING).get
    cofins = groups.get("COFINS", _NOTHING).get
    reform = groups.get("IBSCBS", _NOTHING).get
    return (
        icms("orig", ""), icms("CST") or icms("CSOSN", ""), icms("vBC", ""), icms("pICMS", ""), icms("vICMS", ""),
        icms("vBCST", ""), icms("vICMSST", ""), icms("vFCP", ""), icms("vFCPST", ""), icms("vFCPSTRet", ""),
        groups.get("IPI", _NOTHING).get("vIPI", ""), groups.get("ISSQN", _NOTHING).get("vISSQN", ""),
        pis("CST", ""), pis("vBC", ""), pis("pPIS", ""), pis("vPIS", ""),
        cofins("CST", ""), cofins("vBC", ""), cofins("pCOFINS", ""), cofins("vCOFINS", ""),
        reform("CST", ""), reform("cClassTrib", ""), reform("vBC", ""), reform("pIBSUF", ""), reform("vIBSUF", ""),
        reform("pIBSMun", ""), reform("vIBSMun", ""), reform("pCBS", ""), reform("vCBS", ""),
    )  # fmt: skip


def _payment_rows(group: etree._Element) -> tuple[list[PaymentRow], str]:
    """The payments of one ``pag`` and its change. Layout 4.00 has them in detPag; before, each pag is a payment."""
    details = children_of(group, "detPag")
    rows = [_payment_row(detail) for detail in details]
    own = fields_of(group)
    if not details and ("tPag" in own or "vPag" in own):
        rows = [_payment_row(group)]
    return rows, own.get("vTroco", "")


def _payment_row(detail: etree._Element) -> PaymentRow:
    own = fields_of(detail)
    card = _fields(child_of(detail, "card"))
    return PaymentRow(
        own.get("tPag", ""), own.get("vPag", ""), card.get("CNPJ", ""), card.get("tBand", ""), card.get("cAut", ""),
        own.get("xPag", ""),
    )  # fmt: skip


def _totals_row(group: etree._Element | None, change: str) -> TotalsRow:
    parts = {} if group is None else {LOCAL_NAMES[part.tag]: fields_below(part) for part in group}
    field = parts.get("ICMSTot", _NOTHING).get
    reform = parts.get("IBSCBSTot", _NOTHING).get
    own = _fields(group)
    return TotalsRow(
        products=field("vProd", ""),
        discount=field("vDesc", ""),
        freight=field("vFrete", ""),
        insurance=field("vSeg", ""),
        other=field("vOutro", ""),
        icms=field("vICMS", ""),
        icms_exempted=field("vICMSDeson", ""),
        icms_substitution=field("vST", ""),
        poverty_fund_substitution=field("vFCPST", ""),
        icms_single_phase=field("vICMSMonoReten", ""),
        import_duty=field("vII", ""),
        ipi=field("vIPI", ""),
        ipi_returned=field("vIPIDevol", ""),
        pis=field("vPIS", ""),
        cofins=field("vCOFINS", ""),
        services=parts.get("ISSQNtot", _NOTHING).get("vServ", ""),
        ibs=reform("vIBS", ""),
        cbs=reform("vCBS", ""),
        total=field("vNF", ""),
        total_with_reform=own.get("vNFTot", ""),
        change=change,
    )


def _answer_row(answer: etree._Element | None) -> AnswerRow | None:
    if answer is None:
        return None
    field = _fields(child_of(answer, "infProt")).get
    return AnswerRow(field("chNFe", ""), field("nProt", ""), field("cStat", ""), field("dhRecbto", ""))


def _fields(element: etree._Element | None) -> Mapping[str, str]:
    return _NOTHING if element is None else fields_of(element)
