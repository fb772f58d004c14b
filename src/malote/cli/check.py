"""``malote check``: whether all is right here, each finding with its cure."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.check_result import Checked
from malote.config import Settings, file_of
from malote.rejection import Language
from malote.terminal.command import FOUND, ConfigOption, JsonOption, fail, services_of, settings_of
from malote.terminal.output import console, print_json

_MARKS = {"right": "✔", "warned": "!", "wrong": "✘", "skipped": "–"}
_WHAT: dict[str, Bilingual[str]] = {
    "settings": Bilingual("configurações", "settings"),
    "secrets": Bilingual("arquivos de senhas", "secret files"),
    "environment": Bilingual("ambiente (produção ou homologação)", "environment (production or homologation)"),
    "issuers": Bilingual("CNPJs da loja", "the store's CNPJs"),
    "series": Bilingual("séries dos caixas", "series of the tills"),
    "start": Bilingual("desde quando as vendas contam", "from when on sales count"),
    "shadow": Bilingual("modo sombra", "shadow mode"),
    "folders": Bilingual("pastas", "folders"),
    "disk": Bilingual("disco", "disk"),
    "structure": Bilingual("estrutura dos bancos", "structure of the databases"),
    "rules": Bilingual("regras da loja", "the store's rules"),
    "erp": Bilingual("conexão com o ERP", "connection to the ERP"),
    "profile": Bilingual("perfil do ERP", "profile of the ERP"),
    "grants": Bilingual("permissões e tabelas no ERP", "grants and tables in the ERP"),
    "ledger": Bilingual("livro de lançamentos", "ledger"),
    "loads": Bilingual("cargas", "loads"),
    "port": Bilingual("porta", "port"),
    "poster": Bilingual("lançador", "poster"),
    "tills": Bilingual("caixas", "tills"),
    "clock": Bilingual("relógio", "clock"),
    "till settings": Bilingual("configurações do caixa", "settings of the till"),
    "till token": Bilingual("token do caixa", "token of the till"),
    "till folder": Bilingual("pasta do PDV", "the POS's folder"),
    "till outbox": Bilingual("caixa de saída", "outbox"),
    "till start": Bilingual("desde quando os arquivos contam", "from when on files count"),
    "till server": Bilingual("servidor", "server"),
}


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("check")(check)


def check(
    config: ConfigOption = None,
    json: JsonOption = False,
    till: Annotated[bool, typer.Option("--till", help="Only the agent's part, where a server is beside it.")] = False,
) -> None:
    """Says whether all is right here, and of what is not, what cures it: settings, environment, ERP, grants, profile,
    folders, disk, clock, port, tills, poster, secrets. Changes nothing.

    Exit status 0 if nothing is wrong (what only deserves a look is marked "!"), 1 if something is, 3 if there is
    nothing to look at.
    """
    settings = settings_of(config)
    path = file_of(config)
    found: list[Checked] = []
    for one in _examined(settings, path, only_till=till):
        found.append(one)
        if not json:
            _print(one, settings.language)
    if json:
        print_json([_told(one, settings.language) for one in found])
    if any(one.verdict == "wrong" for one in found):
        raise typer.Exit(FOUND)


def _examined(settings: Settings, path: Path | None, *, only_till: bool) -> Iterator[Checked]:
    """The server's part where there is a server, the agent's where one is set up."""
    store = settings.store_file
    server = not only_till and (store is None or store.exists())
    if not server and not settings.till.folder:
        fail("store_missing", {"folder": str(settings.home_path), "file": str(store)}, settings)
    if server:
        yield from _of_server(settings, path)
    if settings.till.folder:
        from malote.till.checking import examine

        yield from examine(settings, path)


def _of_server(settings: Settings, path: Path | None) -> Iterable[Checked]:
    from malote.setup.server_check import CheckedServer, examine

    with services_of(path) as services:
        place = CheckedServer(settings, path, services.engine, services.structures.drift, services.loads.troubles)
        yield from examine(place)


def _print(one: Checked, language: Language) -> None:
    what = _WHAT[one.what].of(language)
    said = f": {rejection.title(one.code, language)} [{one.code}]" if one.code else ""
    _line(f"{_MARKS[one.verdict]} {what}{said}")
    if one.code and one.verdict != "skipped":
        _line(f"    {rejection.cause(one.code, one.facts, language)}")
        _line(f"    → {rejection.remedy(one.code, one.facts, language)}")


def _told(one: Checked, language: Language) -> dict[str, object]:
    told: dict[str, object] = {"what": one.what, "verdict": one.verdict, "code": one.code, "facts": one.facts}
    said = {
        "title": rejection.title(one.code, language),
        "cause": rejection.cause(one.code, one.facts, language),
        "remedy": rejection.remedy(one.code, one.facts, language),
    }
    return {**told, **said} if one.code else told


def _line(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
