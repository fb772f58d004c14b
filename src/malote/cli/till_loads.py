"""``malote till loads …``: what this till sells with, taken back by one step, and the price that it has."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from malote.bilingual import Bilingual, filled
from malote.config import Settings
from malote.fiscal import typed_input
from malote.fiscal.typed_input import TypedError
from malote.terminal.command import (
    FOUND,
    OK,
    ConfigOption,
    DryRunOption,
    JsonOption,
    explained,
    require_till,
    settings_of,
    wrong_usage,
)
from malote.terminal.load_options import validity_words
from malote.terminal.output import console, print_json, say
from malote.terminal.tables import local_time, plain_table, printable
from malote.till.loads import loads_report
from malote.till.loads.loads_report import LoadsStatus
from malote.till.loads.price_question import TillPrices
from malote.till.loads.rolling_back import RolledBack
from malote.till.setup import placed

_NONE = Bilingual("Este caixa ainda não tem carga.", "This till has no load yet.")
_STATE = Bilingual("Carga {version}, desde {at}.", "Load {version}, since {at}.")
_TAKEN_BACK = Bilingual("A carga {version} foi desfeita aqui.", "Load {version} was taken back here.")
_CLOCK = Bilingual(
    "O relógio deste caixa difere do relógio do servidor em {seconds} s: datas da carga valem pela hora do servidor.",
    "This till's clock differs from the server's by {seconds} s: dates of the load go by the server's time.",
)
_ENTITIES = Bilingual(
    ("Entidade", "Versão", "Linhas", "Aplicada em", "Conferência"), ("Entity", "Version", "Rows", "Applied at", "Proof")
)
_HISTORY = Bilingual(("Quando", "Carga", "Linhas alteradas", ""), ("When", "Load", "Rows changed", ""))
_BY_HAND = Bilingual("desfeita a {version}", "{version} taken back")
_EMERGENCY = Bilingual("emergência", "emergency")
_WOULD = Bilingual(
    "Voltaria da carga {before} à {after}: {rows:linha|linhas} em {entities}.",
    "Would go back from load {before} to {after}: {rows:row|rows} in {entities}.",
)
_DID = Bilingual(
    "Voltou da carga {before} à {after}: {rows:linha|linhas} em {entities}. O servidor fica sabendo no próximo contato,"
    " e o caixa fica nela até ser liberado lá.",
    "Went back from load {before} to {after}: {rows:row|rows} in {entities}. The server hears of it at the next"
    " contact, and the till stays there until it is released.",
)
_NO_PRICE = Bilingual("Nenhum preço de {product} na carga {version}.", "No price of {product} in load {version}.")

_VALID = Bilingual("vale", "valid")
_DATES = ("valid_from", "valid_until")

AtOption = Annotated[str, typer.Option("--at", metavar="TIME", help="As it was then: 2026-11-27T10:32, say.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("status")(status)
    app.command("rollback")(rollback)
    app.command("price")(price)


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """What this till sells with: each entity's version, and which loads were applied when.

    Exit status 0; 1 where it has no load, or one was taken back; 3 when the file can't be read.
    """
    with _asked(config) as settings:
        found = loads_report.status(settings.outbox_path)
    if json:
        print_json(found)
    else:
        _show(found, settings)
    raise typer.Exit(OK if found.version and not found.rolled_back_from else FOUND)


def rollback(config: ConfigOption = None, dry_run: DryRunOption = False, json: JsonOption = False) -> None:
    """Sells on with the load before the last one: one step back, without a server, also beside a running agent.

    The last two changes can be taken back. The server hears of it, and keeps the till there until it is released.
    Exit status 3 where there is nothing to go back to.
    """
    with _asked(config) as settings:
        files = placed(settings).loads
        done = loads_report.roll_back(settings.outbox_path, time.time(), dry_run=dry_run, files=files)
    if json:
        print_json(done)
    else:
        say(_rolled_back(done, dry_run, settings))
    raise typer.Exit(OK)


def price(product: str, config: ConfigOption = None, at: AtOption = "", json: JsonOption = False) -> None:
    """The price that this till has of a product (its code, or a barcode), or had at a time.

    From the loads that the till remembers, which are the last three; the server knows of all. Exit status 1 where it
    has no price of it.
    """
    moment = _moment(at) if at else time.time()
    with _asked(config) as settings:
        found = loads_report.price(settings.outbox_path, product, moment, is_now=not at)
    if json:
        print_json(found)
    else:
        _show_prices(found, settings)
    raise typer.Exit(OK if found.rows else FOUND)


@contextmanager
def _asked(config: Any) -> Iterator[Settings]:
    settings = settings_of(config)
    require_till(settings)
    with explained(settings):
        yield settings


def _moment(text: str) -> float:
    try:
        return typed_input.moment(text).timestamp()
    except TypedError:
        wrong_usage(f"--at: {text}: YYYY-MM-DDTHH:MM")


def _show(found: LoadsStatus, settings: Settings) -> None:
    language = settings.language
    if not found.version:
        say(_NONE.of(language))
    else:
        say(_STATE.of(language).format(version=found.version, at=local_time(found.applied_at, language)))
    if found.rolled_back_from:
        say(_TAKEN_BACK.of(language).format(version=found.rolled_back_from))
    if found.clock_skew_seconds:
        say(_CLOCK.of(language).format(seconds=f"{found.clock_skew_seconds:+d}"))
    if found.entities:
        table = plain_table(_ENTITIES.of(language))
        for name, one in found.entities.items():
            cells = (name, str(one.version), str(one.rows), local_time(one.applied_at, language), one.sha256[:12])
            table.add_row(*map(printable, cells))
        console.print(table)
    if found.history:
        table = plain_table(_HISTORY.of(language))
        for change in found.history:
            said = ""
            if change.rolled_back_from and change.version_before != change.version:
                said = _BY_HAND.of(language).format(version=change.version_before or change.rolled_back_from)
            said = said or (_EMERGENCY.of(language) if change.emergency else "")
            table.add_row(local_time(change.at, language), str(change.version), str(change.changed), said)
        console.print(table)


def _rolled_back(done: RolledBack, dry_run: bool, settings: Settings) -> str:
    words = (_WOULD if dry_run else _DID).of(settings.language)
    entities = ", ".join(done.entities)
    return filled(words, before=done.from_version, after=done.version, rows=done.changed, entities=entities)


def _show_prices(found: TillPrices, settings: Settings) -> None:
    if not found.rows:
        say(_NO_PRICE.of(settings.language).format(product=found.product, version=found.version))
        return
    say(_STATE.of(settings.language).format(version=found.version, at=local_time(found.applied_at, settings.language)))
    table = plain_table([name for name in found.rows[0] if name not in _DATES] + [_VALID.of(settings.language)])
    for row in found.rows:
        cells = [printable("" if value is None else str(value)) for name, value in row.items() if name not in _DATES]
        table.add_row(*cells, validity_words(row, settings.language))
    console.print(table)
