"""``malote reasons``: look a code up."""

import re
from typing import Annotated

import typer
from rich.table import Table

from malote import rejection
from malote.bilingual import Bilingual
from malote.rejection import CatalogueEntry, Language
from malote.terminal.command import OK, ConfigOption, JsonOption, misuse, settings_of
from malote.terminal.output import console, print_json, say_lines


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("reasons")(reasons)


def reasons(
    code: Annotated[str | None, typer.Argument(help="A code such as erp_locked; all of them when absent.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The page docs/reasons.md.")] = False,
) -> None:
    """Says what a code means, why it happens, what to do, and who can do it."""
    chosen = rejection.catalogue()
    if code is not None:
        if code not in chosen:
            misuse(config, Bilingual(f"nenhum motivo se chama {code}", f"no reason is called {code}"))
        chosen = {code: chosen[code]}
    if markdown:
        say_lines(page(chosen))
    elif json:
        print_json([{"code": name, **_plain(entry)} for name, entry in chosen.items()])
    else:
        console.print(_table(chosen, settings_of(config).language))
    raise typer.Exit(OK)


def page(entries: rejection.Catalogue) -> str:
    """The entries as a page of Markdown, in both languages."""
    lines = [
        "# Reasons",
        "",
        "Every code that Malote can utter. Made by `make docs` from `src/malote/reasons/`.",
        "`{…}` is filled with the facts of the case. *Cure* is who can put it right; *by itself* means that it is",
        "retried until it passes.",
    ]
    for code, entry in entries.items():
        by_itself = ", by itself" if entry.transient else ""
        lines += [
            "",
            f"## {code}",
            "",
            f"Cure: {entry.cure}{by_itself}",
            "",
            f"- **{entry.title.pt}** {entry.cause.pt} *O que fazer:* {entry.remedy.pt}",
            f"- **{entry.title.en}** {entry.cause.en} *What to do:* {entry.remedy.en}",
        ]
    # Of what is counted the plural stands for both.
    return re.sub(r"\{(\w+):[^|{}]*\|([^{}]*)\}", r"{\1} \2", "\n".join(lines)) + "\n"


def _plain(entry: CatalogueEntry) -> dict[str, object]:
    return {
        "title": {"pt": entry.title.pt, "en": entry.title.en},
        "cause": {"pt": entry.cause.pt, "en": entry.cause.en},
        "remedy": {"pt": entry.remedy.pt, "en": entry.remedy.en},
        "cure": entry.cure,
        "transient": entry.transient,
    }


def _table(entries: rejection.Catalogue, language: Language) -> Table:
    table = Table(show_lines=True)
    for heading in Bilingual(("Código", "Causa", "O que fazer"), ("Code", "Cause", "What to do")).of(language):
        table.add_column(heading)
    for code, entry in entries.items():
        title, cause, remedy = (
            Bilingual(text.pt, text.en).of(language) for text in (entry.title, entry.cause, entry.remedy)
        )
        table.add_row(f"{code}\n{title}", cause, remedy)
    return table
