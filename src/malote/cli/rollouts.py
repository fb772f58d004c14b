"""``malote structures rollout …``: the tills' structure, wave by wave; and ``malote till trust``."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from malote import rejection
from malote.bilingual import Bilingual
from malote.orders.rollout_reports import Rollout, RolloutState, RolloutTill, TillState
from malote.rejection import Language
from malote.terminal import store_clock
from malote.terminal.command import (
    FOUND,
    OK,
    ConfigOption,
    JsonOption,
    explained,
    fail,
    misuse,
    require_till,
    services_of,
    settings_of,
)
from malote.terminal.output import console, print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from malote.accounts.audit import Actor
    from malote.app import Services
    from malote.config import Settings

NumberArgument = Annotated[
    int | None,
    typer.Argument(help="Number of the roll-out; the newest by default.", metavar="[NUMBER]", show_default=False),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]

_STATES: Bilingual[dict[RolloutState, str]] = Bilingual(
    {"running": "em andamento", "stopped": "parada", "done": "concluída", "cancelled": "cancelada"},
    {"running": "under way", "stopped": "stopped", "done": "done", "cancelled": "cancelled"},
)
_TILL_STATES: Bilingual[dict[TillState, str]] = Bilingual(
    {
        "pending": "na fila",
        "offered": "atualizando",
        "done": "em dia",
        "failed": "falhou",
        "cancelled": "cancelado",
    },
    {
        "pending": "in the queue",
        "offered": "updating",
        "done": "up to date",
        "failed": "failed",
        "cancelled": "cancelled",
    },
)


class RolloutStatus(msgspec.Struct, frozen=True):
    rollout: Rollout
    tills: list[RolloutTill]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("start")(start)
    app.command("status")(status)
    app.command("cancel")(cancel)
    app.command("resume")(resume)


def register_trust(till_app: typer.Typer) -> None:
    till_app.command("trust")(trust)


def start(
    tills: Annotated[str, typer.Option("--tills", help="Names, with commas in between.", metavar="NAMES")] = "",
    everyone: Annotated[bool, typer.Option("--all", help="All tills, and those created later.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the waves, and order nothing.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Orders the tills' structure to be updated: one till first, then a few, then the rest; a failure stops it."""
    names = [name.strip() for name in tills.split(",") if name.strip()]
    if everyone == bool(names):
        misuse(config, Bilingual("diga --tills ou --all", "give either --tills or --all"))
    chosen = None if everyone else names
    act_and_show(lambda services, actor: services.structures.roll_out(chosen, actor, dry_run=dry_run), config, json)


def status(number: NumberArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows how far a roll-out got, till by till. Exit status 1 when a failure has stopped it."""
    with services_of(config) as services:
        found = services.structures.rollout(number)
        tills = services.structures.rollout_tills(found.id) if found else []
        settings = services.settings
    show_status(found, tills, settings, number=number, json=json)
    raise typer.Exit(FOUND if found is not None and found.state == "stopped" else OK)


def cancel(
    number: NumberArgument = None,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Cancels a roll-out: no further till is updated; what is done stays."""
    act_and_show(
        lambda services, actor: services.structures.cancel(_number(services, number), actor, reason=reason),
        config,
        json,
    )


def resume(number: NumberArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lets a stopped or cancelled roll-out go on; tills that failed try again."""
    act_and_show(lambda services, actor: services.structures.resume(_number(services, number), actor), config, json)


def trust(config: ConfigOption = None) -> None:
    """At a till: believes the billing server's key of the next contact, after the server was replaced."""
    from malote.till.orders.dispatching import trust_anew
    from malote.till.outbox import Outbox

    settings = settings_of(config)
    require_till(settings)
    with explained(settings), Outbox(settings.outbox_path) as outbox:
        trust_anew(outbox)
    words = Bilingual("A chave do próximo contato será aceita.", "The key of the next contact is believed.")
    say(words.of(settings.language))


def _number(services: "Services", number: int | None) -> int:
    return number_or_newest(number, services.structures.rollout)


# ---- what roll-outs of loads have alike ----


def act_and_show(act: "Callable[[Services, Actor], Rollout]", config: ConfigOption, json: bool) -> None:
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        done = act(services, command_line())
        language = services.settings.language
    if json:
        print_json(done)
    else:
        show_rollout(done, language)


def number_or_newest(number: int | None, find: "Callable[[None], Rollout | None]") -> int:
    """0, which no roll-out has, where there is none."""
    if number is not None:
        return number
    newest = find(None)
    return newest.id if newest else 0


def show_status(
    found: Rollout | None,
    tills: list[RolloutTill],
    settings: "Settings",
    *,
    number: int | None,
    json: bool,
    remark: Bilingual[str] | None = None,
) -> None:
    """``number``: as it was asked for; of one that there isn't the process ends."""
    if found is None:
        if number is not None:
            fail("rollout_unknown", {"rollout": str(number)}, settings)
        if json:
            print_json(None)
        else:
            say(Bilingual("Nenhuma distribuição ainda.", "No roll-out yet.").of(settings.language))
    elif json:
        print_json(RolloutStatus(found, tills))
    else:
        show_rollout(found, settings.language)
        if remark is not None:
            say(remark.of(settings.language))
        console.print(rollout_table(tills, settings.language))


def show_rollout(found: Rollout, language: Language) -> None:
    states = ", ".join(f"{_TILL_STATES.of(language)[state]} {count}" for state, count in sorted(found.counts.items()))
    wave = f"{Bilingual('onda', 'wave').of(language)} {found.wave}/{found.waves}"
    name = Bilingual("Distribuição", "Roll-out").of(language)
    say(f"{name} {found.id}: {_STATES.of(language)[found.state]}, {wave}; {states}")
    if found.code:
        say(f"{found.stopped_by}: {rejection.title(found.code, language)} [{found.code}]")


def rollout_table(tills: list[RolloutTill], language: Language) -> Table:
    headings = Bilingual(("Caixa", "Onda", "Situação", "Tempo", ""), ("Till", "Wave", "State", "Time", "")).of(language)
    table = Table(*headings)
    for one in tills:
        seconds = "" if one.seconds is None else f"{one.seconds:.2f} s"
        table.add_row(
            one.till, str(one.wave), _TILL_STATES.of(language)[one.state], seconds, Text(_remark(one, language))
        )
    return table


def _remark(one: RolloutTill, language: Language) -> str:
    if one.code:
        return rejection.cause(one.code, one.facts, language)
    if one.offline_since is not None and one.state in ("pending", "offered"):
        since = store_clock.here(one.offline_since)
        away = Bilingual("sem contato desde", "not heard of since").of(language)
        return f"{away} {since:%d/%m %H:%M}"
    return ""
