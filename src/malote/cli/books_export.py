"""``malote books close``, ``export``, ``verify``: closed days in a signed chain, and in a file for strangers."""

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from malote.bilingual import Bilingual, Language
from malote.terminal.audit_reason import checked_reason
from malote.terminal.command import FOUND, ConfigOption, JsonOption, day_of, misuse, services_of, wrong_usage
from malote.terminal.output import amount, print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from malote.app import Services
    from malote.books.exporting import ExportedDay
    from malote.trust.signing_key import SigningKey


MOST_DAYS = 366  # of one export


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("close")(close)
    app.command("export")(export)
    app.command("verify")(verify)


def close(
    new_key: Annotated[
        bool, typer.Option("--new-key", help="The server's key is another: from now on this one signs.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why the key is another.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Closes every business day that is over: signed, and chained to the till's day before. What came late for a closed
    day becomes an entry of its own. The server does it by itself every night; running it again adds nothing."""
    import time

    from malote.accounts.audit import command_line
    from malote.books import closing_marks

    reason = checked_reason(reason) if new_key else ""
    with services_of(config) as services:
        if new_key:
            closing_marks.take_key(services.engine, services.key.public, command_line(), reason, time.time())
        added = _close(services, services.key, None)
    if json:
        print_json({"entries": added})
    else:
        say(
            Bilingual(f"{added} registros somados à cadeia.", f"{added} entries added to the chain.").of(
                services.settings.language
            )
        )


def export(
    day: Annotated[str, typer.Argument(help="The business day.", metavar="DAY")],
    file: Annotated[
        Path, typer.Argument(help="Where it is written: a new .zip; with --until a folder.", metavar="FILE")
    ],
    until: Annotated[
        str | None, typer.Option("--until", help="Each day from DAY to this one, a file each.", metavar="DAY")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Writes a closed business day, signed, for anybody to verify offline: its sales and the files they came in.

    Closes the day first. With --until it writes DAY.zip of each day that has any sale into a folder; where one stands
    there already, nothing is written. Exit status 1 where files have left the server or are damaged: each is named."""
    days = _days(config, day, until)
    files = {one: file / f"{one.isoformat()}.zip" if until else file for one in days}
    for place in files.values():
        if place.exists():
            misuse(config, Bilingual(f"{place}: já existe", f"{place}: exists already"))
    with services_of(config) as services:
        key = services.key
        written = [one for chosen, place in files.items() if (one := _export(services, key, chosen, place))]
    if not written:
        misuse(config, Bilingual(f"{day}: nenhum dia encerrado", f"{day}: no closed day"))
    if json:
        told = [{"file": str(place), **_told(found)} for place, found in written]
        print_json(
            {"files": told, "public_key": key.public} if until else _told(written[0][1]) | {"public_key": key.public}
        )
    else:
        _say(written, key.public, services.settings.language)
    if any(found.pruned or found.damaged for _, found in written):
        raise typer.Exit(FOUND)


def _days(config: Path | None, day: str, until: str | None) -> list[date]:
    first, last = day_of("DAY", day), day_of("--until", until or day)
    if not 0 <= (last - first).days < MOST_DAYS:
        words = Bilingual(f"de {day} a {until}: de 1 a {MOST_DAYS} dias", f"{day} to {until}: 1 to {MOST_DAYS} days")
        misuse(config, words)
    return [first + timedelta(days=place) for place in range((last - first).days + 1)]


def _export(services: "Services", key: "SigningKey", day: date, place: Path) -> "tuple[Path, ExportedDay] | None":
    """One day, written; None where it has no closed day of any till. One is in memory at a time."""
    from malote import durable
    from malote.accounts.audit import command_line
    from malote.books.exporting import export as exported

    _close(services, key, day)
    found = exported(services.engine, key, day, command_line())
    if not found.tills:
        return None
    place.parent.mkdir(parents=True, exist_ok=True)
    durable.write(place, found.content)
    return place, msgspec.structs.replace(found, content=b"")


def _told(found: "ExportedDay") -> dict[str, object]:
    return {"tills": found.tills, "sales": found.sales, "pruned": found.pruned, "damaged": found.damaged}


def _say(written: "Sequence[tuple[Path, ExportedDay]]", public_key: str, language: Language) -> None:
    tills, sales = Bilingual(("caixas", "vendas"), ("tills", "sales")).of(language)
    for place, found in written:
        say(f"{place}: {found.tills} {tills}, {found.sales} {sales}")
    say(f"{Bilingual('chave pública', 'public key').of(language)}: {public_key}")
    for _, found in written:
        for code, some in (("content_pruned", found.pruned), ("kept_damaged", found.damaged)):
            if some:
                total = amount(sum(one.total for one in some), language)
                say(f"{len(some)}: {_LEFT_OUT[code].of(language)}, R$ {total} [{code}]")
            for one in some:
                number = f"{one.series}/{one.number} · " if one.number is not None else ""
                say(f"{one.till} · {number}{one.access_key} · R$ {amount(one.total, language)} · {one.sha256[:16]}")


_LEFT_OUT = {
    "content_pruned": Bilingual("sem o arquivo, que já saiu do servidor", "without the file, which left the server"),
    "kept_damaged": Bilingual("sem o arquivo, danificado aqui", "without the file, damaged here"),
}


def verify(
    file: Annotated[Path, typer.Argument(help="What malote books export wrote.", metavar="FILE")],
    key: Annotated[str, typer.Option("--key", help="The server's public key, or at least its first 16 digits.")],
    json: JsonOption = False,
) -> None:
    """Says whether an exported day is what the server signed: no byte changed, no sale left out or doubled.

    Needs neither the server nor its settings; malote/books/verifying.py does the same alone. Exit status 1 if anything
    is wrong."""
    from malote.books.verifying import contents, told
    from malote.books.verifying import verify as verified

    try:
        content = file.read_bytes()
    except OSError as error:
        wrong_usage(f"{file}: {error.strerror}")
    wrong = verified(content, key)
    held = [] if wrong else contents(content)
    if json:
        print_json({"wrong": wrong, "entries": held})
    else:
        for line in wrong or map(told, held):
            say(line)
        say("NOT as it was signed / NÃO é o que foi assinado" if wrong else "as it was signed / é o que foi assinado")
    if wrong:
        raise typer.Exit(FOUND)


def _close(services: "Services", key: "SigningKey", only: date | None) -> int:
    import time

    from malote.accounts.audit import command_line
    from malote.books import chain, closing_marks
    from malote.books.store_days import by_store_clock
    from malote.business_day import business_day

    calendar = by_store_clock(services.engine, business_day(services.settings.books))
    now = time.time()
    today = calendar.at(now)
    added = chain.close(services.engine, calendar, key, today, now, only, command_line())
    if only is None:
        closing_marks.note_closed(services.engine, calendar, today)
    return added
