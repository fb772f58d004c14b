"""How a command carries a job out that is for many documents or tills at once, and what it tells of one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FOUND
from malote.terminal.document_selection import show_refused
from malote.terminal.output import amount, errors, print_json, say

if TYPE_CHECKING:
    from malote.accounts.audit import Actor
    from malote.app import Services
    from malote.quarantine.job_reports import Job, Kind
    from malote.quarantine.quarantine_reports import Refused, Selection

_PAGE = 500
KINDS = {
    "delete": Bilingual("apagar", "delete"),
    "restore": Bilingual("restaurar", "restore"),
    "replay": Bilingual("reprocessar", "replay"),
    "synchronise": Bilingual("sincronizar", "synchronise"),
}
STATES = {
    "draft": Bilingual("à espera de confirmação", "waiting to be confirmed"),
    "running": Bilingual("em andamento", "under way"),
    "stopping": Bilingual("parando", "stopping"),
    "stopped": Bilingual("parado", "stopped"),
    "done": Bilingual("concluído", "done"),
}


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
    tell(job, list(refused_of(services, job.id)), language, json=json)
    if job.refused or job.state == "stopped":
        raise typer.Exit(FOUND)


def tell(job: "Job", refused: "list[Refused]", language: Language, *, json: bool) -> None:
    if json:
        print_json({"job": job, "refused": refused})
        return
    names = (word_of(KINDS, job.kind, language), word_of(STATES, job.state, language))
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
        task = bar.add_task(word_of(KINDS, job.kind, language), total=job.total)

        def advance(now: "Job") -> None:
            bar.update(task, completed=now.done + now.refused)

        yield advance


def refused_of(services: "Services", job_id: int) -> "Iterator[Refused]":
    after: int | None = 0
    while after is not None:
        page = services.jobs.refused(job_id, after=after, limit=_PAGE)
        yield from page.refused
        after = page.after


def word_of(words: dict[str, Bilingual[str]], name: str, language: Language) -> str:
    return words[name].of(language)
