"""``malote till create|list|token|disable|enable|assign``: the tills a server knows."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from malote.bilingual import Bilingual, Language
from malote.terminal.command import ConfigOption, JsonOption, misuse, services_of, wrong_usage
from malote.terminal.output import console, print_json, say, say_lines, say_no_tills

if TYPE_CHECKING:
    from malote.app import Services
    from malote.tills.series import SeriesKey
    from malote.tills.till import Till

NameArgument = Annotated[str, typer.Argument(help="The till's name, such as caixa1.", metavar="NAME")]
ModelOption = Annotated[str, typer.Option(help="Model of the documents: 65 (NFC-e), 55 (NF-e) or 59 (CF-e SAT).")]


class CreatedTill(msgspec.Struct, frozen=True):
    name: str
    token: str
    server: str


class ListedTill(msgspec.Struct, frozen=True):
    name: str
    label: str
    disabled: bool
    series: list["SeriesEntry"]


class SeriesEntry(msgspec.Struct, frozen=True):
    issuer: str
    model: str
    series: int


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("create")(create)
    app.command("list")(list_tills)
    app.command("token")(token)
    app.command("disable")(disable)
    app.command("enable")(enable)
    app.command("assign")(assign)


def create(
    name: NameArgument,
    label: Annotated[str, typer.Option(help="What people call it.")] = "",
    issuer: Annotated[str | None, typer.Option(help="CNPJ whose series it uses.")] = None,
    series: Annotated[int | None, typer.Option(help="Series it owns, together with --issuer.", min=0)] = None,
    model: ModelOption = "65",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Creates a till on this server and prints its token, which is shown only now."""
    from malote.accounts import audit
    from malote.tills import till as tills

    if (issuer is None) != (series is None):
        misuse(config, Bilingual("--issuer e --series vão juntas", "--issuer and --series go together"))
    with services_of(config, creates=True) as services:
        # Before the till exists, so that a wrong number leaves nothing behind.
        key = _series_key(config, issuer, model, series) if issuer is not None and series is not None else None
        till, secret = tills.create_till(services.engine, name, label, actor=audit.command_line())
        if key is not None:
            _assign(services, till, key)
        _show_token(services, till.name, secret, json=json)


def list_tills(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists the tills with the series they own."""
    from malote.tills.series import owned

    with services_of(config) as services:
        series = owned(services.engine)
        found = [_listed(till, series.get(till.id, [])) for till in services.tills()]
        language = services.settings.language
    if json:
        print_json(found)
    elif not found:
        say_no_tills(language)
    else:
        console.print(_table(found, language))


def token(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Makes a new token for a till; the old one is void from now on."""
    from malote.accounts import audit
    from malote.tills import till as tills

    with services_of(config) as services:
        secret = tills.new_token(services.engine, name, actor=audit.command_line())
        _show_token(services, tills.find_till(services.engine, name).name, secret, json=json)


def disable(name: NameArgument, config: ConfigOption = None) -> None:
    """Takes nothing more from a till; what it sent before goes its way."""
    from malote.accounts import audit
    from malote.tills import till as tills

    with services_of(config) as services:
        tills.disable(services.engine, name, actor=audit.command_line())
        say(Bilingual(f"{name}: desativado", f"{name}: disabled").of(services.settings.language))


def enable(name: NameArgument, config: ConfigOption = None) -> None:
    """Takes sales from a disabled till again."""
    from malote.accounts import audit
    from malote.tills import till as tills

    with services_of(config) as services:
        tills.enable(services.engine, name, actor=audit.command_line())
        say(Bilingual(f"{name}: ativado", f"{name}: enabled").of(services.settings.language))


def assign(
    name: NameArgument,
    issuer: Annotated[str, typer.Option(help="CNPJ (or CPF) that issues the documents.")],
    series: Annotated[int, typer.Option(help="Series, or serial number of a SAT.", min=0)],
    model: ModelOption = "65",
    config: ConfigOption = None,
) -> None:
    """Makes a till the owner of a series, whoever was it before."""
    from malote.tills import till as tills

    with services_of(config) as services:
        key = _series_key(config, issuer, model, series)
        till = tills.find_till(services.engine, name)
        _assign(services, till, key)
        services.free_held()
        say(
            Bilingual(
                f"série {series} agora é do caixa {till.name}", f"series {series} now belongs to till {till.name}"
            ).of(services.settings.language)
        )


def _assign(services: "Services", till: "Till", key: "SeriesKey") -> None:
    from malote.accounts import audit
    from malote.tills.series import assign as assign_series

    issuer, model, series = key
    assign_series(services.engine, till, issuer, model, series, actor=audit.command_line())


def _series_key(config: Path | None, issuer: str, model: str, series: int) -> "SeriesKey":
    from malote.fiscal import typed_input

    try:
        plain = typed_input.taxpayer(issuer)
    except typed_input.TypedError as error:
        wrong_usage(f"--issuer: {error.detail}")
    if model not in ("65", "55", "59"):
        words = Bilingual(f"{model} não é um modelo: diga 65, 55 ou 59", f"{model} is no model: give 65, 55 or 59")
        misuse(config, words)
    return plain, model, series


def _show_token(services: "Services", name: str, secret: str, *, json: bool) -> None:
    address = _address(services)
    if json:
        print_json(CreatedTill(name, secret, address))
        return
    said = _AT_THE_TILL.of(services.settings.language)
    say_lines(said.format(name=name, secret=secret, address=address) + "\n")


_AT_THE_TILL = Bilingual(
    """Caixa {name}. O token dele, mostrado só desta vez:

  {secret}

No caixa, numa pasta, um malote.toml que só o dono possa ler:

  [till]
  server = "{address}"
  token = "{secret}"
  folder = "C:/PDV/xml"   # onde o PDV grava as notas

e nela: malote check; malote till start --since hoje; malote till run""",
    """Till {name}. Its token, shown only this once:

  {secret}

At the till, in a folder, a malote.toml that only its owner may read:

  [till]
  server = "{address}"
  token = "{secret}"
  folder = "C:/PDV/xml"   # where the POS writes its notes

and there: malote check; malote till start --since today; malote till run""",
)


def _address(services: "Services") -> str:
    server = services.settings.server
    everywhere = server.host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
    return f"http://{socket.gethostname() if everywhere else server.host}:{server.port}"


def _listed(till: "Till", owned: "Sequence[SeriesKey]") -> ListedTill:
    return ListedTill(till.name, till.label, till.disabled_at is not None, [SeriesEntry(*key) for key in owned])


def _table(found: list[ListedTill], language: Language) -> Table:
    table = Table()
    for heading in Bilingual(("Caixa", "Nome", "Situação", "Séries"), ("Till", "Name", "State", "Series")).of(language):
        table.add_column(heading)
    states = Bilingual(("ativo", "desativado"), ("enabled", "disabled")).of(language)
    for till in found:
        series = "\n".join(f"{one.issuer} {one.model} {one.series}" for one in till.series)
        table.add_row(till.name, Text(till.label), states[till.disabled], series or "—")
    return table
