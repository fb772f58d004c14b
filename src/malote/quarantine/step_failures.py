"""Steps that fail for a reason of their own: told, tried again later, and in nobody's way meanwhile."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from malote import incidents
from malote.database.errors import StoreError
from malote.quarantine.quarantine_reports import FolderFinding

AGAIN_SECONDS = 60.0  # before a step is tried again that the system refused
_MOST = 100_000  # remembered; beyond it some are tried more often


class Failing:
    """For one thread. ``told`` are the findings since it was last emptied."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[object, tuple[float, FolderFinding]] = {}
        self.told: list[FolderFinding] = []

    def attempt(self, key: object, till: str, name: str, act: Callable[[], object]) -> str | None:
        """Does one step, unless it failed lately; ``key`` says which, and as what. The incident, if there is a new one.

        Raises ``StoreError``, and ``OSError`` for trouble that every step meets alike.
        """
        known = self._failed.get(key)
        if known is not None and known[0] > self._clock():
            self.told.append(known[1])
            return None
        try:
            act()
        except StoreError:
            raise
        except OSError as error:
            if incidents.is_of_the_machine(error):
                raise
            facts = {"detail": error.strerror or type(error).__name__}
            self._remember(key, AGAIN_SECONDS, FolderFinding(till, name, "file_not_taken", facts))
        except Exception as error:  # noqa: BLE001 - one step must not hold back the others
            incident = incidents.report("quarantine_step_failed", error, till=till)
            self._remember(key, math.inf, FolderFinding(till, name, "file_set_aside", {"incident": incident}))
            return incident
        else:
            self._failed.pop(key, None)
        return None

    def attempt_together(self, till: str, names: Mapping[int, str], act: Callable[[Sequence[int]], object]) -> None:
        """One call for many documents, by their ids, each with its name; a call for each where that one fails.

        Raises as ``attempt`` does.
        """
        alone = [one for one in names if one in self._failed]
        together = [one for one in names if one not in self._failed]
        try:
            if together:
                act(together)
        except StoreError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and incidents.is_of_the_machine(error):
                raise
            alone = list(names)
        for one in alone:
            self.attempt(one, till, names[one], partial(act, [one]))

    def _remember(self, key: object, seconds: float, finding: FolderFinding) -> None:
        if len(self._failed) >= _MOST:
            self._failed.clear()
        self._failed[key] = self._clock() + seconds, finding
        self.told.append(finding)
