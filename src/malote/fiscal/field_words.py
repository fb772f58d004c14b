"""Names of a sale's fields as people say them: ``payments[1].method`` is "pagamento 1 (forma)"."""

import re
from collections.abc import Iterator

from malote.bilingual import Bilingual, Language

_NAME = re.compile(r"([-+]?)([a-z_]+)(?:\[(\d+)\])?(?:\.([a-z_.]+))?")
_MORE = re.compile(r" \(\+\d+\)$")

_PLACES = {"items": Bilingual("item", "item"), "payments": Bilingual("pagamento", "payment")}
_SIGNS = {"-": Bilingual("falta", "gone"), "+": Bilingual("a mais", "too much")}
_WORDS: dict[str, Bilingual[str]] = {
    "access_key": Bilingual("chave", "key"),
    "acquirer": Bilingual("credenciadora", "acquirer"),
    "amount": Bilingual("valor", "amount"),
    "authorisation": Bilingual("autorização", "authorisation"),
    "brand": Bilingual("bandeira", "brand"),
    "cbs": Bilingual("CBS", "CBS"),
    "cbs_single_phase": Bilingual("CBS monofásica", "single-phase CBS"),
    "cfop": Bilingual("CFOP", "CFOP"),
    "change": Bilingual("troco", "change"),
    "cofins": Bilingual("COFINS", "COFINS"),
    "consumer": Bilingual("consumidor", "consumer"),
    "content": Bilingual("conteúdo", "content"),
    "contingency_at": Bilingual("hora da contingência", "time of the contingency"),
    "contingency_reason": Bilingual("motivo da contingência", "reason of the contingency"),
    "description": Bilingual("descrição", "description"),
    "direction": Bilingual("entrada ou saída", "in or out"),
    "discount": Bilingual("desconto", "discount"),
    "emission": Bilingual("tipo de emissão", "kind of emission"),
    "environment": Bilingual("ambiente", "environment"),
    "freight": Bilingual("frete", "freight"),
    "gross": Bilingual("valor bruto", "gross value"),
    "gtin": Bilingual("código de barras", "barcode"),
    "ibs": Bilingual("IBS", "IBS"),
    "ibs_single_phase": Bilingual("IBS monofásico", "single-phase IBS"),
    "icms": Bilingual("ICMS", "ICMS"),
    "icms_single_phase": Bilingual("ICMS monofásico", "single-phase ICMS"),
    "icms_substitution": Bilingual("ICMS-ST", "ICMS-ST"),
    "in_total": Bilingual("compõe o total", "counts towards the total"),
    "insurance": Bilingual("seguro", "insurance"),
    "ipi": Bilingual("IPI", "IPI"),
    "issued_at": Bilingual("emissão", "time of issue"),
    "issuer": Bilingual("emitente", "issuer"),
    "items": Bilingual("itens", "items"),
    "layout": Bilingual("leiaute", "layout"),
    "method": Bilingual("forma", "method"),
    "model": Bilingual("modelo", "model"),
    "ncm": Bilingual("NCM", "NCM"),
    "norm": Bilingual("norma", "norm"),
    "number": Bilingual("número", "number"),
    "operation": Bilingual("natureza da operação", "kind of operation"),
    "other": Bilingual("outras despesas", "other expenses"),
    "payments": Bilingual("pagamentos", "payments"),
    "pis": Bilingual("PIS", "PIS"),
    "product_code": Bilingual("código do produto", "product's code"),
    "products": Bilingual("produtos", "products"),
    "protocol": Bilingual("protocolo", "protocol"),
    "purpose": Bilingual("finalidade", "purpose"),
    "quantity": Bilingual("quantidade", "quantity"),
    "references": Bilingual("notas referidas", "notes referred to"),
    "selective": Bilingual("Imposto Seletivo", "selective tax"),
    "series": Bilingual("série", "series"),
    "services": Bilingual("serviços", "services"),
    "taxes": Bilingual("impostos", "taxes"),
    "till": Bilingual("caixa", "till"),
    "total": Bilingual("total", "total"),
    "total_with_reform": Bilingual("total com IBS e CBS", "total with IBS and CBS"),
    "totals": Bilingual("totais", "totals"),
    "unit": Bilingual("unidade", "unit"),
    "unit_price": Bilingual("preço unitário", "unit price"),
}


def in_words(fields: str, language: Language) -> str:
    """A list such as ``consumer, payments[1].method, totals.total (+3)``; as it is, where it is no such list."""
    more = _MORE.search(fields)
    names = fields.removesuffix(more.group()).split(", ") if more else fields.split(", ")
    found = [_NAME.fullmatch(name) for name in names]
    if not fields or any(one is None or one[2] not in _WORDS for one in found):
        return fields
    groups: dict[str, dict[str, None]] = {}
    for one in found:
        if one is not None:
            groups.setdefault(_place(one, language), {}).update(dict.fromkeys(_what(one, language)))
    told = [f"{place} ({', '.join(what)})" if what else place for place, what in groups.items()]
    return ", ".join(told) + (more.group() if more else "")


def _place(name: re.Match[str], language: Language) -> str:
    """Which line, or which part of the sale."""
    known = _PLACES.get(name[2])
    return f"{known.of(language)} {name[3]}" if known and name[3] else _WORDS[name[2]].of(language)


def _what(name: re.Match[str], language: Language) -> Iterator[str]:
    """What of it: of an item's tax that it is a tax is enough."""
    if name[1]:
        yield _SIGNS[name[1]].of(language)
    if name[4]:
        word = name[4].partition(".")[0]
        yield _WORDS[word].of(language) if word in _WORDS else word
