"""``malote erp profile …``: which tables and columns of an ERP Malote writes, and whether they are there."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from malote.bilingual import Bilingual
from malote.config import Settings
from malote.terminal.command import FOUND, ConfigOption, JsonOption, explained
from malote.terminal.erp_options import ProfileOption, UrlArgument, require_erp, settings_with
from malote.terminal.output import console, print_json, say, say_lines

if TYPE_CHECKING:
    from malote.erp.mapping import ErpTables
    from malote.erp.profiles.checking import ProfileFault

NameArgument = Annotated[
    str,
    typer.Argument(help="A profile's name or .toml file; erp.profile of the settings by default.", show_default=False),
]

_KINDS = {
    "table_missing": Bilingual("tabela não existe", "table is missing"),
    "column_missing": Bilingual("coluna não existe", "column is missing"),
    "column_mistyped": Bilingual("tipo da coluna não serve", "column of a type that does not fit"),
    "column_generated": Bilingual(
        "o próprio banco calcula a coluna: tire-a do perfil", "made by the database itself: take it out of the profile"
    ),
    "value_unlisted": Bilingual(
        "a enumeração da coluna não tem este valor", "the column's enumeration lacks this value"
    ),
    "column_required": Bilingual("obrigatória, sem padrão, e o perfil não a preenche", "required, and never filled"),
    "call_unusable": Bilingual("o banco não entende o comando", "the database does not understand the statement"),
    "table_untransacted": Bilingual(
        "tabela sem transações: venda interrompida entraria duas vezes",
        "table without transactions: an interrupted sale would be booked twice",
    ),
    "text_unencodable": Bilingual(
        "a codificação do banco não tem um caractere do texto que o perfil escreve",
        "the database's encoding lacks a character of the text that the profile writes",
    ),
    "key_missing": Bilingual("falta chave única sobre estas colunas", "no unique key over these columns"),
}

_MOST_NAMED = 5
MARK = "# ?"  # what suggest puts behind a line that somebody must look at


class ProfileReport(msgspec.Struct):
    """What ``malote erp profile check --json`` prints."""

    profile: str
    fits: bool
    faults: list["ProfileFault"]
    left_out: list[str]  # by the profile: it goes nowhere, and is no fault
    unsure: list[str]  # lines that suggest marked and nobody has looked at since; no fault either


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("show")(show)
    app.command("check")(check)


def show(name: NameArgument = "", config: ConfigOption = None) -> None:
    """Prints a profile as TOML, to read or to start one's own from. malote is the built-in one."""
    from malote.erp.factory import chosen_profile
    from malote.erp.profiles.profile import shipped
    from malote.erp.profiles.showing import as_toml

    settings = settings_with(config, name or None)
    with explained(settings):
        profile = chosen_profile(settings)
    say_lines(as_toml(profile))
    examples = ", ".join(shipped())
    say(Bilingual(f"Perfis de exemplo: {examples}", f"Example profiles: {examples}").of(settings.language), err=True)


def check(
    url: UrlArgument = "", as_json: JsonOption = False, profile: ProfileOption = None, config: ConfigOption = None
) -> None:
    """Compares the profile with the live database: names each missing or mistyped column (exit 1), and what the
    profile leaves out. Changes nothing."""
    from malote.erp.factory import open_configured

    settings = settings_with(config, profile)
    require_erp(config, url, settings)
    with explained(settings):
        erp = open_configured(settings, url)
        try:
            faults = erp.faults()
        finally:
            erp.close()
    report = ProfileReport(erp.tables.profile.name, not faults, faults, erp.tables.left_out(), unsure(settings))
    if as_json:
        print_json(report)
    else:
        _print(report, erp.tables, settings)
    if faults:
        raise typer.Exit(FOUND)


def unsure(settings: Settings) -> list[str]:
    """The columns of the profile's file whose lines are still marked."""
    path = settings.home_path / settings.erp.profile
    if not settings.erp.profile.endswith(".toml") or not path.is_file():
        return []
    marked = (line for line in path.read_text(encoding="utf-8-sig").splitlines() if f"  {MARK}" in line)
    return [line.partition("=")[0].strip() for line in marked if not line.startswith("#")]


def _counted(left_out: list[str], settings: Settings) -> str:
    """By name; of a part of which most is left out, how many."""
    of = Counter(name.partition(".")[0] for name in left_out if "." in name)
    fields = {part: count for part, count in of.items() if count > _MOST_NAMED}
    parts = [name for name in left_out if name.partition(".")[0] not in fields]
    words = Bilingual("{count} campos de {part}", "{count} fields of {part}").of(settings.language)
    told = [words.format(count=count, part=part) for part, count in fields.items()]
    which = Bilingual(" (quais: --json)", " (which: --json)").of(settings.language) if fields else ""
    return ", ".join([*parts, *told]) + which


def _print(report: ProfileReport, tables: "ErpTables", settings: Settings) -> None:
    if report.left_out:
        words = Bilingual("O perfil não grava:", "The profile writes nothing of:").of(settings.language)
        console.print(f"{words} {_counted(report.left_out, settings)}", markup=False, highlight=False, soft_wrap=True)
    if not tables.complete:
        words = Bilingual(
            "Como nem tudo pode ser lido de volta, uma venda repetida com outros dígitos é tida por divergente.",
            "Since not everything can be read back, a sale that comes again in other digits counts as divergent.",
        ).of(settings.language)
        console.print(words, markup=False, highlight=False, soft_wrap=True)
    for fault in report.faults:
        place = f"{fault.table}.{fault.column}" if fault.column else fault.table
        more = f" ({f'{fault.expected} ≠ ' if fault.expected else ''}{fault.found})" if fault.found else ""
        console.print(
            f"✘ {place}: {_KINDS[fault.kind].of(settings.language)}{more}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if report.unsure:
        words = Bilingual(
            f'Ainda marcadas com "{MARK}": confira-as e tire a marca:',
            f'Still marked "{MARK}": look at each and take the mark away:',
        ).of(settings.language)
        console.print(f"! {words} {', '.join(report.unsure)}", markup=False, highlight=False, soft_wrap=True)
    if report.fits:
        words = Bilingual("serve para este banco.", "fits this database.").of(settings.language)
        console.print(f"✔ {report.profile}: {words}", markup=False, highlight=False, soft_wrap=True)
