"""The first settings file: every line that a store usually needs, each with what it means, in the store's language."""

import json
from collections.abc import Sequence

from malote.bilingual import Bilingual
from malote.setup.answers import Answers

FILE_NAME = "malote.toml"


def text(answers: Answers) -> str:
    """The file's content. Read by ``malote.config.load`` it gives back the answers."""
    words = _WORDS.of(answers.language)
    values = {
        "language": _quoted(answers.language),
        "host": _quoted(answers.host),
        "port": str(answers.port),
        "name": _quoted(answers.name),
        "issuers": _listed(answers.issuers),
        "test_environment": "true" if answers.environment == "homologation" else "false",
        "since": _quoted(answers.since),
        "zone": _quoted(answers.zone),
        "url": _quoted(answers.erp_url),
        "profile": _quoted(answers.profile),
    }
    lines: list[str] = []
    for said in _FORM:
        if isinstance(said, str):
            lines += _comment(words[said])
        elif len(said) == 1:
            lines += ["", f"[{said[0]}]"]
        else:
            lines += [*_comment(words[said[0]]), f"{said[1]} = {values[said[1]]}"]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """A TOML basic string; JSON writes a subset of them."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _listed(values: Sequence[str]) -> str:
    return "[" + ", ".join(map(_quoted, values)) + "]"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in text.split("\n")]


# A comment; a section; a setting with its comment before it.
_FORM: tuple[str | tuple[str] | tuple[str, str], ...] = (
    "top",
    ("language", "language"),
    ("server",),
    ("host", "host"),
    ("port", "port"),
    ("store",),
    ("name", "name"),
    ("issuers", "issuers"),
    ("environment", "test_environment"),
    ("since", "since"),
    ("books",),
    ("zone", "zone"),
    ("erp",),
    ("url", "url"),
    ("profile", "profile"),
)

_WORDS = Bilingual(
    {
        "top": "Configurações do Malote, escritas por malote init. Todas as outras: docs/settings.md.\n"
        "Depois de mudar algo: malote check. A pasta deste arquivo guarda tudo o que o Malote tem.",
        "language": "Idioma das mensagens: pt ou en.",
        "host": "Em que endereço atender os caixas: 127.0.0.1 só esta máquina, 0.0.0.0 todas (ponha HTTPS na frente).",
        "port": "A porta.",
        "name": "O nome da loja, para as pessoas.",
        "issuers": "CNPJs cujas notas são desta loja; vazio: de qualquer um. Notas de outro são rejeitadas.",
        "environment": "Homologação: true só numa loja de teste. Com false (produção), notas do ambiente de testes da\n"
        "SEFAZ (tpAmb 2) são rejeitadas, pois não são vendas; com true, são lançadas como se fossem.",
        "since": "A partir de quando as vendas contam. As emitidas antes são guardadas e nunca lançadas: o sistema\n"
        "antigo já as lançou. Vazio: todas contam.",
        "zone": "Pelo relógio de onde se conta o dia.",
        "url": "O banco do ERP; vazio: um arquivo aqui, para experimentar.\n"
        "Em usuário e senha, escreva em código: @ é %40, / é %2F.\n"
        "Este arquivo é só do seu dono. Se preferir sem senha aqui: MALOTE_ERP_URL no ambiente\n"
        "(do serviço: em malote.env, ao lado deste arquivo).",
        "profile": "Quais tabelas do ERP se gravam: um arquivo .toml ou um nome; vazio: tabelas do próprio Malote.\n"
        "Para um primeiro: malote erp profile suggest > meu-erp.toml",
    },
    {
        "top": "Settings of Malote, written by malote init. All others: docs/settings.md.\n"
        "After a change: malote check. This file's folder holds everything that Malote keeps.",
        "language": "Language of messages: pt or en.",
        "host": "Where to listen for tills: 127.0.0.1 this machine only, 0.0.0.0 all (put HTTPS in front of it).",
        "port": "The port.",
        "name": "The store's name, for people.",
        "issuers": "CNPJs whose notes are this store's; empty: anybody's. Notes of another one are rejected.",
        "environment": "Homologation: true in a test store only. With false (production) notes of the tax authority's\n"
        "test environment (tpAmb 2) are rejected, since they are no sales; with true they are booked as if they were.",
        "since": "From when on sales count. Those issued earlier are kept and never booked: the old system has booked\n"
        "them. Empty: all count.",
        "zone": "Whose clock tells the day.",
        "url": "The ERP's database; empty: a file here, for trying out.\n"
        "Within user and password write in code: @ is %40, / is %2F.\n"
        "This file is its owner's alone. If you would rather have no password here: MALOTE_ERP_URL in the environment\n"
        "(the service's: in malote.env, beside this file).",
        "profile": "Which tables of the ERP are written: a .toml file or a name; empty: Malote's own tables.\n"
        "For a first one: malote erp profile suggest > my-erp.toml",
    },
)
