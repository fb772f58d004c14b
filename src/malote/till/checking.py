"""Whether all is right at the till: its folder, token and outbox, and whether the server lets it in. Looks only."""

from collections.abc import Iterator
from pathlib import Path

from malote.check_result import Checked, right, secret, writable
from malote.config import IntakeSettings, Settings
from malote.till import cutover
from malote.till.folder import FolderMissingError, folder_of
from malote.till.server_client import ServerClient, ServerError
from malote.till.setup import Setup, SetupError, prepare
from malote.till.storage import OutboxError


def examine(settings: Settings, settings_file: Path | None) -> Iterator[Checked]:
    """One after the other, as it is looked at."""
    try:
        setup = prepare(settings)
    except SetupError as error:
        yield Checked("till settings", "wrong", error.code, error.facts)
        return
    yield right("till settings")
    if settings.till.token_file:
        yield secret("till token", settings.home_path / settings.till.token_file, "till.token_file")
    elif settings_file is not None:
        yield secret("till token", settings_file, "till.token")
    yield _folder(setup)
    yield writable("till outbox", setup.outbox.parent)
    yield _start(setup)
    yield _server(setup)


def _folder(setup: Setup) -> Checked:
    """Read always; written to only where proven files are taken away."""
    folder = Path(setup.settings.folder)
    if not folder.is_dir():
        return Checked("till folder", "wrong", "folder_missing", {"folder": str(folder)})
    if setup.settings.after_proof == "keep":
        return right("till folder")
    return writable("till folder", folder)


def _start(setup: Setup) -> Checked:
    """Whether it is said from when on files count, where that would be asked."""
    folder = folder_of(setup.settings)
    try:
        question = cutover.open_question(
            setup.outbox, folder, setup.settings.since, IntakeSettings().max_document_bytes
        )
    except OutboxError as error:
        return Checked("till start", "wrong", error.code, error.facts)
    except FolderMissingError:
        return Checked("till start", "skipped", "not_looked_at")
    if question is None:
        return right("till start")
    facts = cutover.facts_of(question, folder.path)
    return Checked("till start", "warned", "start_unsaid", facts)


def _server(setup: Setup) -> Checked:
    try:
        with ServerClient(setup.settings.server, setup.token) as server:
            server.receipts([bytes(32)])  # of a file that nobody has
    except SetupError as error:
        return Checked("till server", "wrong", error.code, error.facts)
    except ServerError as error:
        return Checked("till server", "wrong", error.code, {"detail": error.detail, **error.facts})
    return right("till server")
