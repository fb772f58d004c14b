"""The till's settings, checked and made ready: paths from the home folder, the token from wherever it is kept."""

from pathlib import Path

import msgspec

from malote.config import Settings, TillSettings
from malote.config.sections import TillLoadsSettings
from malote.explained_error import ExplainedError
from malote.fiscal import typed_input
from malote.fiscal.typed_input import TypedError
from malote.till.loads import output_formats


class SetupError(ExplainedError):
    """A setting is missing or can't be used."""

    exit_status = 2  # nothing was tried

    def __init__(self, code: str, setting: str, detail: str = "") -> None:
        variable = f"MALOTE_{setting.upper().replace('.', '_')}"
        super().__init__(code, setting=setting, variable=variable, detail=detail, found=detail)


class Setup(msgspec.Struct, frozen=True):
    """What an agent needs. Paths in ``settings`` are absolute."""

    outbox: Path
    settings: TillSettings
    token: str


_AT_LEAST: dict[str, float] = {
    "quiet_seconds": 0.0,
    "rescan_seconds": 0.1,
    "poll_seconds": 0.05,
    "retry_first_seconds": 0.01,
    "retry_longest_seconds": 0.01,
    "pouch_documents": 1,
    "pouch_bytes": 1,
    "retention_days": 0.0,
}


def prepare(settings: Settings) -> Setup:
    """Checks the settings of an agent. Raises ``SetupError``."""
    till = settings.till
    if not till.folder:
        raise SetupError("settings_missing", "till.folder")
    if till.after_proof == "move" and not till.moved_folder:
        raise SetupError("settings_missing", "till.moved_folder")
    for name, least in _AT_LEAST.items():
        if not getattr(till, name) >= least:
            raise SetupError("setting_invalid", f"till.{name}", f"{getattr(till, name)} < {least:g}")
    try:
        typed_input.lasting_since(till.since)
    except TypedError as error:
        raise SetupError("setting_invalid", "till.since", str(error)) from error
    _check_files(till.loads)
    return Setup(settings.outbox_path, placed(settings), _token(settings))


def _check_files(loads: TillLoadsSettings) -> None:
    """That each can be written, before any load is there."""
    if loads.files and not loads.folder:
        raise SetupError("settings_missing", "till.loads.folder")
    names = [one.name.lower() for one in loads.files]
    for one in loads.files:
        if (
            not one.name
            or Path(one.name).name != one.name
            or one.name.startswith(".")
            or names.count(one.name.lower()) > 1
        ):
            raise SetupError("setting_invalid", "till.loads.files", one.name)
        try:
            output_formats.check(one)
        except ValueError as error:
            raise SetupError("setting_invalid", "till.loads.files", f"{one.name}: {error}") from error


def placed(settings: Settings) -> TillSettings:
    """With paths from the home folder; "" where there is none."""
    till, home = settings.till, settings.home_path
    return msgspec.structs.replace(
        till,
        folder=str(home / till.folder) if till.folder else "",
        moved_folder=str(home / till.moved_folder) if till.moved_folder else "",
        loads=msgspec.structs.replace(till.loads, folder=str(home / till.loads.folder) if till.loads.folder else ""),
    )


def _token(settings: Settings) -> str:
    till = settings.till
    if till.token:
        return till.token.strip()
    if not till.token_file:
        raise SetupError("settings_missing", "till.token")
    path = settings.home_path / till.token_file
    try:
        token = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError("setting_invalid", "till.token_file", str(error)) from error
    if not token:
        raise SetupError("setting_invalid", "till.token_file", f"{path}: empty")
    return token
