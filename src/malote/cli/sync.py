"""``malote sync``: tills send again what is not proven, the server tries again what waits or may be cured."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FOUND, ConfigOption, DryRunOption, JsonOption, misuse, services_of, warn
from malote.terminal.job_report import run
from malote.terminal.output import amount, print_json, say
from malote.terminal.tables import local_time

if TYPE_CHECKING:
    from malote.app import Services
    from malote.quarantine.quarantine_reports import SyncOrder, SyncProgress
    from malote.register.documents import TillStatus

_NO_AGENT = Bilingual(
    "só no servidor, pois nenhum agente deste caixa jamais fez contato",
    "at the server only: no agent of this till ever made contact",
)
LOOK_SECONDS = 1.0  # between looks at the progress

TillsArgument = Annotated[list[str] | None, typer.Argument(help="The tills' names.", metavar="TILL...")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("sync")(sync)


def sync(
    tills: TillsArgument = None,
    everyone: Annotated[bool, typer.Option("--all", help="All tills that are enabled.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Waits for the result, and says it.")] = False,
    timeout: Annotated[float, typer.Option(help="How long to wait at most, in seconds.", min=0.0)] = 300.0,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Synchronises tills. With --wait the exit status is 1 when not all of it is through, or something is rejected, or
    missing in the ERP."""
    from malote.accounts.audit import command_line
    from malote.quarantine.job_reports import AT_ONCE

    if bool(tills) == everyone:
        misuse(config, Bilingual("diga os caixas, ou --all", "give tills, or --all"))
    with services_of(config) as services:
        language = services.settings.language
        chosen = None if everyone else tills
        if not (dry_run or wait) and services.synchronisation.size(chosen) > AT_ONCE:
            run(services, services.jobs.freeze_tills(chosen, command_line()), command_line(), json=json)
            return
        orders = services.synchronisation.order(None if everyone else tills, command_line(), dry_run=dry_run)
        if dry_run or not wait:
            _show_orders(orders, language, json=json, dry_run=dry_run)
            return
        found = _wait(services, orders, time.monotonic() + timeout)
        lacking = _outside(services, [order.till for order in orders])
    if json:
        by_till = {each.till: each for each in lacking}
        print_json([_with_outside(one, by_till.get(one.order.till)) for one in found])
    else:
        for progress in found:
            say(f"{progress.order.till}: {_said(progress, language)}")
        for each in lacking:
            _say_outside(each, language)
    if lacking or any(one.stage != "done" or one.rejected for one in found):
        raise typer.Exit(FOUND)


def _outside(services: "Services", tills: Sequence[str]) -> "list[TillStatus]":
    """Those of the tills of which the ERP lacks something, or has it otherwise: looked at now, if it can be reached."""
    from malote.books.open_books import open_books
    from malote.erp.protocol import ErpError
    from malote.reconciliation import erp_memory
    from malote.register import till_documents

    try:
        with open_books(services.engine, services.settings) as books:
            erp_memory.look(services.engine, books.erp, time.time(), sales=books.sales)
    except ErpError as error:
        # What waits for it is told by its reason.
        warn(error.code, error.facts, services.settings)
    status = till_documents.status(services.engine, now=time.time())
    return [one for one in status if one.till in tills and (one.outside or one.differing)]


def _with_outside(progress: "SyncProgress", till: "TillStatus | None") -> dict[str, object]:
    lacking = {
        "outside_erp": till.outside if till else 0,
        "outside_erp_total": till.outside_total if till else 0,  # cents
        "differs_in_erp": till.differing if till else 0,
    }
    return {**msgspec.to_builtins(progress), **lacking}


def _say_outside(till: "TillStatus", language: Language) -> None:
    for count, total, code in (
        (till.outside, till.outside_total, "outside_erp"),
        (till.differing, till.differing_total, "differs_in_erp"),
    ):
        if count:
            say(f"{till.till}: {count} × {rejection.title(code, language)} [{code}]: R$ {amount(total, language)}")
            say(f"  {rejection.remedy(code, {}, language)}")


def _wait(services: "Services", orders: "Sequence[SyncOrder]", until: float) -> "list[SyncProgress]":
    """How far each got: to its end, or as far as it gets while its till is away or the time lasts."""
    while True:
        found = [one for order in orders if (one := services.synchronisation.progress(order.id)) is not None]
        under_way = [one for one in found if one.stage in ("offered", "running") and one.offline_since is None]
        if not under_way or time.monotonic() >= until:
            return found
        time.sleep(LOOK_SECONDS)


def _show_orders(orders: "Sequence[SyncOrder]", language: Language, *, json: bool, dry_run: bool) -> None:
    if json:
        print_json(orders)
        return
    for one in orders:
        ordered = Bilingual("seria ordenada:", "would be ordered:") if dry_run else Bilingual("ordenada;", "ordered;")
        counted = Bilingual(
            f"{one.retried} em espera tentadas de novo, {one.replayed} rejeitadas reprocessadas",
            f"{one.retried} waiting tried again, {one.replayed} rejected replayed",
        )
        say(f"{one.till}: {ordered.of(language)} {counted.of(language)}")


def _said(progress: "SyncProgress", language: Language) -> str:
    from malote.quarantine.synchronising import words

    said = words(progress, language)
    if progress.stage == "done":
        return said if progress.agent else f"{said}; {_NO_AGENT.of(language)}"
    if progress.offline_since is not None:
        at = local_time(progress.offline_since, language)
        told = f"silent since {at}, gets the order at its next contact"
        return f"{said}; " + Bilingual(f"sem contato desde {at}, recebe a ordem no próximo contato", told).of(language)
    return f"{said}; " + Bilingual("ainda não terminou", "not through yet").of(language)
