"""The pages of docs/ that are made from the program itself: ``python -m malote.cli.pages FOLDER``."""

import json
import sys
from pathlib import Path
from typing import Any

import typer

from malote import rejection
from malote.cli.main import assemble
from malote.cli.reasons import page as reasons_page
from malote.terminal import reading_json

_COMMANDS = """\
# Commands

Made by `make docs` from the program itself. Every command takes `--help`. `--config FILE` (or `MALOTE_CONFIG`) names
the settings file; listing commands take `--json`.

Exit status: 0 done and nothing to worry about; 1 done, and what was looked for is there (a rejected document, a
difference, something pending); 2 wrong usage or settings; 3 it could not be done now, and the message says why.
"""


def commands_page() -> str:
    """Every command with its arguments and options, as Markdown."""
    lines = [_COMMANDS]
    for path, command in leaves(typer.main.get_command(assemble()), "malote"):
        lines += [f"## `{_usage(path, command)}`", "", (command.help or "").strip(), ""]
        options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
        described = [
            f"- `{', '.join(one.opts)}` {one.help or ''}".rstrip()
            for one in options
            if one.name not in ("config", "help")
        ]
        lines += [*described, ""] if described else []
    return "\n".join(lines).rstrip() + "\n"


def schema_page() -> str:
    """The schema of what ``malote read --json`` says."""
    return json.dumps(reading_json.schema(), indent=1) + "\n"


def leaves(command: Any, path: str) -> list[tuple[str, Any]]:
    """Every command that does something, with the words that call it.

    Typer carries its own copy of click, whose classes it doesn't publish: a group is known by its commands.
    """
    below = getattr(command, "commands", None)
    if below is None:
        return [(path, command)]
    itself = [(path, command)] if command.invoke_without_command else []
    return itself + [leaf for name, each in sorted(below.items()) for leaf in leaves(each, f"{path} {name}")]


def _usage(path: str, command: Any) -> str:
    return " ".join([path, *(one.name.upper() for one in command.params if one.param_type_name == "argument")])


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "commands.md").write_text(commands_page(), encoding="utf-8", newline="\n")
    (folder / "reading.schema.json").write_text(schema_page(), encoding="utf-8", newline="\n")
    (folder / "reasons.md").write_text(reasons_page(rejection.catalogue()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
