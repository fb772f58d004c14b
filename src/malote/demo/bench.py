"""What is asked of a running demo's laboratory: a file for each order, in a folder of the demo's own.

The demo's own process carries it out; the server, which shows the buttons, and ``malote demo fault`` only ask.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from malote.bilingual import Bilingual
from malote.rejection import Language

VARIABLE = "MALOTE_DEMO_LABORATORY"  # the folder, told to the demo's server alone
FOLDER = "laboratorio"

_PLANT, _RECOVER, _PLANTED = ".plantar", ".recuperar", ".plantado"

# Name → what it is, in both languages. How each is planted: ``laboratory``.
FAULTS: dict[str, Bilingual[str]] = {
    "reject": Bilingual("venda que o ERP recusa", "a sale that the ERP refuses"),
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


class DemoOrder(msgspec.Struct, frozen=True):
    """One order: ``plant``, or put right what nobody could from here."""

    name: str
    plant: bool


class Bench:
    """Over the folder. Any name that is no fault's is unknown: nothing is ever written for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ask(self, name: str, *, plant: bool = True) -> None:
        """Raises ``KeyError`` for no fault's name, ``OSError``."""
        FAULTS[name]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}{_PLANT if plant else _RECOVER}").write_bytes(b"")

    def orders(self) -> Iterator[DemoOrder]:
        """What waits to be carried out."""
        for name in FAULTS:
            for ending, plant in ((_PLANT, True), (_RECOVER, False)):
                if (self.folder / f"{name}{ending}").is_file():
                    yield DemoOrder(name, plant)

    def done(self, order: DemoOrder) -> None:
        (self.folder / f"{order.name}{_PLANT if order.plant else _RECOVER}").unlink(missing_ok=True)
        mark = self.folder / f"{order.name}{_PLANTED}"
        if order.plant:
            mark.write_bytes(b"")
        else:
            mark.unlink(missing_ok=True)

    def planted(self) -> set[str]:
        return {name for name in FAULTS if (self.folder / f"{name}{_PLANTED}").is_file()}

    def clear(self) -> None:
        """Nothing of a demo of before is planted in this one."""
        for path in self.folder.glob("*.*") if self.folder.is_dir() else ():
            path.unlink(missing_ok=True)


def title(name: str, language: Language) -> str:
    return FAULTS[name].of(language)
