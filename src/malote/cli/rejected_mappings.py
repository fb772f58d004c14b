"""``malote rejected mappings|unmap``: what people mapped or accepted at rejected documents, and its end."""

from typing import TYPE_CHECKING, Annotated

import typer

from malote.bilingual import Bilingual
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import FOUND, ConfigOption, JsonOption, misuse, services_of
from malote.terminal.output import print_json, say
from malote.terminal.store_clock import here

if TYPE_CHECKING:
    from malote.quarantine.mappings import Mapping
    from malote.rejection import Language

KindArgument = Annotated[str, typer.Argument(help="product, payment, series or issuer, as listed.", metavar="KIND")]
IssuerArgument = Annotated[str, typer.Argument(help="The issuer's CNPJ or CPF, digits and letters only.")]
CodeArgument = Annotated[str, typer.Argument(help="The till's code, or the series, such as 65/7.", metavar="[CODE]")]

_UNKNOWN = Bilingual(
    "Não há de-para assim: veja os que há com malote rejected mappings.",
    "There is no such mapping: see those that there are with malote rejected mappings.",
)


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("mappings")(mappings)
    app.command("unmap")(unmap)


def mappings(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists products, methods of payment, series and issuers that people mapped or accepted, the newest first."""
    with services_of(config) as services:
        found, language = services.quarantine.mappings(), services.settings.language
    if json:
        print_json(found)
    elif not found:
        say(Bilingual("Nada foi ligado nem aceito.", "Nothing was mapped or accepted.").of(language))
    for one in [] if json else found:
        say(_line(one, language))


def unmap(
    kind: KindArgument,
    issuer: IssuerArgument,
    reason: ReasonOption,
    code: CodeArgument = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ends one of them for what comes later; what was booked under it stays booked. Exit status 1 if there is none."""
    from malote.accounts.audit import command_line
    from malote.quarantine.mappings import KINDS

    wanted = next((one for one in KINDS if one == kind), None)
    if wanted is None:
        misuse(config, Bilingual(f"Que tipo? {', '.join(KINDS)}.", f"Which kind? {', '.join(KINDS)}."))
    with services_of(config) as services:
        language = services.settings.language
        known = services.quarantine.mappings()
        found = next((one for one in known if (one.kind, one.issuer, one.code) == (wanted, issuer, code)), None)
        if found is None:
            say(_UNKNOWN.of(language), err=True)
            raise typer.Exit(FOUND)
        services.quarantine.end_mapping(wanted, issuer, code, found.target, command_line(), reason=reason)
    if json:
        print_json(found)
        return
    told = Bilingual(
        f"Desfeito para o que vier: {_line(found, 'pt')}\nO que foi lançado assim fica lançado.",
        f"Ended for what comes later: {_line(found, 'en')}\nWhat was booked under it stays booked.",
    )
    say(told.of(language))


def _line(one: "Mapping", language: "Language") -> str:
    made = f" · {Bilingual('documento', 'document').of(language)} {one.document}" if one.document else ""
    name, made_at = _NAMES[one.kind].of(language), f"{here(one.at):%Y-%m-%d %H:%M}"
    return f"{name} {one.code or one.issuer} → {one.target or '✓'} · {one.issuer} · {made_at} · {one.who}{made}"


_NAMES = {
    "product": Bilingual("produto", "product"),
    "payment": Bilingual("forma de pagamento", "method of payment"),
    "series": Bilingual("série", "series"),
    "issuer": Bilingual("emitente", "issuer"),
}
