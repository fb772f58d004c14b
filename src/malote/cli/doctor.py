"""``malote doctor``: the procedure of the support page, for a till or for all of them."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.agreement import is_agreed
from malote.terminal.command import FOUND, OK, ConfigOption, JsonOption, services_of
from malote.terminal.output import amount, console, print_json

if TYPE_CHECKING:
    from malote.app import Services
    from malote.runbook.case_store import CaseProof
    from malote.runbook.next_step import Procedure, RunbookStep
    from malote.runbook.observations import Cause
    from malote.runbook.runbook_service import View

GOING = 4  # something is under way: ask again
OTHERS = 5  # it is somebody else's to do, or Support must be called
LOOK_SECONDS = 1.0

_STATUS = {"resolved": OK, "go": FOUND, "person": FOUND, "going": GOING, "handed": OTHERS, "support": OTHERS}
_PROOF = Bilingual(
    "Prova: {posted} lançadas desde o começo ({value}), {total} documentos lançados ao todo; "
    "nos caixas {at_till}, a caminho {pending}.",
    "Proof: {posted} booked since it began ({value}), {total} documents booked in all; "
    "at the tills {at_till}, on their way {pending}.",
)
_MARKS = {"done": "✔", "skipped": "–", "now": "→", "going": "…", "handed": "⇒", "later": " "}


def register(app: typer.Typer) -> None:
    """Adds the command of this file."""
    app.command("doctor")(doctor)


def doctor(
    till: Annotated[str, typer.Argument(help="The till; all of them where none is named.", metavar="TILL")] = "",
    fix: Annotated[bool, typer.Option("--fix", help="Goes on by itself; asks before it deletes or alters.")] = False,
    timeout: Annotated[float, typer.Option(min=0.0, help="With --fix: seconds to wait for what is under way.")] = 120.0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Why sales don't go up, and what is next: the procedure of the support page, step by step.

    Without --fix nothing is changed. With it whatever deletes, alters or ends nothing is done; at a terminal the rest
    is asked for, one step after the other. Exit status 0: sales went up. 1: a person must do the step that is named.
    3: it could not be looked at. 4: something is under way. 5: what is left is somebody else's, or Support's.
    """
    from malote.accounts.audit import command_line

    with services_of(config) as services:
        view = services.runbook.view(till, command_line())
        if fix:
            view = _fixed(services, view, time.monotonic() + timeout, quiet=json)
        language, erp = services.settings.language, services.settings.erp.name
    if json:
        print_json(told(view, language, erp))
    else:
        _show(view, language, erp)
    raise typer.Exit(_STATUS[view.procedure.verdict])


# ---- going on ----


def _fixed(services: "Services", view: "View", until: float, *, quiet: bool) -> "View":
    """As far as it goes without anybody, and with whoever sits at the terminal."""
    from malote.accounts.audit import command_line

    actor, scope = command_line(), view.seen.scope
    refused: set[str] = set()
    while True:
        step = view.procedure.current
        match view.procedure.verdict:
            case "go":
                view = services.runbook.go_on(scope, actor)
            case "going" if time.monotonic() < until:
                time.sleep(LOOK_SECONDS)
                view = services.runbook.view(scope, actor)
            case "person" if step is not None and step.said not in refused:
                refused.add(step.said)
                if quiet or not _asked(services, view, step):
                    return view
                view = services.runbook.view(scope, actor)
            case _:
                return view


def _asked(services: "Services", view: "View", step: "RunbookStep") -> bool:
    """Shows the step and does it, where somebody at the terminal says yes; whether it was done."""
    from malote.runbook.step_texts import said

    act = _action(services, view, step)
    if act is None or not sys.stdin.isatty():
        return False
    _line(said(step, services.settings.language, services.settings.erp.name))
    if not is_agreed(Bilingual("Fazer agora?", "Do it now?"), services.settings.language):
        return False
    act()
    return True


def _action(services: "Services", view: "View", step: "RunbookStep") -> Callable[[], object] | None:
    """What a yes does; None for what needs another place, such as a DBA's login."""
    from malote.accounts.audit import command_line

    runbook, actor = services.runbook, command_line()
    match step.said:
        case "rejected_replay":
            return lambda: runbook.replay(view.seen, step.code, actor)
        case "rejected_delete":
            return lambda: runbook.delete(view.seen, step.code, actor)
        case "structures_behind" | "structures_failed":
            return lambda: _update(services, view)
        case _:
            return None


def _update(services: "Services", view: "View") -> None:
    from malote.accounts.audit import command_line

    services.runbook.update(view.seen, command_line())


# ---- for programs ----


def told(view: "View", language: Language, erp: str) -> dict[str, Any]:
    """The same as JSON: what was seen, what is next, and the words."""
    from malote.runbook import step_texts
    from malote.runbook.commands import command

    steps = [
        {
            "step": one.name,
            "state": one.state,
            "said": step_texts.said(one, language, erp),
            "code": one.code,
            "who": one.who,
            "command": command(one, view.seen),
        }
        for one in view.procedure.steps
    ]
    return {
        "scope": view.seen.scope,
        "verdict": view.procedure.verdict,
        "words": step_texts.verdict(view.procedure, language),
        "steps": steps,
        "causes": view.seen.causes,
        "proof": view.ended,
        "seen": view.seen,
    }


# ---- for people ----


def _show(view: "View", language: Language, erp: str) -> None:
    from malote.runbook import step_texts
    from malote.runbook.commands import command

    everything = Bilingual("todos os caixas", "all tills").of(language)
    _line(f"{view.seen.scope or everything}: {step_texts.verdict(view.procedure, language)}")
    for number, step in enumerate(view.procedure.steps, 1):
        said = f"{step_texts.title(step.name, language)}: {step_texts.said(step, language, erp)}"
        _line(f"{_MARKS[step.state]} {number}. {said}")
        if step.state in ("now", "handed"):
            _show_what_to_do(view, step, command(step, view.seen), language)
    _show_beside(view.procedure, language)
    if view.ended is not None:
        _line(proof_words(view.ended, language))
    elif view.procedure.verdict in ("handed", "support"):
        _line("malote evidence")


def _show_what_to_do(view: "View", step: "RunbookStep", command: str, language: Language) -> None:
    from malote.runbook import step_texts

    for one in step.causes:
        _show_cause(one, language)
    told = step_texts.advice(step.groups[0], language) if step.groups else ""
    if told:
        _line(f"     {rejection.title(step.code, language)} [{step.code}]")
        _line(f"     {told}")
    elif not step.causes and step.code:
        _line(f"     {rejection.title(step.code, language)} [{step.code}]")
        _line(f"     {rejection.remedy(step.code, step.facts, language)}")
    who = Bilingual("quem", "who").of(language)
    _line(f"     {who}: {step_texts.who(step.who, language)}" + (f" · {command}" if command else ""))


def _show_cause(one: "Cause", language: Language) -> None:
    from malote.runbook import step_texts

    _line(f"     {step_texts.cause(one, language)} [{one.code}]")
    _line(f"       {rejection.remedy(one.code, one.facts, language)}")


def _show_beside(procedure: "Procedure", language: Language) -> None:
    if procedure.beside:
        _line(Bilingual("E ainda, sem segurar venda:", "Also, holding up no sale:").of(language))
    for one in procedure.beside:
        _show_cause(one, language)


def proof_words(one: "CaseProof", language: Language) -> str:
    """What stands behind 👍."""
    value = f"R$ {amount(one.posted_value, language)}"
    counts = {"posted": one.posted, "value": value, "total": one.total, "at_till": one.at_till, "pending": one.pending}
    return _PROOF.of(language).format_map(counts)


def _line(text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
