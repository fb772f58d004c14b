"""``malote alerts list|test|silence``: who is told of what is wrong, whether it arrives, and when to be quiet."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import FOUND, WRONG_USAGE, ConfigOption, JsonOption, services_of
from malote.terminal.output import console, errors, print_json, say
from malote.terminal.tables import local_time, plain_table

if TYPE_CHECKING:
    from malote.alerts.targets import AlertTarget

CodeArgument = Annotated[str, typer.Argument(help="The cause's code, as listed.", metavar="CODE")]
HoursOption = Annotated[float, typer.Option("--hours", min=0.0, help="For how long; 0 ends a silence.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("list")(list_alerts)
    app.command("test")(send_test)
    app.command("silence")(silence)


def list_alerts(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows the targets (never their addresses), what lasts or is silenced, and the newest messages."""
    with services_of(config) as services:
        targets, states, told = services.alerts.targets(), services.alerts.states(), services.alerts.told()
        language = services.settings.language
    if json:
        print_json({"targets": [_shown(one) for one in targets], "states": states, "messages": told})
        return
    for one in targets:
        say(f"{one.kind} {one.id} +{one.after / 60:.0f} min")
    if not targets:
        say(
            Bilingual("Ninguém é avisado: alerts.targets está vazio.", "Nobody is told: alerts.targets is empty.").of(
                language
            )
        )
    for state in states:
        if state.silenced_until > time.time():
            until = local_time(state.silenced_until, language)
            say(f"{state.code}: {Bilingual('em silêncio até', 'silent until').of(language)} {until}")
    headings = Bilingual(("Quando", "O quê", "Para", "Enviado"), ("When", "What", "To", "Sent")).of(language)
    table = plain_table(headings)
    for message in told:
        sent = local_time(message.sent_at, language) if message.sent_at else f"– ({message.attempts})"
        table.add_row(local_time(message.made_at, language), message.title, message.target, sent)
    console.print(table)


def send_test(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Sends a message to each target now, and says which took it. Exit status 1 if any did not."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        services.alerts.targets()
        done = services.alerts.test(command_line())
    if json:
        print_json([{**_shown(target), "taken": taken} for target, taken in done])
    elif not done:
        say(
            Bilingual("Ninguém é avisado: alerts.targets está vazio.", "Nobody is told: alerts.targets is empty.").of(
                services.settings.language
            )
        )
    for target, taken in [] if json else done:
        words = Bilingual("aceito", "taken") if taken else Bilingual("NÃO ACEITO", "NOT TAKEN")
        say(f"{target.kind} {target.id}: {words.of(services.settings.language)}")
    if not done or not all(taken for _, taken in done):
        raise typer.Exit(FOUND)


def silence(
    code: CodeArgument,
    reason: ReasonOption,
    hours: HoursOption = 8.0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Tells nothing of a cause for some hours; lights and lists go on showing it."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        language = services.settings.language
        if code not in rejection.catalogue():
            errors.print(f"{Bilingual('Não existe este código', 'No such code').of(language)}: {code}", markup=False)
            raise typer.Exit(WRONG_USAGE)
        until = services.alerts.silence(code, hours, command_line(), reason=reason)
    if json:
        print_json({"code": code, "until": until})
    else:
        say(f"{code}: {Bilingual('em silêncio até', 'silent until').of(language)} {local_time(until, language)}")


def _shown(target: "AlertTarget") -> dict[str, object]:
    return {"id": target.id, "kind": target.kind, "after_minutes": target.after / 60}
