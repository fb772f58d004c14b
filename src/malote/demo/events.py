"""What can follow a note: its cancellation (event 110111), and numbers that will never be used."""

from datetime import datetime, timedelta

from malote.demo import issuers, signature
from malote.demo.issuers import Issuer
from malote.demo.notes import AUTHORITY, MODEL, NAMESPACE, TEST_ENVIRONMENT, instant, protocol_number

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_CANCEL_EVENT = "110111"


def cancellation(issuer: Issuer, key: str, issued_at: datetime, at: datetime) -> bytes:
    """The authorised cancel event (procEventoNFe) of the note with this key."""
    identifier = f"ID{_CANCEL_EVENT}{key}01"
    information = (
        f'<infEvento Id="{identifier}"><cOrgao>{issuers.STATE_CODE}</cOrgao><tpAmb>{TEST_ENVIRONMENT}</tpAmb>'
        f"<CNPJ>{issuer.cnpj}</CNPJ><chNFe>{key}</chNFe><dhEvento>{instant(at)}</dhEvento>"
        f"<tpEvento>{_CANCEL_EVENT}</tpEvento><nSeqEvento>1</nSeqEvento><verEvento>1.00</verEvento>"
        f'<detEvento versao="1.00"><descEvento>Cancelamento</descEvento>'
        f"<nProt>{protocol_number(key, issued_at)}</nProt><xJust>CLIENTE DESISTIU DA COMPRA</xJust></detEvento>"
        "</infEvento>"
    )
    signed = signature.element(identifier, signature.digest(information), issuer.cnpj)
    event = f'<evento xmlns="{NAMESPACE}" versao="1.00">{information}{signed}</evento>'
    return (
        f'{_DECLARATION}<procEventoNFe xmlns="{NAMESPACE}" versao="1.00">{event}{_registered(key, at)}</procEventoNFe>'
    ).encode()


def _registered(key: str, at: datetime) -> str:
    number = protocol_number(f"cancel:{key}", at)
    return (
        f'<retEvento xmlns="{NAMESPACE}" versao="1.00"><infEvento Id="ID{number}"><tpAmb>{TEST_ENVIRONMENT}</tpAmb>'
        f"<verAplic>{AUTHORITY}</verAplic><cOrgao>{issuers.STATE_CODE}</cOrgao><cStat>135</cStat>"
        f"<xMotivo>Evento registrado e vinculado a NF-e</xMotivo><chNFe>{key}</chNFe>"
        f"<tpEvento>{_CANCEL_EVENT}</tpEvento><xEvento>Cancelamento registrado</xEvento><nSeqEvento>1</nSeqEvento>"
        f"<dhRegEvento>{instant(at + timedelta(seconds=1))}</dhRegEvento><nProt>{number}</nProt></infEvento>"
        "</retEvento>"
    )


def number_void(issuer: Issuer, series: int, first: int, last: int, at: datetime) -> bytes:
    """The authorised voiding (ProcInutNFe) of the numbers from ``first`` to ``last`` of a series."""
    identifier = f"ID{issuers.STATE_CODE}{at:%y}{issuer.cnpj}{MODEL}{series:03d}{first:09d}{last:09d}"
    numbers = (
        f"<cUF>{issuers.STATE_CODE}</cUF><ano>{at:%y}</ano><CNPJ>{issuer.cnpj}</CNPJ><mod>{MODEL}</mod>"
        f"<serie>{series}</serie><nNFIni>{first}</nNFIni><nNFFin>{last}</nNFFin>"
    )
    information = (
        f'<infInut Id="{identifier}"><tpAmb>{TEST_ENVIRONMENT}</tpAmb><xServ>INUTILIZAR</xServ>{numbers}'
        "<xJust>FALHA NA NUMERACAO DO CAIXA</xJust></infInut>"
    )
    signed = signature.element(identifier, signature.digest(information), issuer.cnpj)
    protocol = protocol_number(identifier, at)
    answer = (
        f'<infInut Id="ID{protocol}"><tpAmb>{TEST_ENVIRONMENT}</tpAmb><verAplic>{AUTHORITY}</verAplic>'
        f"<cStat>102</cStat><xMotivo>Inutilizacao de numero homologado</xMotivo>{numbers}"
        f"<dhRecbto>{instant(at)}</dhRecbto><nProt>{protocol}</nProt></infInut>"
    )
    return (
        f'{_DECLARATION}<ProcInutNFe xmlns="{NAMESPACE}" versao="4.00">'
        f'<inutNFe versao="4.00">{information}{signed}</inutNFe>'
        f'<retInutNFe versao="4.00">{answer}</retInutNFe></ProcInutNFe>'
    ).encode()
