"""``malote jobs``: what was ordered for many documents or tills at once."""

from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.terminal.command import FOUND, OK, ConfigOption, JsonOption, services_of
from malote.terminal.job_report import KINDS, STATES, refused_of, tell, word_of
from malote.terminal.output import console, print_json, say
from malote.terminal.tables import local_time, plain_table

if TYPE_CHECKING:
    pass

NumberArgument = Annotated[int, typer.Argument(help="The job's number, as listed.", metavar="NUMBER")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("list")(list_jobs)
    app.command("show")(show)
    app.command("stop")(stop)


def list_jobs(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists the newest jobs: what was ordered, by whom, and how far it got."""
    with services_of(config) as services:
        found = services.jobs.recent()
        language = services.settings.language
    if json:
        print_json(found)
        return
    if not found:
        say(Bilingual("Nenhum trabalho ainda.", "No job yet.").of(language))
        return
    headings = Bilingual(
        ("Nº", "O quê", "Caixa", "Por", "Quando", "Situação", "Feitos", "Ficaram", "De"),
        ("No.", "What", "Till", "By", "When", "State", "Done", "Left as it was", "Of"),
    )
    table = plain_table(headings.of(language))
    for one in found:
        texts = (word_of(KINDS, one.kind, language), one.till or "–", one.asked_by, local_time(one.asked_at, language))
        counts = (one.done, one.refused, one.total)
        table.add_row(str(one.id), *texts, word_of(STATES, one.state, language), *map(str, counts))
    console.print(table)


def show(number: NumberArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows one job with all it left as it was. Exit status 1 where there is any of that."""
    with services_of(config) as services:
        job = services.jobs.find(number)
        refused = list(refused_of(services, number))
        language = services.settings.language
    tell(job, refused, language, json=json)
    raise typer.Exit(FOUND if job.refused else OK)


def stop(number: NumberArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Stops a job after the batch under way; the rest of its list stays as it is."""
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        job = services.jobs.stop(number, command_line())
        language = services.settings.language
    tell(job, [], language, json=json)
