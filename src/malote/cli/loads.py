"""``malote loads run|status|confirm|refused``: what tills sell with, from the ERP to the tills."""

import time
from collections.abc import Callable, Mapping
from functools import partial as bound
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import (
    FOUND,
    OK,
    ConfigOption,
    DryRunOption,
    JsonOption,
    end_of,
    moment_of,
    services_of,
    wrong_usage,
)
from malote.terminal.kept_back import say_kept
from malote.terminal.load_options import EntitiesOption, TillsOption, put_off_words, with_moments
from malote.terminal.output import console, errors, print_json, say
from malote.terminal.rollout_report import approval_words, show_rollout
from malote.terminal.tables import local_time, plain_table, printable

if TYPE_CHECKING:
    from malote.loads.load_reports import EntityStatus, Refusal, TillLoad
    from malote.loads.staging import StagingReport

_STATES = Bilingual(
    {
        "current": "em dia",
        "behind": "atrasada",
        "loading": "carregando",
        "failed": "falhou",
        "back": "mantida na anterior",
        "none": "sem carga",
        "unable": "agente sem cargas",
        "silent": "ainda não falou com o servidor",
    },
    {
        "current": "up to date",
        "behind": "behind",
        "loading": "loading",
        "failed": "failed",
        "back": "kept at an earlier one",
        "none": "no load",
        "unable": "agent without loads",
        "silent": "not heard of yet",
    },
)


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("run")(run)
    app.command("status")(status)
    app.command("confirm")(confirm)
    app.command("refused")(refused)


def run(
    full: Annotated[bool, typer.Option("--full", help="Geral: all rows are compared, and sent anew to tills.")] = False,
    entity: EntitiesOption = None,
    item: Annotated[
        list[str] | None, typer.Option("--item", help="Only this row, as ENTITY=KEY; may be given again.")
    ] = None,
    till: TillsOption = None,
    partial: Annotated[bool, typer.Option("--partial", help="Parcial: what changed; as without --full.")] = False,
    since: Annotated[
        str, typer.Option("--from", help="Only rows that changed since, by the store's clock: 2026-11-27T10:32.")
    ] = "",
    until: Annotated[str, typer.Option("--to", help="And up to then, a day alone to its end; now otherwise.")] = "",
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Marked as such; no price of it waits for the shelf.")
    ] = False,
    dry_run: DryRunOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Asks the ERP what changed, makes a version of it, and orders it for the tills. Exit status 1 when something is
    held until a person confirms it, or was refused."""
    from malote.accounts.audit import command_line
    from malote.loads.asked_load import AskedLoad
    from malote.loads.chosen_items import chosen
    from malote.loads.planning import Wanted

    if (full and (partial or since)) or (item and since) or (until and not since):
        wrong_usage("--full | --partial [--from [--to]] | --item")
    with services_of(config, creates=True) as services:
        within = moment_of("--from", since), end_of("--to", until)
        if within[0] is not None and within[0] >= (within[1] or time.time()):
            wrong_usage(f"--from {since} >= --to {until or local_time(time.time(), services.settings.language)}")
        asked = AskedLoad(Wanted(till or [], entity or [], anew=full), _by_entity(item), *within, emergency)
        language = services.settings.language
        stage = bound(services.loads.staging.run, command_line(), names=entity or None, urgent=asked.urgent)
        report = _staged(bound(stage, whole=full, emergency=emergency, dry_run=dry_run), quiet=json)
        tills = []
        if report.version and (full or partial or since or item or till or entity or emergency or report.made):
            rows = chosen(services.engine, asked, time.time())
            tills = services.loads.order(asked.wanted, command_line(), items=rows, dry_run=dry_run)
        kept = [one for one in services.loads.status(till or []).tills if one.back is not None]
    if json:
        print_json({"staged": report, "tills": tills})
    else:
        _show_staged(report, tills, language)
        say_kept(kept, language)
    raise typer.Exit(FOUND if any(one.code or one.refused for one in report.entities) else OK)


def status(till: TillsOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Shows each entity's newest version, and which one each till has. Exit status 1 when something is held, a load
    has failed or stands still, a till has other rows than it should, or a wave waits for a person."""
    with services_of(config) as services:
        found = services.loads.status(till or [])
        per_entity = services.loads.till_entities(till[0]) if till and len(till) == 1 else []
        language = services.settings.language
        waiting = services.loads.rollouts.waiting()
        rollout = services.loads.rollouts.find()
        waits = services.loads.rollouts.waits_for_approval()
    if json:
        print_json({"status": found, "entities_of_till": per_entity, "rollout": rollout, "waits_for_approval": waits})
    else:
        made = local_time(found.made_at, language) if found.made_at else "–"
        say(f"{Bilingual('Versão', 'Version').of(language)} {found.version} ({made})")
        _show_entities(found.entities, language)
        _show_tills(found.tills, waiting, language)
        say_kept(found.tills, language)
        for each in per_entity:
            say(f"{each.entity}: {each.version}/{each.newest}, {each.rows}")
        if rollout is not None and rollout.state in ("running", "stopped"):
            show_rollout(rollout, language)
            if waits:
                say(approval_words(rollout).of(language))
    is_stopped = rollout is not None and rollout.state == "stopped"
    wrong = any(one.code for one in found.entities) or any(_is_wrong(one) for one in found.tills)
    raise typer.Exit(FOUND if wrong or waits or is_stopped else OK)


def confirm(
    entity: Annotated[str, typer.Argument(help="The entity that is held.", metavar="ENTITY")],
    reason: ReasonOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lets a held entity through, as far as it was shown, and makes the version."""
    from malote.accounts.audit import command_line
    from malote.loads.limits import SEEN_WHOLE, UNDECLARED

    with services_of(config) as services:
        language = services.settings.language
        code = services.loads.confirm(entity, command_line(), reason).code
        if code == UNDECLARED:
            say(Bilingual("fica como está nos caixas", "stays as it is at the tills").of(language))
            raise typer.Exit(OK)
        whole = code in SEEN_WHOLE
        report = _staged(bound(services.loads.staging.run, command_line(), names=[entity], whole=whole), quiet=json)
    if json:
        print_json(report)
    else:
        _show_staged(report, [], language)
    raise typer.Exit(FOUND if any(one.code for one in report.entities) else OK)


def refused(
    entity: Annotated[str | None, typer.Argument(help="Of this entity alone.", metavar="[ENTITY]")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists rows of the ERP that break a rule, each with its cure. Exit status 1 if there are any."""
    with services_of(config) as services:
        found = services.loads.refused(entity)
        language = services.settings.language
    if json:
        print_json(found)
    else:
        _show_refused(found, language)
    raise typer.Exit(FOUND if found else OK)


# ---- shared ----


def _staged(stage: "Callable[..., StagingReport]", *, quiet: bool) -> "StagingReport":
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=errors, transient=True, disable=quiet or not errors.is_terminal) as bar:
        task = bar.add_task("", total=None)
        return stage(progress=lambda name, place, of: bar.update(task, description=name, completed=place, total=of))


def _by_entity(given: list[str] | None) -> dict[str, list[str]]:
    """The parts of a key of several columns stand with commas between; those left out are absent."""
    found: dict[str, list[str]] = {}
    for one in given or ():
        name, _, key = one.partition("=")
        found.setdefault(name, []).append(key)
    return found


# ---- showing ----


def _show_staged(report: "StagingReport", tills: list[str], language: Language) -> None:
    headings = Bilingual(
        ("Entidade", "Lidas", "Linhas", "Novas", "Alteradas", "Saíram", "Recusadas", ""),
        ("Entity", "Read", "Rows", "New", "Changed", "Gone", "Refused", ""),
    ).of(language)
    table = plain_table(headings)
    for one in report.entities:
        counts = (one.read, one.rows, one.new, one.changed, one.gone, one.refused)
        table.add_row(one.entity, *map(str, counts), rejection.title(one.code, language) if one.code else "")
    console.print(table)
    for one in report.entities:
        if one.put_off:
            _say_put_off(one.entity, one.put_off, language)
        if one.code:
            _say_reason(one.code, one.facts, language)
    words = Bilingual(
        f"Versão {report.version}{'' if report.made else ': nada mudou'}; caixas avisados: {len(tills)}.",
        f"Version {report.version}{'' if report.made else ': nothing changed'}; tills told: {len(tills)}.",
    )
    say(words.of(language))


def _show_entities(found: "list[EntityStatus]", language: Language) -> None:
    headings = Bilingual(
        ("Entidade", "Versão", "Linhas", "Desde", "Lida", "Recusadas"),
        ("Entity", "Version", "Rows", "Since", "Looked at", "Refused"),
    ).of(language)
    table = plain_table(headings)
    for one in found:
        made, looked = (local_time(at, language) if at else "–" for at in (one.made_at, one.looked_at))
        table.add_row(one.entity, str(one.version), str(one.rows), made, looked, str(one.refused))
    console.print(table)
    for one in found:
        if one.put_off:
            say(f"{one.entity}: {one.put_off}; {put_off_words(one.put_off_to, language)}")
        if one.code:
            _say_reason(one.code, one.facts, language)


def _show_tills(found: "list[TillLoad]", waiting: Mapping[str, int], language: Language) -> None:
    headings = Bilingual(("Caixa", "Versão", "Desde", "Carga", ""), ("Till", "Version", "Since", "Load", "")).of(
        language
    )
    table = plain_table(headings)
    for one in found:
        since = local_time(one.applied_at, language) if one.applied_at else "–"
        said = rejection.title(one.code, language) if one.code else ", ".join(one.differing or one.missing)
        if one.going is not None and one.going.total:
            said = f"{one.going.done}/{one.going.total} {one.going.unit}"
        state = "silent" if one.state == "unable" and one.contact_at is None else one.state
        if state == "behind" and one.till in waiting:
            words = Bilingual(f"espera a onda {waiting[one.till]}", f"waits for wave {waiting[one.till]}")
            said = f"{said}; {words.of(language)}"
        table.add_row(one.till, str(one.version or "–"), since, _STATES.of(language)[state], printable(said))
    console.print(table)


def _show_refused(found: "list[Refusal]", language: Language) -> None:
    for one in found:
        facts = {name: with_moments(value, language) for name, value in one.facts.items()}
        say(f"{one.entity} {with_moments(one.key, language)}: {rejection.title(one.code, language)} [{one.code}]")
        say(f"  {rejection.cause(one.code, facts, language)}")
        say(f"  {rejection.remedy(one.code, one.facts, language)}")
    if not found:
        say(Bilingual("nenhuma linha recusada", "no row is refused").of(language))


def _say_put_off(entity: str, count: int, language: Language) -> None:
    words = Bilingual(
        f"{count} sobem na gôndola primeiro; `malote loads status` diz quando valem no caixa",
        f"{count} go up on the shelf first; `malote loads status` says when they are valid at the till",
    )
    say(f"{entity}: {words.of(language)}")


def _say_reason(code: str, facts: dict[str, str], language: Language) -> None:
    say(f"{rejection.title(code, language)} [{code}]: {rejection.cause(code, facts, language)}")
    say(f"  {rejection.remedy(code, facts, language)}")


def _is_wrong(one: "TillLoad") -> bool:
    stalls = one.going is not None and one.going.stalled_since is not None
    return one.state == "failed" or bool(one.differing) or stalls
