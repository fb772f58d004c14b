"""``malote consumers``: who is told of sales beside the ERP."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from malote.cli.common import ConfigOption, JsonOption, console, fail, print_json, say, services_of
from malote.cli.tables import local_time, plain_table, printable
from malote.rejection import Language

if TYPE_CHECKING:
    from malote.accounts.consumers import Consumer, Kind
    from malote.app import Services

NameArgument = Annotated[str, typer.Argument(help="The consumer's name, such as bi.", metavar="NAME")]


class Added(msgspec.Struct, frozen=True):
    """``token``: of one that pulls; shown only now."""

    name: str
    kind: "Kind"
    token: str


class Listed(msgspec.Struct, frozen=True):
    """``behind``: changes it doesn't have yet. Times are seconds since the epoch."""

    name: str
    kind: "Kind"
    scopes: list[str]
    revoked: bool
    got: int
    got_at: float | None
    behind: int


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("add")(add)
    app.command("list")(list_consumers)
    app.command("token")(token)
    app.command("revoke")(revoke)


def add(
    name: NameArgument,
    personal: Annotated[
        bool, typer.Option("--personal", help="Tell it the CPF or CNPJ of a sale's consumer too.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Makes a consumer that pulls (GET /v1/sales) and prints its token, which is shown only now."""
    from malote.accounts import audit, consumers

    with _consumers(config) as services:
        wanted = consumers.Wanted(name, "pull", personal=personal)
        made, secret = consumers.add(services.engine, wanted, actor=audit.command_line())
        _show_secret(made, secret, services.settings.language, json=json)


def list_consumers(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists the consumers, how far each has come, and how they fare."""
    with _consumers(config) as services:
        found = [_listed(one, services.consumers.end()) for one in services.consumers.listed()]
        language = services.settings.language
    if json:
        print_json(found)
    elif not found:
        say("No consumers; malote consumers add." if language == "en" else "Nenhum consumidor; malote consumers add.")
    else:
        _show(found, language)


def token(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Makes a new token for a consumer; the old one is void from now on."""
    from malote.accounts import audit, consumers

    with _consumers(config) as services:
        renewed, secret = consumers.renew(services.engine, name, actor=audit.command_line())
        _show_secret(renewed, secret, services.settings.language, json=json)


def revoke(name: NameArgument, config: ConfigOption = None) -> None:
    """Tells a consumer nothing from now on; its token is void, and it holds nothing back any more."""
    from malote.accounts import audit, consumers

    with _consumers(config) as services:
        consumers.revoke(services.engine, name, actor=audit.command_line())
        say(f"{name}: revoked" if services.settings.language == "en" else f"{name}: revogado")


@contextmanager
def _consumers(config: Path | None) -> "Iterator[Services]":
    from malote.accounts.consumers import ConsumerError

    with services_of(config) as services:
        try:
            yield services
        except ConsumerError as error:
            fail(error.code, error.facts, services.settings)


def _show_secret(consumer: "Consumer", secret: str, language: Language, *, json: bool) -> None:
    if json:
        print_json(Added(consumer.name, consumer.kind, secret))
        return
    english = language == "en"
    say(f"{consumer.name}: token, shown only now:" if english else f"{consumer.name}: token, mostrado só agora:")
    say(secret)


def _listed(one: "Consumer", newest: int) -> Listed:
    return Listed(
        one.name, one.kind, list(one.scopes), one.revoked_at is not None, one.got, one.got_at, max(newest - one.got, 0)
    )


def _show(found: list[Listed], language: Language) -> None:
    english = language == "en"
    headings = (
        ("Name", "Kind", "Scope", "Behind", "Last", "")
        if english
        else ("Nome", "Tipo", "Escopo", "Faltam", "Último", "")
    )
    table = plain_table(headings)
    for one in found:
        last = local_time(one.got_at, language) if one.got_at is not None else "—"
        state = ("revoked" if english else "revogado") if one.revoked else ""
        behind = "—" if one.revoked or one.kind == "folder" else str(one.behind)
        table.add_row(*map(printable, (one.name, one.kind, " ".join(one.scopes), behind, last, state)))
    console.print(table)
