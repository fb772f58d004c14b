"""Builds fiscal documents for tests and benches: whole, plausible, and wrong only where a test asks for it.

A note's totals follow from its items unless given. The defaults make an authorised NFC-e that the official schema
accepts. People in them are invented.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from lxml import etree

from malote.fiscal import access_key

NAMESPACE = "http://www.portalfiscal.inf.br/nfe"
ISSUER = "11222333000181"
MORNING = datetime(2026, 11, 20, 10, 30, 15, tzinfo=timezone(timedelta(hours=-3)))
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


class Line(NamedTuple):
    """One item. ``gross`` in cents; None computes it from quantity and price."""

    code: str = "1001"
    description: str = "ARROZ TIPO 1 5KG"
    quantity: str = "1.0000"
    price: str = "25.90"
    discount: int = 0
    gtin: str = "7891000315507"
    gross: int | None = None
    cfop: str = "5102"
    other: int = 0
    freight: int = 0
    in_total: bool = True

    @property
    def cents(self) -> int:
        return self.gross if self.gross is not None else _cents(Decimal(self.quantity) * Decimal(self.price))

    @property
    def net(self) -> int:
        return (self.cents if self.in_total else 0) - self.discount + self.other + self.freight


ONE_LINE = (Line(),)
BASKET = tuple(
    Line(str(1000 + n), f"PRODUTO DE MERCEARIA {n} PCT 500G", f"{n}.0000", f"{n}.49", discount=n % 3)
    for n in range(1, 9)
)


def build_note(
    *,
    issuer: str = ISSUER,
    series: int = 1,
    number: int = 1,
    issued_at: datetime = MORNING,
    model: str = "65",
    layout: str = "4.00",
    emission: int = 1,
    environment: int = 1,
    items: Sequence[Line] = ONE_LINE,
    payments: Sequence[tuple[str, int]] | None = None,
    change: int = 0,
    total: int | None = None,
    consumer: str = "",
    protocol: bool | None = None,
    status: int = 100,
    protocol_key: str | None = None,
    code: str = "20261120",
    purpose: int = 1,
    direction: int = 1,
    references: Sequence[str] = (),
    reform: bool = True,
    signed: bool = True,
    declaration: str = DECLARATION,
    encoding: str = "UTF-8",
) -> bytes:
    """An NFC-e or NF-e as its POS would save it: ``payments`` (tPag, cents) are by default one of cash over total plus
    change, ``references`` keys of other notes, ``protocol`` is there unless it is offline. Money in cents."""
    access = access_key.compose(
        state="35", year_month=f"{issued_at:%y%m}", issuer=issuer, model=model, series=series, number=number,
        emission=emission, code=code,
    )  # fmt: skip
    whole = sum(line.net for line in items) if total is None else total
    heading = _heading(
        access, issued_at, f"{code:0>8}", direction, environment=environment, purpose=purpose, references=references
    )
    supplement = _supplement(access, environment, emission, issued_at, whole) if model == "65" else ""
    note = (
        f'<NFe xmlns="{NAMESPACE}"><infNFe versao="{layout}" Id="NFe{access}">{heading}{_issuer(issuer)}'
        f"{_consumer(consumer)}{''.join(_item(n, line, reform) for n, line in enumerate(items, 1))}"
        f"{_totals(items, whole, reform)}<transp><modFrete>9</modFrete></transp>"
        f"{_paid((('01', whole + change),) if payments is None else payments, change)}</infNFe>"
        f"{supplement}{_signature(access) if signed else ''}</NFe>"
    )
    if protocol if protocol is not None else emission != 9:
        answer = _protocol("protNFe", "Prot", protocol_key or access, environment, issued_at, status, layout)
        note = f'<nfeProc xmlns="{NAMESPACE}" versao="{layout}">{note}{answer}</nfeProc>'
    return (declaration + note).encode(encoding)


def build_cancellation(
    key: str,
    *,
    event: str = "110111",
    substitute: str = "",
    sequence: int = 1,
    at: datetime = MORNING + timedelta(minutes=5),
    environment: int = 1,
    sale_protocol: str = "135260000000001",
    authorised: bool = True,
    status: int = 135,
) -> bytes:
    """A cancel event of the sale ``key``: its procEventoNFe when authorised, else the bare evento."""
    extra = ""
    if event == "110112":
        extra = f"<cOrgaoAutor>{key[:2]}</cOrgaoAutor><tpAutor>1</tpAutor><verAplic>PDV 1.0</verAplic>"
    described = "Cancelamento" if event == "110111" else "Cancelamento por substituicao"
    request = (
        f'<evento xmlns="{NAMESPACE}" versao="1.00"><infEvento Id="ID{event}{key}{sequence:02}">'
        f"<cOrgao>{key[:2]}</cOrgao><tpAmb>{environment}</tpAmb><CNPJ>{key[6:20]}</CNPJ><chNFe>{key}</chNFe>"
        f"<dhEvento>{at.isoformat()}</dhEvento><tpEvento>{event}</tpEvento><nSeqEvento>{sequence}</nSeqEvento>"
        f'<verEvento>1.00</verEvento><detEvento versao="1.00"><descEvento>{described}</descEvento>{extra}'
        f"<nProt>{sale_protocol}</nProt><xJust>CLIENTE DESISTIU DA COMPRA</xJust>"
        f"{tag('chNFeRef', substitute) if substitute else ''}</detEvento></infEvento>{_signature(key)}</evento>"
    )
    if not authorised:
        return (DECLARATION + request).encode()
    answer = (
        f'<retEvento versao="1.00"><infEvento><tpAmb>{environment}</tpAmb><verAplic>SP_1</verAplic>'
        f"<cOrgao>{key[:2]}</cOrgao><cStat>{status}</cStat><xMotivo>Evento registrado</xMotivo><chNFe>{key}</chNFe>"
        f"<tpEvento>{event}</tpEvento><nSeqEvento>{sequence}</nSeqEvento><dhRegEvento>{at.isoformat()}</dhRegEvento>"
        f"<nProt>135260000000777</nProt></infEvento></retEvento>"
    )
    return f'{DECLARATION}<procEventoNFe xmlns="{NAMESPACE}" versao="1.00">{request}{answer}</procEventoNFe>'.encode()


def build_void(
    *,
    issuer: str = ISSUER,
    model: str = "65",
    series: int = 1,
    year: int = 2026,
    first: int = 10,
    last: int = 12,
    environment: int = 1,
    at: datetime = MORNING,
    authorised: bool = True,
    status: int = 102,
    root: str = "ProcInutNFe",
) -> bytes:
    """Voided numbers: ``root`` around request and answer when authorised, else the bare inutNFe."""
    identity = f"ID35{year % 100:02}{issuer}{model}{series:03}{first:09}{last:09}"
    span = f"<nNFIni>{first}</nNFIni><nNFFin>{last}</nNFFin>"
    request = (
        f'<inutNFe xmlns="{NAMESPACE}" versao="4.00"><infInut Id="{identity}"><tpAmb>{environment}</tpAmb>'
        f"<xServ>INUTILIZAR</xServ><cUF>35</cUF><ano>{year % 100:02}</ano><CNPJ>{issuer}</CNPJ><mod>{model}</mod>"
        f"<serie>{series}</serie>{span}<xJust>FALHA NA SEQUENCIA DE NUMEROS</xJust></infInut>"
        f"{_signature(identity)}</inutNFe>"
    )
    if not authorised:
        return (DECLARATION + request).encode()
    answer = (
        f'<retInutNFe versao="4.00"><infInut><tpAmb>{environment}</tpAmb><verAplic>SP_1</verAplic>'
        f"<cStat>{status}</cStat><xMotivo>Inutilizacao de numero homologado</xMotivo><cUF>35</cUF>"
        f"<ano>{year % 100:02}</ano><CNPJ>{issuer}</CNPJ><mod>{model}</mod><serie>{series}</serie>{span}"
        f"<dhRecbto>{at.isoformat()}</dhRecbto><nProt>135260000000555</nProt></infInut></retInutNFe>"
    )
    return f'{DECLARATION}<{root} xmlns="{NAMESPACE}" versao="4.00">{request}{answer}</{root}>'.encode()


def key_of(document: bytes) -> str:
    """The 44 characters of the first Id of a note or CF-e, or of the sale that an event names."""
    root = etree.fromstring(document)
    for element in root.iter():
        digits = element.get("Id", "").removeprefix("NFe").removeprefix("CFe")
        if len(digits) == access_key.LENGTH:
            return digits
        if str(element.tag).endswith("}chNFe"):
            return element.text or ""
    raise ValueError("no key in the document")


def _heading(
    access: str,
    issued_at: datetime,
    code: str,
    direction: int,
    *,
    environment: int,
    purpose: int,
    references: Sequence[str],
) -> str:
    model, series, number, emission = access[20:22], int(access[22:25]), int(access[25:34]), access[34]
    contingency = ""
    if emission == "9":
        contingency = tag("dhCont", issued_at.isoformat()) + tag("xJust", "SEM COMUNICACAO COM A SEFAZ")
    referred = "".join(f"<NFref><refNFe>{one}</refNFe></NFref>" for one in references)
    return (
        f"<ide><cUF>35</cUF><cNF>{code}</cNF><natOp>VENDA</natOp><mod>{model}</mod><serie>{series}</serie>"
        f"<nNF>{number}</nNF><dhEmi>{issued_at.isoformat()}</dhEmi><tpNF>{direction}</tpNF><idDest>1</idDest>"
        f"<cMunFG>3550308</cMunFG><tpImp>4</tpImp><tpEmis>{emission}</tpEmis><cDV>{access[-1]}</cDV>"
        f"<tpAmb>{environment}</tpAmb><finNFe>{purpose}</finNFe><indFinal>1</indFinal><indPres>1</indPres>"
        f"<procEmi>0</procEmi><verProc>PDV 1.0</verProc>{contingency}{referred}</ide>"
    )


def _item(number: int, line: Line, reform: bool) -> str:
    freight = tag("vFrete", money(line.freight)) if line.freight else ""
    discount = tag("vDesc", money(line.discount)) if line.discount else ""
    other = tag("vOutro", money(line.other)) if line.other else ""
    return (
        f'<det nItem="{number}"><prod><cProd>{line.code}</cProd><cEAN>{line.gtin}</cEAN>'
        f"<xProd>{line.description}</xProd><NCM>10063021</NCM><CFOP>{line.cfop}</CFOP><uCom>UN</uCom>"
        f"<qCom>{line.quantity}</qCom><vUnCom>{line.price}</vUnCom><vProd>{money(line.cents)}</vProd>"
        f"<cEANTrib>{line.gtin}</cEANTrib><uTrib>UN</uTrib><qTrib>{line.quantity}</qTrib>"
        f"<vUnTrib>{line.price}</vUnTrib>{freight}{discount}{other}<indTot>{int(line.in_total)}</indTot></prod>"
        f"<imposto><ICMS><ICMS00><orig>0</orig><CST>00</CST><modBC>3</modBC><vBC>{money(line.net)}</vBC>"
        f"<pICMS>18.0000</pICMS><vICMS>{money(_share(line.net, 18))}</vICMS></ICMS00></ICMS>"
        f"<PIS><PISAliq><CST>01</CST><vBC>{money(line.net)}</vBC><pPIS>1.6500</pPIS>"
        f"<vPIS>{money(_share(line.net, '1.65'))}</vPIS></PISAliq></PIS>"
        f"<COFINS><COFINSAliq><CST>01</CST><vBC>{money(line.net)}</vBC><pCOFINS>7.6000</pCOFINS>"
        f"<vCOFINS>{money(_share(line.net, '7.6'))}</vCOFINS></COFINSAliq></COFINS>"
        f"{_reform(line.net) if reform else ''}</imposto></det>"
    )


def _reform(net: int) -> str:
    state = money(_share(net, "0.1"))
    return (
        f"<IBSCBS><CST>000</CST><cClassTrib>000001</cClassTrib><gIBSCBS><vBC>{money(net)}</vBC>"
        f"<gIBSUF><pIBSUF>0.1000</pIBSUF><vIBSUF>{state}</vIBSUF></gIBSUF>"
        f"<gIBSMun><pIBSMun>0.0000</pIBSMun><vIBSMun>0.00</vIBSMun></gIBSMun><vIBS>{state}</vIBS>"
        f"<gCBS><pCBS>0.9000</pCBS><vCBS>{money(_share(net, '0.9'))}</vCBS></gCBS></gIBSCBS></IBSCBS>"
    )


def _issuer(issuer: str) -> str:
    return (
        f"<emit>{tag('CNPJ' if len(issuer) == 14 else 'CPF', issuer)}<xNome>MERCADO MODELO LTDA</xNome>"
        f"<xFant>MERCADO MODELO</xFant><enderEmit><xLgr>RUA DAS FLORES</xLgr><nro>100</nro>"
        f"<xBairro>CENTRO</xBairro><cMun>3550308</cMun><xMun>SAO PAULO</xMun><UF>SP</UF><CEP>01001000</CEP>"
        f"<cPais>1058</cPais><xPais>BRASIL</xPais></enderEmit><IE>110042490114</IE><CRT>3</CRT></emit>"
    )


def _consumer(document: str) -> str:
    if not document:
        return ""
    return f"<dest>{tag('CPF' if len(document) == 11 else 'CNPJ', document)}<indIEDest>9</indIEDest></dest>"


def _totals(items: Sequence[Line], whole: int, reform: bool) -> str:
    def over(rate: str) -> int:
        return sum(_share(line.net, rate) for line in items)

    base = sum(line.net for line in items)
    amounts = {
        "vBC": base, "vICMS": over("18"), "vICMSDeson": 0, "vFCP": 0, "vBCST": 0, "vST": 0, "vFCPST": 0,
        "vFCPSTRet": 0, "vProd": sum(line.cents for line in items if line.in_total),
        "vFrete": sum(line.freight for line in items), "vSeg": 0, "vDesc": sum(line.discount for line in items),
        "vII": 0, "vIPI": 0, "vIPIDevol": 0, "vPIS": over("1.65"), "vCOFINS": over("7.6"),
        "vOutro": sum(line.other for line in items), "vNF": whole,
    }  # fmt: skip
    tail = ""
    if reform:
        state = money(over("0.1"))
        tail = (
            f"<IBSCBSTot><vBCIBSCBS>{money(base)}</vBCIBSCBS><gIBS><gIBSUF><vDif>0.00</vDif>"
            f"<vDevTrib>0.00</vDevTrib><vIBSUF>{state}</vIBSUF></gIBSUF><gIBSMun><vDif>0.00</vDif>"
            f"<vDevTrib>0.00</vDevTrib><vIBSMun>0.00</vIBSMun></gIBSMun><vIBS>{state}</vIBS>"
            f"<vCredPres>0.00</vCredPres><vCredPresCondSus>0.00</vCredPresCondSus></gIBS>"
            f"<gCBS><vDif>0.00</vDif><vDevTrib>0.00</vDevTrib><vCBS>{money(over('0.9'))}</vCBS>"
            f"<vCredPres>0.00</vCredPres><vCredPresCondSus>0.00</vCredPresCondSus></gCBS></IBSCBSTot>"
        )
    return f"<total><ICMSTot>{''.join(tag(n, money(c)) for n, c in amounts.items())}</ICMSTot>{tail}</total>"


def _paid(payments: Sequence[tuple[str, int]], change: int) -> str:
    methods = "".join(_payment(method, cents) for method, cents in payments)
    return f"<pag>{methods}<vTroco>{money(change)}</vTroco></pag>"


def _payment(method: str, cents: int) -> str:
    card = "<card><tpIntegra>2</tpIntegra></card>" if method in {"03", "04"} else ""
    return f"<detPag><tPag>{method}</tPag><vPag>{money(cents)}</vPag>{card}</detPag>"


def _supplement(key: str, environment: int, emission: int, issued_at: datetime, whole: int) -> str:
    offline = f"{issued_at:%d}|{money(whole)}|{'a' * 56}|" if emission == 9 else ""
    code = f"https://www.homologacao.nfce.fazenda.sp.gov.br/qrcode?p={key}|2|{environment}|{offline}1|{'A' * 40}"
    return (
        f"<infNFeSupl><qrCode><![CDATA[{code}]]></qrCode>"
        f"<urlChave>https://www.nfce.fazenda.sp.gov.br/consulta</urlChave></infNFeSupl>"
    )


def _protocol(root: str, suffix: str, key: str, environment: int, at: datetime, status: int, layout: str) -> str:
    return (
        f'<{root} versao="{layout}"><inf{suffix} Id="ID135260000000001"><tpAmb>{environment}</tpAmb>'
        f"<verAplic>SP_NFCE_PL_009</verAplic><chNFe>{key}</chNFe><dhRecbto>{at.isoformat()}</dhRecbto>"
        f"<nProt>135260000000001</nProt><digVal>{_digest(key)}</digVal><cStat>{status}</cStat>"
        f"<xMotivo>Autorizado o uso da NF-e</xMotivo></inf{suffix}></{root}>"
    )


def _signature(reference: str) -> str:
    """A signature of the usual size over nothing: base64 of what a hash of the reference stretches to."""
    seed = hashlib.sha256(reference.encode()).digest()
    value = base64.b64encode(seed * 8).decode()
    certificate = base64.b64encode(seed * 50).decode()
    algorithm = "http://www.w3.org/2000/09/xmldsig#"
    canonical = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    return (
        f'<Signature xmlns="{algorithm}"><SignedInfo><CanonicalizationMethod Algorithm="{canonical}"/>'
        f'<SignatureMethod Algorithm="{algorithm}rsa-sha1"/><Reference URI="#NFe{reference}"><Transforms>'
        f'<Transform Algorithm="{algorithm}enveloped-signature"/><Transform Algorithm="{canonical}"/></Transforms>'
        f'<DigestMethod Algorithm="{algorithm}sha1"/>'
        f"<DigestValue>{_digest(reference)}</DigestValue></Reference></SignedInfo>"
        f"<SignatureValue>{value}</SignatureValue><KeyInfo><X509Data><X509Certificate>{certificate}"
        f"</X509Certificate></X509Data></KeyInfo></Signature>"
    )


def _digest(reference: str) -> str:
    """What the signature signs and the authority repeats: of the right form and equal in both."""
    return base64.b64encode(hashlib.sha256(reference.encode()).digest()[:20]).decode()


def tag(name: str, text: str) -> str:
    return f"<{name}>{text}</{name}>"


def _cents(amount: Decimal) -> int:
    return int((amount * 100).quantize(Decimal(1), ROUND_HALF_EVEN))


def _share(cents: int, percent: str | int) -> int:
    return _cents(Decimal(cents) * Decimal(percent) / 10000)


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}" if cents >= 0 else f"-{money(-cents)}"
