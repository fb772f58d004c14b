"""The troubles that can be planted in a running demo, by name. How each is planted: ``laboratory``."""

from malote.bilingual import Bilingual
from malote.rejection import Language

# Name → what it is, in both languages.
FAULTS: dict[str, Bilingual[str]] = {
    "reject": Bilingual("venda que o ERP recusa", "a sale that the ERP refuses"),
    "payment-unknown": Bilingual(
        "forma de pagamento que o ERP não conhece", "a method of payment that the ERP doesn't know"
    ),
    "wrong-sum": Bilingual("nota cujos itens não somam o total", "a note whose items don't add up to its total"),
    "divergent-key": Bilingual("mesma chave, outro conteúdo", "same key, other content"),
    "fragment": Bilingual("arquivo cortado ao meio", "a file cut in half"),
    "structure-erp": Bilingual("falta uma coluna no ERP", "the ERP lacks a column"),
    "structure-store": Bilingual("falta um índice no banco da loja", "the store database lacks an index"),
    "structure-till": Bilingual("estrutura do caixa3 atrasada", "caixa3's structure behind"),
    "lock-idle": Bilingual(
        "lock esquecido: sessão parada no meio da transação", "a forgotten lock: idle in its transaction"
    ),
    "lock-active": Bilingual("lock de uma rotina que trabalha", "a lock of a routine at work"),
    "lock-chain": Bilingual("cinco sessões, uma atrás da outra", "five sessions, one behind the other"),
    "lock-prepared": Bilingual("transação preparada que ninguém confirma", "a prepared transaction that nobody ends"),
    "erp-away": Bilingual("ERP fora do ar", "the ERP is away"),
    "erp-restored": Bilingual("ERP restaurado de uma cópia velha", "the ERP restored from an old copy"),
    "password-changed": Bilingual("senha do ERP trocada", "the ERP's password changed"),
    "partition-missing": Bilingual(
        "ERP recusa tudo: falta a partição", "the ERP refuses all: no partition for the month"
    ),
    "till-offline": Bilingual("caixa2 desligado", "caixa2 switched off"),
    "agent-killed": Bilingual("agente do caixa3 morto", "caixa3's agent killed"),
    "wrong-folder": Bilingual("agente do caixa2 na pasta errada", "caixa2's agent in the wrong folder"),
    "token-revoked": Bilingual("token do caixa2 trocado", "caixa2's token renewed"),
    "disk-full-till": Bilingual("disco cheio no caixa2", "caixa2's disk full"),
    "clock-wrong": Bilingual("relógio do caixa2 adiantado", "caixa2's clock ahead"),
    "till-disabled": Bilingual("caixa3 desativado", "caixa3 disabled"),
    "poster-killed": Bilingual("lançador morto", "the poster killed"),
    "gap": Bilingual("números que faltam no caixa1", "numbers missing at caixa1"),
    "void-conflict": Bilingual("inutilização de um número vendido", "a sold number voided"),
    "unauthorised-offline": Bilingual(
        "venda offline sem protocolo há dias", "an offline sale without protocol for days"
    ),
    "series-of-two": Bilingual("caixa2 vende com a série do caixa1", "caixa2 sells with caixa1's series"),
}


def title(name: str, language: Language) -> str:
    return FAULTS[name].of(language)
