"""From markup to rows of text: where each field of a note stands, and nothing of what it means.

What comes out depends only on the note's structure, never on a value: ``forms`` relies on it. A field that is
absent or empty is "".
"""

from typing import NamedTuple

from lxml import etree

from malote.fiscal.tree import LOCAL_NAMES, Columns, child_of, fields_of, fill, fill_parts


class HeadRow(NamedTuple):
    identity: str  # infNFe's Id, with its prefix
    layout: str  # versao
    state: str  # cUF
    code: str  # cNF
    model: str
    series: str
    number: str
    issued_at: str  # dhEmi
    issued_on: str  # dEmi of old layouts
    direction: str  # tpNF: 0 goods come in, 1 they go out
    emission: str
    digit: str  # cDV
    environment: str
    purpose: str  # finNFe
    contingency_at: str
    contingency_reason: str
    operation: str  # natOp
    issuing_company: str  # CNPJ
    issuing_person: str  # CPF
    buying_company: str
    buying_person: str
    buying_foreigner: str

    @property
    def issuer(self) -> str:
        return self.issuing_company or self.issuing_person

    @property
    def consumer(self) -> str:
        return self.buying_company or self.buying_person or self.buying_foreigner

    @property
    def issued(self) -> str:
        return self.issued_at or self.issued_on


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
    icms_status: str  # CST
    icms_simple_status: str  # CSOSN
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
    description: str
    acquirer: str
    brand: str
    authorisation: str


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
    total: str
    services: str
    ibs: str
    cbs: str
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
    references: list[str]  # NFref: keys, and the words of what has none


# Which element goes where in its row.
_IDENTIFICATION = Columns(
    "cUF", "cNF", "mod", "serie", "nNF", "dhEmi", "dEmi", "tpNF", "tpEmis", "cDV", "tpAmb", "finNFe", "dhCont", "xJust",
    "natOp",
    first=2,
)  # fmt: skip
_ISSUER = Columns("CNPJ", "CPF", first=17)
_CONSUMER = Columns("CNPJ", "CPF", "idEstrangeiro", first=19)
_PRODUCT = Columns(
    "cProd", "cEAN", "xProd", "NCM", "CFOP", "uCom", "qCom", "vUnCom", "vProd", "vFrete", "vSeg", "vDesc", "vOutro",
    "indTot",
    first=1,
)  # fmt: skip
_TAXES = {
    "ICMS": Columns(
        "orig", "CST", "CSOSN", "vBC", "pICMS", "vICMS", "vBCST", "vICMSST", "vFCP", "vFCPST", "vFCPSTRet", first=15
    ),
    "IPI": Columns("vIPI", first=26),
    "ISSQN": Columns("vISSQN", first=27),
    "PIS": Columns("CST", "vBC", "pPIS", "vPIS", first=28),
    "COFINS": Columns("CST", "vBC", "pCOFINS", "vCOFINS", first=32),
    "IBSCBS": Columns("CST", "cClassTrib", "vBC", "pIBSUF", "vIBSUF", "pIBSMun", "vIBSMun", "pCBS", "vCBS", first=36),
}
_PAYMENT = Columns("tPag", "vPag", "xPag")
_CARD = Columns("CNPJ", "tBand", "cAut", first=3)
_TOTALS = {
    "ICMSTot": Columns(
        "vProd", "vDesc", "vFrete", "vSeg", "vOutro", "vICMS", "vICMSDeson", "vST", "vFCPST", "vICMSMonoReten", "vII",
        "vIPI", "vIPIDevol", "vPIS", "vCOFINS", "vNF",
    ),
    "ISSQNtot": Columns("vServ", first=16),
    "IBSCBSTot": Columns("vIBS", "vCBS", first=17),
    "vNFTot": Columns("vNFTot", first=19),
}  # fmt: skip
_ANSWER = Columns("chNFe", "nProt", "cStat", "dhRecbto")


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
    return NoteRow(
        _head_row(body, groups), items, payments, totals, _answer_row(answer), _references(groups.get("ide"))
    )


def _references(identification: etree._Element | None) -> list[str]:
    """What the note refers to. Papers have no key: their kind and numbers stand for it ("ECF 2D 3 15")."""
    found: list[str] = []
    for group in identification if identification is not None else ():
        if LOCAL_NAMES[group.tag] != "NFref":
            continue
        for reference in group:
            name = LOCAL_NAMES[reference.tag]
            if len(reference):
                fields = fields_of(reference)
                wanted = (fields.get(one, "").strip() for one in ("mod", "serie", "nNF", "nECF", "nCOO"))
                found.append(" ".join([name.removeprefix("ref"), *filter(None, wanted)]))
            elif (reference.text or "").strip():
                found.append((reference.text or "").strip())
    return found


def _head_row(body: etree._Element, groups: dict[str, etree._Element]) -> HeadRow:
    row = _empty(HeadRow)
    row[0], row[1] = body.get("Id", ""), body.get("versao", "")
    for name, columns in (("ide", _IDENTIFICATION), ("emit", _ISSUER), ("dest", _CONSUMER)):
        if name in groups:
            fill(row, columns, groups[name])
    return HeadRow._make(row)


def item_row(detail: etree._Element) -> ItemRow:
    """The row of one det."""
    row = _empty(ItemRow)
    row[0] = detail.get("nItem", "")
    product = taxes = None
    for part in detail:
        name = LOCAL_NAMES[part.tag]
        if name == "prod" and product is None:
            product = part
            fill(row, _PRODUCT, part)
        elif name == "imposto" and taxes is None:
            taxes = part
            fill_parts(row, _TAXES, part)
    return ItemRow._make(row)


def _payment_rows(group: etree._Element) -> tuple[list[PaymentRow], str]:
    """The payments of one ``pag`` and its change. Layout 4.00 has them in detPag; before, each pag is a payment."""
    rows: list[PaymentRow] = []
    own: dict[str, str] = {}
    for child in group:
        name = LOCAL_NAMES[child.tag]
        if name == "detPag":
            rows.append(_payment_row(child))
        else:
            own[name] = child.text or ""
    if not rows and ("tPag" in own or "vPag" in own):
        rows = [_payment_row(group)]
    return rows, own.get("vTroco", "")


def _payment_row(detail: etree._Element) -> PaymentRow:
    row = _empty(PaymentRow)
    fill(row, _PAYMENT, detail)
    card = child_of(detail, "card")
    if card is not None:
        fill(row, _CARD, card)
    return PaymentRow._make(row)


def _totals_row(group: etree._Element | None, change: str) -> TotalsRow:
    row = _empty(TotalsRow)
    row[-1] = change
    if group is not None:
        fill_parts(row, _TOTALS, group)
    return TotalsRow._make(row)


def _answer_row(answer: etree._Element | None) -> AnswerRow | None:
    if answer is None:
        return None
    row = _empty(AnswerRow)
    body = child_of(answer, "infProt")
    if body is not None:
        fill(row, _ANSWER, body)
    return AnswerRow._make(row)


def _empty(kind: type[HeadRow | ItemRow | PaymentRow | TotalsRow | AnswerRow]) -> list[str]:
    return [""] * len(kind._fields)
