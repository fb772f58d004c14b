"""``malote structures rollout …``: the tills' structure, wave by wave; and ``malote till trust``."""

from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import (
    FOUND,
    OK,
    ConfigOption,
    JsonOption,
    explained,
    misuse,
    require_till,
    services_of,
    settings_of,
)
from malote.terminal.output import say
from malote.terminal.rollout_report import NumberArgument, act_and_show, number_or_newest, show_status

if TYPE_CHECKING:
    from malote.app import Services


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
