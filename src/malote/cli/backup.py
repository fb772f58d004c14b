"""``malote backup`` and ``malote restore``: the whole server in one file, and back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from malote import durable
from malote.bilingual import Bilingual
from malote.config import Settings, file_of
from malote.terminal import store_clock
from malote.terminal.command import (
    ConfigOption,
    DryRunOption,
    JsonOption,
    explained,
    require_store,
    settings_of,
    warn,
)
from malote.terminal.output import errors, print_json, say
from malote.terminal.tables import local_time

if TYPE_CHECKING:
    from malote.backup.manifest import BackupManifest


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    target: Annotated[Path | None, typer.Argument(help="The file to write (….zip), or a folder for it (here).")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Writes the store database, rejected files, trash, keys and settings into one file, while the server works.

    Whoever has the file has all of it: keep it as you keep the server.
    """
    from malote.backup.making import make

    settings = settings_of(config)
    require_store(settings)
    file = target or Path()
    # A folder that isn't there yet must not become a file of its name: the next night's backup would fail on it.
    if file.is_dir() or file.suffix != ".zip":
        file = file / f"malote-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"
    with explained(settings), _progress(_size(settings)) as told:
        made = make(settings, file_of(config), file.absolute(), told)
    if made.left_out:
        warn("backup_left_out", {"count": str(made.left_out)}, settings)
    _tell(made.manifest, file, settings, json)


def restore(
    file: Annotated[Path, typer.Argument(help="What malote backup wrote.")],
    config: ConfigOption = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Makes a server from a backup, in a home folder that has none. With --dry-run it only proves that all is whole.

    Without a settings file here, the one of the backup is put here.
    """
    from malote.accounts.audit import command_line
    from malote.backup import restoring

    early = Settings() if dry_run or config is None else settings_of(config)
    with explained(early):
        size = restoring.look(file).size
        if dry_run:
            store_clock.set_to(early.books.zone)
            with _progress(size) as told:
                found = restoring.verify(file, told)
        else:
            settings = settings_of(config or _settings_from(file))
            with explained(settings), _progress(size) as told:
                found = restoring.restore(file, settings, told, command_line())
            early = settings
    _tell(found, file, early, json)


def _settings_from(file: Path) -> Path | None:
    """The settings file here, put here from the backup if there is none."""
    from malote.backup import restoring

    here = file_of()
    kept = restoring.settings_of(file) if here is None else None
    if kept is None:
        return here
    durable.write(Path("malote.toml").absolute(), kept)
    return Path("malote.toml")


def _size(settings: Settings) -> int | None:
    return settings.store_file.stat().st_size if settings.store_file is not None else None


@contextmanager
def _progress(size: int | None) -> Iterator[Callable[[int], None]]:
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=size)
        yield lambda count: bar.advance(task, count)


def _tell(found: "BackupManifest", file: Path, settings: Settings, json: bool) -> None:
    rejected = sum(part.path.startswith("rejeitados/") for part in found.parts)
    if json:
        made_at = found.made_at.isoformat()
        print_json({"file": str(file), "made_at": made_at, "files": len(found.parts), "bytes": found.size})
        return
    megabytes = f"{found.size / 1e6:.1f}"
    counted = Bilingual(
        f"{len(found.parts)} arquivos ({rejected} de rejeitados), {megabytes.replace('.', ',')} MB, íntegra",
        f"{len(found.parts)} files ({rejected} rejected), {megabytes} MB, whole",
    )
    when = local_time(found.made_at.timestamp(), settings.language)
    say(f"{file}: {found.store}, {when}, {counted.of(settings.language)}")
