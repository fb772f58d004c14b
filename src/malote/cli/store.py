"""``malote store rebuild``: a new store database where the old one is damaged or gone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual, filled
from malote.config import Settings
from malote.terminal.command import FOUND, OK, ConfigOption, JsonOption, explained, fail, require_settings, settings_of
from malote.terminal.logs import set_up_logs
from malote.terminal.output import amount, print_json, say

if TYPE_CHECKING:
    from malote.rebuild.report import ErpAlone, RebuildReport, SaleAlone

TillOption = Annotated[
    list[str] | None, typer.Option("--till", metavar="NAME", help="A till that was there; may be given several times.")
]
_MOST_ROWS = 200

_WORDS = Bilingual(
    {
        "aside": "O banco danificado ficou em {aside}.",
        "lost": "Não havia banco: um novo foi feito.",
        "rows": "Recuperadas: {rows}.",
        "unreadable": "Ilegíveis, pelo menos: {rows}.",
        "dropped": "Retiradas, por falta do que lhes pertencia: {rows}.",
        "missing": "{count:documento|documentos} sem conteúdo aqui: o caixa reenvia; sem agente, traga o XML.",
        "taken": "Lidos de novo de malotes e de recebidos/: {count}.",
        "alone": "{count:venda|vendas} no ERP, {value}, sem arquivo aqui: os caixas reenviam o que ainda têm.",
        "ledger_only": "{count:venda|vendas} só no livro do ERP, fora das tabelas dele e sem arquivo aqui: o que o"
        " caixa reenviar, malote books rebook lança de novo.",
        "unasked": "O ERP não pôde ser consultado ({code}): não se sabe que vendas dele não têm arquivo aqui.",
        "tokens": "Tokens novos, para o malote.toml de cada caixa:",
        "users": "Nenhum usuário: crie um com malote user create.",
        "next": "Inicie o servidor. O que já está no ERP é reconhecido pelo livro dele e não é lançado duas vezes.",
        "finished": "O banco novo, já pronto, foi posto no lugar.",
    },
    {
        "aside": "The damaged database is now {aside}.",
        "lost": "There was no database: a new one was made.",
        "rows": "Brought back: {rows}.",
        "unreadable": "Unreadable, at least: {rows}.",
        "dropped": "Taken out, since what they belong to is gone: {rows}.",
        "missing": "{count:document|documents} without content here: the till sends again (or bring the XML).",
        "taken": "Read again from pouches and recebidos/: {count}.",
        "alone": "{count:sale|sales} in the ERP, {value}, without a file here: tills send again those they still hold.",
        "ledger_only": "{count:sale|sales} in the ERP's ledger alone, gone from its sales and without a file here: what"
        " the till sends again, malote books rebook books again.",
        "unasked": "The ERP could not be asked ({code}): nobody knows which of its sales have no file here.",
        "tokens": "New tokens, for each till's malote.toml:",
        "users": "No user: make one with malote user create.",
        "next": "Start the server. What the ERP has is known by its ledger and is not booked twice.",
        "finished": "The new database, which was ready, was put into its place.",
    },
)


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("rebuild")(rebuild)


def rebuild(config: ConfigOption = None, till: TillOption = None, json: JsonOption = False) -> None:
    """Makes a new store database of what can be read of the old one, the files on disk and, later, the tills.

    The server must be stopped. The damaged file is set aside, never deleted. Tills keep their tokens where they can be
    read; the others get new ones, which are printed once. Exit status 1 where something could not be brought back: it
    is listed. With a backup, see malote restore.
    """
    from malote.rebuild import rebuilding

    set_up_logs()
    settings = settings_of(config)
    require_settings(config, settings)
    _check_stopped(settings)
    with explained(settings):
        if rebuilding.finish(settings):
            say(_WORDS.of(settings.language)["finished"])
            raise typer.Exit(OK)
        found = _rebuilt(settings, till or [])
    if json:
        print_json(found)
    else:
        _tell(found, settings)
    raise typer.Exit(OK if found.whole else FOUND)


def _rebuilt(settings: Settings, names: list[str]) -> "RebuildReport":
    from malote.accounts.audit import command_line
    from malote.app import services_for
    from malote.rebuild import erp_alone, rebuilding

    done, tokens, aside = rebuilding.rebuild(settings, names, command_line())
    with services_for(settings) as services:
        take = services.intake.take_files
        taken = rebuilding.take_again(services.engine, settings, take, lambda _: None)
        alone = erp_alone.ask(services.engine, settings)
        return rebuilding.report(services.engine, done, tokens, aside, taken, alone)


def _check_stopped(settings: Settings) -> None:
    """A server that works on the file must not lose it under its hands."""
    import httpx

    host = settings.server.host if settings.server.host not in ("", "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    address = f"{host}:{settings.server.port}"
    try:
        httpx.get(f"http://{address}/health", timeout=2.0)
    except httpx.HTTPError:
        return
    fail("server_answers", {"address": address, "detail": ""}, settings)


def _tell_alone(alone: "ErpAlone", words: Mapping[str, str], settings: Settings) -> None:
    if alone.unasked:
        say(filled(words["unasked"], code=alone.unasked))
    if alone.count:
        say(filled(words["alone"], count=alone.count, value=f"R$ {amount(alone.total, settings.language)}"))
    _name([one for one in alone.named if one.in_sales], alone.count, settings)
    if alone.ledger_only:
        say(filled(words["ledger_only"], count=alone.ledger_only))
    _name([one for one in alone.named if not one.in_sales], alone.ledger_only, settings)


def _name(some: "Sequence[SaleAlone]", count: int, settings: Settings) -> None:
    for one in some[:_MOST_ROWS]:
        value = f"R$ {amount(one.total, settings.language)}" if one.total is not None else "R$ ?"
        say(f"  {one.till}  {one.access_key}  {value}  {one.issued_at[:10]}".rstrip())
    if count > _MOST_ROWS:
        say(f"  … +{count - _MOST_ROWS} (--json)")


def _tell(found: "RebuildReport", settings: Settings) -> None:
    words = _WORDS.of(settings.language)
    say(filled(words["aside"], aside=found.aside) if found.aside else words["lost"])
    for name in ("rows", "unreadable", "dropped"):
        counts = {table: count for table, count in getattr(found, name).items() if count}
        if counts:
            say(filled(words[name], rows=", ".join(f"{table} {count}" for table, count in sorted(counts.items()))))
    if found.taken_again:
        say(filled(words["taken"], count=found.taken_again))
    if found.missing:
        say(filled(words["missing"], count=len(found.missing)))
    for one in found.missing[:_MOST_ROWS]:
        value = f"R$ {amount(one.total, settings.language)}" if one.total is not None else "R$ ?"
        say(f"  {one.till}  {one.series}/{one.number}  {value}  {one.access_key or one.file_name}  {one.state}")
    _tell_alone(found.erp_alone, words, settings)
    if found.tokens:
        say(words["tokens"])
    for token in found.tokens:
        say(f"  {token.till}  {token.token}")
    if found.no_users:
        say(words["users"])
    say(words["next"])
