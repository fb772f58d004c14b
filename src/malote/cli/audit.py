"""``malote audit``: what was done, by whom, and whether the trail is whole."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from malote import rejection
from malote.accounts import audit
from malote.accounts.audit import AuditEntry, Broken, Head
from malote.bilingual import Bilingual
from malote.rejection import Language
from malote.terminal.command import FOUND, OK, ConfigOption, JsonOption, misuse, store_of
from malote.terminal.output import console, errors, print_json
from malote.terminal.tables import local_time, printable

_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})", re.ASCII)


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("list")(list_entries)
    app.command("verify")(verify)


def list_entries(
    user: Annotated[str | None, typer.Option("--user", help="Only what this user did (or cli:NAME).")] = None,
    action: Annotated[str | None, typer.Option("--action", help="Only this action, such as signed_in.")] = None,
    on: Annotated[str | None, typer.Option("--on", help="Only what was done to this, such as user:maria.")] = None,
    before: Annotated[int | None, typer.Option("--before", help="Only entries older than this number.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, at most.")] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Lists what was done, newest first."""
    with store_of(config) as store:
        found = audit.entries(store.engine, before_id=before, limit=limit, user=user, action=action, on=on)
        if json:
            print_json(found)
        else:
            console.print(_table(found, store.settings.language))


def verify(
    noted: Annotated[
        str | None, typer.Option("--head", help="A head printed earlier; also finds a trail rewritten since.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Recomputes the whole chain and prints its head, to be noted down where this database's owner can't write."""
    expected = _head(config, noted)
    with store_of(config) as store:
        broken = audit.verify(store.engine, expected)
        head = audit.head(store.engine)
        if json:
            print_json({"whole": broken is None, "broken": broken, "head": f"{head.entry_id}:{head.hash}"})
        if broken is not None:
            _say(broken, store.settings.language)
            raise typer.Exit(FOUND)
        if not json:
            whole = Bilingual("A trilha está íntegra", "The trail is whole").of(store.settings.language)
            console.print(f"{whole}: {head.entry_id}:{head.hash}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(OK)


def _head(config: Path | None, noted: str | None) -> Head | None:
    if noted is None:
        return None
    parts = _HEAD.fullmatch(noted.strip())
    if parts is None:
        words = Bilingual(
            "a cabeça se escreve NÚMERO:HASH, como `malote audit verify` a mostra",
            "a head is written NUMBER:HASH, as `malote audit verify` prints it",
        )
        misuse(config, words)
    return Head(int(parts[1]), parts[2])


def _say(broken: Broken, language: Language) -> None:
    code, facts = "audit_broken", {"entry": str(broken.entry_id), "problem": broken.problem}
    for words in (rejection.title(code, language), rejection.cause(code, facts, language)):
        errors.print(words, markup=False, highlight=False, soft_wrap=True)
    errors.print(rejection.remedy(code, facts, language), markup=False, highlight=False, soft_wrap=True)


def _table(found: list[AuditEntry], language: Language) -> Table:
    table = Table(show_lines=True)
    for heading in Bilingual(
        ("Nº", "Quando", "Quem", "O quê", "Em quê", "Antes → depois", "Motivo"),
        ("No.", "When", "Who", "What", "On", "Before → after", "Reason"),
    ).of(language):
        table.add_column(heading, overflow="fold")
    for entry in found:
        who = f"{entry.actor} ({entry.address})" if entry.address else entry.actor
        change = " → ".join(filter(None, (_words(entry.before), _words(entry.after))))
        words = (local_time(entry.at, language), who, entry.action, entry.object, change, entry.reason)
        table.add_row(str(entry.id), *(printable(word) for word in words))
    return table


def _words(facts: dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in facts.items())
