"""``malote sync``: tills send again what is not proven, the server tries again what waits or may be cured."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from malote.cli.common import FOUND, WRONG_USAGE, ConfigOption, JsonOption, errors, print_json, say, services_of
from malote.cli.jobs import run
from malote.cli.quarantine import DryRunOption, local_time
from malote.rejection import Language

if TYPE_CHECKING:
    from malote.app import Services
    from malote.quarantine.reports import SyncOrder, SyncProgress

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
    """Synchronises tills. With --wait the exit status is 1 when not all of it is through, or something is rejected."""
    from malote.accounts.audit import command_line
    from malote.quarantine.job_reports import AT_ONCE

    if bool(tills) == everyone:
        errors.print("malote: give tills, or --all", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(WRONG_USAGE)
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
    if json:
        print_json(found)
    else:
        for progress in found:
            say(f"{progress.order.till}: {_said(progress, language)}")
    if any(one.stage != "done" or one.rejected for one in found):
        raise typer.Exit(FOUND)


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
        if language == "en":
            said = f"{one.retried} waiting tried again, {one.replayed} rejected replayed"
            said = f"would be ordered: {said}" if dry_run else f"ordered; {said}"
        else:
            said = f"{one.retried} em espera tentadas de novo, {one.replayed} rejeitadas reprocessadas"
            said = f"seria ordenada: {said}" if dry_run else f"ordenada; {said}"
        say(f"{one.till}: {said}")


def _said(progress: "SyncProgress", language: Language) -> str:
    from malote.quarantine.synchronising import words

    said = words(progress, language)
    if progress.stage == "done":
        return said
    if progress.offline_since is not None:
        at = local_time(progress.offline_since)
        told = f"silent since {at}, gets the order at its next contact"
        return f"{said}; " + (
            told if language == "en" else f"sem contato desde {at}, recebe a ordem no próximo contato"
        )
    return f"{said}; " + ("not through yet" if language == "en" else "ainda não terminou")
