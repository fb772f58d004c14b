"""``malote jobs``: what was ordered for many documents or tills at once; and how a command carries one out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FOUND, OK, ConfigOption, JsonOption, services_of
from malote.terminal.document_selection import show_refused
from malote.terminal.output import amount, console, errors, print_json, say
from malote.terminal.tables import local_time, plain_table

if TYPE_CHECKING:
    from malote.accounts.audit import Actor
    from malote.app import Services
    from malote.quarantine.job_reports import Job, Kind
    from malote.quarantine.quarantine_reports import Refused, Selection

_PAGE = 500

NumberArgument = Annotated[int, typer.Argument(help="The job's number, as listed.", metavar="NUMBER")]

_KINDS = {
    "delete": Bilingual("apagar", "delete"),
    "restore": Bilingual("restaurar", "restore"),
    "replay": Bilingual("reprocessar", "replay"),
    "synchronise": Bilingual("sincronizar", "synchronise"),
}
_STATES = {
    "draft": Bilingual("à espera de confirmação", "waiting to be confirmed"),
    "running": Bilingual("em andamento", "under way"),
    "stopping": Bilingual("parando", "stopping"),
    "stopped": Bilingual("parado", "stopped"),
    "done": Bilingual("concluído", "done"),
}


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
        texts = (_word(_KINDS, one.kind, language), one.till or "–", one.asked_by, local_time(one.asked_at, language))
        counts = (one.done, one.refused, one.total)
        table.add_row(str(one.id), *texts, _word(_STATES, one.state, language), *map(str, counts))
    console.print(table)


def show(number: NumberArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows one job with all it left as it was. Exit status 1 where there is any of that."""
    with services_of(config) as services:
        job = services.jobs.find(number)
        refused = list(_refused(services, number))
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


def carry_out(
    services: "Services", kind: "Kind", selection: "Selection", *, json: bool, last_copy_reason: str | None = None
) -> bool:
    """An order for more than a person waits for, as a job with its progress; False where it is less than that.

    Ends the command with exit status 1 where something was left as it was, or somebody stopped it.
    """
    from malote.accounts.audit import command_line
    from malote.quarantine.jobs import is_large

    jobs, actor = services.jobs, command_line()
    if not is_large(jobs.gauge(kind, selection)):
        return False
    draft = jobs.freeze(kind, selection, actor)
    run(services, draft, actor, json=json, last_copy_reason=last_copy_reason)
    return True


def run(services: "Services", draft: "Job", actor: "Actor", *, json: bool, last_copy_reason: str | None = None) -> None:
    """Begins a draft and stays with it to its end. Killed in the middle, a server goes on with it."""
    language = services.settings.language
    services.jobs.start(draft.id, actor, last_copy_reason=last_copy_reason)
    with _progress(draft, language) as advance:
        job = services.jobs.work(draft.id, advance)
        advance(job)
    tell(job, list(_refused(services, job.id)), language, json=json)
    if job.refused or job.state == "stopped":
        raise typer.Exit(FOUND)


def tell(job: "Job", refused: "list[Refused]", language: Language, *, json: bool) -> None:
    if json:
        print_json({"job": job, "refused": refused})
        return
    names = (_word(_KINDS, job.kind, language), _word(_STATES, job.state, language))
    amounts = f"{job.done}/{job.total}"
    if job.kind != "synchronise":
        amounts += f", R$ {amount(job.done_cents, language)}/{amount(job.total_cents, language)}"
    say(f"{Bilingual('Trabalho', 'Job').of(language)} {job.id}: {names[0]}, {names[1]}: {amounts}")
    if job.refused:
        say(f"{job.refused} {Bilingual('ficaram como estavam', 'left as they were').of(language)}")
    show_refused(refused, language, all_of_them=f"malote jobs show {job.id} --json")


@contextmanager
def _progress(job: "Job", language: Language) -> Iterator["Callable[[Job], None]"]:
    """A bar on standard error, where somebody looks."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, disable=not errors.is_terminal, transient=True) as bar:
        task = bar.add_task(_word(_KINDS, job.kind, language), total=job.total)

        def advance(now: "Job") -> None:
            bar.update(task, completed=now.done + now.refused)

        yield advance


def _refused(services: "Services", job_id: int) -> "Iterator[Refused]":
    after: int | None = 0
    while after is not None:
        page = services.jobs.refused(job_id, after=after, limit=_PAGE)
        yield from page.refused
        after = page.after


def _word(words: dict[str, Bilingual[str]], name: str, language: Language) -> str:
    return words[name].of(language)
