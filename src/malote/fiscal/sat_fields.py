"""Which element of a CF-e of the SAT (layouts 0.06 to 0.08) feeds which field, as ``note_fields`` says it of a note."""

from itertools import islice
from typing import Annotated, NamedTuple

from lxml import etree

from malote.fiscal.paths import Paths
from malote.fiscal.tree import LOCAL_NAMES, children_of


class SatHeadRow(NamedTuple):
    """From infCFe. Of a cancellation, moment and state stand in ide too."""

    identity: Annotated[str, "@Id"]  # with its prefix
    cancelled: Annotated[str, "@chCanc"]
    layout: Annotated[str, "@versao"]
    state: Annotated[str, "ide/cUF"]
    code: Annotated[str, "ide/cNF"]
    model: Annotated[str, "ide/mod"]
    serial: Annotated[str, "ide/nserieSAT"]
    number: Annotated[str, "ide/nCFe"]
    date: Annotated[str, "ide/dEmi"]
    hour: Annotated[str, "ide/hEmi"]
    digit: Annotated[str, "ide/cDV"]
    environment: Annotated[str, "ide/tpAmb"]
    issuer: Annotated[str, "emit/CNPJ"]
    buying_company: Annotated[str, "dest/CNPJ"]
    buying_person: Annotated[str, "dest/CPF"]


class SatItemRow(NamedTuple):
    """From det."""

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
    discount: Annotated[str, "prod/vDesc"]
    other: Annotated[str, "prod/vOutro"]
    net: Annotated[str, "prod/vItem"]
    spread_discount: Annotated[str, "prod/vRatDesc"]  # its part of a discount on the whole
    spread_addition: Annotated[str, "prod/vRatAcr"]
    icms_origin: Annotated[str, "imposto/ICMS/*/Orig"]
    icms_status: Annotated[str, "imposto/ICMS/*/CST"]
    icms_simple_status: Annotated[str, "imposto/ICMS/*/CSOSN"]
    icms_rate: Annotated[str, "imposto/ICMS/*/pICMS"]
    icms_amount: Annotated[str, "imposto/ICMS/*/vICMS"]
    service_amount: Annotated[str, "imposto/ISSQN/vISSQN"]
    service_rate: Annotated[str, "imposto/ISSQN/vAliq"]  # a service has one
    pis_status: Annotated[str, "imposto/PIS/*/CST"]
    pis_base: Annotated[str, "imposto/PIS/*/vBC"]
    pis_rate: Annotated[str, "imposto/PIS/*/pPIS"]  # as a fraction: 0.0165 is 1.65 percent
    pis_amount: Annotated[str, "imposto/PIS/*/vPIS"]
    pis_substitution: Annotated[str, "imposto/PISST/vPIS"]
    cofins_status: Annotated[str, "imposto/COFINS/*/CST"]
    cofins_base: Annotated[str, "imposto/COFINS/*/vBC"]
    cofins_rate: Annotated[str, "imposto/COFINS/*/pCOFINS"]
    cofins_amount: Annotated[str, "imposto/COFINS/*/vCOFINS"]
    cofins_substitution: Annotated[str, "imposto/COFINSST/vCOFINS"]


class SatTotalsRow(NamedTuple):
    """From total."""

    products: Annotated[str, "ICMSTot/vProd"]
    discount: Annotated[str, "ICMSTot/vDesc"]
    other: Annotated[str, "ICMSTot/vOutro"]
    icms: Annotated[str, "ICMSTot/vICMS"]
    pis: Annotated[str, "ICMSTot/vPIS"]
    cofins: Annotated[str, "ICMSTot/vCOFINS"]
    services: Annotated[str, "ISSQNtot/vISS"]
    discount_on_whole: Annotated[str, "DescAcrEntr/vDescSubtot"]
    addition_on_whole: Annotated[str, "DescAcrEntr/vAcresSubtot"]
    total: Annotated[str, "vCFe"]


class SatPaymentRow(NamedTuple):
    """From MP."""

    method: Annotated[str, "cMP"]
    amount: Annotated[str, "vMP"]
    authorisation: Annotated[str, "cAut"]


class SatChangeRow(NamedTuple):
    """From pgto."""

    change: Annotated[str, "vTroco"]


class SatRow(NamedTuple):
    head: SatHeadRow
    items: list[SatItemRow]
    payments: list[SatPaymentRow]
    totals: SatTotalsRow
    change: SatChangeRow
    twice: list[str]  # elements that say one thing in two ways


SAT_HEAD = Paths(SatHeadRow)
SAT_ITEM = Paths(SatItemRow)
SAT_TOTALS = Paths(SatTotalsRow)
SAT_PAYMENT = Paths(SatPaymentRow)
SAT_CHANGE = Paths(SatChangeRow)
# More than any has: of a file with still more, the limits tell.
_MOST_ITEMS = 1_000
_MOST_PAYMENTS = 1_000


def sat_row(document: etree._Element) -> SatRow:
    """The rows of a CFe or CFeCanc, or of its infCFe alone."""
    twice: list[str] = []
    bodies = [document] if LOCAL_NAMES[document.tag] == "infCFe" else children_of(document, "infCFe")
    if len(bodies) > 1:
        twice.append("infCFe")
    body = bodies[0] if bodies else document
    paid = children_of(body, "pgto")
    methods = (method for group in paid for method in group.iterchildren("{*}MP"))
    if len(paid) > 1:
        twice.append("pgto")
    return SatRow(
        SAT_HEAD.row([body], twice),
        [SAT_ITEM.row([detail], twice) for detail in children_of(body, "det")[:_MOST_ITEMS]],
        [SAT_PAYMENT.row([method], twice) for method in islice(methods, _MOST_PAYMENTS)],
        SAT_TOTALS.row(children_of(body, "total"), twice),
        SAT_CHANGE.row(paid, twice),
        twice,
    )
