"""Builds CF-e of the SAT and their cancellations, as ``notes`` builds the rest."""

from collections.abc import Sequence
from datetime import datetime

from malote.fiscal import access_key
from tests.unit.fiscal.notes import MORNING, ONE_LINE, Line, money, tag


def build_sat(
    *,
    issuer: str = "08723218000186",
    sat: int = 900004019,
    number: int = 21,
    code: str = "513340",
    issued_at: datetime = MORNING,
    items: Sequence[Line] = ONE_LINE,
    payments: Sequence[tuple[str, int]] | None = None,
    change: int = 0,
    consumer: str = "",
    environment: int = 1,
    signed: bool = True,
) -> bytes:
    """A CF-e of the SAT; unsigned it is the request, which has no key, number or time yet."""
    access = _sat_key(issuer, sat, number, code, issued_at)
    whole = sum(line.net for line in items)
    paid = (("01", whole + change),) if payments is None else payments
    given = ""
    if signed:
        given = (
            f"<cUF>35</cUF><cNF>{code}</cNF><mod>59</mod><nserieSAT>{sat}</nserieSAT><nCFe>{number:06}</nCFe>"
            f"<dEmi>{issued_at:%Y%m%d}</dEmi><hEmi>{issued_at:%H%M%S}</hEmi><cDV>{access[-1]}</cDV>"
            f"<tpAmb>{environment}</tpAmb>"
        )
    attributes = f'Id="CFe{access}" versao="0.08" versaoSB="010000" ' if signed else ""
    methods = "".join(f"<MP><cMP>{method}</cMP><vMP>{money(cents)}</vMP></MP>" for method, cents in paid)
    discount = sum(line.discount for line in items)
    products = sum(line.cents for line in items)
    return (
        f'<?xml version="1.0"?><CFe><infCFe {attributes}versaoDadosEnt="0.08"><ide>{given}<CNPJ>16716114000172</CNPJ>'
        f"<signAC>{'x' * 40}</signAC><numeroCaixa>002</numeroCaixa></ide>"
        f"<emit><CNPJ>{issuer}</CNPJ><IE>149626224113</IE></emit>"
        f"<dest>{tag('CPF', consumer) if consumer else ''}</dest>"
        f"{''.join(_sat_item(n, line) for n, line in enumerate(items, 1))}"
        f"<total><ICMSTot><vICMS>0.00</vICMS><vProd>{money(products)}</vProd><vDesc>{money(discount)}</vDesc>"
        f"<vPIS>0.00</vPIS><vCOFINS>0.00</vCOFINS><vOutro>0.00</vOutro></ICMSTot><vCFe>{money(whole)}</vCFe></total>"
        f"<pgto>{methods}<vTroco>{money(change)}</vTroco></pgto></infCFe></CFe>"
    ).encode()


def build_sat_cancellation(
    cancelled: str, *, signed: bool = True, at: datetime = MORNING, number: int = 22, total: int = 2590
) -> bytes:
    """A CFeCanc of the CF-e ``cancelled``; unsigned it is the request, without a key of its own."""
    access = _sat_key(cancelled[6:20], int(cancelled[22:31]), number, "885523", at)
    attributes = f'Id="CFe{access}" versao="0.08" ' if signed else ""
    times = f"<dEmi>{at:%Y%m%d}</dEmi><hEmi>{at:%H%M%S}</hEmi>"
    given = (
        f"<cUF>35</cUF><cNF>885523</cNF><mod>59</mod><nserieSAT>{cancelled[22:31]}</nserieSAT>"
        f"<nCFe>{number:06}</nCFe>{times}<cDV>{access[-1]}</cDV>"
        if signed
        else ""
    )
    return (
        f'<CFeCanc><infCFe chCanc="CFe{cancelled}" {attributes}>{times if signed else ""}<ide>{given}'
        f"<CNPJ>16716114000172</CNPJ></ide><emit>{tag('CNPJ', cancelled[6:20]) if signed else ''}</emit><dest/>"
        f"<total>{tag('vCFe', money(total)) if signed else ''}</total></infCFe></CFeCanc>"
    ).encode()


def _sat_key(issuer: str, sat: int, number: int, code: str, at: datetime) -> str:
    body = f"35{at:%y%m}{issuer}59{sat:09}{number:06}{code}"
    return body + access_key.check_digit(body)


def _sat_item(number: int, line: Line) -> str:
    return (
        f'<det nItem="{number}"><prod><cProd>{line.code}</cProd><xProd>{line.description}</xProd><CFOP>5102</CFOP>'
        f"<uCom>UN</uCom><qCom>{line.quantity}</qCom><vUnCom>{line.price}</vUnCom><vProd>{money(line.cents)}</vProd>"
        f"<indRegra>A</indRegra>{tag('vDesc', money(line.discount)) if line.discount else ''}"
        f"<vItem>{money(line.net)}</vItem></prod><imposto><ICMS><ICMSSN102><Orig>0</Orig><CSOSN>500</CSOSN>"
        f"</ICMSSN102></ICMS><PIS><PISSN><CST>49</CST></PISSN></PIS><COFINS><COFINSSN><CST>49</CST></COFINSSN>"
        f"</COFINS></imposto></det>"
    )
