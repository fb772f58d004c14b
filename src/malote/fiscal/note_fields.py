"""Which element of a note feeds which field: the one declaration of it, and nothing of what the texts mean.

Paths are those of the official layout (NFe, 4.00 with NT 2025.002), from the element that a row is read from. A field
that is absent or empty is ""; texts are as they are written, with any white space around them.
"""

from typing import Annotated, NamedTuple

from malote.fiscal.paths import Paths


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
    discount: Annotated[str, "prod/vDesc"]
    in_total: Annotated[str, "prod/indTot"]
    icms_origin: Annotated[str, "imposto/ICMS/*/orig"]
    icms_status: Annotated[str, "imposto/ICMS/*/CST"]
    icms_simple_status: Annotated[str, "imposto/ICMS/*/CSOSN"]
    icms_base: Annotated[str, "imposto/ICMS/*/vBC"]
    icms_rate: Annotated[str, "imposto/ICMS/*/pICMS"]
    icms_amount: Annotated[str, "imposto/ICMS/*/vICMS"]
    pis_status: Annotated[str, "imposto/PIS/*/CST"]
    pis_base: Annotated[str, "imposto/PIS/*/vBC"]
    pis_rate: Annotated[str, "imposto/PIS/*/pPIS"]
    pis_amount: Annotated[str, "imposto/PIS/*/vPIS"]
    cofins_status: Annotated[str, "imposto/COFINS/*/CST"]
    cofins_base: Annotated[str, "imposto/COFINS/*/vBC"]
    cofins_rate: Annotated[str, "imposto/COFINS/*/pCOFINS"]
    cofins_amount: Annotated[str, "imposto/COFINS/*/vCOFINS"]
    reform_status: Annotated[str, "imposto/IBSCBS/CST"]
    reform_class: Annotated[str, "imposto/IBSCBS/cClassTrib"]
    reform_base: Annotated[str, "imposto/IBSCBS/gIBSCBS/vBC"]
    ibs_state_rate: Annotated[str, "imposto/IBSCBS/gIBSCBS/gIBSUF/pIBSUF"]
    ibs_state_amount: Annotated[str, "imposto/IBSCBS/gIBSCBS/gIBSUF/vIBSUF"]
    ibs_city_rate: Annotated[str, "imposto/IBSCBS/gIBSCBS/gIBSMun/pIBSMun"]
    ibs_city_amount: Annotated[str, "imposto/IBSCBS/gIBSCBS/gIBSMun/vIBSMun"]
    cbs_rate: Annotated[str, "imposto/IBSCBS/gIBSCBS/gCBS/pCBS"]
    cbs_amount: Annotated[str, "imposto/IBSCBS/gIBSCBS/gCBS/vCBS"]
    # What few items say of themselves.
    service_list: Annotated[str, "imposto/ISSQN/cListServ"]  # a service's own code: the item is one
    pis_substitution_counts: Annotated[str, "imposto/PISST/indSomaPISST"]
    cofins_substitution_counts: Annotated[str, "imposto/COFINSST/indSomaCOFINSST"]
    # Amounts that items seldom have: all of them money, and last (``SELDOM``).
    service_amount: Annotated[str, "imposto/ISSQN/vISSQN"]
    freight: Annotated[str, "prod/vFrete"]
    insurance: Annotated[str, "prod/vSeg"]
    other: Annotated[str, "prod/vOutro"]
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
    environment: Annotated[str, "infProt/tpAmb"]


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


HEAD = Paths(HeadRow)
ITEM = Paths(ItemRow)
SELDOM = ItemRow._fields[ItemRow._fields.index("service_amount") :]
PAYMENT = Paths(PaymentRow)
CHANGE = Paths(ChangeRow)
TOTALS = Paths(TotalsRow)
ANSWER = Paths(AnswerRow)
SIGNATURE = Paths(SignatureRow)
REFERENCE = Paths(ReferenceRow)
