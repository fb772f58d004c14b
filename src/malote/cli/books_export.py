"""``malote books close``, ``export``, ``verify``: closed days in a signed chain, and in a file for strangers."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from malote.cli.common import FOUND, WRONG_USAGE, ConfigOption, JsonOption, errors, misuse, print_json, say, services_of

if TYPE_CHECKING:
    from malote.app import Services
    from malote.structures.signing import SigningKey


def close(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Closes every business day that is over: signed, and chained to the till's day before. What came late for a closed
    day becomes an entry of its own. The server does it by itself every night; running it again adds nothing."""
    with services_of(config) as services:
        added = _close(services, _key(services), None)
        english = services.settings.language == "en"
    if json:
        print_json({"entries": added})
    else:
        say(f"{added} entries added to the chain." if english else f"{added} registros somados à cadeia.")


def export(
    day: Annotated[str, typer.Argument(help="The business day.", metavar="DAY")],
    file: Annotated[Path, typer.Argument(help="Where it is written: a new .zip.", metavar="FILE")],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Writes a closed business day, signed, for anybody to verify offline: its sales and the files they came in.

    Closes the day first. Exit status 1 where files have left the server: they are named."""
    from malote import durable
    from malote.books.exporting import export as exported

    try:
        chosen = date.fromisoformat(day)
    except ValueError:
        misuse(config, f"{day}: AAAA-MM-DD", f"{day}: YYYY-MM-DD")
    if file.exists():
        misuse(config, f"{file}: já existe", f"{file}: exists already")
    with services_of(config) as services:
        key = _key(services)
        _close(services, key, chosen)
        found = exported(services.engine, key, chosen)
        english = services.settings.language == "en"
    if not found.tills:
        misuse(config, f"{day}: nenhum dia encerrado", f"{day}: no closed day")
    durable.write(file, found.content)
    if json:
        print_json({"tills": found.tills, "sales": found.sales, "pruned": found.pruned, "public_key": key.public})
    else:
        tills, sales = ("tills", "sales") if english else ("caixas", "vendas")
        said = "public key" if english else "chave pública"
        say(f"{file}: {found.tills} {tills}, {found.sales} {sales}")
        say(f"{said}: {key.public}")
        for one in found.pruned:
            say(f"{one} [content_pruned]")
    if found.pruned:
        raise typer.Exit(FOUND)


def verify(
    file: Annotated[Path, typer.Argument(help="What malote books export wrote.", metavar="FILE")],
    key: Annotated[str, typer.Option("--key", help="The server's public key, or at least its first 16 digits.")],
    json: JsonOption = False,
) -> None:
    """Says whether an exported day is what the server signed: no byte changed, no sale left out or doubled.

    Needs neither the server nor its settings; malote/books/verifying.py does the same alone. Exit status 1 if anything
    is wrong."""
    from malote.books.verifying import verify as verified

    try:
        wrong = verified(file.read_bytes(), key)
    except OSError as error:
        _refuse(f"{file}: {error.strerror}")
    if json:
        print_json({"wrong": wrong})
    else:
        for one in wrong:
            say(one)
        say("NOT as it was signed / NÃO é o que foi assinado" if wrong else "as it was signed / é o que foi assinado")
    if wrong:
        raise typer.Exit(FOUND)


def _key(services: "Services") -> "SigningKey":
    from malote.structures.signing import signing_key

    return signing_key(services.settings.home_path)


def _close(services: "Services", key: "SigningKey", only: date | None) -> int:
    import time

    from malote.books import chain
    from malote.books.days import business_day

    calendar = business_day(services.settings.books)
    now = time.time()
    return chain.close(services.engine, calendar, key, calendar.at(now), now, only)


def _refuse(words: str) -> NoReturn:
    errors.print(f"malote: {words}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(WRONG_USAGE)
