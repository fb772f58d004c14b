"""What tables and columns of retail ERPs are called, in Portuguese, English, and cut short as on Oracle."""

import re
from collections.abc import Iterable
from functools import cache
from unicodedata import combining, normalize

# Each word of a name stands for the ideas under which it is listed.
_IDEAS: dict[str, str] = {
    "sale": "venda vendas vda cupom cup nota notas nf nfce nfc sale sales order orders receipt receipts ticket"
    " invoice atendimento atendimentos faturamento pedido pedidos",
    "header": "cab cabecalho capa header hdr head",
    "item": "item itens items ite itm it linha linhas line lines lin det detail details det produto produtos",
    "payment": "pagamento pagamentos pagto pagtos pgto pag pgt pg payment payments pay paid recebido recebimento"
    " receb rec tender tenders finalizadora fin parcela parcelas financeiro quitacao quitacoes quit quitado liquidacao",
    "tax": "imposto impostos imp tributo tributos trib tax taxes txs",
    "stock": "estoque estoques estq est stock inventory inv movimento mov movement movements kardex kdx",
    "product": "produto produtos prod prd mercadoria merc product products sku artigo article goods item artigos"
    " material materiais",
    "store": "loja lojas filial fil empresa emp store stores branch branches shop company",
    "method": "forma formas meio meios finalizadora fin method methods tender type tipo tp forma_pagamento pgto"
    " plano planos cond condicao condicoes especie finaliz finalizacao modalidade",
    "key": "chave chv chnfe key chacesso acesso access",
    "series": "serie ser sr series",
    "till": "pdv caixa cx pos till terminal checkout register ecf",
    "number": "numero nro num nr number no coo nnf numnf",
    "model": "modelo mod model",
    "time": "emissao emis emitido emitida dt data date dthr dh hora dia day issued issue at time sold when"
    " datahora momento instante realizada realizado ocorrida timestamp",
    "month": "competencia compet anomes mes month period periodo",
    "net": "liquido liq net final total tot pagar",
    "gross": "bruto brt gross subtotal merc mercadoria mercadorias produtos products goods",
    "value": "valor vlr vl vr amount amt value total tot sum",
    "discount": "desconto desc dsc dscto discount disc abatimento abat deducao rebate",
    "change": "troco trc change",
    "state": "situacao sit status estado state stat st",
    "cancelled": "cancelado cancelada cancel canc cancelled canceled cancelamento void voided",
    "protocol": "protocolo prot protocol",
    "issuer": "cnpj inscricao emitente issuer cgc taxid",
    "consumer": "cpf consumidor consumer customer",
    "sequence": "seq sequencia sequencial sequence ordem ord contador counter",
    "line": "seq sequencia ordem ord linha line lin nr num numero item ite number no pos position",
    "hour": "hora horario hr hour time",
    "balance": "saldo saldos qtd qtde quantidade disponivel balance quantity qty onhand",
    "quantity": "qtd qtde quantidade quant qt quantity qty",
    "price": "preco prc unitario unit unt price pr un",
    "cfop": "cfop",
    "unit": "un unid unidade uom unit und",
    "ncm": "ncm",
    "barcode": "ean gtin barcode barra barras codbar codbarra",
    "code": "codigo cod code cd plu sku interno",
    "fiscal": "nfe nfce tpag sefaz fiscal fis",
    "description": "descricao descr dsc desc description nome name title",
    "base": "base bc",
    "rate": "aliquota aliq rate pct perc percentual",
    "direction": "tipo tp sentido direction dir operacao op kind type es",
    "sigla": "sigla imposto tributo tax imp trib nome name code tipo kind type",
    "cash": "dinheiro cash din",
    "credit": "credito credit cred",
    "debit": "debito debit deb",
    "pix": "pix",
    "operator": "operador oper operator cashier usuario user vendedor seller",
}

_LISTED = frozenset(word for listed in _IDEAS.values() for word in listed.split())
# Names that are written as one word, such as dtmov, vlrliq and pgvenda.
_PREFIXED = re.compile(
    r"(data|dt|hora|hr|vlr|vl|vr|numero|num|nro|nr|qtde|qtd|cod|itens|item|it|pagto|pag|pgto|pg|cab|det|mov|fin)([a-z]{2,})$"
)


@cache
def ideas(name: str) -> frozenset[str]:
    """What a name may stand for."""
    parts = _words(name)
    whole = {*parts, "".join(parts)}  # tax_id too is a word
    split = (found for part in parts if part not in _LISTED and (found := _PREFIXED.match(part)))
    whole |= {part for found in split for part in found.groups()}
    return frozenset(idea for idea, listed in _IDEAS.items() if whole & _split(listed))


def _words(name: str) -> list[str]:
    bare = "".join(one for one in normalize("NFD", name) if not combining(one))
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", bare))
    return re.findall(r"[a-z]+", spaced.lower())


@cache
def _split(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# What an ERP calls goods that leave, and goods that come back.
OUT_WORDS = ("S", "O", "V", "D", "SAI", "SAIDA", "OUT", "VENDA", "-")
IN_WORDS = ("E", "I", "C", "R", "ENT", "ENTRADA", "IN", "DEVOLUCAO", "+")
ACTIVE_WORDS = ("A", "N", "F", "V", "ATIVA", "ATIVO", "NORMAL", "ACTIVE", "VALIDA", "EMITIDA", "FECHADA", "OK")
# How the comment of a column words them, from the beginning.
CANCELLED_BEGINS = ("CANCEL", "ESTORN", "ANULAD", "VOID")
ACTIVE_BEGINS = (
    "ATIV",
    "NORMAL",
    "CONCLU",
    "EMITID",
    "VALID",
    "FINALIZ",
    "FECHAD",
    "FATURAD",
    "EFETIV",
    "AUTORIZ",
    "ACTIVE",
    "DONE",
)
OUT_BEGINS = ("SAID", "VENDA", "BAIXA", "OUT")
IN_BEGINS = ("ENTRAD", "DEVOL", "RETORN", "IN", "RETURN")
CANCELLED_WORDS = ("C", "X", "S", "CANC", "CANCELADA", "CANCELADO", "CANCELLED", "CANCELED")


def one_of(words: tuple[str, ...], values: tuple[str, ...], but: str = "") -> str:
    """The first of ``words`` that is among ``values``, as it is written there; "" for none."""
    written = {plain(value): value for value in values if value != but}
    return next((written[word] for word in words if word in written), "")


def plain(value: str) -> str:
    return "".join(one for one in normalize("NFD", value.upper()) if not combining(one))


def beginning(stems: tuple[str, ...], meanings: Iterable[tuple[str, str]]) -> str:
    """The value whose meaning, as a column's comment words it, begins with one of ``stems``; "" for none."""
    return next((value for value, meaning in meanings if plain(meaning).startswith(stems)), "")


def unlisted(name: str) -> frozenset[str]:
    """The words of a name that stand for nothing."""
    return frozenset(word for word in _words(name) if not ideas(word))
