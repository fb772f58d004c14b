"""The procedure in words, Portuguese and English: the same on the screen, on the command line and in the evidence."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec

from malote import rejection
from malote.bilingual import Bilingual, Fact
from malote.plain import clean
from malote.rejection import Cure, Language, Text
from malote.runbook.next_step import Procedure, RunbookStep, StepName, StepState, Verdict
from malote.runbook.observations import Cause, RejectedGroup
from malote.runbook.treatments import Area, treatment

_Both = tuple[str, str]
MOST_SHOWN = 3  # tills named of a cause

TITLES: dict[StepName, _Both] = {
    "look": ("Olhar o caixa e o servidor", "Look at till and server"),
    "rejected": ("Arquivos rejeitados", "Rejected files"),
    "synchronise": ("Sincronizar as vendas e conferir", "Synchronise sales, and look"),
    "structures": ("Atualizar Estruturas do Banco", "Update database structures"),
    "synchronise_2": ("Sincronizar e conferir", "Synchronise, and look"),
    "locks": ("551 - Lock de Banco", "Database locks"),
    "structures_2": ("Estruturas, de novo", "Structures, again"),
    "synchronise_3": ("Sincronizar e conferir", "Synchronise, and look"),
}

AREAS: dict[Area, _Both] = {
    "poster": ("lançador", "poster"),
    "erp": ("entrada no ERP", "the ERP's login"),
    "disk": ("disco", "disk"),
    "agent": ("agente vivo", "agent alive"),
    "token": ("token", "token"),
    "folder": ("pasta certa", "right folder"),
    "clock": ("relógio", "clock"),
    "numbering": ("numeração", "numbering"),
    "versions": ("versões", "versions"),
    "books": ("livros", "books"),
    "documents": ("documentos", "documents"),
}

WHO: dict[Cure, _Both] = {
    "itself": ("resolve-se sozinho", "passes by itself"),
    "operator": ("a loja", "the store"),
    "support": ("o suporte", "support"),
    "administrator": ("o administrador do Malote", "Malote's administrator"),
    "dba": ("o DBA", "the DBA"),
    "integrator": ("o fornecedor do PDV", "the POS's supplier"),
    "accountant": ("o contador", "the accountant"),
}


STATES: dict[StepState, _Both] = {
    "done": ("feito", "done"),
    "skipped": ("não é preciso", "not needed"),
    "now": ("a fazer agora", "to be done now"),
    "going": ("em andamento", "under way"),
    "handed": ("depende de outra pessoa", "up to somebody else"),
    "later": ("depois", "later"),
}


VERDICTS: dict[Verdict, _Both] = {
    "resolved": ("Vendas subiram 👍", "Sales went up 👍"),
    "go": ("Há um passo que se faz sozinho", "There is a step that can be done by itself"),
    "person": ("Falta um passo seu", "A step of yours is next"),
    "going": ("Em andamento: aguarde", "Under way: wait"),
    "handed": ("Depende de outra pessoa", "Up to somebody else"),
    "support": ("Comunique o Suporte, com as evidências", "Call Support, with the evidence"),
}


_LEFT_OPEN: _Both = ("Vendas subiram 👍, e há o que resolver", "Sales went up 👍, and there is more to see to")


_WHERE: dict[str, _Both] = {"till": ("caixas", "tills"), "store": ("Autosserviço", "the store")}


def title(name: StepName, language: Language) -> str:
    return _pick(TITLES[name], language)


def state(one: StepState, language: Language) -> str:
    return _pick(STATES[one], language)


def said(step: RunbookStep, language: Language, erp: str = "ERP") -> str:
    """The step's sentence, with the catalogue's title where it has a code that says more."""
    where = _pick(_WHERE[step.facts["scope"]], language) if step.facts.get("scope") in _WHERE else erp
    return _filled(step.said, {**step.facts, "where": where, "who": who(step.who, language)}, language)


def cause(one: Cause, language: Language) -> str:
    """What it is, at how many tills."""
    words = rejection.title(one.code, language)
    if not one.tills:
        return words
    shown = one.named[:MOST_SHOWN]
    more = one.tills - len(shown)
    named = " ".join([", ".join(shown), f"(+{more})" if more and shown else ""]).strip()
    return clean(f"{words}: {named}") if named else words


def who(one: Cure, language: Language) -> str:
    return _pick(WHO[one], language)


def verdict(one: Procedure, language: Language) -> str:
    return _pick(_LEFT_OPEN if is_left_open(one) else VERDICTS[one.verdict], language)


def is_left_open(one: Procedure) -> bool:
    """Whether sales went up, and something is left that doesn't pass by itself."""
    return one.verdict == "resolved" and any(not treatment(each).itself for each in one.beside)


def area(one: Area, language: Language) -> str:
    return _pick(AREAS[one], language)


def advice(one: RejectedGroup, language: Language) -> str:
    """What is so of a group that needs no cure; "" of the others, for which the catalogue's remedy speaks."""
    return _filled(f"advice_{one.advice}", {}, language) if one.advice in ("delete", "replay") else ""


def message(step: RunbookStep, language: Language, erp: str, document: Mapping[str, str]) -> str:
    """A text to hand a step over with, to somebody without a screen of this program.

    ``document``: the ``number`` and the ``key`` of one of the step's rejected documents.
    """
    if step.groups:
        one = step.groups[0]
        words = {
            "cause": rejection.title(one.code, language),
            "remedy": rejection.remedy(one.code, one.facts, language),
        }
        return _filled("message_document", {**document, **words, "till": one.till, "count": str(one.count)}, language)
    if not step.causes:
        return said(step, language, erp)
    return " ".join(_message_of(one, language) for one in step.causes)


def _message_of(one: Cause, language: Language) -> str:
    """With what a database or a system said, which whoever gets it needs, and can't look up."""
    words = {"cause": cause(one, language), "remedy": rejection.remedy(one.code, one.facts, language)}
    said = rejection.technical(one.code, one.facts)
    return _filled("message_cause" if said == one.code else "message_cause_said", {**words, "said": said}, language)


def log_off(facts: Mapping[str, str], language: Language) -> str:
    """The text that asks the ERP's users to log off; ``facts`` are a lock's."""
    return _filled("log_off", facts, language)


def _pick(both: _Both, language: Language) -> str:
    return Bilingual(both[0], both[1]).of(language)


@cache
def sentences() -> dict[str, Text]:
    """All by name."""
    file = resources.files("malote.runbook") / "sentences.toml"
    return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), dict[str, Text])


def _filled(name: str, facts: Mapping[str, str], language: Language) -> str:
    text = sentences()[name]
    chosen = Bilingual(text.pt, text.en).of(language)
    return chosen.format_map(_Known({name: Fact(clean(value)) for name, value in facts.items()}))


class _Known(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "–"
