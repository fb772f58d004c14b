"""What the commands of roll-outs share, of structures and of loads: which one is meant, and how far it got."""

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
from malote.terminal.command import ConfigOption, fail, services_of
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


def approval_words(found: Rollout) -> Bilingual[str]:
    """Of one of the loads."""
    command = f"malote loads rollout approve {found.id}"
    return Bilingual(f"A próxima onda espera aprovação: {command}", f"The next wave waits for approval: {command}")


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
