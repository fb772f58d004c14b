"""The program ``malote``: one file per command group, each registering its own commands here."""

import gc
import sys
from importlib import import_module
from typing import Annotated, NamedTuple

import typer

from malote import __version__
from malote.terminal.command import FAILED
from malote.terminal.output import say
from malote.terminal.usage import run

_PROGRAM = "Takes every sale from a store's tills to the ERP exactly once, and proves it."

# In both languages, since the settings that say which are not read yet.
_TILL_ONLY = (
    "malote {word}: esta instalação é só do agente do caixa (falta {library}). Instale malote[server].",
    "malote {word}: this installation is a till's agent only ({library} is missing). Install malote[server].",
)

# Groups of commands, each within the one that its words begin with.
_GROUPS = {
    "till": "The agent beside the POS, and the tills a server knows.",
    "till loads": "What this till sells with: its load, one step back, its prices.",
    "store": "The store database: made anew where it is damaged or gone.",
    "rejected": "Documents that a person must look at.",
    "trash": "Deleted documents, which can be restored.",
    "jobs": "What was ordered for many documents or tills at once.",
    "books": "What was booked, against what the ERP has of it now.",
    "rules": "The retailer's own rules over sales and days, and where they hold.",
    "archive": "The legal archive: what was authorised in a month, and what was made of it.",
    "consumers": "Who is told of sales beside the ERP.",
    "shadow": "What Malote would do differently from the system that books meanwhile.",
    "evidence": "What Support needs, in one zip without consumers' data or secrets.",
    "alerts": "Who is told of what is wrong, and when.",
    "user": "Who may sign in to the console, and as what.",
    "audit": "What was done, by whom, and whether the trail is whole.",
    "locks": "Who blocks whom in the ERP, and ending a session.",
    "erp": "The production database.",
    "erp profile": "Which tables and columns of the ERP Malote writes.",
    "structures": "The structures of the databases, and how they are updated.",
    "loads": "What tills sell with: read from the ERP, versioned, sent to the tills.",
    "loads rollout": "A version of the loads, wave by wave: one till first, then a few, then the rest.",
    "structures rollout": "The tills' structure, wave by wave.",
}


_YOUNG = 200_000  # objects before Python looks for garbage: of what a command loads nothing ever is


class _Part(NamedTuple):
    """A file of commands, and the groups that its function is handed: "" is the program itself."""

    module: str
    groups: tuple[str, ...] = ("",)
    function: str = "register"


# By the first word of the command line.
_PARTS: dict[str, tuple[_Part, ...]] = {
    "read": (_Part("read"),),
    "reasons": (_Part("reasons"),),
    "init": (_Part("init"),),
    "check": (_Part("check"),),
    "serve": (_Part("serve"),),
    "post": (_Part("post"),),
    "status": (_Part("status"),),
    "doctor": (_Part("doctor"),),
    "evidence": (_Part("evidence", ("evidence",)),),
    "metrics": (_Part("metrics"),),
    "stores": (_Part("stores"),),
    "attention": (_Part("attention"),),
    "demo": (_Part("demo"),),
    "till": (
        _Part("till", ("till",)),
        _Part("till_start", ("till",)),
        _Part("till_forgetting", ("till",)),
        _Part("till_loads", ("till loads",)),
        _Part("tills", ("till",)),
        _Part("rollouts", ("till",), "register_trust"),
    ),
    "rejected": (
        _Part("rejected", ("rejected",)),
        _Part("rejected_actions", ("rejected", "trash")),
        _Part("rejected_numbers", ("rejected",)),
        _Part("rejected_cures", ("rejected",)),
        _Part("rejected_mappings", ("rejected",)),
    ),
    "trash": (_Part("rejected_actions", ("rejected", "trash")), _Part("trash", ("trash",))),
    "sync": (_Part("sync"),),
    "jobs": (_Part("jobs", ("jobs",)),),
    "numbering": (_Part("numbering"),),
    "books": (
        _Part("books", ("books",)),
        _Part("books_board", ("books",)),
        _Part("books_gaps", ("books",)),
        _Part("books_lost", ("books",)),
        _Part("books_closings", ("books",)),
        _Part("books_damaged", ("books",)),
        _Part("books_export", ("books",)),
        _Part("books_send", ("books",)),
    ),
    "rules": (_Part("rules", ("rules",)),),
    "consumers": (_Part("consumers", ("consumers",)),),
    "archive": (_Part("archive", ("archive",)),),
    "shadow": (_Part("shadow", ("shadow",)),),
    "structures": (_Part("structures", ("structures",)), _Part("rollouts", ("structures rollout",))),
    "loads": (
        _Part("loads", ("loads",)),
        _Part("load_history", ("loads",)),
        _Part("load_going_back", ("loads",)),
        _Part("load_rollouts", ("loads rollout",)),
    ),
    "alerts": (_Part("alerts", ("alerts",)),),
    "user": (_Part("users", ("user",)),),
    "erp": (
        _Part("erp", ("erp",)),
        _Part("erp_verify", ("erp",)),
        _Part("erp_try", ("erp",)),
        _Part("erp_ledger", ("erp",)),
        _Part("erp_import", ("erp",)),
        _Part("erp_profile", ("erp profile",)),
        _Part("erp_suggest", ("erp profile",)),
    ),
    "locks": (_Part("locks", ("locks",)), _Part("lock_episodes", ("locks",))),
    "audit": (_Part("audit", ("audit",)),),
    "backup": (_Part("backup"),),
    "restore": (_Part("backup"),),
    "store": (_Part("store", ("store",)),),
}


def assemble(word: str | None = None) -> typer.Typer:
    """The program; with a ``word`` only what its commands need, since an agent at a till has no use for a server.

    Any word that no part begins with gets the whole, to say what there is.
    """
    app = typer.Typer(
        name="malote",
        help=_PROGRAM,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    # With only one command, typer would take the command's name for an argument.
    app.callback()(_program)
    groups = {"": app}
    for part in _PARTS.get(word or "") or [part for parts in _PARTS.values() for part in parts]:
        try:
            module = import_module(f"malote.cli.{part.module}")
        except ModuleNotFoundError as error:
            if word in _PARTS or not _is_of_the_server(error):
                raise
            continue  # a till's help shows what there is at a till
        getattr(module, part.function)(*(_group(groups, name) for name in part.groups))
    return app


def _is_of_the_server(error: ModuleNotFoundError) -> bool:
    """Whether it is a library that only a server is installed with."""
    return (error.name or "malote").partition(".")[0] != "malote"


def _say_version(wanted: bool) -> None:
    if wanted:
        say(f"malote {__version__}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Says which version this is.")
    ] = False,
) -> None:
    pass


def _group(groups: dict[str, typer.Typer], name: str) -> typer.Typer:
    if name not in groups:
        groups[name] = typer.Typer(no_args_is_help=True, help=_GROUPS[name])
        parent, _, word = name.rpartition(" ")
        _group(groups, parent).add_typer(groups[name], name=word)
    return groups[name]


def main() -> None:
    gc.set_threshold(_YOUNG)
    # A store's Windows console may not be UTF-8; a name with an accent must never end a command.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    words = sys.argv[1:]
    if words[:1] == ["--version"]:  # asked by every monitor: nothing is loaded for it
        say(f"malote {__version__}")
        return
    try:
        run(assemble(words[0] if words else None), words)
    except ModuleNotFoundError as error:
        if not _is_of_the_server(error):
            raise
        for line in _TILL_ONLY:
            say(line.format(word=" ".join(words[:1]), library=error.name), err=True)
        sys.exit(FAILED)
