"""The till's own files are for whoever runs the agent alone."""

from pathlib import Path

from malote import private
from malote.config import TillSettings
from malote.till.trouble_notices import Voice


def close_files(outbox: Path, settings: TillSettings, voice: Voice) -> None:
    """What holds consumers' data, or the till's token, is its owner's alone."""
    token = [outbox.parent / settings.token_file] if settings.token_file else []
    closed = private.close([*sorted(outbox.parent.glob(f"{outbox.name}*")), *token])
    for code, paths in (("files_were_open", closed.mended), ("files_stay_open", closed.failed)):
        if paths:
            voice.happened(code, count=str(len(paths)), path=str(paths[0]))
