"""``malote demo laboratory``: every trouble planted in a live demo, found by name, and ended by what is highlighted."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from malote.terminal.command import FAILED, FOUND, OK, WRONG_USAGE, JsonOption
from malote.terminal.interrupts import ending_like_ctrl_c, ignore_interrupts
from malote.terminal.output import console, errors, print_json

if TYPE_CHECKING:
    from malote.demo.laboratory_table import LaboratoryRow, LaboratoryRun

_STOP_SECONDS = 120.0
_LOOK_SECONDS = 0.5
_SAID = {"http": re.compile(r"(http://[\d.:]+)/console"), "senha": re.compile(r", senha (\S+)\s")}


def laboratory(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="These troubles alone; two at once as ONE+TWO. Repeatable.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the table is written, Markdown.")] = None,
    json: JsonOption = False,
) -> None:
    """Plants each trouble in a demo of its own, and presses only what the Assistente highlights, over HTTP.

    Prints trouble, cause found, cure and seconds. Exit status 1 if one isn't found by name, or isn't cured or handed
    over within two minutes. It takes about a quarter of an hour.
    """
    from malote.demo.laboratory_table import PAIRS, TABLE, markdown

    chosen = [tuple(one.split("+")) for one in only] if only else [*((name,) for name in TABLE), *PAIRS]
    unknown = [name for names in chosen for name in names if name not in TABLE]
    if unknown:
        _say(f"malote: --only {unknown[0]}: {', '.join(TABLE)}")
        raise typer.Exit(WRONG_USAGE)
    rows: list[LaboratoryRow] = []
    try:
        with ending_like_ctrl_c():
            _try_out(chosen, rows)
    except KeyboardInterrupt:
        _say(f"malote: stopped; {len(rows)}/{len(chosen)} tried")
        raise typer.Exit(FAILED) from None
    table = markdown(rows)
    if output is not None:
        output.write_text(table + "\n", encoding="utf-8")
    if json:
        print_json(rows)
    else:
        for line in table.splitlines():
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(OK if all(one.passed for one in rows) else FOUND)


def _try_out(chosen: list[tuple[str, ...]], rows: list["LaboratoryRow"]) -> None:
    """One after the other, each told as it ends, in ``rows`` too."""
    with _demo() as tried:
        if not tried.settle():
            _say("malote: the demo's own beginning could not be mended")
            raise typer.Exit(FAILED)
        for number, names in enumerate(chosen, 1):
            rows.append(tried.try_out(names))
            _say(f"{number}/{len(chosen)} {_line(rows[-1])}")


@contextmanager
def _demo() -> Iterator["LaboratoryRun"]:
    """A demo in a process and a folder of its own."""
    from malote.demo.bench import FOLDER, Bench
    from malote.demo.laboratory_table import LaboratoryRun
    from malote.demo.login import NAME
    from malote.demo.presser import Presser

    with tempfile.TemporaryDirectory(prefix="malote-laboratory-", ignore_cleanup_errors=True) as folder:
        home, said = Path(folder) / "demo", Path(folder) / "said"
        command = [sys.executable, "-m", "malote", "demo", "--home", str(home), "--rate", "20"]
        with said.open("wb") as told, subprocess.Popen(command, stdout=told) as process:
            try:
                presser = Presser(_introduced(process, said, "http"), NAME, _introduced(process, said, "senha"))
                try:
                    yield LaboratoryRun(Bench(home / FOLDER), presser, partial(_doctor, home))
                finally:
                    presser.close()
            finally:
                ignore_interrupts()
                process.terminate()
                process.wait(_STOP_SECONDS)


def _doctor(home: Path, scope: str) -> tuple[str, int]:
    """What ``malote doctor --json`` says in the demo's own folder, and its exit status."""
    command = [sys.executable, "-m", "malote", "doctor", *([scope] if scope else []), "--json"]
    done = subprocess.run([*command, "--config", str(home / "malote.toml")], capture_output=True, timeout=_STOP_SECONDS)
    try:
        return str(msgspec.json.decode(done.stdout)["verdict"]), done.returncode
    except (msgspec.DecodeError, KeyError):
        return "", done.returncode


def _introduced(process: "subprocess.Popen[bytes]", said: Path, what: str) -> str:
    """The address, or the password, that the demo says at its start."""
    while process.poll() is None:
        found = _SAID[what].search(said.read_text(encoding="utf-8", errors="replace"))
        if found:
            return found.group(1)
        time.sleep(_LOOK_SECONDS)
    _say("malote: the demo did not start")
    raise typer.Exit(FAILED)


def _line(row: "LaboratoryRow") -> str:
    found = ", ".join(row.found) or "?"
    failed = "" if row.passed else f" · doctor {row.doctor} · NO"
    return f"{row.fault}: {found} · {row.ended} · {row.seconds:.0f} s{failed}"


def _say(text: str) -> None:
    errors.print(text, markup=False, highlight=False, soft_wrap=True)
