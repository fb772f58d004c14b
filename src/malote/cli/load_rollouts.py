"""``malote loads rollout …``: a version of the loads, wave by wave."""

from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.cli.loads import EntitiesOption, TillsOption
from malote.cli.rollouts import NumberArgument, RolloutStatus, rollout_table, show_rollout
from malote.orders.rollout_reports import Rollout
from malote.rejection import Language
from malote.terminal.command import FOUND, OK, ConfigOption, DryRunOption, JsonOption, fail, services_of
from malote.terminal.output import console, print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from malote.accounts.audit import Actor
    from malote.loads.load_rollouts import LoadRollouts

ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the audit trail.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("start")(start)
    app.command("status")(status)
    app.command("approve")(approve)
    app.command("cancel")(cancel)
    app.command("resume")(resume)


def start(
    full: Annotated[bool, typer.Option("--full", help="Geral: all rows are compared, and sent anew to tills.")] = False,
    entity: EntitiesOption = None,
    till: TillsOption = None,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Orders the newest version for all tills, or for these: one till first, then a few, then the rest; too many
    failures stop it."""
    from malote.loads.planning import Wanted

    wanted = Wanted(till or [], entity or [], full)
    _do(lambda rollouts: rollouts.start(wanted, _actor(), dry_run=dry_run), config, json)


def status(number: NumberArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows how far a version got, till by till. Exit status 1 when failures have stopped it, or a person must let the
    next wave through."""
    with services_of(config) as services:
        rollouts = services.loads.rollouts
        found = rollouts.find(number)
        tills = rollouts.tills_of(found.id) if found else []
        waits = rollouts.waits_for_approval() if found and number is None else False
        settings = services.settings
    if found is None:
        if number is not None:
            fail("rollout_unknown", {"rollout": str(number)}, settings)
        if json:
            print_json(None)
        else:
            say(Bilingual("Nenhuma distribuição ainda.", "No roll-out yet.").of(settings.language))
        return
    if json:
        print_json(RolloutStatus(found, tills))
    else:
        show_rollout(found, settings.language)
        _say_waits(found, settings.language, waits=waits)
        console.print(rollout_table(tills, settings.language))
    raise typer.Exit(FOUND if waits or found.state == "stopped" else OK)


def approve(
    number: NumberArgument = None, reason: ReasonOption = "", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Lets the next wave through, or, after the canary, all (`loads.approval`)."""
    _do(lambda rollouts: rollouts.approve(_number(rollouts, number), _actor(), reason), config, json)


def cancel(
    number: NumberArgument = None, reason: ReasonOption = "", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Cancels a roll-out: no further till is updated; what is done stays."""
    _do(lambda rollouts: rollouts.cancel(_number(rollouts, number), _actor(), reason), config, json)


def resume(number: NumberArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lets a stopped or cancelled roll-out go on; tills that failed try again."""
    _do(lambda rollouts: rollouts.resume(_number(rollouts, number), _actor()), config, json)


def _do(act: "Callable[[LoadRollouts], Rollout]", config: ConfigOption, json: bool) -> None:
    with services_of(config) as services:
        done = act(services.loads.rollouts)
        language = services.settings.language
    if json:
        print_json(done)
    else:
        show_rollout(done, language)


def _actor() -> "Actor":
    from malote.accounts.audit import command_line

    return command_line()


def _number(rollouts: "LoadRollouts", number: int | None) -> int:
    newest = rollouts.find() if number is None else None
    return number if number is not None else newest.id if newest else 0


def _say_waits(found: Rollout, language: Language, *, waits: bool) -> None:
    if waits:
        words = Bilingual(
            f"A próxima onda espera aprovação: malote loads rollout approve {found.id}",
            f"The next wave waits for approval: malote loads rollout approve {found.id}",
        )
        say(words.of(language))
