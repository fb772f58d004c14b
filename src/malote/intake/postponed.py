"""Dropped files that can't be taken in, each for a reason of its own, so that they hold back no others."""

import math
from collections.abc import Callable, Iterable

from malote import aside, incidents
from malote import log as logs
from malote.intake.dropped_files import DropFolderFinding, Dropped, said_by, set_aside
from malote.intake.file_names import base_name
from malote.stand_still import FileSignature

AGAIN_SECONDS = 60.0  # before a file is tried again that the system refused something of

log = logs.get_logger("malote.drop_folder")


class PutOff:
    """Remembered for as long as the file looks the same; what broke the program also beyond a restart."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._files: dict[object, tuple[FileSignature, float, DropFolderFinding]] = {}

    def without(self, files: Iterable[Dropped], told: list[DropFolderFinding]) -> list[Dropped]:
        """The files that may be tried now; of the others, each finding goes to ``told``."""
        before, self._files = self._files, {}
        now = self._clock()
        free: list[Dropped] = []
        for file in files:
            known = before.get(file.path)
            if known is None or known[0] != file.signature or known[1] <= now:
                free.append(file)
            else:
                self._files[file.path] = known
                told.append(known[2])
        return free

    def later(self, file: Dropped, error: OSError) -> DropFolderFinding:
        """The system refuses something that this file alone needs."""
        facts = {"detail": said_by(error)}
        finding = DropFolderFinding(file.till.name, base_name(file.path.name), "file_not_taken", facts)
        self._files[file.path] = file.signature, self._clock() + AGAIN_SECONDS, finding
        return finding

    def for_good(self, file: Dropped, error: Exception) -> DropFolderFinding:
        """The file breaks the program: this version leaves it alone."""
        incident = incidents.report("dropped_file_failed", error, till=file.till.name)
        finding = set_aside(file, incident)
        self._files[file.path] = file.signature, math.inf, finding
        try:
            aside.put(file.path, file.signature.size, file.signature.modified, incident)
        except OSError as trouble:
            log.warning("note_not_written", till=file.till.name, reason=said_by(trouble))
        return finding
