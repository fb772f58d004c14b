"""Which element of a note feeds which field: the one declaration of it, and nothing of what the texts mean.

Paths are those of the official layout (NFe, 4.00 with NT 2025.002), from the element that a row is read from. A field
that is absent or empty is ""; texts are as they are written, with any white space around them.
"""

from itertools import islice, zip_longest
from typing import Annotated, NamedTuple

from lxml import etree

from malote.fiscal.paths import Paths
from malote.fiscal.tree import LOCAL_NAMES, children_of


class HeadRow(NamedTuple):
    """From infNFe."""

    identity: Annotated[str, "@Id"]  # with its prefix
    layout: Annotated[str, "@versao"]
    state: Annotated[str, "ide/cUF"]
    code: Annotated[str, "ide/cNF"]
    model: Annotated[str, "ide/mod"]
    series: Annotated[str, "ide/serie"]
    number: Annotated[str, "ide/nNF"]
    issued_at: Annotated[str, "ide/dhEmi"]
    issued_on: Annotated[str, "ide/dEmi"]  # of old layouts
    direction: Annotated[str, "ide/tpNF"]  # 0 goods come in, 1 they go out
    emission: Annotated[str, "ide/tpEmis"]
    digit: Annotated[str, "ide/cDV"]
    environment: Annotated[str, "ide/tpAmb"]
    purpose: Annotated[str, "ide/finNFe"]
    contingency_at: Annotated[str, "ide/dhCont"]
    contingency_reason: Annotated[str, "ide/xJust"]
    operation: Annotated[str, "ide/natOp"]
    issuing_company: Annotated[str, "emit/CNPJ"]
    issuing_person: Annotated[str, "emit/CPF"]
    buying_company: Annotated[str, "dest/CNPJ"]
    buying_person: Annotated[str, "dest/CPF"]
    buying_foreigner: Annotated[str, "dest/idEstrangeiro"]

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
    """From det. Of ICMS, PIS and COFINS, the group is one of many by its tax situation: ICMS00, PISAliq …"""

    number: Annotated[str, "@nItem"]
    product_code: Annotated[str, "prod/cProd"]
    gtin: Annotated[str, "prod/cEAN"]
    description: Annotated[str, "prod/xProd"]
    ncm: Annotated[str, "prod/NCM"]
    cfop: Annotated[str, "prod/CFOP"]
    unit: Annotated[str, "prod/uCom"]
    quantity: Annotated[str, "prod/qCom"]
    unit_price: Annotated[str, "prod/vUnCom"]
    gross: Annotated[str, "prod/vProd"]
    freight: Annotated[str, "prod/vFrete"]
    insurance: Annotated[str, "prod/vSeg"]
    discount: Annotated[str, "prod/vDesc"]
    other: Annotated[str, "prod/vOutro"]
    in_total: Annotated[str, "prod/indTot"]
    icms_origin: Annotated[str, "imposto/ICMS/*/orig"]
    icms_status: Annotated[str, "imposto/ICMS/*/CST"]
    icms_simple_status: Annotated[str, "imposto/ICMS/*/CSOSN"]
    icms_base: Annotated[str, "imposto/ICMS/*/vBC"]
    icms_rate: Annotated[str, "imposto/ICMS/*/pICMS"]
    icms_amount: Annotated[str, "imposto/ICMS/*/vICMS"]
    service_list: Annotated[str, "imposto/ISSQN/cListServ"]  # a service's own code: the item is one
    service_amount: Annotated[str, "imposto/ISSQN/vISSQN"]
    pis_status: Annotated[str, "imposto/PIS/*/CST"]
    pis_base: Annotated[str, "imposto/PIS/*/vBC"]
    pis_rate: Annotated[str, "imposto/PIS/*/pPIS"]
    pis_amount: Annotated[str, "imposto/PIS/*/vPIS"]
    pis_substitution_counts: Annotated[str, "imposto/PISST/indSomaPISST"]
    cofins_status: Annotated[str, "imposto/COFINS/*/CST"]
    cofins_base: Annotated[str, "imposto/COFINS/*/vBC"]
    cofins_rate: Annotated[str, "imposto/COFINS/*/pCOFINS"]
    cofins_amount: Annotated[str, "imposto/COFINS/*/vCOFINS"]
    cofins_substitution_counts: Annotated[str, "imposto/COFINSST/indSomaCOFINSST"]
    reform_status: Annotated[str, "imposto/IBSCBS/CST"]
    reform_class: Annotated[str, "imposto/IBSCBS/cClassTrib"]
    reform_base: Annotated[str, "imposto/IBSCBS/gIBSCBS/vBC"]
    ibs_state_rate: Annotated[str, "imposto/IBSCBS/gIBSCBS/gIBSUF/pIBSUF"]
    ibs_state_amount: Annotated[str, "imposto/IBSCBS/gIBSCBS/gIBSUF/vIBSUF"]
    ibs_city_rate: Annotated[str, "imposto/IBSCBS/gIBSCBS/gIBSMun/pIBSMun"]
    ibs_city_amount: Annotated[str, "imposto/IBSCBS/gIBSCBS/gIBSMun/vIBSMun"]
    cbs_rate: Annotated[str, "imposto/IBSCBS/gIBSCBS/gCBS/pCBS"]
    cbs_amount: Annotated[str, "imposto/IBSCBS/gIBSCBS/gCBS/vCBS"]
    # Amounts that items seldom have: all of them money, and last (``SELDOM``).
    icms_substitution_base: Annotated[str, "imposto/ICMS/*/vBCST"]
    icms_substitution_amount: Annotated[str, "imposto/ICMS/*/vICMSST"]
    icms_single_phase: Annotated[str, "imposto/ICMS/*/vICMSMono"]
    icms_single_phase_withheld: Annotated[str, "imposto/ICMS/*/vICMSMonoReten"]
    icms_single_phase_before: Annotated[str, "imposto/ICMS/*/vICMSMonoRet"]  # withheld by who sold it to the store
    poverty_fund: Annotated[str, "imposto/ICMS/*/vFCP"]
    poverty_fund_substitution: Annotated[str, "imposto/ICMS/*/vFCPST"]
    poverty_fund_withheld: Annotated[str, "imposto/ICMS/*/vFCPSTRet"]
    ipi_amount: Annotated[str, "imposto/IPI/*/vIPI"]
    pis_substitution: Annotated[str, "imposto/PISST/vPIS"]
    cofins_substitution: Annotated[str, "imposto/COFINSST/vCOFINS"]
    selective_amount: Annotated[str, "imposto/IS/vIS"]
    ibs_single_phase: Annotated[str, "imposto/IBSCBS/gIBSCBSMono/vTotIBSMonoItem"]
    cbs_single_phase: Annotated[str, "imposto/IBSCBS/gIBSCBSMono/vTotCBSMonoItem"]
    ibs_single_phase_deferred: Annotated[str, "imposto/IBSCBS/gIBSCBSMono/gMonoDif/vIBSMonoDif"]
    cbs_single_phase_deferred: Annotated[str, "imposto/IBSCBS/gIBSCBSMono/gMonoDif/vCBSMonoDif"]


class PaymentRow(NamedTuple):
    """From detPag; before layout 4.00 from pag itself, of which there were as many as payments."""

    method: Annotated[str, "tPag"]
    amount: Annotated[str, "vPag"]
    description: Annotated[str, "xPag"]
    acquirer: Annotated[str, "card/CNPJ"]
    brand: Annotated[str, "card/tBand"]
    authorisation: Annotated[str, "card/cAut"]


class ChangeRow(NamedTuple):
    """From pag."""

    change: Annotated[str, "vTroco"]


class TotalsRow(NamedTuple):
    """From total."""

    products: Annotated[str, "ICMSTot/vProd"]
    discount: Annotated[str, "ICMSTot/vDesc"]
    freight: Annotated[str, "ICMSTot/vFrete"]
    insurance: Annotated[str, "ICMSTot/vSeg"]
    other: Annotated[str, "ICMSTot/vOutro"]
    icms: Annotated[str, "ICMSTot/vICMS"]
    icms_exempted: Annotated[str, "ICMSTot/vICMSDeson"]
    icms_substitution: Annotated[str, "ICMSTot/vST"]
    poverty_fund: Annotated[str, "ICMSTot/vFCP"]
    poverty_fund_substitution: Annotated[str, "ICMSTot/vFCPST"]
    poverty_fund_withheld: Annotated[str, "ICMSTot/vFCPSTRet"]
    icms_single_phase: Annotated[str, "ICMSTot/vICMSMono"]
    icms_single_phase_withheld: Annotated[str, "ICMSTot/vICMSMonoReten"]
    icms_single_phase_before: Annotated[str, "ICMSTot/vICMSMonoRet"]
    import_duty: Annotated[str, "ICMSTot/vII"]
    ipi: Annotated[str, "ICMSTot/vIPI"]
    ipi_returned: Annotated[str, "ICMSTot/vIPIDevol"]
    pis: Annotated[str, "ICMSTot/vPIS"]
    cofins: Annotated[str, "ICMSTot/vCOFINS"]
    total: Annotated[str, "ICMSTot/vNF"]
    services: Annotated[str, "ISSQNtot/vServ"]
    services_pis: Annotated[str, "ISSQNtot/vPIS"]
    services_cofins: Annotated[str, "ISSQNtot/vCOFINS"]
    selective: Annotated[str, "ISTot/vIS"]
    ibs: Annotated[str, "IBSCBSTot/gIBS/vIBS"]
    cbs: Annotated[str, "IBSCBSTot/gCBS/vCBS"]
    ibs_single_phase: Annotated[str, "IBSCBSTot/gMono/vIBSMono"]
    cbs_single_phase: Annotated[str, "IBSCBSTot/gMono/vCBSMono"]
    ibs_single_phase_withheld: Annotated[str, "IBSCBSTot/gMono/vIBSMonoReten"]
    cbs_single_phase_withheld: Annotated[str, "IBSCBSTot/gMono/vCBSMonoReten"]
    total_with_reform: Annotated[str, "vNFTot"]  # with IBS, CBS and IS


class AnswerRow(NamedTuple):
    """The tax authority's answer, from protNFe."""

    key: Annotated[str, "infProt/chNFe"]
    number: Annotated[str, "infProt/nProt"]
    status: Annotated[str, "infProt/cStat"]
    at: Annotated[str, "infProt/dhRecbto"]
    digest: Annotated[str, "infProt/digVal"]
    text: Annotated[str, "infProt/xMotivo"]


class SignatureRow(NamedTuple):
    """From the note's Signature."""

    digest: Annotated[str, "SignedInfo/Reference/DigestValue"]


class ReferenceRow(NamedTuple):
    """From an element of NFref that has no key: a paper."""

    model: Annotated[str, "mod"]
    series: Annotated[str, "serie"]
    number: Annotated[str, "nNF"]
    printer: Annotated[str, "nECF"]
    receipt: Annotated[str, "nCOO"]


class NoteRow(NamedTuple):
    head: HeadRow
    items: list[ItemRow]
    payments: list[PaymentRow]
    totals: TotalsRow
    change: ChangeRow
    answer: AnswerRow | None  # None without protNFe; all of it "" when that holds nothing
    signature: SignatureRow
    references: list[str]  # NFref: keys, and the words of what has none
    alerts: list[tuple[str, str]]  # cMsg and xMsg of the answer
    twice: list[str]  # elements that say one thing in two ways


HEAD = Paths(HeadRow)
ITEM = Paths(ItemRow)
SELDOM = len(ITEM.of) - ItemRow._fields.index("icms_substitution_base")  # so many amounts at an item's end
PAYMENT = Paths(PaymentRow)
CHANGE = Paths(ChangeRow)
TOTALS = Paths(TotalsRow)
ANSWER = Paths(AnswerRow)
SIGNATURE = Paths(SignatureRow)
_REFERENCE = Paths(ReferenceRow)
_GROUPS = ("ide", "emit", "dest", "det", "total", "pag")
_WANTED = tuple(f"{{*}}{name}" for name in _GROUPS)
_MOST_ITEMS = 1_000
_MOST_PARTS = 20_000  # of a body; what comes behind belongs to no note that is within the limits
_MOST_PAYMENTS = 1_000


def note_row(note: etree._Element, answer: etree._Element | None) -> NoteRow:
    """The rows of an NFe (or of its infNFe alone) and of the protNFe that goes with it."""
    twice: list[str] = []
    body = _body(note, twice)
    groups: dict[str, list[etree._Element]] = {name: [] for name in _GROUPS}
    # The parser's own code picks them: a body may hold half a million of others.
    for child in islice(body.iterchildren(*_WANTED), _MOST_PARTS):
        groups[LOCAL_NAMES[child.tag]].append(child)
    paid = groups["pag"]
    return NoteRow(
        HEAD.row_of_parts(body, groups["ide"] + groups["emit"] + groups["dest"], twice),
        _items(groups["det"], twice),
        _payments(paid, body.get("versao", ""), twice),
        TOTALS.row(groups["total"], twice),
        CHANGE.row(paid, twice),
        None if answer is None else ANSWER.row([answer], twice),
        SIGNATURE.row(children_of(note, "Signature"), twice),
        _references(groups["ide"]),
        [] if answer is None else alerts_of(answer),
        twice,
    )


def _items(details: list[etree._Element], twice: list[str]) -> list[ItemRow]:
    """As many rows as items. Beyond what any note has they are told by their number only: nobody reads those."""
    rows = [ITEM.row([detail], twice) for detail in details[:_MOST_ITEMS]]
    return rows + [ITEM.row([], twice)] * (len(details) - len(rows))


def item_row(detail: etree._Element, twice: list[str]) -> ItemRow:
    """The row of one det."""
    return ITEM.row([detail], twice)


def _body(note: etree._Element, twice: list[str]) -> etree._Element:
    if LOCAL_NAMES[note.tag] == "infNFe":
        return note
    bodies = children_of(note, "infNFe")
    if len(bodies) > 1:
        twice.append("infNFe")
    return bodies[0] if bodies else etree.Element("infNFe")


def _payments(groups: list[etree._Element], layout: str, twice: list[str]) -> list[PaymentRow]:
    """Layout 4.00 has one pag, with a detPag for each payment; before, there was a pag for each."""
    details = [children_of(group, "detPag") for group in groups]
    if len(groups) > 1 and (any(details) or layout.startswith("4")):
        twice.append("pag")
    sources = [one for group, own in zip(groups, details, strict=True) for one in own or _as_payment(group)]
    rows = [PAYMENT.row([source], twice) for source in sources[:_MOST_PAYMENTS]]
    return rows + [PAYMENT.row([], twice)] * (len(sources) - len(rows))


def _as_payment(group: etree._Element) -> list[etree._Element]:
    return [group] if any(LOCAL_NAMES[child.tag] in ("tPag", "vPag") for child in group) else []


def _references(identifications: list[etree._Element]) -> list[str]:
    """What the note refers to. Papers have no key: their kind and numbers stand for it ("ECF 2D 3 15")."""
    found: list[str] = []
    groups = [group for each in identifications for group in each.iterchildren("{*}NFref")]
    for reference in [one for group in groups for one in group]:
        text = (reference.text or "").strip()
        if len(reference):
            words = _REFERENCE.row([reference], [])
            text = " ".join([LOCAL_NAMES[reference.tag].removeprefix("ref"), *filter(None, words)])
        if text:
            found.append(text)
    return found


def alerts_of(answer: etree._Element) -> list[tuple[str, str]]:
    """What the authority wants mended though it authorised the note (cStat 120): codes and their messages, in turn."""
    told = [field for body in children_of(answer, "infProt") for field in body.iterchildren("{*}cMsg", "{*}xMsg")]
    codes = [field.text or "" for field in told if LOCAL_NAMES[field.tag] == "cMsg"]
    messages = [field.text or "" for field in told if LOCAL_NAMES[field.tag] == "xMsg"]
    return [(code.strip(), message.strip()) for code, message in zip_longest(codes, messages, fillvalue="")]
