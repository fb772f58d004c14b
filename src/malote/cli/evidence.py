"""``malote evidence``: one zip for Support, and the same analysis of one that was received."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from malote import durable
from malote.bilingual import Bilingual
from malote.config import Settings
from malote.terminal.command import ConfigOption, JsonOption, explained, fail, misuse, services_of
from malote.terminal.output import print_json, say

if TYPE_CHECKING:
    from malote.runbook.evidence_reading import Received

_EVERY_TILL = Bilingual("todos os caixas", "all tills")


def register(group: typer.Typer) -> None:
    """Adds the commands of this file."""
    group.info.no_args_is_help = False
    group.callback(invoke_without_command=True, help=group.info.help)(evidence)
    group.command("make")(make)
    group.command("read")(read)


_TillOption = Annotated[str, typer.Option("--till", help="Of this till; of all of them by default.")]
_OutputOption = Annotated[Path | None, typer.Option("--output", "-o", help="The zip; its name says when by default.")]
_LogOption = Annotated[list[Path] | None, typer.Option("--log", help="A log of the server, JSON lines; repeatable.")]


def evidence(
    context: typer.Context,
    till: _TillOption = "",
    output: _OutputOption = None,
    log: _LogOption = None,
    config: ConfigOption = None,
) -> None:
    """Without a command it makes one, as the drawer's last button does."""
    if context.invoked_subcommand is None:
        make(till, output, log, config)


def make(
    till: _TillOption = "", output: _OutputOption = None, log: _LogOption = None, config: ConfigOption = None
) -> None:
    """Gathers what Support needs into one zip: a summary, the steps, findings, counts, drift, locks, versions, settings
    and logs; no consumer's data, no secrets.

    Logs are those of --log, or of the folder logs in the server's home.
    """
    from malote.accounts.audit import command_line
    from malote.runbook import evidence as bundle

    with services_of(config) as services:
        view = services.runbook.view(till, command_line())
        paths = log or sorted((services.settings.home_path / "logs").glob("*.log"))
        lines = [line for path in paths for line in bundle.lines_of(path)]
        content = bundle.make(services.runbook, view, lines, services.settings.language, command_line())
        target = output or Path(bundle.name_of(services.runbook, view))
        if target.exists():
            misuse(config, Bilingual(f"{target}: já existe", f"{target}: exists already"))
        durable.write(target, content)
    say(str(target))


def read(
    file: Annotated[Path, typer.Argument(help="The zip that was received.", metavar="ZIP")],
    language: Annotated[str, typer.Option("--language", help="pt or en.")] = "pt",
    json: JsonOption = False,
) -> None:
    """Analyses a received evidence again, by this version, and says what it says. Needs no server."""
    from malote.runbook.evidence_reading import read as read_zip

    settings = Settings(language="en" if language == "en" else "pt")
    with explained(settings):
        try:
            received = read_zip(file)
        except OSError as error:
            fail("evidence_unreadable", {"path": file.name, "detail": error.strerror or ""}, settings)
    if json:
        print_json(received)
    else:
        _show(received, settings)


def _show(received: "Received", settings: Settings) -> None:
    from malote.runbook import evidence as bundle
    from malote.runbook import step_texts

    language = settings.language
    say(f"Malote {received.malote} · {received.seen.scope or _EVERY_TILL.of(language)}")
    say(step_texts.verdict(received.procedure, language))
    for line in bundle.procedure_lines(received.procedure, language):
        say(line)
    for one in received.seen.causes:
        say(f"- {step_texts.cause(one, language)} [{one.code}]")
