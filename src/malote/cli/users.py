"""``malote user``: who may sign in to the console, and as what."""

import sys
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from malote.accounts import audit, passwords, users
from malote.accounts.roles import Role
from malote.accounts.users import User
from malote.bilingual import Bilingual
from malote.database.opened import OpenedStore
from malote.rejection import Language
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import ConfigOption, JsonOption, store_of
from malote.terminal.output import console, print_json
from malote.terminal.tables import local_time, printable

NameArgument = Annotated[str, typer.Argument(help="The name that the person signs in with.")]
RoleOption = Annotated[Role, typer.Option("--role", help="What the person may do.")]
GenerateOption = Annotated[
    bool, typer.Option("--generate", help="Make a one-time password and print it, instead of asking for one.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("create")(create)
    app.command("list")(list_users)
    app.command("password")(password)
    app.command("role")(role)
    app.command("disable")(disable)
    app.command("enable")(enable)


def create(
    name: NameArgument,
    role: RoleOption,
    display_name: Annotated[str, typer.Option("--display-name", help="The person's name, for the screens.")] = "",
    generate: GenerateOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Creates a user. The password is asked for (or read from standard input) and must be changed at first sign-in."""
    with store_of(config, creates=True) as store:
        chosen = _password(generate)
        actor = audit.command_line()
        user = users.create(store.engine, actor, name, role=role, password=chosen, display_name=display_name)
        _say(store, user, json, chosen if generate else None)


def list_users(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists all users, disabled ones too."""
    with store_of(config) as store:
        listed = users.listed(store.engine)
        if json:
            print_json([_plain(user) for user in listed])
        else:
            console.print(_table(listed, store.settings.language))


def password(
    name: NameArgument,
    generate: GenerateOption = False,
    reason: ReasonOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Gives a user a new password, to be changed at the next sign-in, and ends the user's sessions."""
    with store_of(config) as store:
        users.get(store.engine, name)  # before anything is asked for
        chosen = _password(generate)
        user = users.set_password(store.engine, audit.command_line(), name, chosen, reason=reason)
        _say(store, user, json, chosen if generate else None)


def role(
    name: NameArgument,
    role: Annotated[Role, typer.Argument(help="What the person may do from now on.")],
    reason: ReasonOption = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Gives a user another role and ends the user's sessions."""
    with store_of(config) as store:
        _say(store, users.set_role(store.engine, audit.command_line(), name, role, reason=reason), json)


def disable(
    name: NameArgument, reason: ReasonOption = "", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Lets a user in no longer, and ends the user's sessions. Nobody is deleted, for the audit."""
    with store_of(config) as store:
        _say(store, users.set_disabled(store.engine, audit.command_line(), name, True, reason=reason), json)


def enable(
    name: NameArgument, reason: ReasonOption = "", config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Lets a disabled user in again."""
    with store_of(config) as store:
        _say(store, users.set_disabled(store.engine, audit.command_line(), name, False, reason=reason), json)


def _password(generate: bool) -> str:
    """Made, asked for twice without showing it, or the first line of standard input; never an argument."""
    if generate:
        return passwords.one_time()
    if at_terminal():
        return str(typer.prompt("Senha / Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def at_terminal() -> bool:
    return sys.stdin.isatty()


def _say(store: OpenedStore, user: User, json: bool, one_time: str | None = None) -> None:
    if json:
        print_json(_plain(user) | ({"one_time_password": one_time} if one_time else {}))
        return
    console.print(_table([user], store.settings.language))
    if one_time:
        label = Bilingual("Senha de uso único", "One-time password").of(store.settings.language)
        console.print(f"{label}: {one_time}", markup=False, highlight=False)


def _plain(user: User) -> dict[str, object]:
    return {name: value for name, value in msgspec.structs.asdict(user).items() if name != "id"}


def _table(listed: list[User], language: Language) -> Table:
    table = Table()
    for heading in Bilingual(
        ("Usuário", "Nome", "Perfil", "Situação", "Último acesso"), ("User", "Name", "Role", "State", "Last sign-in")
    ).of(language):
        table.add_column(heading)
    for user in listed:
        last = "—" if user.last_signed_in_at is None else local_time(user.last_signed_in_at, language)
        table.add_row(user.name, printable(user.display_name), user.role, _state(user, language=language), last)
    return table


def _state(user: User, *, language: Language) -> str:
    if user.disabled:
        return Bilingual("desativado", "disabled").of(language)
    if user.must_change_password:
        return Bilingual("deve trocar a senha", "must change password").of(language)
    return Bilingual("ativo", "active").of(language)
