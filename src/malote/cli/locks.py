"""``malote locks``: who blocks whom in the ERP's database, which sales wait behind them, and ending a session."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from malote.bilingual import Bilingual
from malote.terminal.agreement import YesOption, agree_or_end
from malote.terminal.audit_reason import ReasonOption
from malote.terminal.command import FOUND, OK, ConfigOption, JsonOption, services_of, wrong_usage
from malote.terminal.output import console, print_json
from malote.terminal.tables import printable

if TYPE_CHECKING:
    from malote.app import Services
    from malote.erp.sessions.protocol import DbaLogin, SessionIdentity
    from malote.locks.lock_reports import Killed, KillReport, Node, Tree
    from malote.rejection import Language

UserOption = Annotated[
    str,
    typer.Option("--user", "-u", help="The DBA's database user; asked for when absent. The password never is one."),
]
SessionArgument = Annotated[str, typer.Argument(help="The session's number as listed, or its number@beginning.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("list")(list_locks)
    app.command("kill")(kill)


def list_locks(user: UserOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Lists who blocks whom. Exit status 1 if somebody blocks, 0 if nobody does.

    The DBA's password is asked for, or read from standard input; it is stored nowhere.
    """
    with services_of(config, creates=True) as services:
        tree = services.locks.tree_as(_login(services, user))
        if json:
            print_json(_plain_tree(tree))
        else:
            _show(tree, services.settings.language)
        blocking = bool(tree.roots) or bool(tree.busy)
    raise typer.Exit(FOUND if blocking else OK)


def kill(
    session: SessionArgument,
    reason: ReasonOption,
    user: UserOption = "",
    any_session: Annotated[
        bool, typer.Option("--any", help="Also one that is no root blocker; protected ones never.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and check, end nobody.")] = False,
    yes: YesOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ends a root blocker: what it runs is cancelled, and it is ended if it still holds its locks after a while.

    Exit status 0 if it is gone or blocks no more, 1 if it still does or that is not known.
    """
    from malote.accounts import audit

    with services_of(config, creates=True) as services:
        language = services.settings.language
        login = _login(services, user)
        tree = services.locks.tree_as(login)
        identity = _identity(tree, session)
        if not (yes or dry_run):
            _confirm(tree, identity, language)
        report = services.locks.kill_as(
            login, [identity], audit.command_line(), reason=reason, any_session=any_session, dry_run=dry_run
        )
        if json:
            print_json(_plain_report(report))
        else:
            _say(report, language)
    raise typer.Exit(FOUND if any(one.outcome in ("holding", "unknown") for one in report.killed) else OK)


def _login(services: "Services", user: str) -> "DbaLogin | None":
    """Typed at this moment. With nobody at the terminal the password is the first line of standard input."""
    from malote.erp.sessions.protocol import DbaLogin

    if not services.locks.has_sessions:
        return None
    if sys.stdin.isatty():
        chosen = user or str(
            typer.prompt(Bilingual("Usuário do DBA", "DBA's user").of(services.settings.language), err=True)
        )
        password = str(
            typer.prompt(Bilingual("Senha", "Password").of(services.settings.language), hide_input=True, err=True)
        )
        return DbaLogin(chosen, password)
    if not user:
        wrong_usage("--user")
    return DbaLogin(user, sys.stdin.readline().rstrip("\r\n"))


def _identity(tree: "Tree", session: str) -> "SessionIdentity":
    """The one that is meant. A bare number means the session that has it now, which is then shown."""
    from malote.erp.sessions.errors import SessionsError
    from malote.erp.sessions.protocol import SessionIdentity

    found = next((node.identity for node in tree.nodes if node.identity.key == session), None)
    if found is not None:
        return found
    if "@" in session:
        return SessionIdentity.of_token(session)
    raise SessionsError("session_unknown", session=session[:80])


def _confirm(tree: "Tree", identity: "SessionIdentity", language: "Language") -> None:
    console.print(_table([node for node in tree.nodes if node.identity == identity], language))
    agree_or_end(Bilingual(f"Encerrar a sessão {identity.key}?", f"End session {identity.key}?"), language)


# ---- for people ----

_HEADINGS = Bilingual(
    ("", "Sessão", "Quem", "Estado", "Há", "Bloqueio", "Caixas", "Vendas"),
    ("", "Session", "Who", "State", "For", "Lock", "Tills", "Sales"),
)
_OUTCOMES = {
    "ended": Bilingual("encerrada", "ended"),
    "released": Bilingual(
        "cancelada: soltou o bloqueio e continua conectada", "cancelled: it let go and stays connected"
    ),
    "gone": Bilingual("já tinha terminado", "had ended already"),
    "replaced": Bilingual(
        "o número já é de outra sessão: nada foi feito", "the number is another session's: nothing was done"
    ),
    "holding": Bilingual("ainda segura o bloqueio", "still holds its lock"),
    "unknown": Bilingual("a conexão caiu: olhe de novo", "the connection broke: look again"),
    "planned": Bilingual("seria encerrada", "would be ended"),
}


def _show(tree: "Tree", language: "Language") -> None:
    if tree.busy is not None:
        free, held = Bilingual(("livre", "com outro programa"), ("free", "held by another program")).of(language)
        words = Bilingual(
            "Este banco não tem sessões; a escrita está", "This engine has no sessions; its write lock is"
        ).of(language)
        console.print(f"{words} {held if tree.busy else free}.", markup=False, highlight=False, soft_wrap=True)
    elif tree.nodes:
        console.print(_table(tree.nodes, language))
    else:
        console.print(Bilingual("Ninguém bloqueia ninguém.", "Nobody blocks anybody.").of(language), highlight=False)
    if tree.unnamed.sales:
        words = Bilingual("Outras vendas a caminho", "More sales on their way").of(language)
        console.print(f"{words}: {tree.unnamed.sales}", markup=False, highlight=False)


def _table(nodes: "list[Node]", language: "Language") -> Group:
    """The tree, and below it what each session runs, so that it fits on a small screen."""
    table = Table()
    for heading in _HEADINGS.of(language):
        table.add_column(heading, overflow="fold")
    for node in nodes:
        session = node.session
        who = " ".join(part for part in (session.user, session.program, session.machine) if part)
        cells = (
            "X" if node.marked else "",
            " " * node.depth + session.identity.key,
            who,
            session.state,
            "" if session.transaction_age is None else f"{session.transaction_age:.0f} s",
            f"{session.lock_type} {', '.join(session.objects)}".strip(),
            str(len(node.behind.tills) or ""),
            str(node.behind.sales or ""),
        )
        table.add_row(*(printable(cell) for cell in cells))
    return Group(table, *(printable(f"{one.identity.key}: {one.session.sql}") for one in nodes if one.session.sql))


def _say(report: "KillReport", language: "Language") -> None:
    for one in report.killed:
        console.print(f"{one.identity.key}: {_OUTCOMES[one.outcome].of(language)}", markup=False, highlight=False)
    if report.next:
        console.print(Bilingual("Bloqueia agora:", "Blocks now:").of(language), highlight=False)
        console.print(_table(report.next, language))


# ---- for programs ----


def _plain_tree(tree: "Tree") -> dict[str, Any]:
    return {
        "engine": tree.engine,
        "at": tree.at,
        "busy": tree.busy,
        "sessions": [_plain_node(node) for node in tree.nodes],
        "in_line": tree.unnamed.tills,
    }


def _plain_node(node: "Node") -> dict[str, Any]:
    session = node.session
    return {
        "session": session.identity.key,
        "token": session.identity.token,
        "depth": node.depth,
        "marked": node.marked,
        "root": node.root,
        "killable": node.killable,
        "protection": session.protection,
        "user": session.user,
        "machine": session.machine,
        "program": session.program,
        "state": session.state,
        "transaction_seconds": session.transaction_age,
        "query_seconds": session.query_age,
        "waiting_seconds": session.waiting_age,
        "lock": session.lock_type,
        "objects": session.objects,
        "sql": session.sql,
        "blocked_by": [one.key for one in session.blocked_by],
        "sessions_behind": node.waiters,
        "tills": node.behind.tills,
        "sales": node.behind.sales,
    }


def _plain_report(report: "KillReport") -> dict[str, Any]:
    return {
        "killed": [_plain_killed(one) for one in report.killed],
        "next": [_plain_node(node) for node in report.next],
    }


def _plain_killed(one: "Killed") -> dict[str, Any]:
    return {"session": one.identity.key, "token": one.identity.token, "outcome": one.outcome, "steps": one.steps}
