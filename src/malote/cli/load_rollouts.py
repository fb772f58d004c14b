"""``malote loads rollout …``: a version of the loads, wave by wave."""

from typing import TYPE_CHECKING, Annotated

import typer

from malote.orders.rollout_reports import Rollout
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import FOUND, OK, ConfigOption, DryRunOption, JsonOption, services_of
from malote.terminal.load_options import EntitiesOption, TillsOption
from malote.terminal.rollout_report import NumberArgument, act_and_show, approval_words, number_or_newest, show_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from malote.accounts.audit import Actor
    from malote.app import Services
    from malote.loads.load_rollouts import LoadRollouts


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
    act_and_show(lambda services, actor: services.loads.rollouts.start(wanted, actor, dry_run=dry_run), config, json)


def status(number: NumberArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows how far a version got, till by till. Exit status 1 when failures have stopped it, or a person must let the
    next wave through."""
    with services_of(config) as services:
        rollouts = services.loads.rollouts
        found = rollouts.find(number)
        tills = rollouts.tills_of(found.id) if found else []
        waits = rollouts.waits_for_approval() if found and number is None else False
        settings = services.settings
    remark = approval_words(found) if found and waits else None
    show_status(found, tills, settings, number=number, json=json, remark=remark)
    raise typer.Exit(FOUND if waits or (found is not None and found.state == "stopped") else OK)


def approve(
    number: NumberArgument = None, reason: ReasonOption = "", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Lets the next wave through, or, after the canary, all (`loads.approval`)."""
    _do(number, lambda rollouts, chosen, actor: rollouts.approve(chosen, actor, reason), config, json)


def cancel(
    number: NumberArgument = None, reason: ReasonOption = "", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Cancels a roll-out: no further till is updated; what is done stays."""
    _do(number, lambda rollouts, chosen, actor: rollouts.cancel(chosen, actor, reason), config, json)


def resume(number: NumberArgument = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lets a stopped or cancelled roll-out go on; tills that failed try again."""
    _do(number, lambda rollouts, chosen, actor: rollouts.resume(chosen, actor), config, json)


def _do(
    number: int | None,
    act: "Callable[[LoadRollouts, int, Actor], Rollout]",
    config: ConfigOption,
    json: bool,
) -> None:
    def of(services: "Services", actor: "Actor") -> Rollout:
        rollouts = services.loads.rollouts
        return act(rollouts, number_or_newest(number, rollouts.find), actor)

    act_and_show(of, config, json)
