"""NFC-e notes, layout 4.00, test environment, as a till program writes them: valid by the official schema.

Amounts are integer cents until they are written. The tax groups are those of 2026: ICMS, PIS, COFINS, and the trial
rates of IBS and CBS (NT 2025.002), whose base leaves the older taxes out.
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from functools import cache
from random import Random

import msgspec

from malote.demo import issuers, signature
from malote.demo.baskets import Basket, BasketLine, BasketPayment, rounded
from malote.demo.catalogue import Product
from malote.demo.issuers import Issuer
from malote.fiscal import access_key as keys

NAMESPACE = "http://www.portalfiscal.inf.br/nfe"
MODEL = "65"
TEST_ENVIRONMENT = 2
NORMAL, CONTINGENCY = 1, 9
SAO_PAULO = timezone(timedelta(hours=-3))
PROGRAM = "PDV Demo 1.0"
AUTHORITY = "SEFAZ_DEMO"

_QR_ADDRESS = "https://www.homologacao.nfce.fazenda.sp.gov.br/qrcode"
_KEY_ADDRESS = "https://www.homologacao.nfce.fazenda.sp.gov.br/consulta"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_REASON_OFFLINE = "SEM COMUNICACAO COM A SEFAZ"

# Rates in hundredths of a percent.
_PIS, _COFINS = 165, 760
_IBS_STATE, _IBS_CITY, _CBS = 10, 0, 90
_ACQUIRER = "99888777000186"


class Sums(msgspec.Struct):
    """What the lines add up to, for the totals' group."""

    gross: int = 0
    discount: int = 0
    icms_base: int = 0
    icms: int = 0
    pis: int = 0
    cofins: int = 0
    reform_base: int = 0
    ibs_state: int = 0
    cbs: int = 0


class DemoNote(msgspec.Struct, frozen=True):
    """A note as the till has it: signed, and authorised or not yet."""

    issuer: Issuer
    series: int
    number: int
    issued_at: datetime
    emission: int  # NORMAL or CONTINGENCY
    access_key: str
    basket: Basket
    nfe: str  # the element NFe
    digest: bytes  # of its infNFe

    @property
    def total(self) -> int:
        return self.basket.total

    def unauthorised(self) -> bytes:
        """The file before the tax authority answered."""
        return f"{_DECLARATION}{self.nfe}".encode()

    def authorised(self) -> bytes:
        """The file with its protocol."""
        protocol = _protocol(self, self.issued_at + timedelta(seconds=2))
        return f'{_DECLARATION}<nfeProc xmlns="{NAMESPACE}" versao="4.00">{self.nfe}{protocol}</nfeProc>'.encode()


def compose(
    issuer: Issuer, series: int, number: int, issued_at: datetime, basket: Basket, emission: int = NORMAL
) -> DemoNote:
    """Writes the note of one sale. The random part of its key follows from series and number, so that composing the
    same sale again gives the same bytes."""
    key = access_key(issuer, series, number, issued_at, emission)
    sums = Sums()
    lines = "".join([_item(line, place, issuer, sums) for place, line in enumerate(basket.lines, 1)])
    body = (
        f'<infNFe xmlns="{NAMESPACE}" Id="NFe{key}" versao="4.00">'
        f"{_identification(key, series, number, issued_at, emission)}{_issuer(issuer)}{_consumer(basket.consumer)}"
        f"{lines}{_totals(sums, issuer)}<transp><modFrete>9</modFrete></transp>{_payments(basket)}"
        "<infAdic><infCpl>DOCUMENTO DE DEMONSTRACAO, SEM VALOR FISCAL</infCpl></infAdic></infNFe>"
    )
    signed = signature.digest(body)
    body = body.replace(f'<infNFe xmlns="{NAMESPACE}"', "<infNFe", 1)
    supplement = _supplement(key, basket, issued_at, emission, signed)
    signed_by = signature.element(f"NFe{key}", signed, issuer.cnpj)
    nfe = f'<NFe xmlns="{NAMESPACE}">{body}{supplement}{signed_by}</NFe>'
    return DemoNote(issuer, series, number, issued_at, emission, key, basket, nfe, signed)


def access_key(issuer: Issuer, series: int, number: int, issued_at: datetime, emission: int) -> str:
    return keys.compose(
        state=issuers.STATE_CODE,
        year_month=f"{issued_at:%y%m}",
        issuer=issuer.cnpj,
        model=MODEL,
        series=series,
        number=number,
        emission=emission,
        code=f"{Random(f'{issuer.cnpj}:{series}:{number}').randrange(100_000_000):08d}",
    )


def protocol_number(seed: str, issued_at: datetime) -> str:
    """Fifteen digits, the same for the same seed."""
    return f"135{issued_at:%y}{Random(seed).randrange(10**10):010d}"


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def instant(moment: datetime) -> str:
    """A time as the layout wants it: whole seconds with the offset."""
    return moment.isoformat(timespec="seconds")


def _identification(key: str, series: int, number: int, issued_at: datetime, emission: int) -> str:
    offline = (
        f"<dhCont>{instant(issued_at - timedelta(minutes=3))}</dhCont><xJust>{_REASON_OFFLINE}</xJust>"
        if emission == CONTINGENCY
        else ""
    )
    return (
        f"<ide><cUF>{issuers.STATE_CODE}</cUF><cNF>{key[35:43]}</cNF><natOp>VENDA</natOp><mod>{MODEL}</mod>"
        f"<serie>{series}</serie><nNF>{number}</nNF><dhEmi>{instant(issued_at)}</dhEmi><tpNF>1</tpNF><idDest>1</idDest>"
        f"<cMunFG>{issuers.CITY_CODE}</cMunFG><tpImp>4</tpImp><tpEmis>{emission}</tpEmis><cDV>{key[43]}</cDV>"
        f"<tpAmb>{TEST_ENVIRONMENT}</tpAmb><finNFe>1</finNFe><indFinal>1</indFinal><indPres>1</indPres>"
        f"<procEmi>0</procEmi><verProc>{PROGRAM}</verProc>{offline}</ide>"
    )


@cache
def _issuer(issuer: Issuer) -> str:
    return (
        f"<emit><CNPJ>{issuer.cnpj}</CNPJ><xNome>{issuer.name}</xNome><xFant>{issuer.trade_name}</xFant><enderEmit>"
        f"<xLgr>{issuer.street}</xLgr><nro>{issuer.street_number}</nro><xBairro>{issuer.district}</xBairro>"
        f"<cMun>{issuers.CITY_CODE}</cMun><xMun>{issuers.CITY}</xMun><UF>{issuers.STATE}</UF>"
        f"<CEP>{issuers.POSTCODE}</CEP><cPais>1058</cPais><xPais>Brasil</xPais></enderEmit>"
        f"<IE>{issuer.state_registration}</IE><CRT>{issuer.regime}</CRT></emit>"
    )


def _consumer(cpf: str) -> str:
    return f"<dest><CPF>{cpf}</CPF><indIEDest>9</indIEDest></dest>" if cpf else ""


def _item(line: BasketLine, place: int, issuer: Issuer, sums: Sums) -> str:
    product = line.product
    quantity = _quantity(line.quantity)
    gross = money(line.gross)
    discount = f"<vDesc>{money(line.discount)}</vDesc>" if line.discount else ""
    before, between = _product(product)
    sums.gross += line.gross
    sums.discount += line.discount
    taxes = _simples_taxes(product) if issuer.simples else _taxes(product, line.net, sums)
    return (
        f'<det nItem="{place}">{before}<qCom>{quantity}</qCom>{between[0]}<vProd>{gross}</vProd>{between[1]}'
        f"<qTrib>{quantity}</qTrib>{between[2]}{discount}<indTot>1</indTot></prod><imposto>{taxes}</imposto></det>"
    )


def _quantity(ten_thousandths: int) -> str:
    return f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04d}"


@cache
def _product(product: Product) -> tuple[str, tuple[str, str, str]]:
    """What every line of one product has in common: before its quantity, and the three pieces after it."""
    gtin = product.gtin or "SEM GTIN"
    cest = f"<CEST>{product.cest}</CEST>" if product.cest else ""
    price = money(product.price)
    before = (
        f"<prod><cProd>{product.code}</cProd><cEAN>{gtin}</cEAN><xProd>{product.description}</xProd>"
        f"<NCM>{product.ncm}</NCM>{cest}<CFOP>{product.cfop}</CFOP><uCom>{product.unit}</uCom>"
    )
    unit = f"<cEANTrib>{gtin}</cEANTrib><uTrib>{product.unit}</uTrib>"
    return before, (f"<vUnCom>{price}</vUnCom>", unit, f"<vUnTrib>{price}</vUnTrib>")


@cache
def _simples_taxes(product: Product) -> str:
    group = "ICMSSN500" if product.simples_status == "500" else "ICMSSN102"
    nothing = "<CST>49</CST><vBC>0.00</vBC>"
    return (
        f"<ICMS><{group}><orig>0</orig><CSOSN>{product.simples_status}</CSOSN></{group}></ICMS>"
        f"<PIS><PISOutr>{nothing}<pPIS>0.00</pPIS><vPIS>0.00</vPIS></PISOutr></PIS>"
        f"<COFINS><COFINSOutr>{nothing}<pCOFINS>0.00</pCOFINS><vCOFINS>0.00</vCOFINS></COFINSOutr></COFINS>"
    )


def _taxes(product: Product, net: int, sums: Sums) -> str:
    icms_xml, icms = _icms(product, net, sums)
    older_xml, older = _pis_and_cofins(product, net - icms, sums)
    return f"{icms_xml}{older_xml}{_reform(product, net - icms - older, sums)}"


def _icms(product: Product, net: int, sums: Sums) -> tuple[str, int]:
    status = product.icms_status
    if status != "00":
        return f"<ICMS><ICMS{status}><orig>0</orig><CST>{status}</CST></ICMS{status}></ICMS>", 0
    amount = rounded(net * product.icms_rate, 10_000)
    sums.icms_base += net
    sums.icms += amount
    group = (
        f"<ICMS><ICMS00><orig>0</orig><CST>00</CST><modBC>3</modBC><vBC>{money(net)}</vBC>"
        f"<pICMS>{money(product.icms_rate)}</pICMS><vICMS>{money(amount)}</vICMS></ICMS00></ICMS>"
    )
    return group, amount


def _pis_and_cofins(product: Product, base: int, sums: Sums) -> tuple[str, int]:
    status = product.pis_cofins_status
    if status != "01":
        free = f"<CST>{status}</CST>"
        return f"<PIS><PISNT>{free}</PISNT></PIS><COFINS><COFINSNT>{free}</COFINSNT></COFINS>", 0
    pis, cofins = rounded(base * _PIS, 10_000), rounded(base * _COFINS, 10_000)
    sums.pis += pis
    sums.cofins += cofins
    common = f"<CST>01</CST><vBC>{money(base)}</vBC>"
    groups = (
        f"<PIS><PISAliq>{common}<pPIS>{money(_PIS)}</pPIS><vPIS>{money(pis)}</vPIS></PISAliq></PIS>"
        f"<COFINS><COFINSAliq>{common}<pCOFINS>{money(_COFINS)}</pCOFINS><vCOFINS>{money(cofins)}</vCOFINS>"
        "</COFINSAliq></COFINS>"
    )
    return groups, pis + cofins


def _reform(product: Product, base: int, sums: Sums) -> str:
    left = 100 - product.reform_reduction
    state = rounded(base * _IBS_STATE * left, 1_000_000)
    cbs = rounded(base * _CBS * left, 1_000_000)
    sums.reform_base += base
    sums.ibs_state += state
    sums.cbs += cbs
    reduced = product.reform_reduction
    return (
        f"<IBSCBS><CST>{product.reform_status}</CST><cClassTrib>{product.reform_class}</cClassTrib>"
        f"<gIBSCBS><vBC>{money(base)}</vBC>"
        f"<gIBSUF>{_rate('pIBSUF', _IBS_STATE, reduced)}<vIBSUF>{money(state)}</vIBSUF></gIBSUF>"
        f"<gIBSMun>{_rate('pIBSMun', _IBS_CITY, reduced)}<vIBSMun>0.00</vIBSMun></gIBSMun>"
        f"<vIBS>{money(state)}</vIBS>"
        f"<gCBS>{_rate('pCBS', _CBS, reduced)}<vCBS>{money(cbs)}</vCBS></gCBS></gIBSCBS></IBSCBS>"
    )


@cache
def _rate(name: str, hundredths: int, reduction: int) -> str:
    full = f"<{name}>{money(hundredths)}00</{name}>"
    if not reduction:
        return full
    effective = hundredths * (100 - reduction)  # ten-thousandths of a percent
    return (
        f"{full}<gRed><pRedAliq>{reduction}.0000</pRedAliq>"
        f"<pAliqEfet>{effective // 10_000}.{effective % 10_000:04d}</pAliqEfet></gRed>"
    )


def _totals(sums: Sums, issuer: Issuer) -> str:
    zeros = "<vICMSDeson>0.00</vICMSDeson><vFCP>0.00</vFCP><vBCST>0.00</vBCST><vST>0.00</vST><vFCPST>0.00</vFCPST>"
    reform = "" if issuer.simples else _reform_totals(sums)
    return (
        f"<total><ICMSTot><vBC>{money(sums.icms_base)}</vBC><vICMS>{money(sums.icms)}</vICMS>{zeros}"
        f"<vFCPSTRet>0.00</vFCPSTRet><vProd>{money(sums.gross)}</vProd><vFrete>0.00</vFrete><vSeg>0.00</vSeg>"
        f"<vDesc>{money(sums.discount)}</vDesc><vII>0.00</vII><vIPI>0.00</vIPI><vIPIDevol>0.00</vIPIDevol>"
        f"<vPIS>{money(sums.pis)}</vPIS><vCOFINS>{money(sums.cofins)}</vCOFINS><vOutro>0.00</vOutro>"
        f"<vNF>{money(sums.gross - sums.discount)}</vNF></ICMSTot>{reform}</total>"
    )


def _reform_totals(sums: Sums) -> str:
    none = "<vDif>0.00</vDif><vDevTrib>0.00</vDevTrib>"
    credits = "<vCredPres>0.00</vCredPres><vCredPresCondSus>0.00</vCredPresCondSus>"
    state, cbs = money(sums.ibs_state), money(sums.cbs)
    return (
        f"<IBSCBSTot><vBCIBSCBS>{money(sums.reform_base)}</vBCIBSCBS>"
        f"<gIBS><gIBSUF>{none}<vIBSUF>{state}</vIBSUF></gIBSUF><gIBSMun>{none}<vIBSMun>0.00</vIBSMun></gIBSMun>"
        f"<vIBS>{state}</vIBS>{credits}</gIBS><gCBS>{none}<vCBS>{cbs}</vCBS>{credits}</gCBS></IBSCBSTot>"
    )


def _payments(basket: Basket) -> str:
    change = f"<vTroco>{money(basket.change)}</vTroco>" if basket.change else ""
    return f"<pag>{''.join(_each_payment(basket.payments))}{change}</pag>"


def _each_payment(payments: Sequence[BasketPayment]) -> Iterable[str]:
    for payment in payments:
        card = ""
        if payment.method in ("03", "04"):
            approval = f"{payment.amount * 7919 % 1_000_000:06d}"
            card = (
                f"<card><tpIntegra>1</tpIntegra><CNPJ>{_ACQUIRER}</CNPJ><tBand>01</tBand><cAut>{approval}</cAut></card>"
            )
        yield f"<detPag><tPag>{payment.method}</tPag><vPag>{money(payment.amount)}</vPag>{card}</detPag>"


def _supplement(key: str, basket: Basket, issued_at: datetime, emission: int, signed: bytes) -> str:
    """The QR code, version 3: short when authorised online, with the sale's figures and a signature when offline."""
    code = f"{key}|3|{TEST_ENVIRONMENT}"
    if emission == CONTINGENCY:
        kind = "2" if basket.consumer else ""
        proof = base64.b64encode(signed * 6).decode()
        code += f"|{issued_at:%d}|{money(basket.total)}|{kind}|{basket.consumer}|{proof}"
    return f"<infNFeSupl><qrCode>{_QR_ADDRESS}?p={code}</qrCode><urlChave>{_KEY_ADDRESS}</urlChave></infNFeSupl>"


def _protocol(note: DemoNote, at: datetime) -> str:
    number = protocol_number(note.access_key, note.issued_at)
    return (
        f'<protNFe versao="4.00"><infProt Id="ID{number}"><tpAmb>{TEST_ENVIRONMENT}</tpAmb>'
        f"<verAplic>{AUTHORITY}</verAplic><chNFe>{note.access_key}</chNFe><dhRecbto>{instant(at)}</dhRecbto>"
        f"<nProt>{number}</nProt><digVal>{base64.b64encode(note.digest).decode()}</digVal><cStat>100</cStat>"
        "<xMotivo>Autorizado o uso da NF-e</xMotivo></infProt></protNFe>"
    )
