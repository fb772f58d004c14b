"""Entities of the loads, their columns and kinds in words, and cron's times as people say them.

Those of the retailer's own have no words here: their names stand as they were declared, without what only programs
write.
"""

import re
from collections.abc import Callable, Mapping

from malote.console.language import marked, translator
from malote.load_format.entity import INSTANT
from malote.rejection import Language

ENTITIES: dict[str, str] = {
    "product": marked("Produtos"),
    "package": marked("Códigos de barras"),
    "price": marked("Preços"),
    "promotion": marked("Promoções"),
    "tax": marked("Tributação"),
    "customer": marked("Clientes"),
    "operator": marked("Operadores"),
    "payment_method": marked("Formas de pagamento"),
    "payment_plan": marked("Planos de pagamento"),
    "store_parameter": marked("Parâmetros da loja"),
}

_COLUMNS: dict[str, str] = {
    "code": marked("código"),
    "description": marked("descrição"),
    "short_description": marked("descrição curta"),
    "unit": marked("unidade"),
    "department": marked("departamento"),
    "weighed": marked("pesável"),
    "ncm": marked("NCM"),
    "cest": marked("CEST"),
    "tax_code": marked("código de tributação"),
    "active": marked("ativo"),
    "barcode": marked("código de barras"),
    "product_code": marked("código do produto"),
    "quantity": marked("quantidade"),
    "region": marked("região"),
    "valid_from": marked("início da vigência"),
    "valid_until": marked("fim da vigência"),
    "price": marked("preço"),
    "list_price": marked("preço de tabela"),
    "discount_percent": marked("desconto em percentual"),
    "from_quantity": marked("a partir da quantidade"),
    "cfop": marked("CFOP"),
    "origin": marked("origem"),
    "icms_status": marked("CST do ICMS"),
    "icms_rate": marked("alíquota do ICMS"),
    "icms_base_reduction": marked("redução da base do ICMS"),
    "icms_benefit": marked("benefício do ICMS"),
    "pis_status": marked("CST do PIS"),
    "pis_rate": marked("alíquota do PIS"),
    "cofins_status": marked("CST da COFINS"),
    "cofins_rate": marked("alíquota da COFINS"),
    "reform_status": marked("CST do IBS/CBS"),
    "reform_class": marked("cClassTrib"),
    "ibs_state_rate": marked("alíquota do IBS estadual"),
    "ibs_city_rate": marked("alíquota do IBS municipal"),
    "cbs_rate": marked("alíquota da CBS"),
    "document": marked("documento"),
    "name": marked("nome"),
    "blocked": marked("bloqueado"),
    "pin_hash": marked("senha"),
    "role": marked("função"),
    "fiscal_method": marked("meio de pagamento fiscal"),
    "gives_change": marked("dá troco"),
    "payment_method": marked("forma de pagamento"),
    "instalments": marked("parcelas"),
    "rate_percent": marked("juros em percentual"),
    "least_amount": marked("valor mínimo"),
    "value": marked("valor"),
}

_KINDS: dict[str, str] = {
    "text": marked("texto"),
    "integer": marked("número inteiro"),
    "decimal": marked("número decimal"),
    "boolean": marked("sim ou não"),
    "date": marked("data"),
    "instant": marked("data e hora"),
}

# Where the cure of what is wrong with loads is found in the load manager, and what leads there.
_HELD = (
    "load_would_empty",
    "load_gone_many",
    "load_changed_many",
    "load_refused_many",
    "load_entity_unreadable",
    "load_entity_undeclared",
)
_WAYS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(_HELD, ("/held", marked("Ver o que muda"))),
    **dict.fromkeys(("load_stalled", "load_differs"), ("?show=trouble", marked("Ver os caixas"))),
    "load_kept_back": ("?show=behind", marked("Ver os caixas")),
    "sold_otherwise": ("/sold", marked("Ver todos, com os cupons")),
}

# Cron's numbers of days, from Monday on.
WEEKDAYS: dict[str, str] = {
    "1": marked("segunda"),
    "2": marked("terça"),
    "3": marked("quarta"),
    "4": marked("quinta"),
    "5": marked("sexta"),
    "6": marked("sábado"),
    "0": marked("domingo"),
}
_DAILY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\*|[0-7](?:[,-][0-7])*)")


def entity(name: str, language: Language) -> str:
    return _said(ENTITIES, name, language)


def column(name: str, language: Language) -> str:
    return _said(_COLUMNS, name, language)


def way(code: str) -> tuple[str, str]:
    """Behind the load manager's address, and the words of the link; ("", "") for what isn't of loads."""
    return _WAYS.get(code.partition(":")[0], ("", ""))


def facts(given: Mapping[str, str], language: Language, moment: Callable[[str], str]) -> dict[str, str]:
    """A reason's facts, as they are to be read. ``moment``: an instant by the store's clock."""
    kinds = {"entity": ENTITIES, "column": _COLUMNS, "columns": _COLUMNS, "known": ENTITIES, "kind": _KINDS}
    return {
        name: ", ".join(_said(kinds[name], one, language) for one in value.split(", "))
        if name in kinds
        else INSTANT.sub(lambda found: moment(found.group()), value)
        for name, value in given.items()
    }


def cron(text: str, language: Language) -> str:
    """Such as "todo dia às 06:30", "segunda, quinta às 06:30"; of other times cron's own words."""
    found = _DAILY.fullmatch(text)
    if found is None:
        return text
    say = translator(language)
    clock = f"{int(found.group(2)):02}:{int(found.group(1)):02}"
    if found.group(3) == "*":
        return say(marked("todo dia às %(clock)s")) % {"clock": clock}
    chosen = _days(found.group(3))
    days = ", ".join(say(words) for day, words in WEEKDAYS.items() if day in chosen)
    return say(marked("%(days)s às %(clock)s")) % {"days": days, "clock": clock}


def _days(text: str) -> set[str]:
    found: set[str] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(str(day % 7) for day in range(int(first), int(last or first) + 1))
    return found


def _said(words: Mapping[str, str], name: str, language: Language) -> str:
    return translator(language)(words[name]) if name in words else name.replace("_", " ")
